"""Each rule and each reason, provoked in tables that real TFDV measures and validates."""

import json
import pickle
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from millrace.base.errors import Failure, GateRefused, describe
from millrace.components.data_gate.findings import Finding
from millrace.components.data_gate.gate import Verdict, judge
from millrace.components.data_gate.policy import OWN
from millrace.components.data_gate.report import Files, as_json, as_text, in_words, joined, recorded, refusal, table
from millrace.components.data_gate.rules import Use
from millrace.components.data_gate.section import DataGateSection
from millrace.features.label import Output

TODAY = date(2029, 6, 1)
BINARY = Use((Output(column="label", task="binary", classes=(0, 1)),), ("size", "kind"))
SCHEMA = """
feature { name: "label" type: INT presence { min_fraction: 1 min_count: 1 } shape { dim { size: 1 } }
          int_domain { min: 0 max: 1 } }
feature { name: "size" type: FLOAT presence { min_fraction: 1 min_count: 1 } shape { dim { size: 1 } }
          float_domain { min: 0 max: 10 disallow_nan: true disallow_inf: true } }
feature { name: "kind" type: BYTES presence { min_count: 1 } value_count { min: 0 max: 1 } domain: "kind" }
string_domain { name: "kind" value: "a" value: "b" }
"""
GOOD = {"label": [0, 1] * 50, "size": [1.0, 2.5] * 50, "kind": ["a", "b", "a", None] * 25}


@pytest.fixture
def verdict_of(make_split, make_schema):
    """Judges tables by split name."""

    def verdict(use=BINARY, schema=SCHEMA, policy=None, waivers=(), before=None, **tables):
        parsed = make_schema(schema)
        splits = [make_split(name, rows, parsed, before) for name, rows in tables.items()]
        return judge(splits, parsed, use, section=DataGateSection(policy=policy or {}, waivers=waivers), today=TODAY)

    return verdict


def told(verdict):
    """(split, feature, reason, expected, seen, rows) of what blocks."""
    return [
        (found.split, found.feature, found.reason, found.expected, found.seen, found.rows)
        for found in verdict.of("block")
    ]


def test_good_data_passes_without_a_finding(verdict_of) -> None:
    verdict = verdict_of(train=GOOD, eval=GOOD)
    assert verdict.passed
    assert verdict.exit_code == 0
    assert verdict.findings == ()


def test_a_value_outside_the_domain_is_named_and_counted(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "kind": ["a"] * 97 + ["b", "x", "x"]}, eval=GOOD)
    expected = "one of the domain kind (2 values)"
    assert told(verdict) == [
        ("train", "kind", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", expected, "'x' in 2 rows (2.00%)", 2)
    ]
    assert verdict.exit_code == 3


def test_a_share_of_values_may_be_outside_the_domain(verdict_of) -> None:
    loose = SCHEMA.replace('domain: "kind" }', 'domain: "kind" distribution_constraints { min_domain_mass: 0.9 } }')
    some = {**GOOD, "kind": ["a"] * 95 + ["v", "w", "x", "y", "z"]}
    assert verdict_of(schema=loose, train=some, eval=GOOD).passed
    more = {**GOOD, "kind": ["a"] * 85 + ["v"] * 12 + ["x", "y", "z"]}
    ((_, _, _, expected, seen, rows),) = told(verdict_of(schema=loose, train=more, eval=GOOD))
    assert expected == "90.00% of values in the domain kind (2 values)"
    assert seen.startswith("'v' in 12 rows (12.00%), ")
    assert seen.endswith("and 1 more; 15 rows (15.00%) in all")
    assert rows == 15


def test_a_number_outside_its_range_shows_both_ends(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "size": [-1.5] + [1.0] * 98 + [12.0]}, eval=GOOD)
    assert {found[2:5] for found in told(verdict)} == {
        ("FLOAT_TYPE_SMALL_FLOAT", "0 to 10", "-1.5 to 12"),
        ("FLOAT_TYPE_BIG_FLOAT", "0 to 10", "-1.5 to 12"),
    }


def test_a_wrong_type_shows_the_value_that_does_not_parse(verdict_of) -> None:
    sizes = [str(number / 7) for number in range(99)] + ["abc"]
    verdict = verdict_of(train={**GOOD, "size": sizes}, eval=GOOD)
    assert told(verdict) == [("train", "size", "UNEXPECTED_DATA_TYPE", "FLOAT", "BYTES: 'abc' in 1 row (1.00%)", 1)]


def test_another_number_type_shows_its_range(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "size": [1, 2] * 50}, eval=GOOD)
    assert told(verdict) == [("train", "size", "UNEXPECTED_DATA_TYPE", "FLOAT", "INT 1 to 2", 100)]


def test_a_missing_value_in_a_dense_column_is_counted(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "size": [None] + [1.0] * 99}, eval=GOOD)
    assert told(verdict) == [
        ("train", "size", "INVALID_FEATURE_SHAPE", "exactly 1 value in each row", "none in 1 row (1.00%)", 1)
    ]


def test_too_few_rows_with_a_value_show_the_fraction(verdict_of) -> None:
    strict = 'feature { name: "note" type: BYTES presence { min_fraction: 0.9 min_count: 1 } }'
    without = {**GOOD, "note": pa.array([None] * 40 + [[b"x"]] * 60, type=pa.large_list(pa.large_binary()))}
    verdict = verdict_of(schema=SCHEMA + strict, train=without, eval={**GOOD, "note": ["x"] * 100})
    wanted, seen = "a value in at least 90.00% of rows", "a value in 60 rows (60.00%)"
    assert told(verdict) == [("train", "note", "FEATURE_TYPE_LOW_FRACTION_PRESENT", wanted, seen, 40)]


def test_nan_is_counted(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "size": [float("nan")] * 3 + [1.0] * 97}, eval=GOOD)
    assert told(verdict) == [("train", "size", "FLOAT_TYPE_HAS_NAN", "no NaN", "NaN in 3 rows (3.00%)", 3)]


def test_a_column_that_only_the_schema_knows_blocks(verdict_of) -> None:
    extra = 'feature { name: "note" type: BYTES presence { min_count: 1 } }'
    verdict = verdict_of(schema=SCHEMA + extra, train=GOOD, eval=GOOD)
    assert told(verdict)[0] == (
        "train",
        "note",
        "SCHEMA_MISSING_COLUMN",
        "a column of this name",
        "no such column",
        100,
    )


def test_a_new_column_that_nothing_reads_is_a_warning(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "note": [5] * 100}, eval=GOOD)
    (warning,) = verdict.of("warn")
    assert verdict.passed
    assert (warning.feature, warning.reason, warning.seen) == ("note", "SCHEMA_NEW_COLUMN", "INT 5 to 5")


def test_a_new_column_that_a_feature_reads_blocks_once(verdict_of) -> None:
    use = Use((Output(column="label", task="binary", classes=(0, 1)),), ("size", "note"))
    verdict = verdict_of(use=use, train={**GOOD, "note": [5] * 100}, eval={**GOOD, "note": [5] * 100})
    assert [found[:3] for found in told(verdict)] == [
        ("train", "note", "FEATURE_NOT_IN_SCHEMA"),
        ("eval", "note", "FEATURE_NOT_IN_SCHEMA"),
    ]
    assert {found.note for found in verdict.of("ignore")} == {"explained by FEATURE_NOT_IN_SCHEMA"}
    assert verdict.exit_code == 3


def test_a_deprecated_feature_is_not_parsed_and_blocks(verdict_of) -> None:
    retired = SCHEMA.replace('name: "kind" type', 'name: "kind" lifecycle_stage: DEPRECATED type')
    verdict = verdict_of(schema=retired, train=GOOD, eval=GOOD)
    assert {(found[2], found[3]) for found in told(verdict)} == {
        ("FEATURE_NOT_IN_SCHEMA", "a lifecycle stage that is parsed")
    }


def test_too_many_distinct_values_are_counted(verdict_of) -> None:
    few = SCHEMA.replace('domain: "kind" }', "unique_constraints { min: 1 max: 3 } }")
    verdict = verdict_of(schema=few, train={**GOOD, "kind": [f"k{n}" for n in range(100)]}, eval=GOOD)
    assert told(verdict) == [("train", "kind", "FEATURE_TYPE_HIGH_UNIQUE", "1 to 3 distinct values", "100", None)]


def test_the_number_of_rows_is_compared_with_its_limits(verdict_of) -> None:
    limits = "dataset_constraints { min_examples_count: 1000 }"
    verdict = verdict_of(schema=SCHEMA + limits, train=GOOD, eval=GOOD)
    assert told(verdict)[0] == ("train", "", "DATASET_LOW_NUM_EXAMPLES", "at least 1,000 rows", "100 rows", 100)


def test_drift_warns_with_the_distance_and_its_limit(verdict_of) -> None:
    strict = SCHEMA.replace(
        'domain: "kind" }', 'domain: "kind" drift_comparator { infinity_norm { threshold: 0.1 } } }'
    )
    before = {**GOOD, "kind": ["a"] * 50 + ["b"] * 50}
    verdict = verdict_of(schema=strict, before=before, train={**GOOD, "kind": ["a"] * 80 + ["b"] * 20}, eval=before)
    (warning,) = verdict.of("warn")
    assert (warning.split, warning.reason) == ("train", "COMPARATOR_L_INFTY_HIGH")
    assert (warning.expected, warning.seen) == ("at most 0.1 from the data before", "0.3")


def test_an_empty_table_is_told_once(verdict_of) -> None:
    empty = {name: [] for name in GOOD}
    verdict = verdict_of(train=empty, eval=empty)
    assert told(verdict) == [("train, eval", "", "DATA_EMPTY", "rows to learn from", "0 rows", 0)]
    assert verdict.exit_code == 2


def test_an_empty_split_blocks(verdict_of) -> None:
    verdict = verdict_of(train=GOOD, eval={name: [] for name in GOOD})
    assert told(verdict) == [("eval", "", "SPLIT_EMPTY", "at least 1 row", "0 rows", 0)]
    assert verdict.exit_code == 2


def test_a_split_that_is_not_there_blocks(verdict_of) -> None:
    assert told(verdict_of(train=GOOD)) == [("eval", "", "SPLIT_MISSING", "a split named eval", "only train", None)]


def test_the_schema_of_another_table_is_told_once(verdict_of) -> None:
    foreign = 'feature { name: "petal" type: FLOAT presence { min_count: 1 } }'
    verdict = verdict_of(schema=foreign, train=GOOD, eval=GOOD)
    ((split, _, reason, expected, seen, _),) = told(verdict)
    assert (split, reason, verdict.exit_code) == ("train, eval", "SCHEMA_MATCHES_NOTHING", 2)
    assert "petal" in expected
    assert "kind, label, size" in seen


@pytest.mark.parametrize(("count", "words"), [(2, "p0, p1"), (3, "p0, p1, p2"), (4, "p0, p1, p2, ...")])
def test_of_two_tables_that_share_nothing_three_names_each_are_told(verdict_of, count, words) -> None:
    foreign = "\n".join(f'feature {{ name: "p{place}" type: FLOAT }}' for place in range(count))
    table = {f"c{place}": [1.0, 2.0] for place in range(count)}
    ((_, _, reason, expected, seen, _),) = told(verdict_of(schema=foreign, train=table, eval=table))
    assert (reason, expected) == ("SCHEMA_MATCHES_NOTHING", f"columns that the schema names: {words}")
    assert seen == words.replace("p", "c")


def test_a_label_column_that_the_data_lost_breaks_the_contract_once(verdict_of) -> None:
    rows = {name: values for name, values in GOOD.items() if name != "label"}
    verdict = verdict_of(train=rows, eval=rows)
    assert {found[1:3] for found in told(verdict)} == {("label", "SCHEMA_MISSING_COLUMN")}
    assert {found.note for found in verdict.of("ignore")} == {"explained by SCHEMA_MISSING_COLUMN"}
    assert verdict.exit_code == 3


def test_a_label_that_neither_names_is_bad_input(verdict_of) -> None:
    verdict = verdict_of(
        use=Use((Output(column="lable", task="binary", classes=(0, 1)),), ("size",)), train=GOOD, eval=GOOD
    )
    assert {(found[1], found[2], found[4]) for found in told(verdict)} == {
        ("lable", "LABEL_COLUMN_MISSING", "no such column; there is label")
    }
    assert verdict.exit_code == 2


def test_a_column_that_was_renamed_is_named(verdict_of) -> None:
    rows = {("siza" if name == "size" else name): values for name, values in GOOD.items()}
    found = told(verdict_of(train=rows, eval=rows))
    assert (
        "size",
        "SCHEMA_MISSING_COLUMN",
        "a column of this name",
        "no such column; there is siza: was it renamed?",
    ) in {one[1:5] for one in found}


def test_another_delimiter_is_asked_for(verdict_of) -> None:
    rows = {"label;size;kind": ["0;1.5;a", "1;2.5;b"] * 50}
    [(_, _, reason, _, seen, _)] = told(verdict_of(train=rows, eval=rows))
    assert reason == "SCHEMA_MATCHES_NOTHING"
    assert seen == "the header is one column, 'label;size;kind': is data.delimiter ';'?"


def test_rows_without_a_label_are_counted(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "label": [0, 1, None, 1] * 25}, eval=GOOD)
    assert told(verdict) == [
        ("train", "label", "LABEL_VALUES_MISSING", "a label in each row", "none in 25 rows (25.00%)", 25)
    ]
    assert verdict.exit_code == 2


@pytest.mark.parametrize("split", ["train", "eval"])
def test_a_single_class_blocks_in_either_split(verdict_of, split: str) -> None:
    tables = {"train": GOOD, "eval": GOOD, split: {**GOOD, "label": [1] * 100}}
    verdict = verdict_of(**tables)
    assert told(verdict) == [(split, "label", "LABEL_SINGLE_CLASS", "two classes or more", "only 1", 100)]
    assert verdict.exit_code == 2


def test_a_single_class_of_strings_blocks(verdict_of) -> None:
    named = SCHEMA.replace("type: INT", "type: BYTES").replace("int_domain { min: 0 max: 1 }", "")
    use = Use((Output(column="label", task="binary", classes=("no", "yes")),), ("size",))
    one = {**GOOD, "label": ["no"] * 100}
    verdict = verdict_of(use=use, schema=named, train=one, eval={**GOOD, "label": ["no", "yes"] * 50})
    assert told(verdict) == [("train", "label", "LABEL_SINGLE_CLASS", "two classes or more", "only 'no'", 100)]


def test_a_string_class_that_is_not_listed_is_counted(verdict_of) -> None:
    named = SCHEMA.replace("type: INT", "type: BYTES").replace("int_domain { min: 0 max: 1 }", "")
    use = Use((Output(column="label", task="multiclass", classes=("no", "yes")),), ("size",))
    rows = {**GOOD, "label": ["no", "yes"] * 49 + ["maybe"] * 2}
    verdict = verdict_of(use=use, schema=named, train=rows, eval=rows)
    seen = "'maybe' in 2 rows (2.00%)"
    assert told(verdict)[0] == ("train", "label", "LABEL_CLASS_UNEXPECTED", "one of 'no', 'yes'", seen, 2)


def test_a_number_that_is_not_a_class_shows_the_range(verdict_of) -> None:
    wide = SCHEMA.replace("min: 0 max: 1 ", "min: 0 max: 9 ")
    verdict = verdict_of(schema=wide, train={**GOOD, "label": [0, 1, 2, 1] * 25}, eval=GOOD)
    assert told(verdict) == [("train", "label", "LABEL_CLASS_UNEXPECTED", "one of '0', '1'", "INT 0 to 2", None)]


def test_string_classes_of_a_numeric_column_do_not_fit(verdict_of) -> None:
    use = Use((Output(column="label", task="binary", classes=("no", "yes")),), ("size",))
    verdict = verdict_of(use=use, train=GOOD, eval=GOOD)
    assert {found[2:5] for found in told(verdict)} == {("LABEL_CLASS_UNEXPECTED", "one of 'no', 'yes'", "INT 0 to 1")}


def test_a_regression_label_is_a_number_that_changes(verdict_of) -> None:
    anything = SCHEMA.replace("int_domain { min: 0 max: 1 }", "")
    use = Use((Output(column="label", task="regression", classes=()),), ("size",))
    verdict = verdict_of(use=use, schema=anything, train={**GOOD, "label": [7] * 100}, eval=GOOD)
    assert told(verdict) == [("train", "label", "LABEL_CONSTANT", "more than one value", "only 7", 100)]
    words = anything.replace("type: INT", "type: BYTES")
    verdict = verdict_of(use=use, schema=words, train={**GOOD, "label": ["x", "y"] * 50}, eval=GOOD)
    assert told(verdict)[0][2:5] == ("LABEL_NOT_NUMERIC", "a number", "BYTES such as 'y', 'x'")


def test_a_feature_without_its_column_is_bad_input(verdict_of) -> None:
    use = Use((Output(column="label", task="binary", classes=(0, 1)),), ("size", "kinds"))
    verdict = verdict_of(use=use, train=GOOD, eval=GOOD)
    assert {(found[1], found[2], found[4]) for found in told(verdict)} == {
        ("kinds", "FEATURE_COLUMN_MISSING", "no such column; there is kind")
    }
    assert verdict.exit_code == 2


def test_a_feature_without_a_value_is_bad_input_only(verdict_of) -> None:
    nothing = {**GOOD, "kind": pa.nulls(100)}  # how CsvExampleGen reads a column whose every cell is empty
    verdict = verdict_of(train=nothing, eval=nothing)
    assert {found[1:3] for found in told(verdict)} == {("kind", "FEATURE_ALL_MISSING")}
    assert verdict.exit_code == 2


def test_a_column_of_nothing_but_nan_has_no_value(verdict_of) -> None:
    nans = {**GOOD, "size": [float("nan")] * 100}
    verdict = verdict_of(train=nans, eval=nans)
    assert ("train", "size", "FEATURE_ALL_MISSING") in {found[:3] for found in told(verdict)}


def test_a_feature_that_is_empty_in_train_only_blocks(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "kind": [None] * 100}, eval=GOOD)
    assert [found[:3] for found in told(verdict)] == [("train", "kind", "FEATURE_ALL_MISSING")]


def test_a_feature_that_is_empty_in_eval_only_warns(verdict_of) -> None:
    verdict = verdict_of(train=GOOD, eval={**GOOD, "kind": [None] * 100})
    assert verdict.passed
    assert [(found.split, found.reason) for found in verdict.of("warn")] == [("eval", "FEATURE_EMPTY_IN_SPLIT")]


def test_a_missing_value_of_an_unused_column_is_the_schemas_business(verdict_of) -> None:
    use = Use((Output(column="label", task="binary", classes=(0, 1)),), ("size",))
    assert verdict_of(use=use, train={**GOOD, "kind": [None] * 99 + ["a"]}, eval=GOOD).findings == ()


def test_the_policy_replaces_a_default(verdict_of) -> None:
    odd = {**GOOD, "kind": ["a"] * 99 + ["x"]}
    warned = verdict_of(policy={"ENUM_TYPE_UNEXPECTED_STRING_VALUES": "warn"}, train=odd, eval=GOOD)
    assert warned.passed
    assert len(warned.of("warn")) == 1
    stopped = verdict_of(policy={"SCHEMA_NEW_COLUMN": "block"}, train={**GOOD, "note": [5] * 100}, eval=GOOD)
    assert [found[2] for found in told(stopped)] == ["SCHEMA_NEW_COLUMN"]


def test_bad_input_that_the_policy_lets_through_leaves_tfdvs_word(verdict_of) -> None:
    rows = {**GOOD, "label": [0, 1, None, 1] * 25}
    verdict = verdict_of(policy={"LABEL_VALUES_MISSING": "warn"}, train=rows, eval=GOOD)
    assert [found[2] for found in told(verdict)] == ["INVALID_FEATURE_SHAPE"]
    assert verdict.exit_code == 3


@pytest.mark.parametrize(("until", "passed"), [("2029-06-01", True), ("2029-05-31", False)])
def test_a_waiver_lets_one_finding_through_until_its_day(verdict_of, until: str, passed: bool) -> None:
    reason = "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    waiver = {"feature": "kind", "reason": reason, "until": until, "because": "x is on its way"}
    verdict = verdict_of(waivers=[waiver], train={**GOOD, "kind": ["a"] * 99 + ["x"]}, eval=GOOD)
    assert verdict.passed is passed
    assert [found.note for found in verdict.of("waived")] == ([f"until {until}: x is on its way"] if passed else [])


def test_a_waiver_is_for_its_feature_only(verdict_of) -> None:
    waiver = {
        "feature": "size",
        "reason": "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        "until": "2030-01-01",
        "because": "for the test",
    }
    assert not verdict_of(waivers=[waiver], train={**GOOD, "kind": ["a"] * 99 + ["x"]}, eval=GOOD).passed


def test_an_unknown_reason_in_the_policy_is_refused(verdict_of) -> None:
    with pytest.raises(ValueError, match="SCHEMA_NEW_COLUMN"):
        verdict_of(policy={"SCHEMA_NEW_COLUMNS": "warn"}, train=GOOD, eval=GOOD)


def test_a_refusal_says_what_why_and_what_next(verdict_of) -> None:
    odd = {**GOOD, "kind": ["a"] * 99 + ["x"]}
    verdict = verdict_of(train=odd, eval={**odd, "note": [5] * 100})
    error = refusal(verdict, Files("schema/mine/schema.pbtxt", "conf/mine.yaml"), TODAY)
    assert str(error).startswith(error.args[0]) and str(error).endswith(error.remedy), "what a log of Beam shows"
    assert error.exit_code == 3
    header = next(line for line in str(error).splitlines() if line.startswith("feature"))
    assert header.split() == ["feature", "split", "reason", "expected", "seen", "rows"]
    assert "'x' in 1 row (1.00%)" in str(error)
    assert "SCHEMA_NEW_COLUMN" in str(error).split("Warnings")[1]
    assert error.remedy.splitlines() == [
        "fix the data, then run again; or choose:",
        "  the data is right:",
        "    millrace schema propose -c conf/mine.yaml",
        "    millrace schema accept N -c conf/mine.yaml",
        "    (or edit schema/mine/schema.pbtxt)",
        "  accept it for now: add to data_gate.waivers in conf/mine.yaml",
        "    - {feature: kind, reason: ENUM_TYPE_UNEXPECTED_STRING_VALUES,",
        "       until: 2029-07-01, because: ...}",
    ]
    assert [found["seen"] for found in error.findings if found["action"] == "block"] == ["'x' in 1 row (1.00%)"] * 2


def test_each_finding_has_its_waiver_and_many_are_counted() -> None:
    def remedy(*features: str) -> list[str]:
        blocked = [Finding(name, split, "NUMBER_MOVED", "1", "9") for name in features for split in ("train", "eval")]
        return refusal(Verdict(tuple(blocked)), Files(config="conf/mine.yaml"), TODAY).remedy.splitlines()

    two = remedy("Age", "plan")
    assert "  accept them for now: add to data_gate.waivers in conf/mine.yaml" in two
    assert [line for line in two if "feature:" in line] == [
        f"    - {{feature: {name}, reason: NUMBER_MOVED, until: 2029-07-01, because: ...}}" for name in ("Age", "plan")
    ]
    five = remedy(*"abcde")
    assert [line[14:17] for line in five if "feature:" in line] == [": a", ": b", ": c"]
    assert "    and one for each of the other 2 that are listed above" in five
    assert max(map(len, five)) <= 78


def test_the_projects_default_configuration_is_not_named_in_the_commands(monkeypatch, tmp_path) -> None:
    """A person who stands in the project need not type it, whichever way the run was told of it."""
    monkeypatch.delenv("MILLRACE_CONFIG", raising=False)
    monkeypatch.chdir(Path(__file__).parents[4])
    verdict = Verdict((Finding("kind", "train", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "a", "x"),))
    for named in ("conf/taxi.yaml", str(Path("conf/taxi.yaml").resolve())):
        lines = refusal(verdict, Files(config=named), TODAY).remedy.splitlines()
        assert lines[2:4] == ["    millrace schema propose", "    millrace schema accept N"]
    monkeypatch.chdir(tmp_path)
    lines = refusal(verdict, Files(config="conf/taxi.yaml"), TODAY).remedy.splitlines()
    assert lines[2] == "    millrace schema propose -c conf/taxi.yaml"
    lines = refusal(verdict, Files(config="conf/taxi.yaml", environment="prod"), TODAY).remedy.splitlines()
    assert lines[2] == "    millrace schema propose -c conf/taxi.yaml --env prod"


def test_a_cause_in_several_splits_is_one_row_with_what_each_split_shows() -> None:
    shares = {"train": "12 of 100 rows (12%)", "eval": "3 of 20 rows (15%)", "test": "1 of 20 rows (5%)"}
    findings = [
        Finding("kind", split, "FEATURE_TYPE_LOW_FRACTION_PRESENT", "in every row", seen, int(seen.split()[0]))
        for split, seen in shares.items()
    ]
    other = Finding("kind", "train", "FEATURE_TYPE_LOW_FRACTION_PRESENT", "at most one value", "two values", 2)
    [one, second] = joined([*findings, other])
    assert (one.split, one.expected, one.rows) == ("train, eval, test", "in every row", 16)
    assert one.seen == "train: 12 of 100 rows (12%); eval: 3 of 20 rows (15%); test: 1 of 20 rows (5%)"
    assert second == other
    assert len(table(findings, 400).splitlines()) == 2
    error = refusal(Verdict(tuple(findings)), Files(), TODAY)
    assert error.what.startswith("DataGate: 1 finding stops this run")
    assert error.findings == [finding.to_json() for finding in findings], "JSON has each split's own"


def test_distances_from_two_references_are_a_row_each_however_often_they_are_joined() -> None:
    limits = {"at most 0.02 from the data before": 0.056, "at most 0.05 from what is served": 0.123}
    findings = [
        Finding("tract", split, "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", limit, f"{seen} in {split}")
        for split in ("eval", "test")
        for limit, seen in limits.items()
    ]
    once = joined(findings)
    assert [(one.split, one.expected) for one in once] == [("eval, test", limit) for limit in limits]
    assert once[1].seen == "eval: 0.123 in eval; test: 0.123 in test"
    assert joined(once) == once


def test_what_is_recorded_of_a_refusal_is_laid_out_for_whatever_width_reads_it(verdict_of) -> None:
    odd = {**GOOD, "kind": ["a"] * 99 + ["x"]}
    failure = describe(refusal(verdict_of(train=odd, eval={**odd, "note": [5] * 100}), Files(), TODAY))
    assert failure.what == (
        "DataGate: 1 finding stops this run before anything is trained: data that breaks its contract (kind)."
    )
    read = Failure(**json.loads(json.dumps(asdict(failure))))
    findings = recorded(read)
    assert [(one.feature, one.split, one.action) for one in findings] == [
        ("kind", "train, eval", "block"),
        ("note", "eval", "warn"),
    ]
    narrow = in_words(read.what, findings, 80).splitlines()
    assert max(map(len, narrow[1:])) <= 80 and "  reason    ENUM_TYPE_UNEXPECTED_STRING_VALUES" in narrow
    header = in_words(read.what, findings, 160).splitlines()[2]
    assert header.split() == ["feature", "split", "reason", "expected", "seen", "rows"]
    for damaged in ({"feature": "kind"}, {**asdict(findings[0]), "rows": "many"}):
        assert recorded(replace(failure, findings=(damaged,))) == []


def test_what_another_component_calls_findings_is_not_recorded() -> None:
    error = GateRefused("no")
    for other in (7, "three", [object()], [{"a": object()}], {"a": 1}):
        error.findings = other  # type: ignore[attr-defined]
        assert describe(error) == Failure("no", "", "", 3)


def test_a_refusal_of_bad_input_says_what_to_mend_and_nothing_of_the_schema(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "label": [1] * 100}, eval=GOOD)
    error = refusal(verdict, Files("schema/mine/schema.pbtxt", "conf/mine.yaml"), TODAY)
    assert error.exit_code == 2
    assert "LABEL_SINGLE_CLASS" in str(error) and "\n" not in error.what
    assert "choose another label.column" in error.remedy
    assert "conf/mine.yaml" in error.remedy
    assert "propose" not in error.remedy


def test_a_refusal_survives_beam_and_other_processes(verdict_of) -> None:
    verdict = verdict_of(train={**GOOD, "label": [1] * 100}, eval=GOOD)
    error = refusal(verdict, Files(), TODAY)
    annotated = type(error)(error.args[0] + " [while running 'DataGate']", *error.args[1:])
    for copy in (annotated, pickle.loads(pickle.dumps(error))):
        assert (copy.what, copy.remedy, copy.exit_code, copy.findings) == (
            error.what,
            error.remedy,
            error.exit_code,
            error.findings,
        )


def test_the_table_is_aligned_and_joins_splits(verdict_of) -> None:
    use = Use((Output(column="label", task="binary", classes=(0, 1)),), ("size", "colour"))
    lines = table(verdict_of(use=use, train=GOOD, eval=GOOD).findings).splitlines()
    assert len(lines) == 2
    assert lines[1].index("train, eval") == lines[0].index("split")
    assert lines[1].split()[-1] == "200"


def test_the_reports_list_everything(verdict_of, make_split, make_schema) -> None:
    verdict = verdict_of(train={**GOOD, "note": [5] * 100}, eval=GOOD)
    splits = [make_split("train", GOOD, make_schema(SCHEMA))]
    text = as_text(verdict, splits)
    assert text.startswith("DataGate: passed (train 100 rows; no blessed data before it).")
    assert "SCHEMA_NEW_COLUMN" in text
    assert '"action": "warn"' in as_json(verdict, splits, {}, TODAY)


@pytest.mark.parametrize("reason", sorted(OWN))
def test_every_reason_of_its_own_says_what_to_do_next(reason: str) -> None:
    verdict = Verdict((Finding("size", "train", reason, "this", "that"),))
    error = refusal(verdict, Files(config="conf/mine.yaml"), TODAY)
    assert error.exit_code == OWN[reason].exit_code
    assert "conf/mine.yaml" in error.remedy
    assert len(error.remedy.splitlines()) >= 2


@pytest.mark.parametrize(
    ("kind", "weights", "expected"),
    [
        ("FLOAT", [1.0, None] * 50, ("WEIGHT_VALUES_MISSING", "a weight in each row", "none in 50 rows (50.00%)", 50)),
        (
            "FLOAT",
            [-2.0] * 10 + [3.0] * 90,
            ("WEIGHT_BELOW_ZERO", "0 or more", "-2 is the least, in at most 11 rows it is below 0", 11),
        ),
        ("FLOAT", [0.0] * 100, ("WEIGHT_BELOW_ZERO", "a weight above 0", "only 0", 100)),
        ("BYTES", ["much"] * 100, ("WEIGHT_NOT_NUMERIC", "a number", "BYTES such as 'much'", 100)),
    ],
)
def test_a_weight_that_is_none_is_bad_input(verdict_of, kind, weights, expected) -> None:
    schema = f'{SCHEMA} feature {{ name: "importance" type: {kind} value_count {{ min: 0 max: 1 }} }}'
    use = Use((Output(column="label", task="binary", classes=(0, 1)),), ("size", "kind"), "importance")
    rows = {**GOOD, "importance": weights}
    verdict = verdict_of(use=use, schema=schema, train=rows, eval=rows)
    assert told(verdict) == [(split, "importance", *expected) for split in ("train", "eval")]
    assert verdict.exit_code == 2


def test_a_weight_that_is_no_column_is_bad_input(verdict_of) -> None:
    verdict = verdict_of(
        use=Use((Output(column="label", task="binary", classes=(0, 1)),), ("size",), "wait"), train=GOOD, eval=GOOD
    )
    assert {found[1:3] for found in told(verdict)} == {("wait", "WEIGHT_COLUMN_MISSING")}
