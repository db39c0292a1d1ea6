"""The schema's drift limits, measured by TFDV from the latest blessed data to this run's.

TFX's ExampleValidator knows no earlier data, so it measures none of them. Skew limits are between training and serving
data and are not measured here: the splits of one table are no serving data.
"""

from typing import Optional

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics

from millrace.components.example_validator.validation import anomalies_of

_COMPARED = "COMPARATOR_"


def with_drift(
    anomalies: Optional[anomalies_pb2.Anomalies],
    statistics: DatasetFeatureStatistics,
    before: DatasetFeatureStatistics,
    schema: schema_pb2.Schema,
) -> anomalies_pb2.Anomalies:
    """Adds what TFDV says when it compares with earlier data.

    Args:
        anomalies: of the split, as ExampleValidator recorded them; None when it left the split out.
        statistics: the split's.
        before: those of the same split of the earlier data.
        schema: with its drift comparators, and those of the number of examples.

    Returns:
        The anomalies, with the reasons of comparisons and their distances.
    """
    result = anomalies_pb2.Anomalies()
    result.CopyFrom(anomalies or anomalies_pb2.Anomalies())
    compared = anomalies_of(statistics, schema, before)
    for name, info in compared.anomaly_info.items():
        if _comparisons(info):
            _add(result.anomaly_info[name], info)
    if _comparisons(compared.dataset_anomaly_info):
        _add(result.dataset_anomaly_info, compared.dataset_anomaly_info)
    result.drift_skew_info.extend(compared.drift_skew_info)
    return result


def _comparisons(info: anomalies_pb2.AnomalyInfo) -> list[anomalies_pb2.AnomalyInfo.Reason]:
    known = anomalies_pb2.AnomalyInfo.Type
    return [one for one in info.reason if one.type in known.values() and known.Name(one.type).startswith(_COMPARED)]


def _add(info: anomalies_pb2.AnomalyInfo, compared: anomalies_pb2.AnomalyInfo) -> None:
    reasons = _comparisons(compared)
    if not info.reason:
        info.CopyFrom(compared)
        del info.reason[:]
    info.reason.extend(reasons)
