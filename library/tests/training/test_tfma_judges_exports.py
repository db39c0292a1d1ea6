"""TFMA measures an exported model, and judges it, by the configuration that the evaluation section makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_model_analysis as tfma

from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.section import Evaluation

CASES: Mapping[str, Mapping[str, Any]] = {
    "binary": {
        "metrics": ["AUC", "BinaryAccuracy", "BinaryCrossEntropy", "Calibration", "ExampleCount"],
        "thresholds": [
            {"metric": "AUC", "at_least": 0.9},
            {"metric": "AUC", "worse_by_at_most": 0.0},
            {"metric": "BinaryAccuracy", "at_least": 0.5, "slice": {"Färbung": ""}},
        ],
    },
    "multiclass": {
        "metrics": ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "AUC", "ExampleCount"],
        "thresholds": [
            {"metric": "SparseCategoricalAccuracy", "at_least": 0.7},
            {"metric": "SparseCategoricalCrossentropy", "worse_by_at_most": 0.0},
            {"metric": "AUC", "at_least": 0.8},
        ],
    },
    "regression": {
        "metrics": ["MeanAbsoluteError", "RootMeanSquaredError", "ExampleCount"],
        "thresholds": [{"metric": "RootMeanSquaredError", "at_most": 15_000.0, "worse_by_at_most": 0.0}],
    },
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0:DeprecationWarning")  # TFMA does so itself
@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=pytest.mark.thorough) if task != "binary" else task for task in CASES]
)
def test_tfma_measures_and_judges_an_exported_model(trained_table: Any, task: str, tmp_path: Path) -> None:
    data, model = trained_table(task)
    config = eval_config(data.table.label, Evaluation.model_validate(CASES[task]))
    models = [
        tfma.default_eval_shared_model(model, model_name=name, eval_config=config)
        for name in (tfma.CANDIDATE_KEY, tfma.BASELINE_KEY)
    ]
    outcome = tfma.run_model_analysis(
        eval_shared_model=models,
        eval_config=config,
        data_location=f"{data.folder}/raw-eval-plain",
        output_path=str(tmp_path),
    )
    verdict = tfma.load_validation_result(str(tmp_path))
    assert verdict.validation_ok, verdict
    assert len(verdict.validation_details.slicing_details) >= 1
    measured = outcome.get_results()[0].get_metrics_for_slice()
    assert measured["example_count"]["doubleValue"] == 300
    named = {name: value.get("doubleValue") for name, value in measured.items()}
    assert all(value is None or np.isfinite(value) for value in named.values()), named
