"""Small charts as SVG, drawn on the server: text that a page, a report or a notebook can hold as it is.

Each is `role="img"` with a title that says in words what is drawn; it shows when the mouse rests on it. Nothing needs a
script or a style attribute, which the console's policy forbids: colours come from classes, and without any style sheet
everything is drawn in the text's own colour. Whatever comes from data is escaped, and letters that cannot be seen are
spelled out.

Axes of counts and shares begin at zero, those of metrics never do. Charts below each other in a column are given the
same scale by whoever draws the column.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Optional

from markupsafe import Markup, escape

from millrace.base.numbers import counted, rounded
from millrace.base.visible import visible

Interval = tuple[float, float]
Limits = tuple[Optional[float], Optional[float]]
Points = Sequence[tuple[float, float]]

_DIGITS = 3
_LABEL_HEIGHT = 16
_MARGIN_LEFT, _MARGIN_RIGHT, _MARGIN_TOP, _MARGIN_BOTTOM = 52, 12, 10, 34


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
        return _svg(width, height, title, "no value yet", Markup(""), "sparkline")
    low, high = _padded(min(finite), max(finite))
    points = [
        (3 + (width - 6) * at / max(len(values) - 1, 1), _y(value, low, high, 3, height - 3))
        for at, value in enumerate(values)
    ]
    last = next(point for point, value in zip(reversed(points), reversed(values), strict=True) if math.isfinite(value))
    content = _line(points, "line") + _tag("circle", cx=last[0], cy=last[1], r=2.5, fill="currentColor")
    words = f"{counted(len(finite), 'value')}, {_number(finite[0])} to {_number(finite[-1])}"
    return _svg(width, height, title, words, content, "sparkline")


def histogram(
    shares: Sequence[float],
    title: str,
    reference: Sequence[float] = (),
    most: Optional[float] = None,
    width: int = 124,
    height: int = 34,
) -> Markup:
    """Bars from zero, and other data's as an outline behind them.

    Args:
        shares: a bar each, from 0 to 1.
        title: what it is.
        reference: the same bars of the data that is compared with; none for no outline.
        most: the share that a full bar stands for, for columns of one scale; the largest here when left out.
        width: in pixels.
        height: in pixels.
    """
    top = most or max((*shares, *reference), default=0.0)
    if not top:
        return _svg(width, height, title, "no value", _baseline(width, height), "histogram")
    content = _bars(shares, top, 0.0, width, height - 1) + _outline(reference, top, 0.0, width, height - 1)
    words = f"{counted(len(shares), 'bar')}, the largest {_percent(max(shares, default=0.0))}"
    if reference:
        words += f"; outline of the other data, the largest {_percent(max(reference))}"
    return _svg(width, height, title, words, content + _baseline(width, height), "histogram")


def distribution(
    bounds: Sequence[float],
    shares: Sequence[float],
    title: str,
    reference: Sequence[float] = (),
    axis: str = "",
    width: int = 560,
    height: int = 220,
) -> Markup:
    """A histogram to read numbers from: with axes.

    Args:
        bounds: of the bars, ascending, one more than bars.
        shares: a bar each, from 0 to 1.
        title: what it is.
        reference: the same bars of the data that is compared with.
        axis: what the numbers are.
        width: in pixels.
        height: in pixels.
    """
    top = max((*shares, *reference), default=0.0)
    if not top or len(bounds) < 2:
        return _svg(width, height, title, "no value", Markup(""), "distribution")
    frame = _Frame(bounds[0], bounds[-1], 0.0, top * 1.05, width, height)
    inner = width - _MARGIN_LEFT - _MARGIN_RIGHT
    bars = _bars(shares, top * 1.05, _MARGIN_LEFT, inner, frame.bottom, _MARGIN_TOP)
    content = (
        frame.grid(axis, _percent)
        + bars
        + _outline(reference, top * 1.05, _MARGIN_LEFT, inner, frame.bottom, _MARGIN_TOP)
    )
    words = f"{counted(len(shares), 'bar')} from {_number(bounds[0])} to {_number(bounds[-1])}"
    return _svg(width, height, title, words, content, "distribution")


def share_bar(
    share: float, title: str, reference: Optional[float] = None, width: int = 160, height: int = 14
) -> Markup:
    """One horizontal bar from zero to a share of a whole, and a mark where other data has it.

    Args:
        share: from 0 to 1.
        title: what it is.
        reference: of the data that is compared with; None for no mark.
        width: in pixels, of a share of 1.
        height: in pixels.
    """
    within = min(max(share, 0.0), 1.0)
    content = _tag("rect", "track", x=0, y=2, width=width, height=height - 4, fill="currentColor", fill_opacity=0.08)
    content += _tag("rect", "bar", x=0, y=2, width=within * width, height=height - 4, fill="currentColor")
    if reference is not None:
        at = min(max(reference, 0.0), 1.0) * width
        content += _tag("line", "outline", x1=at, x2=at, y1=0, y2=height, stroke="currentColor", stroke_width=2)
    words = _percent(share) + (f"; {_percent(reference)} in the other data" if reference is not None else "")
    return _svg(width, height, title, words, content, "share")


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

    The shape says the verdict besides the colour: a cross failed, a ring was not judged, a dot is anything else. A
    diamond is the baseline, the thin line the whole data set.

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

    parts = [_tag("line", "axis", x1=6, x2=width - 6, y1=middle, y2=middle, stroke="currentColor", stroke_opacity=0.2)]
    words = ["not measured" if value is None else _number(value)]
    if overall is not None and math.isfinite(overall):
        parts.append(_vertical(x(overall), 2, height - 2, "whole", dashed=True))
    for limit, name in zip(limits, ("at least", "at most"), strict=True):
        if limit is not None and math.isfinite(limit):
            inwards = 4 if name == "at least" else -4
            shape = f"M{_n(x(limit) + inwards)} 1H{_n(x(limit))}V{height - 1}h{inwards}"
            parts.append(_tag("path", "limit", d=shape, fill="none", stroke="currentColor", stroke_width=2))
            words.append(f"{name} {_number(limit)} is asked for")
    if interval is not None and all(map(math.isfinite, interval)):
        left, right = x(interval[0]), x(interval[1])
        shape = f"M{_n(left)} {_n(middle)}H{_n(right)}M{_n(left)} {_n(middle - 4)}v8M{_n(right)} {_n(middle - 4)}v8"
        parts.append(_tag("path", "whisker", d=shape, fill="none", stroke="currentColor", stroke_width=1.5))
        words.append(f"95 % interval {_number(interval[0])} to {_number(interval[1])}")
    if baseline is not None and math.isfinite(baseline):
        at = x(baseline)
        shape = f"M{_n(at - 4)} {_n(middle)}l4 -4l4 4l-4 4z"
        parts.append(_tag("path", "baseline", d=shape, fill="none", stroke="currentColor"))
        words.append(f"baseline {_number(baseline)}")
    if value is not None and math.isfinite(value):
        parts.append(_verdict_mark(x(value), middle, verdict))
    return _svg(width, height, title, ", ".join([*words, *([verdict] if verdict else [])]), _joined(parts), "metric")


def scale_of(values: Iterable[Optional[float]]) -> Interval:
    """One scale for a column of metrics: from the least to the greatest of them, with a little room.

    Args:
        values: measured values, their intervals and limits; None and what is not finite is left out.
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return _padded(min(finite), max(finite)) if finite else (0.0, 1.0)


def learning_curves(
    series: Sequence[tuple[str, Points]], title: str, axis: str = "steps", width: int = 460, height: int = 220
) -> Markup:
    """Lines over steps, each with its name at its end; the second one dashed, the third dotted.

    Args:
        series: a name, and points of ascending steps and values; NaN and infinities leave a gap.
        title: what it is.
        axis: what the steps are.
        width: in pixels.
        height: in pixels.
    """
    finite = [point for _, points in series for point in points if math.isfinite(point[1])]
    if not finite:
        return _svg(width, height, title, "no value yet", Markup(""), "curves")
    steps, values = [step for step, _ in finite], [value for _, value in finite]
    low, high = _padded(min(values), max(values))
    frame = _Frame(min(steps), max(steps), low, high, width, height, right=84)
    drawn, words, labels = [], [], []
    for number, (name, points) in enumerate(series):
        placed = [(frame.x(step), frame.y(value)) for step, value in points]
        ends = [place for place, (_, value) in zip(placed, points, strict=True) if math.isfinite(value)]
        if not ends:
            continue
        drawn.append(_line(placed, f"line series-{number + 1}", dashes=("", "6 3", "2 3")[number % 3]))
        if len(ends) == 1:
            drawn.append(_tag("circle", f"series-{number + 1}", cx=ends[0][0], cy=ends[0][1], r=3, fill="currentColor"))
        labels.append((ends[-1], f"series-{number + 1}", name))
        words.append(f"{name} ends at {_number(next(v for _, v in reversed(points) if math.isfinite(v)))}")
    content = frame.grid(axis, _number) + _joined(drawn) + _end_labels(labels)
    return _svg(width, height, title, "; ".join(words), content, "curves")


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
        return _svg(size, size, title, "no prediction", Markup(""), "calibration")
    low, high = (0.0, 1.0) if shares else _padded(*_reach(number for point in finite for number in point[:2]))
    frame = _Frame(low, high, low, high, size, size)
    most = max(examples for _, _, examples in finite)
    diagonal = [(frame.x(low), frame.y(low)), (frame.x(high), frame.y(high))]
    content = frame.grid("predicted", _number, "observed") + _line(diagonal, "whole", dashes="4 3", opacity=0.5)
    content += _line([(frame.x(predicted), frame.y(observed)) for predicted, observed, _ in finite], "line")
    for predicted, observed, examples in finite:
        note = f"{counted(examples, 'example')}: predicted {_number(predicted)}, observed {_number(observed)}"
        dot = {"cx": frame.x(predicted), "cy": frame.y(observed), "r": 2 + 4 * math.sqrt(examples / most)}
        content += Markup("<g>{}{}</g>").format(
            Markup("<title>{}</title>").format(visible(note)), _tag("circle", "point", fill="currentColor", **dot)
        )
    furthest = max(finite, key=lambda point: abs(point[0] - point[1]))
    words = f"furthest from the diagonal: predicted {_number(furthest[0])}, observed {_number(furthest[1])}"
    return _svg(size, size, title, words, content, "calibration")


def confusion_matrix(counts: Sequence[Sequence[int]], names: Sequence[str], title: str) -> Markup:
    """A square for each observed and predicted class; the darker, the larger its share of the observed class.

    Args:
        counts: examples, a row for each observed class, a column for each predicted one.
        names: of the classes, in their order.
        title: what it is.
    """
    if not counts:
        return _svg(80, 24, title, "no example", Markup(""), "confusion")
    large = len(counts) <= 10
    cell, left, top = (56, 96, 42) if large else (max(360 // len(counts), 6), 24, 24)
    size = cell * len(counts)
    content = Markup("")
    for row, column in itertools.product(range(len(counts)), repeat=2):
        count, of_class = counts[row][column], sum(counts[row])
        share = count / of_class if of_class else 0.0
        place = {"x": left + column * cell, "y": top + row * cell, "width": cell - 1, "height": cell - 1}
        kind = "right" if row == column else "wrong"
        note = f"observed {_of(names, row)}, predicted {_of(names, column)}: {count:,} ({_percent(share)} of the class)"
        square = _tag("rect", kind, fill="currentColor", fill_opacity=round(0.06 + 0.5 * share, 3), **place)
        text = _text(f"{count:,}", place["x"] + cell / 2, place["y"] + cell / 2 + 4, "middle") if large else Markup("")
        content += Markup("<g><title>{}</title>{}{}</g>").format(visible(note), square, text)
    for at in range(len(counts)) if large else ():
        content += _text(_short(_of(names, at), 13), left - 6, top + at * cell + cell / 2 + 4, "end")
        content += _text(_short(_of(names, at), 8), left + at * cell + cell / 2, top - 6, "middle")
    content += _text("predicted", left + size / 2, 14, "middle", "axis-title")
    content += _text("observed", 4, 14 if large else top + 12, "start", "axis-title")
    right = sum(counts[at][at] for at in range(len(counts)))
    total = sum(map(sum, counts))
    words = f"{right:,} of {counted(total, 'example')} predicted as observed"
    return _svg(left + size + 4, top + size + 4, title, words, content, "confusion")


class _Frame:
    """The place of numbers in a chart with axes."""

    def __init__(
        self, first: float, last: float, low: float, high: float, width: int, height: int, right: int = _MARGIN_RIGHT
    ) -> None:
        self._first, self._last, self._low, self._high = first, last, low, high
        self._width, self._height, self._right = width, height, right
        self.bottom = height - _MARGIN_BOTTOM

    def x(self, number: float) -> float:
        """Where a number lies from the left."""
        inner = self._width - _MARGIN_LEFT - self._right
        span = self._last - self._first
        return _MARGIN_LEFT + inner * ((number - self._first) / span if span else 0.5)

    def y(self, number: float) -> float:
        """Where a number lies from the top."""
        return _y(number, self._low, self._high, _MARGIN_TOP, self.bottom)

    def grid(self, axis: str, words: Callable[[float], str], side: str = "") -> Markup:
        """Lines at round numbers, with the numbers; `axis` and `side` say what they are."""
        content = Markup("")
        for number in ticks(self._low, self._high, 4):
            at = self.y(number)
            content += _tag(
                "line", "grid", x1=_MARGIN_LEFT, x2=self._width - self._right, y1=at, y2=at,
                stroke="currentColor", stroke_opacity=0.15,
            )  # fmt: skip
            content += _text(words(number), _MARGIN_LEFT - 6, at + 4, "end")
        for number in ticks(self._first, self._last, 5):
            content += _text(_number(number), self.x(number), self.bottom + 14, "middle")
        content += _text(axis, self._width - self._right, self._height - 4, "end", "axis-title")
        return content + (_text(side, _MARGIN_LEFT + 3, _MARGIN_TOP - 1, "start", "axis-title") if side else Markup(""))


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two others, at equal steps of 1, 2 or 5 times a power of ten.

    Args:
        low: the least.
        high: the greatest.
        most: about how many.
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low] if math.isfinite(low) else []
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * factor for factor in (1, 2, 5) if power * factor >= rough), power * 10)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [0.0 if first + at == 0 else (first + at) * step for at in range(max(count, 0))]


def _bars(shares: Sequence[float], top: float, left: float, width: float, bottom: float, upper: float = 1.0) -> Markup:
    each = width / max(len(shares), 1)
    gap = 1.0 if each > 3 else 0.0
    content = Markup("")
    for at, share in enumerate(shares):
        tall = min(share / top, 1.0) * (bottom - upper)
        if share > 0:
            tall = max(tall, 1.0)  # what is there is seen
        content += _tag(
            "rect", "bar", x=left + at * each, y=bottom - tall, width=max(each - gap, 0.5), height=tall,
            fill="currentColor",
        )  # fmt: skip
    return content


def _outline(
    shares: Sequence[float], top: float, left: float, width: float, bottom: float, upper: float = 1.0
) -> Markup:
    if not shares:
        return Markup("")
    each = width / len(shares)
    steps = [f"M{_n(left)} {_n(bottom)}"]
    for at, share in enumerate(shares):
        steps.append(f"V{_n(bottom - min(share / top, 1.0) * (bottom - upper))}H{_n(left + (at + 1) * each)}")
    shape = "".join(steps) + f"V{_n(bottom)}"
    return _tag("path", "outline", d=shape, fill="none", stroke="currentColor", stroke_width=1.5)


def _baseline(width: int, height: int) -> Markup:
    return _tag(
        "line", "axis", x1=0, x2=width, y1=height - 0.5, y2=height - 0.5, stroke="currentColor", stroke_opacity=0.3
    )


def _vertical(x: float, top: float, bottom: float, kind: str, dashed: bool = False) -> Markup:
    dashes = {"stroke_dasharray": "2 2"} if dashed else {}
    return _tag("line", kind, x1=x, x2=x, y1=top, y2=bottom, stroke="currentColor", stroke_opacity=0.6, **dashes)


def _verdict_mark(x: float, y: float, verdict: str) -> Markup:
    if verdict == "fail":
        shape = f"M{_n(x - 4)} {_n(y - 4)}l8 8m0 -8l-8 8"
        return _tag("path", "mark fail", d=shape, fill="none", stroke="currentColor", stroke_width=2.5)
    if verdict == "not judged":
        return _tag("circle", "mark open", cx=x, cy=y, r=3.5, fill="none", stroke="currentColor", stroke_width=1.5)
    return _tag("circle", f"mark {verdict}".strip(), cx=x, cy=y, r=4, fill="currentColor")


def _line(points: Points, kind: str, dashes: str = "", opacity: float = 1.0) -> Markup:
    """A line through points; a point that is not finite leaves a gap."""
    steps, pen = [], "M"
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        steps.append(f"{pen}{_n(x)} {_n(y)}")
        pen = "L"
    more = {"stroke_dasharray": dashes} if dashes else {}
    more |= {"stroke_opacity": str(opacity)} if opacity != 1.0 else {}
    return _tag("path", kind, d="".join(steps), fill="none", stroke="currentColor", stroke_width=1.5, **more)


def _end_labels(labels: Sequence[tuple[tuple[float, float], str, str]]) -> Markup:
    """Names at the ends of lines, moved apart where they would lie on each other."""
    content, last = Markup(""), -math.inf
    for (x, y), kind, name in sorted(labels, key=lambda label: label[0][1]):
        last = max(y + 4, last + 13)
        content += _text(_short(name, 12), x + 5, last, "start", f"label {kind}")
    return content


def _text(text: str, x: float, y: float, anchor: str, kind: str = "label") -> Markup:
    return Markup(
        '<text class="{}" x="{}" y="{}" text-anchor="{}" font-size="11" fill="currentColor">{}</text>'
    ).format(kind, _n(x), _n(y), anchor, visible(text))


def _svg(width: float, height: float, title: str, words: str, content: Markup, kind: str) -> Markup:
    shape = Markup('<svg class="chart {}" role="img" viewBox="0 0 {} {}" width="{}" height="{}">').format(
        kind, _n(width), _n(height), _n(width), _n(height)
    )
    named = Markup("<title>{}: {}</title>").format(visible(title), visible(words))
    return shape + named + content + Markup("</svg>")


def _tag(name: str, kind: str = "", **attributes: object) -> Markup:
    given = {"class": kind, **attributes} if kind else attributes
    written = " ".join(
        f'{key.replace("_", "-")}="{_n(value) if isinstance(value, float) else escape(str(value))}"'
        for key, value in given.items()
    )
    return Markup(f"<{name} {written}/>")


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _y(value: float, low: float, high: float, top: float, bottom: float) -> float:
    return bottom - (bottom - top) * ((value - low) / (high - low) if high > low else 0.5)


def _padded(low: float, high: float) -> Interval:
    """A range with a twentieth of room on both sides, and some where both ends are one number."""
    room = (high - low) * 0.05 or abs(low) * 0.05 or 0.5
    return low - room, high + room


def _reach(numbers: Iterable[float]) -> Interval:
    listed = list(numbers)
    return min(listed), max(listed)


def _of(names: Sequence[str], at: int) -> str:
    return names[at] if at < len(names) else str(at)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _n(number: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{number:.1f}".removesuffix(".0") if math.isfinite(number) else "0"


def _number(number: float) -> str:
    return rounded(number, _DIGITS)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
