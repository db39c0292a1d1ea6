"""Present means filled: the schema's `presence` holds on rows from a CSV file as on those from Parquet."""

from datetime import date

import pyarrow as pa
import pytest

from millrace.components.data_gate.gate import judge
from millrace.components.data_gate.rules import Use
from millrace.components.data_gate.section import DataGateSection
from millrace.features.label import Output

SCHEMA = """
feature { name: "label" type: INT presence { min_fraction: 1 min_count: 1 } shape { dim { size: 1 } }
          int_domain { min: 0 max: 1 } }
feature { name: "note" type: BYTES presence { %s } value_count { min: 0 max: 1 } }
"""
LABEL = [0, 1] * 50
USE = Use((Output(column="label", task="binary", classes=(0, 1)),), ("note",))


def notes(filled, kind):
    """A hundred cells; an empty one is a feature without a value in a CSV file, and no feature in a Parquet file."""
    empty = [] if kind == "csv" else None
    return pa.array([[b"x"]] * filled + [empty] * (100 - filled), type=pa.large_list(pa.large_binary()))


@pytest.fixture
def verdict_of(make_split, make_schema):
    def verdict(presence, filled, kind, policy=None, use=USE, shape=""):
        schema = make_schema(
            (SCHEMA % presence).replace("value_count { min: 0 max: 1 }", shape or "value_count {max: 1}")
        )
        split = {"label": LABEL, "note": notes(filled, kind)}
        splits = [make_split("train", split, schema), make_split("eval", {**split, "note": notes(100, kind)}, schema)]
        return judge(splits, schema, use, section=DataGateSection(policy=policy or {}), today=date(2029, 6, 1))

    return verdict


def blocking(verdict):
    return [(one.feature, one.split, one.reason, one.expected, one.seen, one.rows) for one in verdict.of("block")]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_ninety_percent_empty_do_not_pass_under_four_fifths(verdict_of, kind) -> None:
    wanted, seen = "a value in at least 80.00% of rows", "a value in 10 rows (10.00%)"
    finding = ("note", "train", "FEATURE_TYPE_LOW_FRACTION_PRESENT", wanted, seen, 90)
    verdict = verdict_of("min_fraction: 0.8 min_count: 1", 10, kind)
    assert blocking(verdict) == [finding]
    assert verdict.exit_code == 3


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_fills_the_fraction_exactly_passes(verdict_of, kind) -> None:
    assert verdict_of("min_fraction: 0.9 min_count: 1", 90, kind).findings == ()
    assert verdict_of("min_fraction: 0.9 min_count: 1", 89, kind).of("block")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_count_of_rows_with_a_value_is_held(verdict_of, kind) -> None:
    verdict = verdict_of("min_count: 20", 19, kind)
    assert [one[2:5] for one in blocking(verdict)] == [
        ("FEATURE_TYPE_LOW_NUMBER_PRESENT", "a value in at least 20 rows", "a value in 19 rows (19.00%)")
    ]
    assert verdict_of("min_count: 20", 20, kind).passed


def test_empty_cells_that_the_shape_forbids_are_told_once(verdict_of) -> None:
    told = verdict_of("min_fraction: 1 min_count: 1", 60, "csv", shape="shape { dim { size: 1 } }")
    assert [one[2] for one in blocking(told)] == ["INVALID_FEATURE_SHAPE"]
    assert [one.note for one in told.of("ignore")] == ["explained by INVALID_FEATURE_SHAPE"]


def test_where_the_policy_lets_the_shape_go_the_presence_still_counts(verdict_of) -> None:
    shape = "shape { dim { size: 1 } }"
    told = verdict_of("min_fraction: 1", 60, "csv", policy={"INVALID_FEATURE_SHAPE": "warn"}, shape=shape)
    assert [one[2] for one in blocking(told)] == ["FEATURE_TYPE_LOW_FRACTION_PRESENT"]


def test_a_feature_that_the_schema_has_given_up_is_not_held(verdict_of) -> None:
    stage = "value_count { min: 0 } lifecycle_stage: DEPRECATED"
    use = Use((Output(column="label", task="binary", classes=(0, 1)),), ())
    assert verdict_of("min_fraction: 1", 10, "csv", use=use, shape=stage).passed
