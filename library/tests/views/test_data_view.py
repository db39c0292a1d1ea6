"""A run's data beside its contract: the odd ones first, one feature in full, and names that mean harm as they are."""

import dataclasses
import json
import math

import pytest
from data_evidence import evidence
from looked_at_runs import statistics_of
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.components.data_gate.findings import Finding
from millrace.schema import native
from millrace.statistics.columns import of_all_rows
from millrace.views.data import data_view

ODD_NAMES = ["<script>alert(1)</script>", "x" * 200, "اسم الحقل", "a\x1b[31mred", "a/b?c=d&e#f", "  "]


def finding(feature, action, reason="ENUM_TYPE_UNEXPECTED_STRING_VALUES", split="train"):
    return Finding(feature, split, reason, "", "", action=action)


@pytest.fixture
def run(tmp_path):
    table = {
        "fine": [1.0, 2.0, 3.0, 4.0] * 50,
        "thin": [1.0, None, None, None] * 50,
        "moved": ["a", "b"] * 100,
        "warned": ["a", "b"] * 100,
        "blocked": ["a", "b"] * 100,
    }
    schema = native.infer(of_all_rows(statistics_of(table)))
    schema.feature.add(name="gone", type=schema_pb2.FLOAT)
    later = {**table, "moved": ["a"] * 20 + ["b"] * 180}
    return evidence(tmp_path, "now", schema, eval=later, train=table)


def test_the_odd_ones_come_first(run):
    view = data_view(run, [finding("warned", "warn"), finding("blocked", "block"), finding("blocked", "ignore", "X")])
    assert [row.name for row in view.rows] == ["blocked", "warned", "moved", "gone", "thin", "fine"]
    assert [row.state for row in view.rows] == ["blocked", "warned", "moved", "fine", "fine", "fine"]
    assert view.counts() == {"blocked": 1, "warned": 1, "moved": 1, "fine": 3}
    assert view.splits == {"train": 200, "eval": 200} and list(view.splits) == ["train", "eval"]
    by_name = {row.name: row for row in view.rows}
    assert by_name["thin"].missing == 0.75 and not by_name["gone"].is_in_data and by_name["gone"].is_described


def test_a_feature_in_full_stands_beside_what_is_asked_of_it(run):
    view = data_view(run, [])
    number, text = view.feature("fine"), view.feature("moved")
    assert (number.row.kind, text.row.kind) == ("number", "text")
    assert dict(number.contract)["type"] == "FLOAT" and "in every row" in dict(number.contract)["presence"]
    assert dict(text.contract)["domain"] == "moved (2 values)"
    [train, later] = text.splits
    assert (train.split, train.values, later.values) == ("train", (("b", 100), ("a", 100)), (("b", 180), ("a", 20)))
    [seen, _] = number.splits
    assert (seen.range, seen.mean, seen.filled, seen.rows) == ((1.0, 4.0), 2.5, 200, 200)
    assert len(number.bounds) == len(seen.shares) + 1 and sum(seen.shares) == pytest.approx(1.0)
    assert view.feature("nobody") is None and view.feature("gone").splits == ()


def test_two_runs_lie_over_each_other(run, tmp_path):
    before = evidence(
        tmp_path, "before", None, train={"fine": [11.0, 12.0, 13.0, 14.0] * 50, "moved": ["a", "b"] * 100}
    )
    view = data_view(run, [], before)
    assert view.compared_with == "before"
    rows = {row.name: row for row in view.rows}
    assert rows["fine"].distance.value > 0.5 and rows["fine"].state == "moved"
    assert rows["moved"].state == "fine", "the eval split has no other to be compared with"
    assert rows["thin"].distance is None
    full = view.feature("fine")
    assert [one.split for one in full.before] == ["train before"]
    assert (full.bounds[0], full.bounds[-1]) == (1.0, 14.0), "one scale for both"


def test_an_empty_split_and_columns_without_a_value_are_shown(tmp_path):
    table = {"nan": [math.nan] * 4, "empty": [None] * 4, "one": ["same"] * 4}
    view = data_view(evidence(tmp_path, "odd", None, train=table, eval={"one": []}), [])
    assert view.splits == {"train": 4, "eval": 0}
    kinds = {row.name: (row.kind, row.missing) for row in view.rows}
    assert kinds == {"nan": ("empty", 1.0), "empty": ("empty", 1.0), "one": ("text", 0.0)}
    assert all(view.feature(name) is not None for name in table)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_is_found_again_and_is_plain_json(name, tmp_path):
    run = evidence(
        tmp_path, "odd", native.infer(of_all_rows(statistics_of({name: ["a", "b"]}))), train={name: ["a", "c"]}
    )
    [row] = data_view(run, [finding(name, "block")]).rows
    assert row.name == name
    full = data_view(run, []).feature(name)
    assert json.loads(json.dumps(dataclasses.asdict(full)))["row"]["name"] == name


def test_of_857_features_only_the_one_in_view_is_read_in_full(tmp_path, monkeypatch):
    """Rows cost what comparing a feature costs; bars are made for a row that is looked at."""
    table = {f"feature {number}": [float(number), 1.0, 2.0] for number in range(857)}
    view = data_view(evidence(tmp_path, "wide", None, train=table), [])
    drawn = []
    monkeypatch.setattr("millrace.views.data.shares_between", lambda column, _: drawn.append(column.name) or ())
    assert len(view.rows) == 857 and drawn == []
    view.feature("feature 7")
    assert drawn == ["feature 7"]
