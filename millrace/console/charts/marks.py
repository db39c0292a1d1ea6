"""A metric in a row of a table: its value on a scale with interval, limits and baseline, and over runs as a line."""

import math
from collections.abc import Sequence
from typing import Optional

from markupsafe import Markup

from millrace.base.numbers import counted
from millrace.console.charts.scales import Interval, Limits, height_of, padded
from millrace.console.charts.svg import joined, px, svg_image, svg_line, svg_shape, to_digits


def sparkline(values: Sequence[float], title: str, width: int = 96, height: int = 24) -> Markup:
    """A line without axes: a metric over runs, or over a training.

    Args:
        values: in their order; NaN and infinities leave a gap.
        title: what it is.
        width: in pixels.
        height: in pixels.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return svg_image(width, height, title, "no value yet", Markup(""), "sparkline")
    low, high = padded(min(finite), max(finite))
    points = [
        (3 + (width - 6) * at / max(len(values) - 1, 1), height_of(value, low, high, 3, height - 3))
        for at, value in enumerate(values)
    ]
    last = next(point for point, value in zip(reversed(points), reversed(values), strict=True) if math.isfinite(value))
    content = svg_line(points, "line") + svg_shape("circle", cx=last[0], cy=last[1], r=2.5, fill="currentColor")
    words = f"{counted(len(finite), 'value')}, {to_digits(finite[0])} to {to_digits(finite[-1])}"
    return svg_image(width, height, title, words, content, "sparkline")


def metric_mark(
    value: Optional[float],
    scale: Interval,
    title: str,
    interval: Optional[Interval] = None,
    limits: Limits = (None, None),
    baseline: Optional[float] = None,
    overall: Optional[float] = None,
    verdict: str = "",
    width: int = 200,
    height: int = 22,
) -> Markup:
    """One slice's value on a scale, with a whisker for its interval and a mark for each limit.

    The shape says the verdict besides the colour: a dot passed, a cross failed, a ring was not judged, a small dot has
    no threshold, and an arrow points to what lies beyond the scale. A diamond is the baseline, the thin line the
    whole data set.

    Args:
        value: what was measured; None where nothing was.
        scale: the least and the greatest value of the column, as `scale_of` gives them.
        title: what it is.
        interval: its confidence interval.
        limits: the least and the greatest value that pass.
        baseline: the latest blessed model's value.
        overall: the value on the whole data set.
        verdict: pass, fail, not judged, or empty.
        width: in pixels.
        height: in pixels.
    """
    middle = height / 2

    def x(number: float) -> float:
        return 6 + (width - 12) * (min(max(number, scale[0]), scale[1]) - scale[0]) / (scale[1] - scale[0] or 1.0)

    parts = [
        svg_shape("line", "axis", x1=6, x2=width - 6, y1=middle, y2=middle, stroke="currentColor", stroke_opacity=0.2)
    ]
    words = ["not measured" if value is None else to_digits(value)]
    if overall is not None and math.isfinite(overall):
        parts.append(_vertical(x(overall), 2, height - 2, "whole", dashed=True))
    for limit, name in zip(limits, ("at least", "at most"), strict=True):
        if limit is not None and math.isfinite(limit):
            inwards = 4 if name == "at least" else -4
            shape = f"M{px(x(limit) + inwards)} 1H{px(x(limit))}V{height - 1}h{inwards}"
            parts.append(svg_shape("path", "limit", d=shape, fill="none", stroke="currentColor", stroke_width=2))
            words.append(f"{name} {to_digits(limit)} is asked for")
    if interval is not None and all(map(math.isfinite, interval)):
        left, right = x(interval[0]), x(interval[1])
        shape = f"M{px(left)} {px(middle)}H{px(right)}M{px(left)} {px(middle - 4)}v8M{px(right)} {px(middle - 4)}v8"
        parts.append(svg_shape("path", "whisker", d=shape, fill="none", stroke="currentColor", stroke_width=1.5))
        words.append(f"95 % interval {to_digits(interval[0])} to {to_digits(interval[1])}")
    if baseline is not None and math.isfinite(baseline):
        at = x(baseline)
        shape = f"M{px(at - 4)} {px(middle)}l4 -4l4 4l-4 4z"
        parts.append(svg_shape("path", "baseline", d=shape, fill="none", stroke="currentColor"))
        words.append(f"baseline {to_digits(baseline)}")
    if value is not None and math.isfinite(value):
        beyond = -1 if value < scale[0] else 1 if value > scale[1] else 0
        parts.append(_arrow(x(value), middle, beyond, verdict) if beyond else _verdict_mark(x(value), middle, verdict))
        words += ["beyond the scale"] if beyond else []
    return svg_image(
        width, height, title, ", ".join([*words, *([verdict] if verdict else [])]), joined(parts), "metric"
    )


def _vertical(x: float, top: float, bottom: float, kind: str, dashed: bool = False) -> Markup:
    dashes = {"stroke_dasharray": "2 2"} if dashed else {}
    return svg_shape("line", kind, x1=x, x2=x, y1=top, y2=bottom, stroke="currentColor", stroke_opacity=0.6, **dashes)


def _verdict_mark(x: float, y: float, verdict: str) -> Markup:
    if verdict == "fail":
        shape = f"M{px(x - 4)} {px(y - 4)}l8 8m0 -8l-8 8"
        return svg_shape("path", "mark fail", d=shape, fill="none", stroke="currentColor", stroke_width=2.5)
    if verdict == "not judged":
        return svg_shape("circle", "mark open", cx=x, cy=y, r=3.5, fill="none", stroke="currentColor", stroke_width=1.5)
    radius = 4 if verdict else 2.5
    return svg_shape("circle", f"mark {verdict}".strip(), cx=x, cy=y, r=radius, fill="currentColor")


def _arrow(x: float, y: float, way: int, verdict: str) -> Markup:
    """Points to where the value would be, left or right of the scale."""
    shape = f"M{px(x + 4 * way)} {px(y)}l{px(-8 * way)} -5v10z"
    return svg_shape("path", f"mark {verdict}".strip(), d=shape, fill="currentColor")
