"""A slice of a run's rows over all of them: what lies apart in it comes first, and its own column is no oddity."""

import pytest
from data_evidence import evidence

from millrace.base.errors import SchemaError
from millrace.views.data import data_view
from millrace.views.slices import slice_summaries


def table(rows: int = 400) -> dict:
    """Tips that only cards have, hours, and a column that has nothing to do with how one pays."""
    places = range(rows)
    return {
        "pay": [("Cash", "Cash", "Cash", "Card")[place % 4] for place in places],
        "hour": [place % 2 for place in places],
        "tip": [float(place % 7) if place % 4 == 3 else 0.0 for place in places],
        "colour": [("red", "blue")[place // 4 % 2] for place in places],
    }


@pytest.fixture
def run(tmp_path):
    return evidence(tmp_path, "now", None, slices=[["pay"], ["hour"]], train=table(), eval=table(80))


def test_what_lies_apart_in_a_slice_comes_first(run):
    view = data_view(run, slice="pay_Card")
    assert view.splits == {"train": 100, "eval": 20} and view.slice == "pay_Card" and view.compared_with == ""
    rows = {row.name: row for row in view.rows}
    assert {row.name for row in view.rows[:2]} == {"hour", "tip"}, "cards are in odd hours alone, and have tips"
    assert rows["tip"].state == "moved" and rows["colour"].state == "fine"
    assert rows["pay"].state == "fine" and rows["pay"].distance is None, "of one value by what a slice is"


def test_a_feature_of_a_slice_has_all_rows_behind_it(run):
    tip = data_view(run, slice="pay_Card").feature("tip")
    assert [seen.split for seen in tip.splits] == ["train", "eval"]
    assert [seen.split for seen in tip.before] == ["train of all rows", "eval of all rows"]
    assert (tip.splits[0].rows, tip.before[0].rows) == (100, 400)
    assert tip.splits[0].zeros < 20 < tip.before[0].zeros
    assert data_view(run, slice="hour_0").feature("hour").row.distance is None


def test_slices_are_summed_up_the_largest_first(run):
    summaries = slice_summaries(run, 10)
    assert [one.name for one in summaries] == ["pay_Cash", "hour_0", "hour_1", "pay_Card"]
    cash, *_, card = summaries
    assert (cash.rows, cash.share, card.share) == ({"train": 300, "eval": 60}, 0.75, 0.25)
    assert card.apart == 2 and card.furthest is not None and card.furthest.name in ("hour", "tip")
    assert [one.name for one in slice_summaries(run, 1)] == ["pay_Cash"]


def test_a_slice_that_is_not_there_is_named_beside_those_that_are(run, tmp_path):
    with pytest.raises(SchemaError, match=r"no statistics of such a slice; did you mean pay_Card\?") as no:
        data_view(run, slice="pay_Cart")
    assert "pay_Cash" in no.value.remedy
    whole = evidence(tmp_path / "whole", "now", None, train=table())
    assert whole.slices == {} and slice_summaries(whole, 10) == ()
    with pytest.raises(SchemaError) as no:
        data_view(whole, slice="pay_Cash")
    assert "statistics.slices" in no.value.remedy


def test_a_split_without_rows_of_a_slice_is_left_out_of_it(tmp_path):
    later = {name: values[:3] for name, values in table().items()}
    run = evidence(tmp_path, "now", None, slices=[["pay"]], train=table(), eval=later)
    assert data_view(run, slice="pay_Card").splits == {"train": 100}
