"""A wide table's anomalies by groups of columns are those that TFDV finds in all of them at once."""

from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import json_format, text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics, DatasetFeatureStatisticsList
from tfx.components.example_validator import executor as tfx_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from millrace.components.example_validator.component import Executor
from millrace.components.statistics_gen import in_process
from millrace.statistics.columns import of_all_rows
from millrace.statistics.validation import anomalies_of

COLUMNS = 450
ODD = (0, 199, 200, 449)  # the first and the last of a group


def statistics(shift: int = 0) -> DatasetFeatureStatistics:
    """Numbers, of which every ninth column is text."""
    columns = {}
    for place in range(COLUMNS):
        if place % 9 == 0:
            cells, kind = [[b"ab"[row % 2 : row % 2 + 1]] for row in range(40)], pa.large_binary()
        else:
            cells, kind = [[row * (place % 47 + 1) % 50 + shift] for row in range(40)], pa.int64()
        columns[f"c{place:03}"] = pa.array(cells, pa.large_list(kind))
    rows = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    return of_all_rows(in_process.generate([rows], tfdv.StatsOptions()))


@pytest.fixture(scope="module")
def seen() -> DatasetFeatureStatistics:
    return statistics()


@pytest.fixture(scope="module")
def before() -> DatasetFeatureStatistics:
    return statistics(shift=30)


@pytest.fixture(scope="module")
def schema(seen) -> schema_pb2.Schema:
    """A contract that the data breaks in columns of every group, and in the number of its rows."""
    inferred = tfdv.infer_schema(DatasetFeatureStatisticsList(datasets=[seen]))
    features = {feature.name: feature for feature in inferred.feature}
    for place in ODD:
        feature = features[f"c{place:03}"]
        if feature.type == schema_pb2.INT:
            feature.int_domain.max = 3
            feature.drift_comparator.jensen_shannon_divergence.threshold = 0.01
        else:
            feature.domain = "letters"
            feature.drift_comparator.infinity_norm.threshold = 0.01
    inferred.feature.remove(features["c201"])
    inferred.feature.add(name="gone", type=schema_pb2.FLOAT).presence.min_count = 1
    inferred.string_domain.add(name="letters", value=["a"])
    inferred.dataset_constraints.num_examples_drift_comparator.min_fraction_threshold = 0.5
    inferred.dataset_constraints.min_examples_count = 1_000
    return inferred


def plain(anomalies: anomalies_pb2.Anomalies) -> dict:
    result = json_format.MessageToDict(anomalies)
    result["driftSkewInfo"] = sorted(result.get("driftSkewInfo", []), key=str)
    return result


@pytest.mark.parametrize("drifts", [False, True])
def test_groups_find_what_tfdv_finds_at_once(seen, before, schema, drifts):
    earlier = before if drifts else None
    expected = tfdv.validate_statistics(
        DatasetFeatureStatisticsList(datasets=[seen]),
        schema,
        previous_statistics=DatasetFeatureStatisticsList(datasets=[before]) if drifts else None,
    )
    assert {"c000", "c199", "c200", "c201", "gone"} <= set(expected.anomaly_info)
    assert expected.HasField("dataset_anomaly_info") and bool(expected.drift_skew_info) == drifts
    assert plain(anomalies_of(seen, schema, before=earlier)) == plain(expected)


def test_what_a_schema_says_of_columns_together_is_looked_at_together(seen, schema):
    weighted = text_format.Parse(
        'weighted_feature { name: "w" feature { step: "c001" } weight_feature { step: "c449" } }', schema_pb2.Schema()
    )
    weighted.MergeFrom(schema)
    expected = tfdv.validate_statistics(DatasetFeatureStatisticsList(datasets=[seen]), weighted)
    assert plain(anomalies_of(seen, weighted)) == plain(expected)


def test_the_component_writes_what_tfxs_own_writes(seen, schema, tmp_path):
    written = standard_artifacts.ExampleStatistics()
    written.uri, written.split_names = str(tmp_path / "statistics"), json_utils.dumps(["train"])
    (tmp_path / "statistics" / "Split-train").mkdir(parents=True)
    content = DatasetFeatureStatisticsList(datasets=[seen]).SerializeToString()
    (tmp_path / "statistics" / "Split-train" / "FeatureStats.pb").write_bytes(content)
    contract = standard_artifacts.Schema()
    contract.uri = str(tmp_path / "schema")
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    found = {}
    for name, executor in (("ours", Executor), ("theirs", tfx_executor.Executor)):
        anomalies = standard_artifacts.ExampleAnomalies()
        anomalies.uri = str(tmp_path / name)
        inputs = {"statistics": [written], "schema": [contract]}
        executor().Do(inputs, {"anomalies": [anomalies]}, {"exclude_splits": "[]"})
        file = Path(anomalies.uri) / "Split-train" / "SchemaDiff.pb"
        found[name] = plain(anomalies_pb2.Anomalies.FromString(file.read_bytes()))
        assert anomalies.get_json_value_custom_property("blessed") == {"train": 0}
    assert found["ours"] == found["theirs"]
