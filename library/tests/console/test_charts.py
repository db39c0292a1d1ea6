"""Charts as SVG: well-formed, named for who cannot see them, free of markup from data, with marks where they belong."""

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from millrace.console import charts
from millrace.console.charts.scales import height_of

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert(1)</script>"\x1b[31m\u202e'
NAN, INF = math.nan, math.inf


def drawn(chart):
    """The chart parsed, as a page's reader would: an attribute or a tag that data broke would not parse."""
    return ElementTree.fromstring(str(chart).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def title(chart) -> str:
    return drawn(chart).find(f"{SVG}title").text


def marks(chart, kind):
    return [element for element in drawn(chart).iter() if kind in element.get("class", "").split()]


ALL = {
    "sparkline": charts.sparkline([1.0, NAN, 3.0], NASTY),
    "histogram": charts.histogram([0.2, 0.8], NASTY, [0.5, 0.5]),
    "distribution": charts.distribution([0.0, 1.0, 2.0], [0.2, 0.8], NASTY, [0.5, 0.5], NASTY),
    "share": charts.share_bar(0.3, NASTY, 0.4),
    "metric": charts.metric_mark(0.5, (0.0, 1.0), NASTY, (0.4, 0.6), (0.45, 0.9), 0.55, 0.6, "fail"),
    "curves": charts.learning_curves([(NASTY, [(1, 0.5), (2, 0.4)])], NASTY, NASTY),
    "calibration": charts.calibration([(0.1, 0.2, 5), (0.9, 0.8, 50)], NASTY, True),
    "confusion": charts.confusion_matrix([[3, 1], [0, 4]], [NASTY, "b"], NASTY),
}
NOTHING = {
    "sparkline": charts.sparkline([NAN], "x"),
    "histogram": charts.histogram([], "x"),
    "zeros": charts.histogram([0.0, 0.0], "x"),
    "distribution": charts.distribution([], [], "x"),
    "share": charts.share_bar(0.0, "x"),
    "metric": charts.metric_mark(None, (0.0, 1.0), "x", (NAN, INF), (None, INF), NAN, NAN),
    "curves": charts.learning_curves([("a", [(1, NAN)])], "x"),
    "no curve": charts.learning_curves([], "x"),
    "calibration": charts.calibration([(NAN, 0.5, 3)], "x", True),
    "confusion": charts.confusion_matrix([], [], "x"),
    "no example": charts.confusion_matrix([[0, 0], [0, 0]], ["a", "b"], "x"),
    "one value": charts.distribution([7.0, 7.0], [1.0], "x"),
    "one point": charts.learning_curves([("a", [(1, 0.0)])], "x"),
}


@pytest.mark.parametrize("chart", ALL.values(), ids=ALL)
def test_a_chart_is_an_image_with_a_name_and_nothing_in_it_is_code(chart):
    root = drawn(chart)
    assert root.get("role") == "img" and title(chart).startswith('<script>alert(1)</script>"\\x1b[31m\\u202e: ')
    assert all(element.tag != f"{SVG}script" for element in root.iter())
    names = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    assert "nan" not in str(chart) and "inf" not in str(chart)


@pytest.mark.parametrize("chart", NOTHING.values(), ids=NOTHING)
def test_where_there_is_little_or_nothing_to_draw_there_is_still_an_image(chart):
    assert drawn(chart).get("role") == "img" and "nan" not in str(chart).lower().replace("nothing", "")


def heights(chart, kind="bar"):
    return [float(bar.get("height")) for bar in marks(chart, kind)]


def test_bars_begin_at_zero_and_share_a_scale_where_one_is_given():
    first, second = heights(charts.histogram([0.2, 0.4], "x"))
    assert second == pytest.approx(2 * first, abs=0.1)
    [half] = heights(charts.histogram([0.4], "x", most=0.8))
    assert half == pytest.approx(second / 2, abs=0.1)
    assert heights(charts.histogram([0.00001, 1.0], "x"))[0] == 1.0, "what is there is seen"


def test_a_distribution_and_what_it_is_compared_with_stand_on_one_scale():
    chart = charts.distribution([0.0, 1.0, 2.0], [0.2, 0.4], "x", [0.4, 0.1], "fare", width=300, height=120)
    first, second = [(float(one.get("x")), float(one.get("height"))) for one in marks(chart, "bar")]
    assert second[1] == pytest.approx(2 * first[1], abs=0.2) and 0 < first[0] < second[0] < 300
    each = second[0] - first[0]
    assert each < 150, "two bars and the margins are as wide as the chart"
    [outline] = marks(chart, "outline")
    steps = [(float(up), float(along)) for up, along in re.findall(r"V(-?[\d.]+)H(-?[\d.]+)", outline.get("d"))]
    start, bottom = (float(one) for one in re.match(r"M(-?[\d.]+) (-?[\d.]+)", outline.get("d")).groups())
    assert start == pytest.approx(first[0], abs=0.2)
    assert [along for _, along in steps] == pytest.approx([start + each, start + 2 * each], abs=0.3)
    assert [bottom - up for up, _ in steps] == pytest.approx([second[1], second[1] / 4], abs=0.3)
    assert outline.get("d").endswith(f"V{outline.get('d').split()[1].partition('V')[0]}"), "it ends on the ground"


def test_a_value_lies_between_the_ends_of_its_scale_and_one_alone_in_the_middle():
    assert [height_of(value, 0.0, 4.0, 10.0, 50.0) for value in (0.0, 1.0, 4.0)] == [50.0, 40.0, 10.0]
    assert height_of(3.0, 3.0, 3.0, 10.0, 50.0) == 30.0


def place(element) -> float:
    """Where a mark lies from the left."""
    return float(element.get("cx") or re.match(r"M(-?[\d.]+)", element.get("d"))[1])


def test_a_mark_lies_on_its_scale_and_the_shape_says_the_verdict():
    chart = charts.metric_mark(0.75, (0.5, 1.0), "AUC on a=1", (0.7, 0.8), (0.6, None), 0.7, 0.9, "pass", width=212)
    [dot], [limit], [whisker] = marks(chart, "pass"), marks(chart, "limit"), marks(chart, "whisker")
    assert place(dot) == 106 and place(whisker) == pytest.approx(86)
    assert place(limit) == pytest.approx(46 + 4), "the bracket opens to the values that pass"
    assert title(chart) == "AUC on a=1: 0.75, at least 0.6 is asked for, 95 % interval 0.7 to 0.8, baseline 0.7, pass"
    shapes = {verdict: marks(charts.metric_mark(1.0, (0.0, 2.0), "x", verdict=verdict), "mark")[0] for verdict in
              ("pass", "fail", "not judged")}  # fmt: skip
    assert shapes["fail"].tag == f"{SVG}path" and shapes["not judged"].get("fill") == "none"
    assert shapes["pass"].get("fill") == "currentColor"


def test_a_scale_has_room_and_leaves_out_what_is_no_number():
    assert charts.scale_of([1.0, None, 3.0, NAN, INF]) == (0.9, 3.1)
    assert charts.scale_of([2.0]) == (1.9, 2.1) and charts.scale_of([0.0]) == (-0.5, 0.5)
    assert charts.scale_of([]) == (0.0, 1.0)


def test_a_gap_in_a_curve_stays_a_gap():
    chart = charts.learning_curves([("loss", [(1, 0.5), (2, NAN), (3, 0.4), (4, 0.3)])], "loss")
    [line] = marks(chart, "series-1")[:1]
    assert line.get("d").count("M") == 2 and line.get("d").count("L") == 1
    assert title(chart) == "loss: loss ends at 0.3"


def test_names_at_the_ends_of_lines_do_not_lie_on_each_other():
    chart = charts.learning_curves([(name, [(1, 0.5), (2, 0.5)]) for name in ("a", "b", "c")], "x")
    at = sorted(float(label.get("y")) for label in marks(chart, "label") if "series" in label.get("class"))
    assert all(after - before >= 13 for before, after in itertools.pairwise(at))


def test_the_step_whose_weights_are_kept_is_marked_where_it_lies():
    series = [("loss", [(100, 0.5), (200, 0.3), (300, 0.4)])]
    marked = charts.learning_curves(series, "loss", kept=200)
    assert "the model is that of step 200" in marked and ">kept<" in marked
    [mark], [line] = marks(marked, "kept"), marks(marked, "series-1")[:1]
    assert f"L{mark.get('x1')} " in line.get("d") and mark.get("x1") == mark.get("x2")
    for kept in (None, 900):
        assert "kept" not in charts.learning_curves(series, "loss", kept=kept)


def test_a_confusion_matrix_counts_by_observed_class():
    chart = charts.confusion_matrix([[30, 10], [0, 60]], ["no", "yes"], "x")
    notes = [group.find(f"{SVG}title").text for group in drawn(chart).findall(f"{SVG}g")]
    assert notes[1] == "observed no, predicted yes: 10 (25 % of the class)"
    assert title(chart) == "x: 90 of 100 examples predicted as observed"
    assert len(marks(chart, "right")) == 2 and len(marks(chart, "wrong")) == 2
    assert [mark.get("fill-opacity") for mark in (*marks(chart, "right"), *marks(chart, "wrong"))] == [
        "0.43", "0.56", "0.18", "0.06"
    ]  # fmt: skip
    many = charts.confusion_matrix([[1] * 40 for _ in range(40)], [], "x")
    assert len(marks(many, "wrong")) == 40 * 39


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0.0, 1.0, [0.0, 0.5, 1.0]),
        (0.0, 1000.0, [0, 500, 1000]),
        (-3.0, 7.0, [0, 5]),
        (0.93, 0.95, [0.93, 0.935, 0.94, 0.945, 0.95]),
        (5.0, 5.0, [5.0]),
        (NAN, 1.0, []),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert charts.ticks(low, high, 4 if high != 1000.0 and high != 1.0 and high != 7.0 else 3) == pytest.approx(
        expected
    )


def test_what_lies_beyond_the_scale_is_an_arrow_that_says_so():
    drawn = charts.metric_mark(9.0, (0.0, 1.0), "AUC", width=100)
    [arrow] = marks(drawn, "mark")
    assert title(drawn) == "AUC: 9, beyond the scale" and arrow.tag == f"{SVG}path" and place(arrow) == 98
    assert "beyond" not in charts.metric_mark(0.7, (0.6, 1.0), "AUC")
