"""`python -m benchmarks.quality`: each table, five seeds, Millrace's defaults beside scikit-learn's."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import click
import numpy as np
from rich.console import Console
from rich.table import Table as Printed

from benchmarks.contenders import REPOSITORY
from benchmarks.quality import learners
from benchmarks.quality.scores import METRICS, difference, score
from benchmarks.quality.tables import TABLES, Table

_NAMES = [table.name for table in TABLES]


@dataclass(frozen=True)
class Comparison:
    """One table.

    Attributes:
        table: its name.
        rows: of all splits.
        metric: what is compared.
        scores: of each learner, the mean over the seeds.
        spread: of Millrace's scores over the seeds, a standard deviation.
        best: the better of scikit-learn's two.
        ahead: how much better Millrace is than it; below 0 where it is worse.
        error: the standard error of that.
        seconds: of a training, by learner.
    """

    table: str
    rows: int
    metric: str
    scores: dict[str, float]
    spread: float
    best: str
    ahead: float
    error: float
    seconds: dict[str, float]

    @property
    def level(self) -> bool:
        """Whether Millrace is no worse, within one standard error."""
        return self.ahead >= -self.error


@click.command()
@click.option("--table", "names", type=click.Choice(_NAMES), multiple=True, help="Only this one. Repeatable.")
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True, help="Trainings of each.")
@click.option("--change", "changes", multiple=True, metavar="SECTION.KEY=JSON", help="Another default. Repeatable.")
@click.option("--out", default=str(REPOSITORY / "runs/quality"), help="Folder for tables, models and results.")
def main(names: tuple[str, ...], seeds: int, changes: tuple[str, ...], out: str) -> None:
    """Measure how well Millrace's defaults learn beside scikit-learn's, on tables that come with Python packages.

    Same rows, same features; `eval` picks Millrace's best step, and is more to learn from for the others. Writes
    results.json into OUT.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder, console = Path(out).resolve(), Console(highlight=False, width=110)
    changed: dict[str, dict[str, object]] = {}
    for change in changes:
        key, _, value = change.partition("=")
        section, _, name = key.partition(".")
        changed.setdefault(section, {})[name] = json.loads(value)
    done = []
    for table in TABLES:
        if names and table.name not in names:
            continue
        done.append(compare(table, seeds, changed, folder))
        console.print(_line(done[-1]), soft_wrap=True)
        (folder / "results.json").write_text(json.dumps([asdict(each) for each in done], indent=1), encoding="utf-8")
    console.print(_printed(done))
    level = sum(each.level for each in done)
    console.print(f"no worse than the better of the two, within one standard error: {level} of {len(done)}")


def compare(table: Table, seeds: int, changes: dict[str, dict[str, object]], folder: Path) -> Comparison:
    """Trains every learner on one table.

    Args:
        table: the table.
        seeds: trainings of Millrace, and of boosting.
        changes: of Millrace's sections `model` and `training`.
        folder: for all files.
    """
    prepared = learners.prepare(table, folder)
    task = prepared.config.label.task
    features, truth = learners.raw(prepared, ("train", "eval"))
    test, expected = learners.raw(prepared, ("test",))
    results = {
        "millrace": [
            learners.millrace(prepared, seed, folder / table.name / f"seed-{seed}", changes) for seed in range(seeds)
        ],
        "linear": [learners.linear(task, features, truth, test)],
        "boosting": [learners.boosting(task, features, truth, test, seed) for seed in range(seeds)],
    }
    by_seed = {name: [score(task, expected, one.predicted) for one in each] for name, each in results.items()}
    scores = {name: mean(each) for name, each in by_seed.items()}
    best = (min if task == "regression" else max)(("linear", "boosting"), key=lambda name: scores[name])
    ours, theirs = ([one.predicted for one in results[name]] for name in ("millrace", best))
    ahead = difference(task, expected, ours, theirs)
    return Comparison(
        table.name,
        len(truth) + len(expected),
        METRICS[task],
        scores,
        float(np.std(by_seed["millrace"], ddof=1)),
        best,
        ahead.mean,
        ahead.error,
        {name: mean(one.seconds for one in each) for name, each in results.items()},
    )


def _line(of: Comparison) -> str:
    scores = "  ".join(f"{name} {value:.4g} ({of.seconds[name]:.1f} s)" for name, value in of.scores.items())
    return f"{of.table}: {scores}; ahead of {of.best} by {of.ahead:.3g} ± {of.error:.2g}"


def _printed(done: list[Comparison]) -> Printed:
    printed = Printed(box=None, pad_edge=False)
    printed.add_column("table")
    for column in ("rows", "", "millrace", "linear", "boosting", "ahead", "seconds"):
        printed.add_column(column, justify="left" if not column else "right")
    for of in done:
        printed.add_row(
            of.table,
            f"{of.rows:,}",
            of.metric,
            f"{of.scores['millrace']:.4g} ± {of.spread:.1g}",
            f"{of.scores['linear']:.4g}",
            f"{of.scores['boosting']:.4g}",
            f"{of.ahead:+.2g} ± {of.error:.1g}" + ("" if of.level else " *"),
            " ".join(f"{seconds:.1f}" for seconds in of.seconds.values()),
        )
    return printed


if __name__ == "__main__":
    main()
