"""Drift and skew between two sets of rows: TFDV's numbers, and a reason for each limit that was not measured."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from millrace.statistics.columns import of_all_rows
from millrace.statistics.comparing import comparators, compare, with_comparison
from millrace.statistics.comparison import Rows

SCHEMA = """
feature { name: "fare" type: FLOAT
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.1 } } }
feature { name: "kind" type: BYTES
  drift_comparator { infinity_norm { threshold: 0.05 } normalized_abs_difference { threshold: 0.05 } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.05 } } }
feature { name: "hour" type: INT drift_comparator { infinity_norm { threshold: 0.1 } } }
feature { name: "open" type: FLOAT drift_comparator { jensen_shannon_divergence { } } }
feature { name: "gone" type: FLOAT drift_comparator { jensen_shannon_divergence { threshold: 0.1 } } }
feature { name: "label" type: INT not_in_environment: "SERVING"
  skew_comparator { jensen_shannon_divergence { threshold: 0.1 } } }
feature { name: "free" type: FLOAT }
default_environment: "TRAINING" default_environment: "SERVING"
"""


def table(rows, times=1.0, kinds=(0.5, 0.3, 0.2), seed=0, **columns):
    random = np.random.default_rng(seed)
    numbers = {name: random.exponential(size=rows) for name in ("open", "free")}
    label, hour = random.integers(0, 2, rows), random.integers(0, 24, rows)
    kind = random.choice(list("abc"), rows, p=kinds)
    frame = {"fare": random.lognormal(2, 1, rows) * times, "kind": kind, "hour": hour, "label": label, **numbers}
    return Rows(of_all_rows(tfdv.generate_statistics_from_dataframe(pd.DataFrame({**frame, **columns}))))


@pytest.fixture
def schema():
    return text_format.Parse(SCHEMA, schema_pb2.Schema())


@pytest.mark.parametrize("columns", [0, 250], ids=["at once", "by groups of columns"])
@pytest.mark.parametrize("kind", ["drift", "skew"])
def test_distances_and_anomalies_are_those_of_tfdv(schema, kind, columns):
    wide = {f"w{place}": np.arange(400.0) for place in range(columns)}
    before = table(600, kinds=(0.2, 0.3, 0.5))
    now = table(400, 4.0, seed=1, **wide)
    for name in wide:
        schema.feature.add(name=name, type=schema_pb2.FLOAT)
    of = {"drift": "previous_statistics", "skew": "serving_statistics"}[kind]
    lists = [_list(one.statistics) for one in (now, before)]
    wanted = tfdv.validate_statistics(lists[0], schema, **{of: lists[1]})
    comparison = compare(kind, now, before, schema)
    numbers = {
        (".".join(info.path.step), one.value, one.threshold)
        for info in wanted.drift_skew_info
        for one in getattr(info, f"{kind}_measurements")
        if ".".join(info.path.step) != "hour"
    }
    assert {(one.feature, one.value, one.limit) for one in comparison.distances} == numbers
    assert len(numbers) == 3
    exceeding = {one.feature for one in comparison.distances if one.exceeds}
    assert exceeding == set(comparison.anomalies.anomaly_info) and "fare" in exceeding


def _list(statistics):
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

    return DatasetFeatureStatisticsList(datasets=[statistics])


def test_each_limit_that_cannot_be_measured_is_named_once_with_why(schema):
    comparison = compare("drift", table(50), table(60, seed=1), schema)
    assert {one.feature for one in comparison.distances} == {"fare", "kind"}
    assert dict(comparison.unmeasured) == {
        "hour": "infinity_norm compares shares of texts, and it holds numbers: jensen_shannon_divergence is theirs",
        "open": "its limit has no threshold",
        "gone": "the data does not have it",
    }
    assert comparators(schema, "skew") == ["fare", "kind", "label"]


def test_what_one_side_does_not_hold_is_not_measured(schema):
    now = table(50, gone=[1.0] * 50, fare=[None] * 50)
    assert compare("drift", now, table(50), schema).unmeasured["gone"] == "what it is compared with does not have it"
    assert compare("drift", now, table(50), schema).unmeasured["fare"] == "it has no value"
    empty = compare("drift", table(50), now, schema).unmeasured["fare"]
    assert empty == "it has no value in what it is compared with"
    texts = compare("drift", table(50, fare=["a"] * 50), table(50), schema).unmeasured["fare"]
    assert texts == "it holds texts on one side and numbers on the other"


def test_an_environment_leaves_out_what_it_does_not_expect(schema):
    comparison = compare("skew", table(50), table(60, seed=1), schema, environment="SERVING")
    assert [one.feature for one in comparison.distances] == ["fare", "kind"]
    assert dict(comparison.unmeasured) == {"label": "the schema does not expect it in the environment SERVING"}


def test_a_rate_takes_the_place_of_distances_and_is_for_every_column_that_is_named(schema):
    now, before = table(300, kinds=(0.2, 0.3, 0.5)), table(300, seed=1)
    comparison = compare("skew", now, before, schema, false_alarm_rate=0.01, columns=["kind", "free"])
    [kind] = comparison.distances
    assert kind.feature == "kind" and 0.001 < kind.limit < 0.05 and kind.exceeds and kind.chance == 0.001
    assert set(comparison.unmeasured) == {"fare", "label", "free"}
    assert all("no order statistics" in why for why in comparison.unmeasured.values())


def test_a_comparison_is_added_to_what_was_found_before(schema):
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["kind"].reason.add(type=anomalies_pb2.AnomalyInfo.ENUM_TYPE_UNEXPECTED_STRING_VALUES)
    now, before = table(400, 4.0, (0.2, 0.3, 0.5)), table(600, seed=1)
    for kind in ("drift", "skew"):
        with_comparison(found, compare(kind, now, before, schema))
    names = anomalies_pb2.AnomalyInfo.Type.Name
    reasons = {name: [names(one.type) for one in info.reason] for name, info in found.anomaly_info.items()}
    divergence, norm = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "COMPARATOR_L_INFTY_HIGH"
    assert reasons["fare"] == [divergence, divergence]
    assert reasons["kind"][:2] == ["ENUM_TYPE_UNEXPECTED_STRING_VALUES", norm] and reasons["kind"][-1] == divergence
    [fare] = [info for info in found.drift_skew_info if list(info.path.step) == ["fare"]]
    assert (len(fare.drift_measurements), len(fare.skew_measurements)) == (1, 1)
