"""What was measured: medians and ratios as a table on the terminal, as JSON and as a plot."""

import json
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Optional

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import MILLRACE, MILLRACE_CACHED, MILLRACE_REHEARSED, STOCK
from benchmarks.measure import Measured, Stage

WHOLE = "whole process"


@dataclass(frozen=True)
class Comparison:
    """All runs on one table; their ratios hold because they took turns on one machine."""

    rows: int
    runs: tuple[Measured, ...]

    def contenders(self) -> list[str]:
        """Their names, in the order of their first runs."""
        return list(dict.fromkeys(run.contender for run in self.runs))

    def stages(self) -> list[str]:
        """The stages of Millrace, then what only others have, in the order in which they began."""
        ordered = sorted(self.runs, key=lambda run: run.contender != MILLRACE)
        return list(dict.fromkeys(name for run in ordered for name in run.stages))

    def median(self, contender: str, value: Callable[[Measured], Optional[float]]) -> Optional[float]:
        """The median of a value over a contender's runs; None where it has none."""
        values = [value(run) for run in self.runs if run.contender == contender]
        known = [each for each in values if each is not None]
        return statistics.median(known) if known else None

    def stage(self, contender: str, name: str, value: Callable[[Stage], float]) -> Optional[float]:
        """The median of a stage's value."""
        return self.median(contender, lambda run: value(run.stages[name]) if name in run.stages else None)


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(psutil.Process().cpu_affinity() or []) or psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": [round(value, 2) for value in psutil.getloadavg()],
        "python": platform.python_version(),
        "tfx": version("tfx"),
        "tensorflow": version("tensorflow"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def show(comparison: Comparison, console: Console) -> None:
    """Prints one comparison: seconds by stage and of the whole, then the memory by stage."""
    names = sorted(comparison.contenders(), key=lambda name: name != MILLRACE)
    repeats = sum(run.contender == MILLRACE for run in comparison.runs)
    table = _table(f"{comparison.rows:,} rows, median of {repeats}", ["seconds", *names, f"of {STOCK}"])
    for stage in comparison.stages():
        _row(table, names, stage, partial(_stage_seconds, comparison, stage))
    table.add_section()
    _row(table, names, WHOLE, lambda name: comparison.median(name, lambda run: run.seconds))
    _row(table, names, "processor", lambda name: comparison.median(name, lambda run: run.cpu_seconds))
    _row(table, names, "peak MiB", lambda name: comparison.median(name, lambda run: run.peak_mib), "{:.0f}")
    console.print(table)
    rehearsed = comparison.median(MILLRACE_REHEARSED, lambda run: run.seconds)
    mine = comparison.median(MILLRACE, lambda run: run.seconds)
    if rehearsed and mine:
        console.print(f"{MILLRACE_REHEARSED}: {rehearsed / mine:.2f} of {MILLRACE}")
    console.print()
    _show_memory(comparison, console)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def _seconds(stage: Stage) -> float:
    return stage.seconds


def _stage_seconds(comparison: Comparison, stage: str, contender: str) -> Optional[float]:
    return comparison.stage(contender, stage, _seconds)


def _row(
    table: Table,
    names: Sequence[str],
    title: str,
    value: Callable[[str], Optional[float]],
    form: str = "{:.2f}",
) -> None:
    cells = [value(name) for name in names]
    table.add_row(title, *(form.format(cell) if cell is not None else "" for cell in cells), _ratio(value))


def _ratio(value: Callable[[str], Optional[float]]) -> str:
    ratio = _of_stock({name: value(name) for name in (MILLRACE, STOCK)})
    return "" if ratio is None else f"{ratio:.3f}"


def _of_stock(medians: Mapping[str, Optional[float]]) -> Optional[float]:
    mine, stock = medians.get(MILLRACE), medians.get(STOCK)
    return mine / stock if mine is not None and stock else None


def _show_memory(comparison: Comparison, console: Console) -> None:
    names = [name for name in comparison.contenders() if name != MILLRACE_CACHED]
    table = _table("peak MiB while a stage ran", ["", *names])
    for stage in comparison.stages():
        peaks = [comparison.stage(name, stage, lambda found: found.peak_mib) for name in names]
        if any(peaks):
            table.add_row(stage, *(f"{peak:.0f}" if peak else "" for peak in peaks))
    console.print(table)
    console.print()


def write_json(comparisons: Iterable[Comparison], about: dict[str, Any], path: Path) -> None:
    """Writes every run, and the medians and ratios of each comparison."""
    content = {"machine": about, "comparisons": [_plain(comparison) for comparison in comparisons]}
    beside = path.with_suffix(".beside")
    beside.write_text(json.dumps(content, indent=1))
    beside.replace(path)


def _plain(comparison: Comparison) -> dict[str, Any]:
    names = comparison.contenders()
    whole = {name: comparison.median(name, lambda run: run.seconds) for name in names}
    processor = {name: comparison.median(name, lambda run: run.cpu_seconds) for name in names}
    stages = {stage: {name: comparison.stage(name, stage, _seconds) for name in names} for stage in comparison.stages()}
    medians = {WHOLE: whole, "processor": processor, **stages}
    ratios = {key: ratio for key, of in medians.items() if (ratio := _of_stock(of)) is not None}
    return {
        "rows": comparison.rows,
        "median_seconds": medians,
        "of_stock": ratios,
        "runs": [run.plain() for run in comparison.runs],
    }
