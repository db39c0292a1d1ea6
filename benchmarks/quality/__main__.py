"""`python -m benchmarks.quality`: each table, five seeds, Millrace's defaults beside scikit-learn's."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Optional

import click
import numpy as np

from benchmarks.contenders import REPOSITORY
from benchmarks.quality import learners, results
from benchmarks.quality.kept import Trainings
from benchmarks.quality.learners import Result
from benchmarks.quality.results import Comparison
from benchmarks.quality.scores import METRICS, difference, score
from benchmarks.quality.tables import TABLES, Table
from millrace.base.errors import MillraceError

_NAMES = [table.name for table in TABLES]
_TRAININGS = "trainings"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("measured", nargs=-1, type=_FILE, metavar="[RESULTS]...")
@click.option("--table", "names", type=click.Choice(_NAMES), multiple=True, help="Only this one. Repeatable.")
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True, help="Trainings of each.")
@click.option("--change", "changes", multiple=True, metavar="SECTION.KEY=JSON", help="Another default. Repeatable.")
@click.option("--out", default=str(REPOSITORY / "runs/quality"), help="Folder for tables and models.")
@click.option("--json", "file", type=Path, help="The results, table by table; results.json in OUT when left out.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Tables at a time.")
@click.option("--resume", is_flag=True, help="Take the trainings that are in OUT, of a measurement that was cut off.")
@click.option("--quote", "pages", type=_FILE, multiple=True, help="Write the table between this page's marks.")
def main(
    measured: tuple[Path, ...],
    names: tuple[str, ...],
    seeds: int,
    changes: tuple[str, ...],
    out: str,
    file: Optional[Path],
    jobs: int,
    resume: bool,
    pages: tuple[Path, ...],
) -> None:
    """Measure how well Millrace's defaults learn beside scikit-learn's, on tables that come with Python packages.

    Same rows, same features; `eval` picks Millrace's best step, and is more to learn from for the others. With RESULTS,
    files that --json wrote in any number of processes, nothing is measured and their table is printed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if measured:
        done = results.read(measured, _NAMES)
    else:
        folder = Path(out).resolve()
        file = file or folder / "results.json"
        if not resume:
            for name in names or _NAMES:
                shutil.rmtree(folder / name / _TRAININGS, ignore_errors=True)
        if jobs > 1:
            options = ["--resume", "--seeds", str(seeds), "--out", str(folder)]
            options += [f"--change={change}" for change in changes]
            done = _side_by_side(names or _NAMES, options, jobs, folder)
            results.write(done, file)
        else:
            done = _measure(names or _NAMES, seeds, _sections(changes), folder, file)
    table = results.markdown(done, _NAMES)
    click.echo(table)
    try:
        for page in pages:
            results.quote(table, page)
    except MillraceError as error:
        raise click.ClickException(str(error)) from error


def _sections(changes: tuple[str, ...]) -> dict[str, dict[str, object]]:
    sections: dict[str, dict[str, object]] = {}
    for change in changes:
        key, _, value = change.partition("=")
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = json.loads(value)
    return sections


def _measure(
    names: Sequence[str], seeds: int, changes: dict[str, dict[str, object]], folder: Path, file: Path
) -> list[Comparison]:
    done = []
    for table in TABLES:
        if table.name in names:
            done.append(compare(table, seeds, changes, folder))
            click.echo(_line(done[-1]), err=True)
            results.write(done, file)
    return done


def _side_by_side(names: Sequence[str], options: Sequence[str], jobs: int, folder: Path) -> list[Comparison]:
    """Each table in a process of its own, so many at a time; all have their share of the cores."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    counted = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    environment = {**os.environ, **dict.fromkeys(counted, threads)}

    def measure(name: str) -> Path:
        file = folder / f"{name}.json"
        command = [sys.executable, "-m", "benchmarks.quality", "--table", name, "--json", str(file), *options]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"{name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        click.echo(f"{name}: measured", err=True)
        return file

    with ThreadPoolExecutor(jobs) as pool:
        return results.read(pool.map(measure, names), _NAMES)


def compare(table: Table, seeds: int, changes: dict[str, dict[str, object]], folder: Path) -> Comparison:
    """Trains every learner on one table, as far as that was not done before.

    Args:
        table: the table.
        seeds: trainings of Millrace, and of boosting.
        changes: of Millrace's sections `model` and `training`.
        folder: for all files.
    """
    prepared = learners.prepare(table, folder)
    task = learners.label_of(prepared).task
    features, truth = learners.raw(prepared, ("train", "eval"))
    test, expected = learners.raw(prepared, ("test",))
    trainings = Trainings(folder / table.name / _TRAININGS, {"changes": changes, "tfx": version("tfx")})

    def of_millrace(seed: int) -> Result:
        return learners.millrace(prepared, seed, folder / table.name / f"seed-{seed}", changes)

    def of_boosting(seed: int) -> Result:
        return learners.boosting(task, features, truth, test, seed)

    trained = {
        "millrace": [trainings.once(f"millrace-{seed}", partial(of_millrace, seed)) for seed in range(seeds)],
        "linear": [trainings.once("linear", lambda: learners.linear(task, features, truth, test))],
        "boosting": [trainings.once(f"boosting-{seed}", partial(of_boosting, seed)) for seed in range(seeds)],
    }
    by_seed = {name: [score(task, expected, one.predicted) for one in each] for name, each in trained.items()}
    scores = {name: mean(each) for name, each in by_seed.items()}
    best = (min if task == "regression" else max)(("linear", "boosting"), key=lambda name: scores[name])
    ours, theirs = ([one.predicted for one in trained[name]] for name in ("millrace", best))
    ahead = difference(task, expected, ours, theirs)
    return Comparison(
        table.name,
        len(truth) + len(expected),
        METRICS[task],
        seeds,
        scores,
        float(np.std(by_seed["millrace"], ddof=1)),
        best,
        ahead.mean,
        ahead.error,
        {name: mean(one.cpu_seconds for one in each) for name, each in trained.items()},
        version("tfx"),
        changes,
    )


def _line(of: Comparison) -> str:
    scores = "  ".join(f"{name} {value:.4g} ({of.cpu_seconds[name]:.1f} s)" for name, value in of.scores.items())
    return f"{of.table}: {scores}; ahead of {of.best} by {of.ahead:.3g} ± {of.error:.2g}"


if __name__ == "__main__":
    main()
