"""What init finds in the spelling of a column, and that ExampleGen then reads the same: both are asked of one file."""

import numpy as np
import pytest
from init_tables import ROWS, decision_of, plan_of

from millrace.config.loading import load
from millrace.init import report
from millrace.init.names import phrase_of
from millrace.init.plan import write

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


NO_NUMBERS = {
    "codes with zeros": [f"{value:05.0f}xx" for value in RANDOM.integers(10, 999, ROWS)],
    "versions": [f"{a}.{b}.{c}" for a, b, c in RANDOM.integers(0, 20, (ROWS, 3))],
    "seats": [f"{row}{letter}" for row, letter in zip(RANDOM.integers(1, 40, ROWS), "AB" * (ROWS // 2), strict=True)],
    "terms": RANDOM.choice(["36 months", "60 months"], ROWS),
    "addresses": [f"10.{a}.{b}.1" for a, b in RANDOM.integers(0, 255, (ROWS, 2))],
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_codes_are_no_numbers(tmp_path, name):
    decision = decision_of(tmp_path, list(NO_NUMBERS[name]), name)
    assert decision.kind != "number" and decision.column.reading is None


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
    asked = {line.partition(":")[0] for line in report.questions(plan.decisions)}
    text = next(iter(plan.files.values()))
    assert asked == {decision.column.name for decision in plan.decisions if decision.doubt} == {"store_id"}
    assert text.count("decide:") >= 1 + len(asked) and "free key: by its name a key" in text


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
