"""What a configuration may say of rows and splits, and what is refused before anything runs."""

import pytest

from millrace.base.errors import BadInput, ConfigError
from millrace.config.checks import check
from millrace.config.loading import load


def taxi(*overrides: str):
    return load("conf/taxi.yaml", overrides)


def test_the_short_form_is_by_row():
    config = taxi("data.splits={train: 4, eval: 1, test: 1}")
    assert (config.data.splits.by, config.data.splits.shares) == ("row", {"train": 4, "eval": 1, "test": 1})
    assert config.judging_split == "test"


def test_a_split_by_time_has_train_before_its_days():
    config = taxi("data.splits={by: time, column: trip_start_timestamp, format: unix, days: {eval: 7, test: 7}}")
    assert config.data.split_names == ["train", "eval", "test"]
    check(config)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("data.splits={train: 2, eval: yes}", "data.splits.eval: should be a whole number, not yes"),
        ("data.splits={train: 2, eval: 0}", "data.splits.eval: .* greater than or equal to 1"),
        ("data.splits={by: grup, column: company, shares: {train: 1, eval: 1}}", r"did you mean group\?"),
        ("data.splits={by: group, shares: {train: 1, eval: 1}}", "data.splits.column: is missing"),
        ("data.splits={by: group, column: company, shares: {train: 1}}", "eval is not there"),
        ("data.splits={by: time, column: a, format: '%Y-%q', days: {eval: 7}}", "%q is not known"),
        ("data.splits={by: time, column: a, format: unix}", "set exactly one of days and shares"),
        ("data.splits={by: time, column: a, format: unix, days: {train: 7, eval: 1}}", "train is what is older"),
        ("data.splits={by: column, column: a, values: {train: [x, y], eval: [y]}}", "'y' cannot be in both"),
        (
            "data.splits={by: column, column: company, values: {train: [null], eval: [b]}}",
            "data.splits.values.train.0: should be .*, not null",
        ),
        (
            "data.splits={by: column, column: company, values: {train: a, eval: [b]}}",
            "data.splits.values.train: should be a list, not 'a'",
        ),
        (
            "data.splits={by: column, column: company, values: {train: [.nan], eval: [b]}}",
            "data.splits.values.train.0: should be .*, not .nan",
        ),
        (
            "data.splits={by: column, column: company, values: {train: [a], eval: []}}",
            "data.splits.values.eval: should not be empty",
        ),
        ("data.splits={by: column, values: {train: [a], eval: [b]}}", "data.splits.column: is missing"),
        ("data.splits={by: column, column: 3, values: {train: [a], eval: [b]}}", "data.splits.column: should be a t"),
        ("data.splits={train: 2, eval: 1, row: 0}", "data.splits.row: .* greater than or equal to 1"),
        ("evaluation.metrics=[]", "evaluation.metrics: should not be empty"),
        ("features.pair={kind: crossed, of: [company]}", "features.pair.of: should have 2 or more"),
        ("data.splits={train: 2, eval: 1, '../x': 1}", "data.splits: '../x' cannot name a split"),
        ("data.splits={train: 2, eval: 1, '': 1}", "data.splits: '' cannot name a split"),
        (
            "data.splits={by: time, column: a, format: unix, days: {eval: 1, 'a b': 1}}",
            "data.splits: 'a b' cannot name a split",
        ),
        ("data.splits={train: 99999999999, eval: 1}", "data.splits: the shares add up to 100,000,000,000"),
        (
            "data.splits={by: group, column: company, shares: {train: 2147483647, eval: 1}}",
            "data.splits: the shares add up to 2,147,483,648",
        ),
        (
            "data={path: /tmp, files: [{name: train, pattern: a*}, {name: eval, pattern: b*}],"
            " splits: {by: group, column: a, shares: {train: 1, eval: 1}}}",
            "data: files are splits already: leave out data.files or data.splits",
        ),
        ("data.delimiter=;;", "data.delimiter: one ASCII character is needed"),
        ("data.delimiter=§", "data.delimiter: one ASCII character is needed"),
        ("data.delimiter='\"'", "data.delimiter: one ASCII character is needed"),
        ("data.columns.fare={number: point, unit: m2}", "data.columns.fare: a unit has no digits"),
        ("data.columns.fare={unit: kg}", "data.columns.fare: unit and others belong to numbers"),
        ("data.delimiter", "data.delimiter: expected KEY=VALUE"),
        ("=3", "=3: expected KEY=VALUE"),
        ("data.where=fare > ", "data.where: 'fare >' is no expression: invalid syntax, at its end"),
        ("data.where=hour(trip_start_timestamp, 'unix') > 3", "data.where: cannot use hour before Transform"),
        ("data.where=lower(company)", "data.where: is a text, and should be true or false"),
        (
            "features.company={kind: bag, weights: big_tipper}",
            "features.company.weights: big_tipper is the label, which is not known when the model is asked",
        ),
        ("data.leave_out=[fare]", "data.leave_out: fare cannot be left out, since it is a feature"),
        ("data.leave_out=[big_tipper]", "data.leave_out: big_tipper cannot be left out, since it is the label, or its"),
        ("data={format: tfrecord, path: /tmp, where: fare > 0}", "where needs csv or parquet or .*: TFX's own reader"),
        (
            "data={format: avro, path: /tmp, splits: {by: stratum, column: a, shares: {train: 1, eval: 1}}}",
            "splits by stratum needs csv or parquet or jsonl",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(said, message):
    with pytest.raises(ConfigError, match=message):
        taxi(said)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("data.where=fair > 3", r"fair is not a column of the data; did you mean fare\?"),
        ("data.key=compny", r"compny is not a column of the data; did you mean company\?"),
        ("data.leave_out=[nme]", "nme is not a column of the data"),
        ("data.splits={by: group, column: compny, shares: {train: 1, eval: 1}}", r"did you mean company\?"),
        ("data.where=fare == 'much'", "data.where: fare == .much. is of a text and a number"),
        ("label.weight=company", "label.weight: a weight is a number, and the schema says that company is a text"),
        (
            "data.splits={by: group, column: fare, shares: {train: 1, eval: 1}}",
            "data.splits.column: a group is a text or a whole number, and .* fare is a number with a fraction",
        ),
        (
            "data.splits={by: time, column: company, format: unix, days: {eval: 1}}",
            "data.splits.column: unix is a number since 1970, and the schema says that company is a text",
        ),
        ("data.leave_out=[tips]", "the schema describes what data.leave_out leaves out: tips"),
    ],
)
def test_what_the_data_and_the_schema_do_not_have_is_refused_before_a_run(said, message):
    with pytest.raises(BadInput, match=message):
        check(taxi(said))
