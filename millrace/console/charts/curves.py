"""Lines over axes: the curves of a training, and the calibration of a model."""

import math
from collections.abc import Iterable, Sequence
from typing import Optional

from markupsafe import Markup

from millrace.base.numbers import counted
from millrace.base.visible import visible
from millrace.console.charts.scales import MARGIN_TOP, Frame, Interval, padded
from millrace.console.charts.svg import (
    Points,
    joined,
    shortened,
    svg_image,
    svg_line,
    svg_shape,
    svg_text,
    to_digits,
)


def learning_curves(
    series: Sequence[tuple[str, Points]],
    title: str,
    axis: str = "steps",
    kept: Optional[int] = None,
    width: int = 460,
    height: int = 220,
) -> Markup:
    """Lines over steps, each with its name at its end; the second one dashed, the third dotted.

    Args:
        series: a name, and points of ascending steps and values; NaN and infinities leave a gap.
        title: what it is.
        axis: what the steps are.
        kept: the step whose weights the model has; None where that is not known.
        width: in pixels.
        height: in pixels.
    """
    finite = [point for _, points in series for point in points if math.isfinite(point[1])]
    if not finite:
        return svg_image(width, height, title, "no value yet", Markup(""), "curves")
    steps, values = [step for step, _ in finite], [value for _, value in finite]
    low, high = padded(min(values), max(values))
    frame = Frame(min(steps), max(steps), low, high, width, height, right=84)
    drawn, words, labels = [], [], []
    for number, (name, points) in enumerate(series):
        placed = [(frame.x(step), frame.y(value)) for step, value in points]
        ends = [place for place, (_, value) in zip(placed, points, strict=True) if math.isfinite(value)]
        if not ends:
            continue
        drawn.append(svg_line(placed, f"line series-{number + 1}", dashes=("", "6 3", "2 3")[number % 3]))
        if len(ends) == 1:
            drawn.append(
                svg_shape("circle", f"series-{number + 1}", cx=ends[0][0], cy=ends[0][1], r=3, fill="currentColor")
            )
        labels.append((ends[-1], f"series-{number + 1}", name))
        words.append(f"{name} ends at {to_digits(next(v for _, v in reversed(points) if math.isfinite(v)))}")
    content = frame.grid(axis, to_digits) + joined(drawn) + _end_labels(labels)
    if kept is not None and min(steps) <= kept <= max(steps):
        content += _kept_mark(frame, kept)
        words.append(f"the model is that of step {kept}")
    return svg_image(width, height, title, "; ".join(words), content, "curves")


def _kept_mark(frame: Frame, step: int) -> Markup:
    at = frame.x(step)
    line = {"x1": at, "x2": at, "y1": MARGIN_TOP, "y2": frame.bottom}
    return svg_shape(
        "line", "kept", stroke="currentColor", stroke_dasharray="2 4", stroke_opacity=0.6, **line
    ) + svg_text("kept", at, MARGIN_TOP - 1, "middle", "axis-title")


def _end_labels(labels: Sequence[tuple[tuple[float, float], str, str]]) -> Markup:
    """Names at the ends of lines, moved apart where they would lie on each other."""
    content, last = Markup(""), -math.inf
    for (x, y), kind, name in sorted(labels, key=lambda label: label[0][1]):
        last = max(y + 4, last + 13)
        content += svg_text(shortened(name, 12), x + 5, last, "start", f"label {kind}")
    return content


def calibration(points: Sequence[tuple[float, float, int]], title: str, shares: bool, size: int = 260) -> Markup:
    """What was predicted beside what was observed; on the diagonal both are the same.

    Args:
        points: mean prediction, mean observation and examples, by ascending prediction.
        title: what it is.
        shares: whether both are shares from 0 to 1; else the axes go as far as the points.
        size: width and height in pixels.
    """
    finite = [point for point in points if math.isfinite(point[0]) and math.isfinite(point[1])]
    if not finite:
        return svg_image(size, size, title, "no prediction", Markup(""), "calibration")
    low, high = (0.0, 1.0) if shares else padded(*_reach(number for point in finite for number in point[:2]))
    frame = Frame(low, high, low, high, size, size)
    most = max(examples for _, _, examples in finite)
    diagonal = [(frame.x(low), frame.y(low)), (frame.x(high), frame.y(high))]
    content = frame.grid("predicted", to_digits, "observed") + svg_line(diagonal, "whole", dashes="4 3", opacity=0.5)
    content += svg_line([(frame.x(predicted), frame.y(observed)) for predicted, observed, _ in finite], "line")
    for predicted, observed, examples in finite:
        note = f"{counted(examples, 'example')}: predicted {to_digits(predicted)}, observed {to_digits(observed)}"
        dot = {"cx": frame.x(predicted), "cy": frame.y(observed), "r": 2 + 4 * math.sqrt(examples / most)}
        content += Markup("<g>{}{}</g>").format(
            Markup("<title>{}</title>").format(visible(note)), svg_shape("circle", "point", fill="currentColor", **dot)
        )
    furthest = max(finite, key=lambda point: abs(point[0] - point[1]))
    words = f"furthest from the diagonal: predicted {to_digits(furthest[0])}, observed {to_digits(furthest[1])}"
    return svg_image(size, size, title, words, content, "calibration")


def _reach(numbers: Iterable[float]) -> Interval:
    listed = list(numbers)
    return min(listed), max(listed)
