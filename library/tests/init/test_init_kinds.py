"""What init decides about columns, each rule provoked by a table."""

import uuid

import numpy as np
import pytest
from init_tables import ROWS, decision_of, label, plan_of

RANDOM = np.random.default_rng(0)
WORDS = ["time", "film", "plot", "actor", "scene", "music", "good", "bad", "dull", "long", "short", "love", "war"]

KINDS = [
    ("numbers", RANDOM.normal(size=ROWS).round(3), "number", "numeric"),
    ("amounts with a long tail", np.exp(RANDOM.normal(3, 2, ROWS)).round(2), "number", "numeric"),
    ("grade", RANDOM.integers(1, 6, ROWS), "category", "categorical"),
    ("many whole numbers", RANDOM.integers(0, 300, ROWS), "number", "numeric"),
    ("zip code", RANDOM.choice(np.arange(10000, 10060), ROWS), "code", "categorical"),
    ("words", RANDOM.choice(["red", "green", "blue"], ROWS), "category", "categorical"),
    ("many words", RANDOM.choice([f"w{i}" for i in range(80)], ROWS), "category", "categorical"),
    ("true and false", RANDOM.choice(["True", "False"], ROWS), "boolean", "categorical"),
    ("yes and no", RANDOM.choice(["Y", "N"], ROWS), "boolean", "categorical"),
    ("zero and one", RANDOM.choice([0, 1], ROWS), "boolean", "categorical"),
    ("a day", [f"20{i % 30:02}-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(ROWS)], "date", "datetime"),
    ("a moment", [f"{i % 28 + 1}.3.2031 {i % 24}:05" for i in range(ROWS)], "date", "datetime"),
    ("a time of day", [f"{i % 24:02}:{i % 60:02}" for i in range(ROWS)], "time", "datetime"),
    ("created_at", RANDOM.integers(1_500_000_000, 1_700_000_000, ROWS), "date", "datetime"),
    ("date", [20310101 + i % 28 for i in range(ROWS)], "date", "datetime"),
    ("documents", [" ".join(RANDOM.choice(WORDS, 9)) for _ in range(ROWS)], "text", "text"),
    ("a value or nothing", RANDOM.choice(["x", ""], ROWS), "flag", "categorical"),
]


@pytest.mark.parametrize(("name", "values", "kind", "feature"), KINDS, ids=[case[0] for case in KINDS])
def test_a_column_that_can_be_a_feature(tmp_path, name, values, kind, feature):
    decision = decision_of(tmp_path, list(values), name)
    assert (decision.use, decision.kind, decision.feature.kind) == ("feature", kind, feature)


def test_few_texts_that_hardly_come_again_name_rows_and_a_few_that_do_are_categories(tmp_path):
    names = [f"name of {chr(65 + place % 14)}{chr(75 + place % 14)}" for place in range(15)]
    table = {"name": names, "colour": ["red", "blue", "green"] * 5, "y": ["no", "yes", "no"] * 5}
    uses = {one.column.name: one.kind for one in plan_of(tmp_path, table).decisions}
    assert uses["name"] == "free key" and uses["colour"] == "category"


def test_values_that_differ_only_in_capitals_are_a_persons_decision(tmp_path):
    doubt = decision_of(tmp_path, list(RANDOM.choice(["Rome", "ROME", "Oslo", "oslo ", "Bern"], ROWS)), "my town").doubt
    assert "values that differ only in capitals or spaces: Oslo and oslo; ROME and Rome. One value each?" in doubt
    assert '{kind: categorical, expression: lower(column("my town"))}' in doubt
    assert not decision_of(tmp_path, list(RANDOM.choice(["Rome", "Oslo", "Bern"], ROWS)), "town").doubt


LEFT_OUT = [
    ("numbers of the rows", range(1, ROWS + 1), "identifier"),
    ("rows in another order", RANDOM.permutation(ROWS), "identifier"),
    ("account_id", RANDOM.choice(10**9, ROWS, replace=False), "identifier"),
    ("uuids", [str(uuid.UUID(int=int(i) << 64)) for i in RANDOM.integers(1, 2**60, ROWS)], "identifier"),
    ("mail", [f"user{i}@example.org" for i in range(ROWS)], "identifier"),
    ("names", RANDOM.choice([f"name {i}" for i in range(5 * ROWS)], ROWS), "free key"),
    ("one value", ["same"] * ROWS, "constant"),
    ("nothing", [""] * ROWS, "empty"),
    ("only NA values", ["NA"] * ROWS, "empty"),
    ("almost nothing", ["", "x"] + [""] * (ROWS - 2), "almost empty"),
    ("the label again", [{"no": "n", "yes": "j"}[value] for value in label()], "copy of the label"),
    ("the label in numbers", [{"no": 7, "yes": 9}[value] for value in label()], "copy of the label"),
    (
        "the label, almost always",
        [value if i % 250 else "no" for i, value in enumerate(label())],
        "copy of the label",
    ),
]


@pytest.mark.parametrize(("name", "values", "kind"), LEFT_OUT, ids=[case[0] for case in LEFT_OUT])
def test_a_column_that_cannot_be_a_feature_is_left_out_and_says_why(tmp_path, name, values, kind):
    decision = decision_of(tmp_path, list(values), name)
    assert (decision.use, decision.kind) == ("left out", kind)
    assert decision.reason


@pytest.mark.parametrize("sign", [1, -1], ids=["with the label", "against the label"])
def test_a_number_that_ranks_the_label_either_way_is_doubted(tmp_path, sign):
    """Overlapping, so that no cut gives the label away: only the order does."""
    values = [sign * (3.0 * (value == "yes") + RANDOM.normal()) for value in label()]
    decision = decision_of(tmp_path, values)
    assert decision.use == "feature"
    assert "alone ranks the label with an AUC of 0.9" in decision.doubt
    honest = decision_of(tmp_path, [sign * (0.5 * (value == "yes") + RANDOM.normal()) for value in label()])
    assert honest.doubt == ""


def test_what_gives_the_label_away_is_not_asked_of_who_serves(tmp_path):
    plan = plan_of(tmp_path, {"again": [f"is {value}" for value in label()], "plain": RANDOM.normal(size=ROWS)})
    known = {decision.column.name: decision.known_when_serving for decision in plan.decisions}
    assert known == {"again": False, "plain": True, "y": False}


def test_a_long_tail_is_scaled_by_its_logarithm_and_a_missing_number_has_an_input(tmp_path):
    tail = decision_of(tmp_path, list(np.exp(RANDOM.normal(3, 2, ROWS))))
    assert tail.feature.scale == "log"
    gaps = decision_of(tmp_path, [value if i % 5 else "" for i, value in enumerate(RANDOM.normal(size=ROWS))])
    assert gaps.feature.indicator
    assert gaps.column.missing == ROWS / 5


def test_more_values_than_a_vocabulary_holds_are_hashed(tmp_path):
    decision = decision_of(tmp_path, list(RANDOM.choice([f"v{i}" for i in range(1500)], 9000)))
    assert decision.feature.kind == "hashed"
    assert decision.feature.encode == "embedding"


@pytest.mark.parametrize("na_value", ["?", "NA", "n/a", "null", "-", "unknown", "#DIV/0!", "k. A."])
def test_an_na_value_among_numbers(tmp_path, na_value):
    values = [na_value if i % 4 == 0 else f" {i * 0.37:.2f} " for i in range(ROWS)]
    plan = plan_of(tmp_path, {"c": values, "word": ["x", "z"] * (ROWS // 2)})
    column = plan.table.column("c")
    assert (column.type, column.missing, column.na_values) == ("FLOAT", ROWS / 4, (na_value,))
    assert plan.table.missing == (na_value,)
    assert plan.table.stray_spaces


def test_one_very_long_text_among_numbers_is_missing_too(tmp_path):
    decision = decision_of(tmp_path, ["a" * 70_000, *(at / 4 for at in range(399))])
    assert (decision.kind, decision.column.missing, decision.column.na_values) == ("number", 1, ("a" * 70_000,))


def test_among_words_only_the_sure_na_values_are_missing(tmp_path):
    values = RANDOM.choice(["none", "unknown", "?", "gas", "wood"], ROWS)
    column = decision_of(tmp_path, list(values)).column
    assert set(column.counts) == {"none", "unknown", "gas", "wood"}
    assert column.missing == (values == "?").sum()


def test_two_formats_that_fit_alike_are_a_persons_decision(tmp_path):
    decision = decision_of(tmp_path, [f"{i % 12 + 1:02}/{i % 11 + 1:02}/2031" for i in range(ROWS)])
    assert decision.feature.format == "%m/%d/%Y"
    assert "%d/%m/%Y" in decision.doubt


def test_days_beyond_the_twelfth_tell_the_format(tmp_path):
    decision = decision_of(tmp_path, [f"{i % 28 + 1:02}/{i % 12 + 1:02}/2031" for i in range(ROWS)])
    assert (decision.feature.format, decision.doubt) == ("%d/%m/%Y", "")


def test_a_column_that_alone_tells_the_label_stays_but_is_doubted(tmp_path):
    outcome = label()
    score = [(5.0 if value == "yes" else 1.0) + RANDOM.random() for value in outcome]
    decision = decision_of(tmp_path, score)
    assert decision.use == "feature"
    assert "alone" in decision.doubt


def test_a_regression_label_in_another_unit_is_a_copy(tmp_path):
    dollars = RANDOM.normal(100, 20, ROWS).round(2)
    columns = {"cents": dollars * 100, "rank": np.exp(dollars / 30), "size": RANDOM.normal(size=ROWS), "y": dollars}
    kinds = {decision.column.name: decision.kind for decision in plan_of(tmp_path, columns).decisions}
    assert kinds == {"cents": "copy of the label", "rank": "copy of the label", "size": "number", "y": "regression"}


COUNTRIES = ["DE", "FR", "NA", "ZA", "PL"]


@pytest.mark.parametrize("people", [ROWS, ROWS // 2, 20])
def test_e_mail_addresses_are_a_persons_decision(tmp_path, people):
    decision = decision_of(tmp_path, [f"user{i % people}@example.org" for i in range(ROWS)], "contact")
    assert "personal data? data.leave_out" in decision.doubt


def test_na_among_codes_of_two_letters_is_a_code_and_a_persons_decision(tmp_path):
    values = RANDOM.choice(COUNTRIES, ROWS)
    decision = decision_of(tmp_path, list(values), "country")
    assert (decision.column.missing, set(decision.column.counts)) == (0, set(COUNTRIES))
    assert "NA is read as a code like the others (Namibia" in decision.doubt
    plan = plan_of(tmp_path, {"country": values, "plain": RANDOM.normal(size=ROWS)})
    conf, schema = plan.files.values()
    assert "decide: NA is read as a code" in conf and "missing: [" not in conf
    assert 'value: "NA"' in schema


def test_na_among_codes_is_a_code_and_missing_in_the_other_columns(tmp_path):
    gaps = ["NA" if i % 5 == 0 else i / 8 for i in range(ROWS)]
    plan = plan_of(tmp_path, {"country": RANDOM.choice(COUNTRIES, ROWS), "gaps": gaps})
    country = next(one for one in plan.decisions if one.column.name == "country")
    assert plan.table.missing == () and country.column.missing == 0
    assert "NA is read as a code" in country.doubt
    other = next(one for one in plan.decisions if one.column.name == "gaps")
    assert (other.doubt, other.column.reading.missing, other.column.missing) == ("", ("NA",), ROWS / 5)
    assert "gaps: {missing: [NA]}" in next(iter(plan.files.values()))


@pytest.mark.parametrize("others", [["DE", "FR", "other"], ["de", "fr", "pl"], ["OK", "NG"], ["1", "2", "3"]])
def test_na_among_anything_else_is_missing(tmp_path, others):
    decision = decision_of(tmp_path, list(RANDOM.choice(["NA", *others], ROWS)))
    assert decision.column.na_values == ("NA",) and decision.doubt == ""


def test_na_among_classes_that_are_codes_is_a_class(tmp_path):
    plan = plan_of(tmp_path, {"plain": RANDOM.normal(size=ROWS), "y": RANDOM.choice(COUNTRIES, ROWS)})
    assert plan.label.classes == tuple(sorted(COUNTRIES)) and "NA is read as a code" in plan.label.doubt


NUMBERED = RANDOM.integers(1, 61, 3_000)
OF_EACH = RANDOM.normal(size=61)
NOISE = RANDOM.normal(size=len(NUMBERED))


@pytest.mark.parametrize(
    ("name", "label_of", "kind"),
    [
        ("schidkn", OF_EACH[NUMBERED] + NOISE, "code"),
        ("schidkn", np.where(OF_EACH[NUMBERED] + NOISE > 0, "yes", "no"), "code"),
        ("schidkn", NUMBERED / 20 + NOISE, "number"),
        ("schidkn", np.sin(NUMBERED / 5) + NOISE, "number"),
        ("schidkn", NOISE, "number"),
        ("num_rooms", OF_EACH[NUMBERED] + NOISE, "number"),
    ],
    ids=["numbers", "classes", "along a line", "along a wave", "nothing", "named an amount"],
)
def test_numbers_whose_neighbours_have_unlike_labels_are_codes(tmp_path, name, label_of, kind):
    decision = plan_of(tmp_path, {name: NUMBERED, "y": label_of}).decisions[0]
    assert decision.kind == kind and ("codes, or amounts?" in decision.doubt) == (kind == "code")
    with_gaps = plan_of(tmp_path, {name: 3 * NUMBERED, "y": label_of}).decisions[0]
    assert with_gaps.kind == "number"
