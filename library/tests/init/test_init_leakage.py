"""What init says of a column that gives the label away by whether it is filled, whatever it holds."""

import numpy as np
import pyarrow as pa
import pytest
from init_tables import plan_of
from pyarrow import parquet

from millrace.init.leakage import leakage
from millrace.init.plan import make_plan

RANDOM = np.random.default_rng(11)
ROWS = 3_000
CHURNED = np.random.default_rng(12).random(ROWS) < 0.2
Y = np.where(CHURNED, "churned", "stayed")
PLAIN = RANDOM.normal(size=ROWS).round(3)
DAYS = [f"2031-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
WORDS = ["price", "service", "moved", "rival", "quality", "bill", "slow", "call", "never", "late", "offer", "new"]
VALUES = {
    "dates": list(RANDOM.choice(DAYS, ROWS)),
    "text": [" ".join(RANDOM.choice(WORDS, 7)) for _ in range(ROWS)],
    "numbers": list(RANDOM.normal(size=ROWS).round(4)),
    "few numbers": list(RANDOM.integers(1, 6, ROWS)),
    "categories": list(RANDOM.choice(["a", "b", "c"], ROWS)),
    "booleans": list(RANDOM.choice(["true", "false"], ROWS)),
    "one value": ["yes"] * ROWS,
    "codes": list(RANDOM.choice([f"r{place}" for place in range(60)], ROWS)),
    "keys": [f"k{place}" for place in range(ROWS)],
}
KINDS = list(VALUES)
FEATURES = [kind for kind in KINDS if kind != "keys"]


def cells(kind, filled):
    return [value if there else "" for value, there in zip(VALUES[kind], filled, strict=True)]


def decision(folder, values, y=Y):
    plan = plan_of(folder, {"c": values, "plain": PLAIN, "y": y})
    return next(one for one in plan.decisions if one.column.name == "c")


def almost(share):
    """Filled for this share of who churned, and for as small a share of the others: the AUC is the share."""
    filled = np.zeros(ROWS, bool)
    for rows, part in ((np.flatnonzero(CHURNED), share), (np.flatnonzero(~CHURNED), 1.0 - share)):
        filled[RANDOM.permutation(rows)[: round(part * len(rows))]] = True
    return filled


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("filled", [CHURNED, ~CHURNED], ids=["filled for one", "empty for one"])
def test_a_column_that_is_filled_for_one_class_is_a_copy_of_the_label(tmp_path, kind, filled):
    result = decision(tmp_path, cells(kind, filled))
    assert (result.kind, result.use, result.known_when_serving) == ("copy of the label", "left out", False)
    assert result.reason == "whether it is filled goes with the label one to one in 100.0% of the rows"


@pytest.mark.parametrize("kind", FEATURES)
def test_a_column_that_is_almost_only_filled_for_one_class_is_doubted(tmp_path, kind):
    result = decision(tmp_path, cells(kind, almost(0.976)))
    assert result.use == "feature"
    assert "whether it is filled alone ranks the label with an AUC of 0.976" in result.doubt


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.96])
def test_values_that_are_missing_more_often_in_one_class_are_no_doubt(tmp_path, kind, share):
    assert "filled" not in decision(tmp_path, cells(kind, almost(share))).doubt


def test_a_word_ranks_as_the_number_that_stands_for_it(tmp_path):
    left = almost(0.976)
    for column in (left.astype(int), np.where(left, "yes", "no"), np.where(left, "gone", "here")):
        assert "alone ranks the label with an AUC of 0.976" in decision(tmp_path, column).doubt


def test_values_that_are_rare_do_not_rank_the_label_by_chance(tmp_path):
    assert decision(tmp_path, RANDOM.choice([f"r{place}" for place in range(280)], ROWS)).doubt == ""


def test_a_date_that_two_formats_fit_is_doubted_for_both_reasons(tmp_path):
    days = [f"{place % 12 + 1:02}/{place % 11 + 1:02}/2031" for place in range(ROWS)]
    doubt = decision(tmp_path, [day if there else "" for day, there in zip(days, almost(0.976), strict=True)]).doubt
    assert "whether it is filled" in doubt and "%d/%m/%Y" in doubt


@pytest.mark.parametrize("kind", FEATURES)
def test_one_of_several_classes_is_told_by_what_is_filled(tmp_path, kind):
    classes = RANDOM.choice(["left", "paid", "stayed", "waits"], ROWS)
    doubt = decision(tmp_path, cells(kind, classes == "left"), classes).doubt
    assert "whether it is filled goes with whether the label is left one to one in 100.0% of the rows" in doubt
    honest = decision(tmp_path, cells(kind, RANDOM.random(ROWS) < np.where(classes == "left", 0.9, 0.5)), classes)
    assert "filled" not in honest.doubt


@pytest.mark.parametrize("kind", ["dates", "text", "one value"])
def test_amounts_are_told_by_what_is_filled(tmp_path, kind):
    paid = RANDOM.random(ROWS) < 0.6
    doubt = decision(tmp_path, cells(kind, paid), np.where(paid, RANDOM.gamma(2.0, 100.0, ROWS).round(2), 0.0)).doubt
    assert "whether it is filled goes with whether the label is 0 one to one" in doubt
    two_heaps = np.where(CHURNED, 1_000.0, 0.0) + RANDOM.normal(size=ROWS).round(3)
    result = decision(tmp_path, cells(kind, CHURNED), two_heaps)
    assert "whether it is filled correlates with the label by 1.0000" in result.reason + result.doubt
    assert decision(tmp_path, cells(kind, CHURNED), RANDOM.normal(size=ROWS).round(3)).doubt == ""


def test_a_list_that_is_empty_for_one_class_is_a_copy_too(tmp_path):
    lists = [[1.0, float(place)] if there else [] for place, there in enumerate(CHURNED)]
    always = [[1.0, float(place)] for place in range(ROWS)]
    parquet.write_table(pa.table({"c": lists, "v": always, "plain": PLAIN, "y": Y}), tmp_path / "t.parquet")
    plan = make_plan([str(tmp_path / "t.parquet")], "y", "", tmp_path / "project")
    assert {one.column.name: one.kind for one in plan.decisions}["c"] == "copy of the label"
    assert {one.column.name: (one.kind, one.doubt) for one in plan.decisions}["v"] == ("vector", "")


def test_fewer_than_ten_rows_that_are_filled_or_empty_say_nothing(tmp_path):
    few = np.zeros(ROWS, bool)
    few[np.flatnonzero(CHURNED)[:9]] = True
    plan = plan_of(tmp_path, {"c": cells("dates", ~few), "plain": PLAIN, "y": np.where(few, "rare", "often")})
    assert not leakage(plan.table.column("c"), plan.label.column, "binary").predicts


def doubts_of(folder, columns) -> dict[str, str]:
    return {decision.column.name: decision.doubt for decision in plan_of(folder, columns).decisions}


def test_one_row_that_is_far_out_in_both_makes_no_copy(tmp_path):
    random = np.random.default_rng(7)
    salary = random.lognormal(10, 0.5, 600)
    last = salary * random.uniform(0.6, 1.1, 600)
    salary[0] = last[0] = 99_999_999_999.0
    decision = plan_of(tmp_path, {"last_year": last, "y": salary}).decisions[0]
    assert (decision.use, decision.kind, decision.doubt) == ("feature", "number", "")


def test_columns_that_add_up_to_the_label_are_doubted_and_the_others_are_not(tmp_path):
    random = np.random.default_rng(8)
    fare, tip = random.gamma(3, 5, 600).round(2), random.gamma(2, 1, 600).round(2)
    tolls, extra = random.choice([0.0, 0.0, 5.5], 600), random.normal(size=600).round(2)
    total = (fare + tip + tolls).round(2)
    total[::40] += 1.0  # some rows have a fee that is no column
    found = doubts_of(tmp_path, {"fare": fare, "tolls": tolls, "extra": extra, "total": total, "y": tip})
    for name in ("fare", "tolls", "total"):
        assert "y = total - " in found[name] and "known before the label" in found[name]
    assert found["extra"] == ""


def test_columns_that_multiply_to_the_label_are_doubted(tmp_path):
    random = np.random.default_rng(9)
    price, quantity = random.uniform(1, 90, 600).round(2), random.integers(1, 400, 600)
    found = doubts_of(tmp_path, {"price": price, "quantity": quantity, "y": (price * quantity).round(2)})
    assert "price and quantity multiply to y" in found["price"] == found["quantity"]


def test_a_label_that_is_only_near_a_sum_is_no_leak(tmp_path):
    random = np.random.default_rng(10)
    parts = {f"part{place}": random.gamma(2, 5, 600).round(2) for place in range(4)}
    noisy = sum(parts.values()) + random.normal(0, 1.0, 600)
    assert set(doubts_of(tmp_path, {**parts, "y": noisy.round(2)}).values()) == {""}


def test_a_value_that_only_one_class_of_several_has_is_doubted(tmp_path):
    random = np.random.default_rng(11)
    state = random.choice(["paid", "late", "default"], 900, p=[0.7, 0.2, 0.1])
    amounts = np.where(random.random(900) < 0.8, random.uniform(10, 500, 900).round(2), 0)
    recovered = np.where(state == "default", amounts, 0)
    honest = np.where(random.random(900) < 0.1, random.uniform(10, 500, 900).round(2), 0)
    found = doubts_of(tmp_path, {"recovered": recovered, "honest": honest, "y": state})
    assert "is other than 0 where the label is default" in found["recovered"] and found["honest"] == ""
