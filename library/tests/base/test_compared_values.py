"""Plain values made of others, compared, and as a person reads them: what a report, a page and `--set` are made of."""

import datetime
from dataclasses import dataclass
from pathlib import Path

import pytest

from millrace.base.plain_values import differences, flat, plain
from millrace.config.rollout_section import Limit


@dataclass
class Pair:
    first: object
    second: object = None


@pytest.mark.parametrize(
    ("value", "as_json_has_it"),
    [
        (None, None), (True, True), (0, 0), (2.5, 2.5), ("x", "x"),
        (float("nan"), "nan"), (float("-inf"), "-inf"),
        (Path("a/b"), "a/b"), (datetime.date(2031, 1, 2), "2031-01-02"),
        ((1, [2, {3}]), [1, [2, [3]]]),
        ({1: Pair(float("inf"))}, {"1": {"first": "inf", "second": None}}),
        (Limit(at_most=0.25), {"worse_by": None, "at_most": 0.25}),
        (Pair, str(Pair)),
    ],
)  # fmt: skip
def test_a_value_becomes_what_json_has_and_keeps_its_type_where_it_can(value, as_json_has_it):
    made = plain(value)
    assert made == as_json_has_it and type(made) is type(as_json_has_it)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (1, 1, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, [("a", 1, None), ("b", 2, 3), ("c", None, 4)]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", 1, 2)]),
        ({"a": {"b": 1}}, {}, [("a", {"b": 1}, None)]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [("a.1.b", 2, 3)]),
        ({"a": [1]}, {"a": [1, 2]}, [("a", [1], [1, 2])]),
        ({"a": [1]}, {"a": {"0": 1}}, [("a", [1], {"0": 1})]),
    ],
)
def test_what_differs_is_told_by_its_place_with_both_values(before, after, told):
    assert list(differences(before, after)) == told


def test_a_configuration_has_one_text_for_each_value_by_the_key_that_set_names():
    values = {
        "root": None, "push": {"trial": False, "directory": ""}, "steps": 400, "rate": 0.5, "empty": {},
        "splits": [0.5, None, "a"], "mixed": [1, {"a": 2}],
        "thresholds": [{"metric": "AUC", "slice": {}}, {"metric": "MAE", "params": {"k": [1, 2]}}],
        "nested": [[{"a": 1, "b": None, "c": {"d": True}}]],
    }  # fmt: skip
    assert flat(values) == {
        "root": "", "push.trial": "false", "push.directory": "", "steps": "400", "rate": "0.5", "empty": "{}",
        "splits": "[0.5, , a]", "mixed.0": "1", "mixed.1.a": "2",
        "thresholds.0.metric": "AUC", "thresholds.0.slice": "{}",
        "thresholds.1.metric": "MAE", "thresholds.1.params.k": "[1, 2]",
        "nested": "[[{a: 1, c: {d: true}}]]",
    }  # fmt: skip
