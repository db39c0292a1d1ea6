"""TFDV's anomalies of a split against a schema, of a wide table by groups of its columns.

TFDV looks each column up in a list, so that its time grows with the square of their number: 0.09 s of processor for 400
columns, 0.40 s for 857.
"""

from collections.abc import Iterator, Mapping
from typing import Optional

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import (
    DatasetFeatureStatistics,
    DatasetFeatureStatisticsList,
    FeatureNameStatistics,
)

_TOGETHER = 200


def anomalies_of(
    statistics: DatasetFeatureStatistics,
    schema: schema_pb2.Schema,
    *,
    before: Optional[DatasetFeatureStatistics] = None,
    other: Optional[DatasetFeatureStatistics] = None,
    environment: Optional[str] = None,
) -> anomalies_pb2.Anomalies:
    """What `tfdv.validate_statistics` says.

    Args:
        statistics: of all rows of a split.
        schema: what they are held to.
        before: the statistics that drift is measured from.
        other: those that skew is measured from; TFDV's distances are the same both ways.
        environment: the schema's environment that holds for the rows.
    """
    references = {"previous_statistics": before, "serving_statistics": other}
    if max(len(schema.feature), len(statistics.features)) <= _TOGETHER or not _of_single_columns(schema):
        return _validated(statistics, schema, references, environment)
    result = anomalies_pb2.Anomalies()
    for place, group in enumerate(_groups(statistics, schema)):
        anomalies = _validated(
            _of_columns(statistics, group),
            _schema_of(schema, group, with_rows=place == 0),
            {name: _of_columns(one, group) if one is not None else None for name, one in references.items()},
            environment,
        )
        anomalies.ClearField("baseline")
        if place:
            anomalies.ClearField("dataset_anomaly_info")
            anomalies.ClearField("anomaly_name_format")
        result.MergeFrom(anomalies)
    result.baseline.CopyFrom(schema)
    return result


def _validated(
    statistics: DatasetFeatureStatistics,
    schema: schema_pb2.Schema,
    references: Mapping[str, Optional[DatasetFeatureStatistics]],
    environment: Optional[str],
) -> anomalies_pb2.Anomalies:
    return tfdv.validate_statistics(
        DatasetFeatureStatisticsList(datasets=[statistics]),
        schema,
        environment,
        **{
            name: DatasetFeatureStatisticsList(datasets=[one]) if one is not None else None
            for name, one in references.items()
        },
    )


def _of_single_columns(schema: schema_pb2.Schema) -> bool:
    """Whether the schema says nothing of several columns together."""
    structs = any(feature.HasField("struct_domain") for feature in schema.feature)
    return not (schema.sparse_feature or schema.weighted_feature or structs)


def _groups(statistics: DatasetFeatureStatistics, schema: schema_pb2.Schema) -> Iterator[frozenset[str]]:
    """All columns, in the schema's order, then those that only the data has."""
    names = dict.fromkeys(feature.name for feature in schema.feature)
    names.update(dict.fromkeys(map(_column, statistics.features)))
    columns = list(names)
    for start in range(0, len(columns), _TOGETHER):
        yield frozenset(columns[start : start + _TOGETHER])


def _column(feature: FeatureNameStatistics) -> str:
    return feature.path.step[0] if feature.path.step else feature.name


def _of_columns(statistics: DatasetFeatureStatistics, columns: frozenset[str]) -> DatasetFeatureStatistics:
    features = [feature for feature in statistics.features if _column(feature) in columns]
    rows, weighted = statistics.num_examples, statistics.weighted_num_examples
    return DatasetFeatureStatistics(
        name=statistics.name, num_examples=rows, weighted_num_examples=weighted, features=features
    )


def _schema_of(schema: schema_pb2.Schema, columns: frozenset[str], with_rows: bool) -> schema_pb2.Schema:
    """What a schema says of some columns; of the number of rows in one of the groups alone."""
    features = [feature for feature in schema.feature if feature.name in columns]
    domains = {feature.domain for feature in features}
    return schema_pb2.Schema(
        feature=features,
        string_domain=[domain for domain in schema.string_domain if domain.name in domains],
        float_domain=schema.float_domain,
        int_domain=schema.int_domain,
        default_environment=schema.default_environment,
        dataset_constraints=schema.dataset_constraints
        if with_rows and schema.HasField("dataset_constraints")
        else None,
    )
