"""The curated taxi schema against the taxi trips themselves, in the splits that the pipeline cuts."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "schema" / "taxi" / "schema.pbtxt"
TRIPS = Path(find_spec("tfx").origin).parent / "examples/chicago_taxi_pipeline/data/big_tipper_label"
Statistics = dict[str, statistics_pb2.DatasetFeatureStatisticsList]


@pytest.fixture(scope="module")
def schema() -> schema_pb2.Schema:
    return text_format.Parse(SCHEMA.read_text(), schema_pb2.Schema())


@pytest.fixture(scope="module")
def tfdv():
    """TFDV, which takes seconds to import."""
    import tensorflow_data_validation

    return tensorflow_data_validation


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory, tfdv) -> Statistics:
    """Statistics of train and eval, two hash buckets to one, by TFX's own components."""
    from tfx import v1 as tfx

    root = tmp_path_factory.mktemp("taxi")
    buckets = [tfx.proto.SplitConfig.Split(name=name, hash_buckets=n) for name, n in (("train", 2), ("eval", 1))]
    examples = tfx.components.CsvExampleGen(
        input_base=str(TRIPS),
        output_config=tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=buckets)),
    )
    measured = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(root / "metadata.db"))
    pipeline = tfx.dsl.Pipeline(
        "taxi-statistics",
        str(root / "artifacts"),
        components=[examples, measured],
        metadata_connection_config=metadata,
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    files = (root / "artifacts" / "StatisticsGen").rglob("FeatureStats.pb")
    return {file.parent.name.removeprefix("Split-"): tfdv.load_stats_binary(str(file)) for file in files}


def reasons(anomalies: anomalies_pb2.Anomalies) -> set[tuple[str, str]]:
    return {
        (name, anomalies_pb2.AnomalyInfo.Type.Name(reason.type))
        for name, info in anomalies.anomaly_info.items()
        for reason in info.reason
    }


def changed(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    copy = schema_pb2.Schema()
    copy.CopyFrom(schema)
    return copy


def test_every_column_is_described_once_and_typed(schema) -> None:
    header = (TRIPS / "data.csv").read_text().partition("\n")[0]
    assert sorted(feature.name for feature in schema.feature) == sorted(header.split(","))
    assert all(feature.type != schema_pb2.TYPE_UNKNOWN for feature in schema.feature)
    assert {feature.domain for feature in schema.feature if feature.domain} == {
        domain.name for domain in schema.string_domain
    }


def test_a_dense_column_is_never_empty_and_the_others_may_be(schema) -> None:
    for feature in schema.feature:
        if feature.HasField("shape"):
            assert (feature.presence.min_fraction, feature.presence.min_count) == (1, 1), feature.name
        else:
            assert (feature.value_count.min, feature.value_count.max) == (0, 1), feature.name
            assert feature.presence.min_fraction < 0.95, feature.name


def test_label_and_tips_may_be_missing_at_serving_time_only(schema) -> None:
    assert list(schema.default_environment) == ["TRAINING", "SERVING"]
    absent = {feature.name for feature in schema.feature if "SERVING" in feature.not_in_environment}
    assert absent == {"big_tipper", "tips"}
    assert not any("TRAINING" in feature.not_in_environment for feature in schema.feature)


@pytest.mark.slow
def test_the_trips_keep_the_contract_in_both_splits(tfdv, schema, statistics) -> None:
    assert sorted(statistics) == ["eval", "train"]
    for name, split in statistics.items():
        assert split.datasets[0].num_examples > 4_000, name
        for environment in (None, "TRAINING"):
            assert reasons(tfdv.validate_statistics(split, schema, environment=environment)) == set(), name


@pytest.mark.slow
def test_the_splits_do_not_drift_from_each_other(tfdv, schema, statistics) -> None:
    for before, now in (("train", "eval"), ("eval", "train")):
        compared = tfdv.validate_statistics(
            statistics[now],
            schema,
            environment="TRAINING",
            previous_statistics=statistics[before],
            serving_statistics=statistics[before],
        )
        assert reasons(compared) == set()
        measured = {info.path.step[0] for info in compared.drift_skew_info}
        assert {"payment_type", "company", "fare", "trip_miles", "trip_start_hour", "big_tipper"} <= measured


@pytest.mark.slow
@pytest.mark.parametrize("feature", ["fare", "trip_seconds", "payment_type", "trip_start_day", "pickup_latitude"])
def test_a_column_that_changed_its_meaning_drifts(tfdv, schema, statistics, feature) -> None:
    """The same name over other numbers: what the comparators are there to see."""
    other = {
        "fare": "trip_miles",
        "trip_seconds": "trip_start_hour",
        "payment_type": "company",
        "trip_start_day": "trip_start_month",
        "pickup_latitude": "fare",
    }[feature]
    now = statistics_pb2.DatasetFeatureStatisticsList()
    now.CopyFrom(statistics["eval"])
    (dataset,) = now.datasets
    (source,) = [column for column in dataset.features if column.path.step[0] == other]
    (target,) = [column for column in dataset.features if column.path.step[0] == feature]
    kind = target.WhichOneof("stats")
    getattr(target, kind).CopyFrom(getattr(source, kind))
    found = reasons(tfdv.validate_statistics(now, schema, "TRAINING", previous_statistics=statistics["train"]))
    assert {reason for name, reason in found if name == feature} & {
        "COMPARATOR_L_INFTY_HIGH",
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    }


@pytest.mark.slow
def test_data_without_the_label_is_fit_for_serving_only(tfdv, schema, statistics) -> None:
    served = statistics_pb2.DatasetFeatureStatisticsList()
    served.CopyFrom(statistics["eval"])
    (dataset,) = served.datasets
    kept = [column for column in dataset.features if column.path.step[0] not in ("big_tipper", "tips")]
    del dataset.features[:]
    dataset.features.extend(kept)
    assert reasons(tfdv.validate_statistics(served, schema, environment="SERVING")) == set()
    assert reasons(tfdv.validate_statistics(served, schema, environment="TRAINING")) == {
        ("big_tipper", "SCHEMA_MISSING_COLUMN"),
        ("tips", "SCHEMA_MISSING_COLUMN"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("value", ["Cash", "Dispute", "Pcard", "Prcard"])
def test_a_payment_type_taken_out_of_the_domain_is_detected(tfdv, schema, statistics, value) -> None:
    strict = changed(schema)
    (domain,) = [domain for domain in strict.string_domain if domain.name == "payment_type"]
    domain.value.remove(value)
    found = reasons(tfdv.validate_statistics(statistics["train"], strict))
    assert found == {("payment_type", "ENUM_TYPE_UNEXPECTED_STRING_VALUES")}


@pytest.mark.slow
def test_half_of_a_range_is_broken(tfdv, schema, statistics) -> None:
    """None is so wide that it says nothing."""
    strict = changed(schema)
    ranged = {"fare": 0.5, "trip_seconds": 0.5, "trip_start_hour": 0.5, "trip_start_day": 0.5, "trip_start_month": 0.5}
    for feature in strict.feature:
        if feature.name in ranged:
            domain = feature.int_domain if feature.HasField("int_domain") else feature.float_domain
            domain.max = type(domain.max)(domain.max * ranged[feature.name])
    found = {name for name, _ in reasons(tfdv.validate_statistics(statistics["train"], strict))}
    assert found == set(ranged)
