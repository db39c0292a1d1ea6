"""Pictures of a run as SVG: its graph with states, and the times of its stages. Colours come from the style sheet."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from markupsafe import Markup

from millrace.base.numbers import rounded
from millrace.base.visible import visible
from millrace.console.charts import ticks
from millrace.console.formats import duration
from millrace.console.page import address
from millrace.metadata.run_details import StageDetail
from millrace.metadata.stage_graph import layers, without_detours

_WIDTH, _HEIGHT = 116, 52
_GAP_X, _GAP_Y = 20, 12
# Of half a line's width at least.
_MARGIN = 3
# What a line of a node holds.
_LETTERS = 15
_BAR = 220


@dataclass(frozen=True)
class DrawnNode:
    """A box of a graph.

    Args:
        id: by which edges name it.
        name: what it is called; in two lines where it is long.
        under: a few words below the name.
        kind: a state, which gives it its mark and its colour, or another class of the style sheet.
        title: what is said of it on hover.
        address: where it leads.
        marked: whether its kind is a state, with a mark.
    """

    id: str
    name: str
    under: str
    kind: str
    title: str
    address: str
    marked: bool = True


def graph(
    stages: Sequence[StageDetail], upstream: Mapping[str, tuple[str, ...]], said_no: Collection[str] = ()
) -> Markup:
    """The graph of a run, from left to right; each stage leads to its row in the table.

    Args:
        stages: of the run.
        upstream: the stages that each waits for.
        said_no: the judges that did their work, and did not bless the model.
    """
    nodes = [
        DrawnNode(
            id=one.stage,
            name=visible(one.stage),
            under=one.state if one.seconds is None else duration(one.seconds),
            kind="not-blessed" if one.stage in said_no else one.state.replace(" ", "-"),
            title=f"{visible(one.stage)}: {one.state}"
            + ("" if one.seconds is None else f", {duration(one.seconds)}")
            + (", not blessed" if one.stage in said_no else ""),
            address=f"#stage-{visible(one.stage)}",
        )
        for one in stages
    ]
    return boxes(nodes, upstream, f"The graph: {len(stages)} stages; the table below says the same in words")


def boxes(
    nodes: Sequence[DrawnNode], upstream: Mapping[str, tuple[str, ...]], title: str, in_report: bool = False
) -> Markup:
    """A graph without circles, from left to right.

    Args:
        nodes: its boxes, in the order in which they are read.
        upstream: for each box those that it comes from, by their ids.
        title: what it is, for who does not see it.
        in_report: whether it stands in a file, where a box leads to places of that file alone.
    """
    columns = _ordered(layers([one.id for one in nodes], upstream), upstream)
    tallest = max(map(len, columns), default=0)
    places = {
        name: (
            x * (_WIDTH + _GAP_X) + _MARGIN,
            round((tallest - len(column)) * (_HEIGHT + _GAP_Y) / 2 + y * (_HEIGHT + _GAP_Y)) + _MARGIN,
        )
        for x, column in enumerate(columns)
        for y, name in enumerate(column)
    }
    width = len(columns) * (_WIDTH + _GAP_X) - _GAP_X + 2 * _MARGIN
    height = tallest * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    edges = Markup("").join(
        _edge(places[one], places[name]) for name, of_name in without_detours(upstream).items() for one in of_name
    )
    drawn = Markup("").join(
        _node(one, *places[one.id], leads=not in_report or one.address.startswith("#")) for one in nodes
    )
    return Markup(
        '<svg class="graph" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group" aria-label="{2}">{3}{4}</svg>'
    ).format(width, height, title, edges, drawn)


def _ordered(columns: Sequence[list[str]], upstream: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Each column in the order of what its stages wait for, so that few edges cross."""
    place: dict[str, float] = {}
    result = []
    for column in columns:

        def middle(name: str) -> float:
            above = [place[one] for one in upstream.get(name, ()) if one in place]
            return sum(above) / len(above) if above else 0.5

        ordered = sorted(column, key=middle)
        place.update({name: (at + 0.5) / len(ordered) for at, name in enumerate(ordered)})
        result.append(ordered)
    return result


def _edge(start: tuple[int, int], end: tuple[int, int]) -> Markup:
    x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + _HEIGHT // 2, end[0], end[1] + _HEIGHT // 2
    bend = _GAP_X // 2
    return Markup('<path class="edge" d="M{} {}C{} {} {} {} {} {}"/>').format(
        x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2
    )


def _node(node: DrawnNode, x: int, y: int, leads: bool) -> Markup:
    lines = Markup("").join(
        Markup('<text class="name" x="{}" y="{}">{}</text>').format(x + 9, y + 16 + 13 * at, line)
        for at, line in enumerate(_lines(node.name))
    )
    mark = Markup('<use href="#s-{}" class="s" x="{}" y="{}" width="12" height="12"/>').format(
        node.kind, x + 9, y + _HEIGHT - 18
    )
    start = Markup('<a href="{}" class="node {}">') if leads else Markup('<g data-of="{}" class="node {}">')
    return start.format(node.address, node.kind) + Markup(
        '<title>{title}</title><rect x="{x}" y="{y}" width="{w}" height="{h}" rx="5"/>{lines}'
        '{mark}<text class="under" x="{tx}" y="{uy}">{under}</text></{end}>'
    ).format(
        end="a" if leads else "g", title=node.title, under=node.under, x=x, y=y, w=_WIDTH, h=_HEIGHT, lines=lines,
        mark=mark if node.marked else "", tx=x + (26 if node.marked else 9), uy=y + _HEIGHT - 8,
    )  # fmt: skip


def _lines(name: str) -> list[str]:
    """A stage's name in one line or two, broken where a word of it begins."""
    if len(name) <= _LETTERS:
        return [name]
    starts = [word.start() for word in re.finditer(r"(?<=[a-z0-9])(?=[A-Z_.-])", name) if word.start() <= _LETTERS]
    cut = starts[-1] if starts else _LETTERS
    rest = name[cut:]
    return [name[:cut], rest if len(rest) <= _LETTERS else f"{rest[: _LETTERS - 1]}…"]


def bar(began: Optional[float], seconds: Optional[float], whole: float, state: str) -> Markup:
    """When a stage ran within its run, and how long.

    Args:
        began: seconds after the run's first stage; None before its turn.
        seconds: how long it ran.
        whole: seconds of the whole run.
        state: its state, for the colour.
    """
    if began is None or seconds is None or whole <= 0:
        return Markup("")
    x = max(0.0, min(began / whole, 1.0)) * _BAR
    width = min(max(2.0, seconds / whole * _BAR), _BAR - min(x, _BAR - 2))
    return Markup(
        '<svg class="bar-of-time {}" viewBox="0 0 {} 12" width="{}" height="12" role="img" aria-label="{}">'
        '<path class="ground" d="M0 6H{}"/><rect x="{:.1f}" y="1.5" width="{:.1f}" height="9" rx="1.5"/></svg>'
    ).format(state.replace(" ", "-"), _BAR, _BAR, f"{duration(seconds)}, from {duration(began)} on", _BAR, x, width)


class PlottedPoint(Protocol):
    """A run as a point."""

    @property
    def run_id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def x(self) -> float: ...
    @property
    def y(self) -> float: ...


_PLOT_WIDTH, _PLOT_HEIGHT = 640, 260
_LEFT, _BOTTOM, _EDGE = 62, 38, 14


def scatter(points: Sequence[PlottedPoint], x: str, y: str, in_report: bool = False) -> Markup:
    """Runs as points; each leads to its run.

    Args:
        points: with `run_id`, `state`, `x` and `y`.
        x: what is plotted to the right.
        y: what is plotted upwards.
        in_report: whether it stands in a file, where no run has an address.
    """
    across = _Axis([one.x for one in points], _LEFT, _PLOT_WIDTH - _EDGE)
    upwards = _Axis([one.y for one in points], _PLOT_HEIGHT - _BOTTOM, _EDGE)
    parts = [Markup('<path class="axis" d="M{0} {1}V{2}H{3}"/>').format(
        _LEFT, _EDGE, _PLOT_HEIGHT - _BOTTOM, _PLOT_WIDTH - _EDGE
    )]  # fmt: skip
    for value in across.ticks:
        parts.append(
            Markup('<text class="tick" text-anchor="middle" x="{:.1f}" y="{}">{}</text>').format(
                across.place(value), _PLOT_HEIGHT - _BOTTOM + 15, rounded(value, 3)
            )
        )
    for value in upwards.ticks:
        parts.append(
            Markup(
                '<path class="grid" d="M{} {y:.1f}H{}"/>'
                '<text class="tick" text-anchor="end" x="{}" y="{under:.1f}">{}</text>'
            ).format(
                _LEFT,
                _PLOT_WIDTH - _EDGE,
                _LEFT - 6,
                rounded(value, 4),
                y=upwards.place(value),
                under=upwards.place(value) + 4,
            )
        )
    for one in points:
        said = f"{one.run_id} ({one.state}): {x} {rounded(one.x, 4)}, {y} {rounded(one.y, 4)}"
        dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4.5"><title>{}</title></circle>').format(
            one.state.replace(" ", "-"), across.place(one.x), upwards.place(one.y), said
        )
        parts.append(dot if in_report else Markup('<a href="{}">{}</a>').format(address("runs", one.run_id), dot))
    parts.append(
        Markup('<text class="axis-name" text-anchor="end" x="{}" y="{}">{}</text>').format(
            _PLOT_WIDTH - _EDGE, _PLOT_HEIGHT - 5, visible(x)
        )
    )
    return Markup('<svg class="scatter" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>').format(
        _PLOT_WIDTH, _PLOT_HEIGHT, f"{visible(y)} against {visible(x)}, {len(points)} runs", Markup("").join(parts)
    )


class _Axis:
    """Numbers onto a line of the picture: by their logarithm where they span more than two powers of ten."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values, default=0.0), max(values, default=1.0)
        self._log = low > 0 and high / low >= 100
        low, high = self._scaled(low), self._scaled(high)
        margin = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
        self._low, self._high, self._start, self._end = low - margin, high + margin, start, end

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def place(self, value: float) -> float:
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    @property
    def ticks(self) -> list[float]:
        """Round numbers; powers of ten where the axis is a logarithm."""
        if not self._log:
            return ticks(self._low, self._high, 5)
        return [10.0**power for power in range(math.ceil(self._low), math.floor(self._high) + 1)]
