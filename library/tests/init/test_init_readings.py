"""What init finds in the spelling of a column, and that ExampleGen then reads the same: both are asked of one file."""

import numpy as np
import pytest
import yaml
from init_tables import ROWS, decision_of, label, plan_of, write_csv

from millrace.components.example_gen.splits_section import TimeSplits
from millrace.config.loading import load
from millrace.init import report
from millrace.init.names import phrase_of
from millrace.init.plan import make_plan, write

RANDOM = np.random.default_rng(0)
AMOUNTS = RANDOM.uniform(100, 90_000, ROWS).round(2)


def european(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


SPELLINGS = {
    "percent": ([f"{value:.1f}%" for value in AMOUNTS / 1000], {"number": "point", "unit": "%"}),
    "dollars": ([f"${value:,.2f}" for value in AMOUNTS], {"number": "point", "unit": "$"}),
    "euros": ([f"{european(value)} €" for value in AMOUNTS], {"number": "comma", "unit": "€"}),
    "decimal comma": ([european(value) for value in AMOUNTS], {"number": "comma"}),
    "kilogram": ([f"{value:.1f} kg" for value in AMOUNTS], {"number": "point", "unit": "kg"}),
    "brackets": ([f"({value:.2f})" if value < 9000 else f"{value:.2f}" for value in AMOUNTS], {"number": "point"}),
    "ranges": (
        [f"{one:.0f} - {one + 9:.0f}" if place % 30 == 0 else f"{one:.0f}" for place, one in enumerate(AMOUNTS)],
        {"number": "point", "others": "missing"},
    ),
    "dash for nothing": (
        ["-" if place % 7 == 0 else f"${value:,.0f}" for place, value in enumerate(AMOUNTS)],
        {"number": "point", "unit": "$", "missing": ("-",)},
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_numbers_as_people_write_them_are_numbers(tmp_path, name):
    values, reading = SPELLINGS[name]
    decision = decision_of(tmp_path, values, name)
    assert (decision.kind, decision.use) == ("number", "feature")
    assert decision.column.reading.model_dump(exclude_defaults=True) == reading
    assert ("are no numbers, such as" in decision.doubt) == (name == "ranges")
    assert decision.column.type == ("INT" if name in ("ranges", "dash for nothing") else "FLOAT")


def test_what_is_written_is_read_back(tmp_path):
    plan = plan_of(tmp_path, {name: values for name, (values, _) in SPELLINGS.items()})
    write(plan)
    columns = load(next(iter(plan.files))).data.columns
    assert {name: one.model_dump(exclude_defaults=True) for name, one in columns.items()} == {
        name: reading for name, (_, reading) in SPELLINGS.items()
    }


def test_a_number_that_reads_in_two_ways_is_a_persons_decision(tmp_path):
    decision = decision_of(tmp_path, [f"{value:,.0f}" for value in AMOUNTS + 1000], "size")
    assert decision.column.reading.number == "point"
    assert "is read as" in decision.doubt and "which is it?" in decision.doubt


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ([f"{value:,}".replace(",", ".") for value in RANDOM.integers(300, 90_000, ROWS)], True),
        ([f"{value:.2f}" for value in RANDOM.uniform(1, 90, ROWS)], False),
        ([f"{value:.3f}" for value in RANDOM.uniform(0, 1, ROWS)], False),
        ([f"{value:.3f}" for value in RANDOM.uniform(100, 5_000, ROWS)], False),
    ],
)
@pytest.mark.parametrize("delimiter", [";", ","])
def test_points_before_three_digits_beside_semicolons_are_a_persons_decision(tmp_path, values, asked, delimiter):
    write_csv(tmp_path / "t.csv", {"c": values, "y": label()}, delimiter)
    [decision] = [
        one for one in make_plan([str(tmp_path / "t.csv")], "y", "", tmp_path).decisions if one.use == "feature"
    ]
    assert decision.kind == "number"
    assert ("which is it? For thousands {number: comma}" in decision.doubt) == (asked and delimiter == ";")


NO_NUMBERS = {
    "codes with zeros": [f"{value:05.0f}xx" for value in RANDOM.integers(10, 999, ROWS)],
    "versions": [f"{a}.{b}.{c}" for a, b, c in RANDOM.integers(0, 20, (ROWS, 3))],
    "seats": [f"{row}{letter}" for row, letter in zip(RANDOM.integers(1, 40, ROWS), "AB" * (ROWS // 2), strict=True)],
    "terms": RANDOM.choice(["36 months", "60 months"], ROWS),
    "few seats": RANDOM.choice(["3A", "4A", "5A", "6A"], ROWS),
    "few and a word": RANDOM.choice(["10 min", "20 min", "30 min", "unlimited"], ROWS),
    "few of two units": RANDOM.choice(["10 min", "20 min", "30 min", "1 h"], ROWS),
    "addresses": [f"10.{a}.{b}.1" for a, b in RANDOM.integers(0, 255, (ROWS, 2))],
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_codes_are_no_numbers(tmp_path, name):
    decision = decision_of(tmp_path, list(NO_NUMBERS[name]), name)
    assert decision.kind != "number" and decision.column.reading is None


@pytest.mark.parametrize(
    "values", [["0,5 h", "1,0 h", "1,5 h", "2,0 h"], ["1 day", "2 day", "3 day"], ["10kg", "20kg", "40kg"]]
)
def test_few_different_measures_are_numbers_too(tmp_path, values):
    decision = decision_of(tmp_path, RANDOM.choice(values, ROWS), "effort")
    assert (decision.kind, decision.use, decision.column.distinct) == ("number", "feature", len(values))


@pytest.mark.parametrize(
    ("values", "sentinel", "sure"),
    [
        (RANDOM.normal(15, 5, ROWS).round(1), -200, True),
        (RANDOM.gamma(2, 30, ROWS).round(1), -999, True),
        (RANDOM.integers(1, 60, ROWS), 9999, True),
        (RANDOM.integers(1, 400, ROWS), -1, False),
        (RANDOM.normal(120, 9, ROWS).round(), 0, True),
        (RANDOM.uniform(44, 190, ROWS).round(), 0, False),
    ],
    ids=["-200", "-999", "9999", "-1", "far 0", "0"],
)
def test_a_number_that_stands_for_nothing_is_noticed(tmp_path, values, sentinel, sure):
    written = [sentinel if place % 12 == 0 else value for place, value in enumerate(values.tolist())]
    decision = decision_of(tmp_path, written, "reading")
    expected = -(-ROWS // 12) if sure and sentinel else 0
    assert decision.column.missing == expected
    assert f"{sentinel} in 8.5% of the rows" in decision.doubt


def test_what_is_to_be_decided_is_said_on_screen_and_in_the_file(tmp_path):
    keys = RANDOM.choice(5 * ROWS, ROWS)
    plan = plan_of(tmp_path, {"heat": RANDOM.normal(15, 5, ROWS).round(1), "store_id": keys})
    asked = {line.partition(":")[0] for line in report.questions(plan)}
    text = next(iter(plan.files.values()))
    assert {decision.column.name for decision in plan.decisions if decision.doubt} == {"store_id"}
    assert asked == {"store_id", "data.splits"}  # so few rows to judge on
    assert text.count("decide:") >= 1 + len(asked) and "free key: by its name a key" in text


def test_rows_with_a_date_and_rows_of_one_user_ask_for_another_division(tmp_path):
    days = [f"2025-{month:02}-{day:02}" for month, day in RANDOM.integers(1, 13, (ROWS, 2))]
    users = [f"u{user:03}" for user in RANDOM.integers(0, ROWS // 8, ROWS)]
    plan = plan_of(tmp_path, {"day": days, "user": users})
    asked = "\n".join(report.questions(plan))
    assert "user: a key that comes again: are these rows of one thing? data.splits by: group" in asked
    by_time = asked.partition("Then judge on the newest, ")[2].splitlines()[0]
    assert TimeSplits.model_validate(yaml.safe_load(by_time)).column == "day" and by_time in texts_of(plan)
    some = plan_of(tmp_path, {"day": [day if place % 5 else "" for place, day in enumerate(days)], "user": users})
    assert "newest" not in "\n".join(report.questions(some))  # no place for a row without a date


def test_a_rare_class_asks_about_the_weights_on_screen_too(tmp_path):
    rare = ["yes" if place % 20 == 0 else "no" for place in range(ROWS)]
    plan = plan_of(tmp_path, {"plain": RANDOM.normal(size=ROWS), "y": rare})
    [asked] = [line for line in report.questions(plan) if line.startswith("training.class_weights: 5.0% of the rows")]
    assert f"decide: {asked.partition(': ')[2]}" in texts_of(plan)


def test_a_long_text_for_nothing_is_written_whole_and_shown_by_its_beginning(tmp_path):
    long = "no reading " * 40
    plan = plan_of(
        tmp_path, {"heat": [long if place % 9 == 0 else f"{value:.1f}" for place, value in enumerate(AMOUNTS)]}
    )
    shown = [*report.summary(plan), *report.rows(plan)[0]]
    assert shown[1].startswith("'no reading no reading...' stands for a missing value")
    assert max(map(len, shown)) < 120 and long.strip() in texts_of(plan)


def texts_of(plan):
    return "\n".join(plan.files.values())


def test_honest_ends_of_a_range_are_no_sentinels(tmp_path):
    for values in (
        [0 if place % 2 else value for place, value in enumerate(RANDOM.gamma(1, 30, ROWS).round(1).tolist())],
        RANDOM.integers(0, 100, ROWS).tolist(),
        np.minimum(RANDOM.gamma(2, 30, ROWS), 99).round().tolist(),
        RANDOM.standard_t(2, ROWS).round(2).tolist(),
    ):
        assert decision_of(tmp_path, values, "reading").doubt == ""


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("store_id", "id"), ("living_area", "area"), ("items_sold", "items"), ("hours_per_week", "hours"),
        ("typeOfLoan", "type"), ("zip3", "zip"), ("month_rent", "rent"), ("trips_per_day", "trips"), ("7", ""),
    ],
)  # fmt: skip
def test_the_head_of_a_name(name, head):
    assert phrase_of(name).head == head


MEASURES = ("living_area", "account_balance", "customer_income", "items_sold", "month_rent", "store_sales", "id_ratio")


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_a_number_whatever_else_its_name_says(tmp_path, name):
    decision = decision_of(tmp_path, RANDOM.integers(0, 5_000, ROWS), name)
    assert (decision.kind, decision.use, decision.doubt) == ("number", "feature", "")


@pytest.mark.parametrize(
    ("name", "values", "kind", "domain"),
    [
        ("x17", np.minimum(RANDOM.geometric(0.5, ROWS) - 1, 7), "number", "min: 0"),
        (
            "SibSp",
            RANDOM.choice([0, 1, 2, 3, 4, 5, 8], ROWS, p=[0.6, 0.2, 0.1, 0.04, 0.03, 0.02, 0.01]),
            "number",
            "min: 0",
        ),
        ("visits", np.minimum(RANDOM.geometric(0.2, ROWS) - 1, 19), "number", "min: 0"),
        ("model_year", RANDOM.integers(1990, 2025, ROWS), "number", "min: 0"),
        ("hour", RANDOM.integers(0, 24, ROWS), "calendar", "min: 0 max: 23 is_categorical: true"),
        ("area_code", RANDOM.choice(np.arange(200, 999, 11), ROWS), "code", "is_categorical: true"),
        ("community_area", RANDOM.integers(1, 78, ROWS), "code", "is_categorical: true"),
    ],
)
def test_what_was_seen_is_no_limit_unless_the_calendar_says_so(tmp_path, name, values, kind, domain):
    plan = plan_of(tmp_path, {name: values, "plain": RANDOM.normal(size=ROWS)})
    decision = plan.decisions[0]
    assert decision.kind == kind
    assert f"int_domain {{ {domain} }}" in next(text for path, text in plan.files.items() if path.suffix == ".pbtxt")


def test_the_numbers_of_rows_that_pandas_writes_are_no_feature(tmp_path):
    """Of a part of a table they have gaps, and of two tables one below the other they come twice."""
    some = np.sort(RANDOM.choice(20 * ROWS, ROWS, replace=False))
    twice = [*range(ROWS // 2), *range(ROWS // 2)]
    for name, values in (("Unnamed: 0", some), ("", some), ("", twice), ("rownames", some)):
        decision = plan_of(tmp_path, {name: values, "plain": RANDOM.normal(size=ROWS)}).decisions[0]
        assert (decision.use, decision.kind) == ("left out", "identifier")
