"""Each rule of `schema check` finds its mistake, on its line, and leaves a good schema alone."""

from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from millrace.config.loading import absolute
from millrace.schema.evidence import read_binary
from millrace.schema.lint import Uses, lint
from millrace.statistics.columns import columns_by_name, of_all_rows
from millrace.textproto import schema_text

STATISTICS = Path(absolute("package:tfx/components/testdata/statistics_gen", Path()))
USES = Uses(("tips",), ("fare", "payment_type"))
GOOD = """\
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "tips" type: FLOAT not_in_environment: "SERVING" }
feature { name: "fare" type: FLOAT float_domain { min: 0 max: 1000 } }
feature {
  name: "payment_type"
  type: BYTES
  domain: "payment"
  drift_comparator { infinity_norm { threshold: 0.1 } }
}
string_domain { name: "payment" value: "Cash" value: "Credit Card" }
"""


def splits():
    found = read_binary(STATISTICS / "Split-train" / "FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList)
    kept = [column for column in of_all_rows(found).features if column.path.step[0] in ("tips", "fare", "payment_type")]
    statistics = statistics_pb2.DatasetFeatureStatistics(num_examples=of_all_rows(found).num_examples, features=kept)
    return {"train": columns_by_name(statistics)}


def rules(text, uses=USES, data=None):
    found = lint(schema_text.parse(text, "schema.pbtxt"), splits() if data is None else data, uses)
    return {(finding.rule, finding.severity, finding.line) for finding in found}


def test_a_good_schema_has_no_findings():
    assert rules(GOOD) == set()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('domain: "payment"', 'domain: "pay"', {("unknown-domain", "error", 8), ("unused-domain", "warning", 11)}),
        (' value: "Credit Card"', "", {("single-value", "warning", 11)}),
        (' value: "Cash" value: "Credit Card"', "", {("empty-domain", "warning", 11)}),
        ('value: "Credit Card"', 'value: "Cash" value: "b"', {("duplicate-value", "warning", 11)}),
        ('value: "Credit Card"', 'value: " b"', {("stray-space", "warning", 11)}),
        ("infinity_norm", "jensen_shannon_divergence", {("comparator-type", "error", 9)}),
        ("threshold: 0.1", "threshold: 2", {("comparator-threshold", "warning", 9)}),
        ("threshold: 0.1", "", {("comparator-threshold", "warning", 9)}),
        ("{ infinity_norm { threshold: 0.1 } }", "{ }", {("comparator-empty", "warning", 9)}),
        (' not_in_environment: "SERVING"', "", {("label-environment", "warning", 3)}),
        ('not_in_environment: "SERVING"', 'not_in_environment: "SERVE"', {("unknown-environment", "error", 3)}),
        ("min: 0 max: 1000", "min: 2000 max: 1000", {("empty-range", "error", 4)}),
        ("max: 1000", "max: 100", {("range-contradicted", "warning", 4)}),
        ("float_domain {", "int_domain {", {("domain-type", "error", 4), }),
        ("type: BYTES", "", {("typeless", "error", 5)}),
        ("type: BYTES", "type: BYTES presence { min_fraction: 1.5 }",
         {("fraction", "error", 7), ("presence-contradicted", "warning", 7)}),
        ("type: BYTES", "type: BYTES presence { min_count: 9000000 }", {("presence-contradicted", "warning", 7)}),
        ("type: BYTES", "type: BYTES lifecycle_stage: DEPRECATED", {("unused-stage", "error", 7)}),
        ("type: FLOAT float", "type: FLOAT distribution_constraints { min_domain_mass: 0.5 } float",
         {("mass-without-domain", "warning", 4)}),
        ('name: "fare"', 'name: "tips"',
         {("duplicate-feature", "error", 3), ("label-environment", "warning", 3), ("not-in-schema", "error", 1)}),
        ('name: "fare"', 'name: "fee"', {("not-in-data", "warning", 4), ("not-in-schema", "error", 1)}),
        ('name: "fare" type: FLOAT', 'type: FLOAT',
         {("nameless", "error", 4), ("not-in-data", "warning", 4), ("not-in-schema", "error", 1)}),
        ('string_domain { name', 'string_domain { name: "payment" value: "x" value: "y" }\nstring_domain { name',
         {("duplicate-domain", "error", 11)}),
    ],
)  # fmt: skip
def test_each_mistake_is_found_on_its_line(before, after, expected):
    assert GOOD.count(before) == 1
    assert expected <= rules(GOOD.replace(before, after))


def test_a_comparator_of_numbers_is_not_of_strings():
    text = GOOD.replace("float_domain {", "drift_comparator { infinity_norm { threshold: 0.1 } } float_domain {")
    assert ("comparator-type", "error", 4) in rules(text)


def test_without_a_run_only_the_text_is_looked_at():
    assert rules(GOOD.replace("max: 1000", "max: 100"), data={}) == set()


def test_a_column_that_is_not_described_is_reported():
    assert ("undescribed", "warning", 1) in rules(
        GOOD.replace('feature { name: "fare" type: FLOAT float_domain { min: 0 max: 1000 } }', ""), Uses(("tips",), ())
    )


def test_the_type_that_was_seen_is_reported():
    assert ("type-contradicted", "warning", 4) in rules(
        GOOD.replace("type: FLOAT float_domain { min: 0 max: 1000 }", "type: INT")
    )


def test_a_row_of_a_csv_file_whose_cell_is_empty_has_no_value():
    """The feature is in each of its rows, with an empty list; nine of ten were taken for filled."""
    of_csv = statistics_pb2.FeatureNameStatistics()
    of_csv.CopyFrom(splits()["train"]["payment_type"].proto)
    common = of_csv.string_stats.common_stats
    rows = common.num_non_missing + common.num_missing
    common.num_non_missing, common.num_missing, common.tot_num_values = rows, 0, rows // 10
    data = {"train": columns_by_name(statistics_pb2.DatasetFeatureStatistics(num_examples=rows, features=[of_csv]))}
    for presence, found in (
        ("min_fraction: 0.8", True),
        (f"min_count: {rows // 2}", True),
        ("min_fraction: 0.09 min_count: 1", False),
    ):
        text = GOOD.replace("type: BYTES", f"type: BYTES presence {{ {presence} }}")
        assert (("presence-contradicted", "warning", 7) in rules(text, data=data)) == found, presence


def test_features_within_structs_have_their_lines():
    inner = 'feature { name: "t" domain: "no" type: BYTES }'
    text = f'{GOOD}feature {{\n  name: "s"\n  type: STRUCT\n  struct_domain {{\n    {inner}\n  }}\n}}\n'
    assert ("unknown-domain", "error", 16) in rules(text, data={})


@pytest.mark.parametrize(("threshold", "how"), [("0", "always"), ("-1", "always"), ("1", "never"), ("2", "never")])
def test_a_threshold_without_a_middle_says_what_it_does(threshold, how):
    text = GOOD.replace("threshold: 0.1", f"threshold: {threshold}")
    [finding] = lint(schema_text.parse(text, "schema.pbtxt"), splits(), USES)
    assert finding.rule == "comparator-threshold" and f"threshold {threshold} {how} alarms" in finding.what
