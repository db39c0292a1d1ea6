"""`python -m benchmarks`: Millrace and stock TFX take turns on the same rows, and the medians are compared."""

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from benchmarks import plot, report, rows
from benchmarks.contenders import REPOSITORY, Contender, millrace, rehearsed, stock_tfx
from benchmarks.measure import Measured, RunFailed, measure

Contenders = Callable[[Path, Path], Iterator[Contender]]

_DEFAULT_ROWS = (15_000, 500_000)
_WIDTH = 120  # of what is printed where no terminal says how wide it is


@click.command()
@click.option("--rows", "sizes", type=click.IntRange(1000), multiple=True, help="Rows of a table. Repeatable.")
@click.option("--repeat", type=click.IntRange(1), default=3, show_default=True, help="Runs of each; medians count.")
@click.option("--as-shipped", is_flag=True, help="Also run stock TFX as its example is shipped: Beam, many processes.")
@click.option("--rehearse", is_flag=True, help="Also rehearse the compiled job, and compare with the run.")
@click.option("--out", default=str(REPOSITORY / "runs/benchmarks"), help="Folder for tables, runs and results.")
@click.option("--keep", is_flag=True, help="Keep what the runs made.")
def main(sizes: tuple[int, ...], repeat: int, as_shipped: bool, rehearse: bool, out: str, keep: bool) -> None:
    """Measure Millrace beside stock TFX: seconds, processor seconds and memory, whole and by stage.

    Writes results.json and results.svg into OUT. 5 million rows take stock TFX about half an hour a run.
    """
    folder = Path(out).resolve()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    folder.mkdir(parents=True, exist_ok=True)
    about, done = report.machine(), []
    console.print("  ".join(f"{key} {value}" for key, value in about.items()), soft_wrap=True)
    for size in sizes or _DEFAULT_ROWS:
        comparison = _compare(size, repeat, partial(_contenders, as_shipped, rehearse), folder, keep, console)
        report.show(comparison, console)
        done.append(comparison)
        # After each table, so that a long invocation that is stopped leaves what it has.
        report.write_json(done, about, folder / "results.json")
        plot.write_plot(done, folder / "results.svg")
    console.print(f"written: {folder / 'results.json'} and results.svg")


def _compare(
    size: int, repeat: int, contenders: Contenders, folder: Path, keep: bool, console: Console
) -> report.Comparison:
    data = rows.make(size, folder / "data")
    runs: list[Measured] = []
    for turn in range(repeat):
        root = folder / f"run-{size}-{turn}"
        shutil.rmtree(root, ignore_errors=True)
        for contender in contenders(data, root):
            runs.append(_measured(contender, root / f"{len(runs)}.log"))
            last = runs[-1]
            console.print(
                f"  {size:,} rows, {turn + 1} of {repeat}: {last.contender:<19} {last.seconds:7.1f} s"
                f"  processor {last.cpu_seconds:7.1f} s  peak {last.peak_mib:6.0f} MiB"
            )
        if not keep:
            shutil.rmtree(root, ignore_errors=True)
    return report.Comparison(size, tuple(runs))


def _contenders(as_shipped: bool, rehearse: bool, data: Path, root: Path) -> Iterator[Contender]:
    mine = root / "millrace"
    yield millrace(data, mine)
    yield millrace(data, mine, cached=True)
    if rehearse:
        yield rehearsed(data, root / "rehearsed")
    yield stock_tfx(data, _made(root / "stock"))
    if as_shipped:
        yield stock_tfx(data, _made(root / "shipped"), as_shipped=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _measured(contender: Contender, log: Path) -> Measured:
    try:
        return measure(contender, log)
    except RunFailed as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
