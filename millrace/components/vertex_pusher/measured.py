"""What the Evaluator measured, as Vertex AI's `ModelEvaluation`.

Its metrics have names of their own, by task: `classification_metrics_1.0.0.yaml` and `regression_metrics_1.0.0.yaml`
under gs://google-cloud-aiplatform/schema/modelevaluation, as KFP's component `import_model_evaluation` sends them.
What these do not know (`calibration`, metrics of one of several outputs) goes into the evaluation's `metadata`.
"""

import math
import os
from collections.abc import Mapping
from typing import Any, Optional

from google.cloud import aiplatform
from google.protobuf import json_format, struct_pb2
from tfx.dsl.io import fileio

from millrace.components.evaluator import gate_report
from millrace.components.evaluator.gate_report import GateReport

_SCHEMAS = "gs://google-cloud-aiplatform/schema/modelevaluation"
_CLASSIFICATION, _REGRESSION = (
    f"{_SCHEMAS}/classification_metrics_1.0.0.yaml",
    f"{_SCHEMAS}/regression_metrics_1.0.0.yaml",
)

# Vertex AI's names by TFMA's.
_OF_CLASSIFICATION = {
    "auc": "auRoc",
    "auc_precision_recall": "auPrc",
    "binary_crossentropy": "logLoss",
    "categorical_crossentropy": "logLoss",
    "sparse_categorical_crossentropy": "logLoss",
}
_OF_REGRESSION = {
    "mean_squared_error": "rootMeanSquaredError",
    "root_mean_squared_error": "rootMeanSquaredError",
    "mean_absolute_error": "meanAbsoluteError",
    "mean_absolute_percentage_error": "meanAbsolutePercentageError",
    "r2_score": "rSquared",
}


def import_evaluation(version: str, folder: str) -> None:
    """Gives a version its evaluation, where it was measured in metrics that Vertex AI knows.

    Args:
        version: its resource name.
        folder: of the Evaluator's report.
    """
    with fileio.open(os.path.join(folder, gate_report.JSON_NAME), "rb") as file:
        evaluation = model_evaluation(GateReport.model_validate_json(file.read()))
    if evaluation is None:
        return
    settings = aiplatform.initializer.global_config
    client = settings.create_client(client_class=aiplatform.utils.ModelClientWithOverride)
    client.import_model_evaluation(parent=version, model_evaluation=evaluation)


def model_evaluation(report: GateReport) -> Optional[aiplatform.gapic.ModelEvaluation]:
    """A report's overall metrics as Vertex AI has them.

    Args:
        report: the Evaluator's.

    Returns:
        The evaluation; None where Vertex AI knows none of the metrics.
    """
    finite = {name: value for name, value in report.metrics.items() if math.isfinite(value)}
    # A classification may be measured by its squared errors, too.
    names, schema = _OF_CLASSIFICATION, _CLASSIFICATION
    if not names.keys() & finite.keys():
        names, schema = _OF_REGRESSION, _REGRESSION
    known = {
        names[name]: math.sqrt(value) if name == "mean_squared_error" else value
        for name, value in finite.items()
        if name in names
    }
    if not known:
        return None
    metadata = {
        "metrics": finite,
        "blessed": report.blessed,
        "reason": report.reason,
        "examples": report.examples,
    }
    return aiplatform.gapic.ModelEvaluation(
        display_name="Evaluator", metrics_schema_uri=schema, metrics=_value(known), metadata=_value(metadata)
    )


def _value(plain: Mapping[str, Any]) -> struct_pb2.Value:
    return json_format.ParseDict(plain, struct_pb2.Value())
