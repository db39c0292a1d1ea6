"""The plot: for each table one stacked bar a contender, seconds by stage, as an SVG that needs no library."""

from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.contenders import MILLRACE_CACHED
from benchmarks.report import Comparison

_WIDTH, _LEFT, _BAR, _GAP, _TITLE, _LEGEND = 900, 170, 22, 8, 34, 20
_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f")
_REST = "#d4d4d4"
_SHOWN = ("ExampleGen", "StatisticsGen", "Transform", "Trainer", "Evaluator", "InfraValidator")
_OTHER = "start, and all else"


def write_plot(comparisons: list[Comparison], path: Path) -> None:
    """Writes the plot; each table has a scale of its own."""
    parts, y = [], _GAP
    for comparison in comparisons:
        parts.append(_text(4, y + 16, f"{comparison.rows:,} rows, seconds", "font-weight='bold'"))
        y += _TITLE
        for name, bars in _bars(comparison).items():
            parts.append(_text(4, y + 15, name))
            whole = comparison.median(name, lambda run: run.seconds) or 0.0
            parts.extend(_bar(bars, whole, y, _longest(comparison)))
            y += _BAR + _GAP
    parts.extend(_legend(y + _LEGEND))
    height = y + 2 * _LEGEND + _GAP
    style = "font-family='sans-serif' font-size='13'"
    beside = path.with_suffix(".beside")
    beside.write_text(
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{height}' {style}>\n"
        f"<rect width='100%' height='100%' fill='white'/>\n" + "\n".join(parts) + "\n</svg>\n",
        encoding="utf-8",
    )
    beside.replace(path)


def _bars(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Seconds by stage of each contender; what no stage accounts for comes last."""
    result = {}
    for name in comparison.contenders():
        whole = comparison.median(name, lambda run: run.seconds) or 0.0
        shown = {} if name == MILLRACE_CACHED else {
            stage: comparison.stage(name, stage, lambda found: found.seconds) or 0.0 for stage in _SHOWN
        }  # fmt: skip
        result[name] = {**shown, _OTHER: max(whole - sum(shown.values()), 0.0)}
    return result


def _longest(comparison: Comparison) -> float:
    return max(comparison.median(name, lambda run: run.seconds) or 0.0 for name in comparison.contenders())


def _bar(bars: dict[str, float], whole: float, y: int, longest: float) -> list[str]:
    scale, x, parts = (_WIDTH - _LEFT - 70) / longest, float(_LEFT), []
    for stage, seconds in bars.items():
        width = seconds * scale
        title = f"<title>{escape(stage)}: {seconds:.2f} s</title>"
        box = f"x='{x:.1f}' y='{y}' width='{width:.1f}' height='{_BAR}' fill='{_colour(stage)}'"
        parts.append(f"<rect {box}>{title}</rect>")
        x += width
    return [*parts, _text(x + 6, y + 15, f"{whole:.1f}")]


def _legend(y: int) -> list[str]:
    parts, x = [], float(_LEFT)
    for stage in (*_SHOWN, _OTHER):
        parts.append(f"<rect x='{x:.0f}' y='{y - 10}' width='11' height='11' fill='{_colour(stage)}'/>")
        parts.append(_text(x + 15, y, stage, "font-size='11'"))
        x += 27 + 6.2 * len(stage)
    return parts


def _colour(stage: str) -> str:
    return _COLOURS[_SHOWN.index(stage)] if stage in _SHOWN else _REST


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' {style}>{escape(text)}</text>"
