"""Rules of a project's own on the statistics of its columns: TFDV's `CustomValidationConfig`, read and tried.

    feature_validations {
      feature_path { step: "fare" }
      validations { sql_expression: "feature.num_stats.mean < 50" severity: ERROR description: "a mean fare below 50" }
    }

An expression is of GoogleSQL, over `feature`, the column's `FeatureNameStatistics`
(https://github.com/tensorflow/metadata/blob/master/tensorflow_metadata/proto/v0/statistics.proto); where it is false
the anomaly is CUSTOM_VALIDATION.
"""

from pathlib import Path
from typing import Any, Optional

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from millrace.base import files, tfx_versions
from millrace.base.errors import SchemaError
from millrace.base.names import did_you_mean
from millrace.textproto.lexer import TextProtoError
from millrace.textproto.rewrite import read

_GUIDE = "docs/guides/schema.md shows a rule; TFDV's CustomValidationConfig is what the file holds"


def rules_message() -> Any:
    """TFDV's message of rules, as a class.

    Raises:
        SchemaError: the installed TFDV has none.
    """
    message = tfx_versions.custom_validations()
    if message is None:
        raise SchemaError(
            "TFDV 1.21 has no rules in SQL", "schema.rules", "take it out, or run on the compatible stack (TFX 1.16)"
        )
    return message


def validation_rules(path: str, schema: Optional[schema_pb2.Schema]) -> Any:
    """Reads the rules, and tries each on statistics without a value.

    Args:
        path: of the file, a `CustomValidationConfig` in text format.
        schema: the curated one, whose columns a rule may name; None for no check of the names.

    Returns:
        The rules, a `CustomValidationConfig`, for TFX's ExampleValidator.

    Raises:
        SchemaError: the installed TFDV knows no rules, the file cannot be read, a rule is of a column that the schema
            does not have, or its expression is none of TFDV's.
    """
    try:
        rules = read(files.read_text(Path(path), SchemaError), rules_message())
    except FileNotFoundError as error:
        raise SchemaError("there is no such file", where=path, remedy="set schema.rules to a file") from error
    except TextProtoError as error:
        raise SchemaError(str(error), f"{path}:{error.line}:{error.column}", _GUIDE) from error
    paths = [tuple(one.feature_path.step) for one in rules.feature_validations]
    if rules.feature_pair_validations:
        raise SchemaError(
            "feature_pair_validations compare with another data set's statistics, which ExampleValidator is not given",
            where=path,
            remedy="DataGate compares with the blessed data's; write feature_validations",
        )
    known = [feature.name for feature in schema.feature] if schema else []
    for steps in paths if schema else ():
        if steps and steps[0] not in known:
            raise SchemaError(
                f"a rule is of {steps[0]}, which the schema does not describe{did_you_mean(steps[0], known)}",
                where=path,
                remedy="name a column of the schema, or describe the column there",
            )
    try:
        tfdv.validate_statistics(_without_values(paths), schema_pb2.Schema(), custom_validation_config=rules)
    except (RuntimeError, ValueError) as error:
        raise SchemaError(str(error).rpartition("failed with error: ")[2], where=path, remedy=_GUIDE) from error
    return rules


def _without_values(paths: list[tuple[str, ...]]) -> statistics_pb2.DatasetFeatureStatisticsList:
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=1)
    for steps in dict.fromkeys(paths):
        feature = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
        feature.path.step.extend(steps)
        feature.num_stats.common_stats.num_non_missing = 1
    return statistics
