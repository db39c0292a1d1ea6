"""`python -m benchmarks.wide`: tables of many columns, from `millrace init` to a pushed model."""

import json
import subprocess
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from benchmarks.contenders import REPOSITORY, Contender
from benchmarks.measure import Measured, RunFailed, measure
from benchmarks.wide import rows, stock
from millrace.init import plan

DEFAULTS = ("1000x100", "1000x857", "20000x3000", "500000x300")
_STOCK_COLUMNS = 100  # beyond, stock TFX takes more than half an hour
_LOAD = """
import sys, time
import tensorflow as tf
began, of_processor = time.perf_counter(), time.process_time()
tf.saved_model.load(sys.argv[1])
print(f"{time.perf_counter() - began:.1f} s, {time.process_time() - of_processor:.1f} s of processor")
"""


@click.command()
@click.option("--table", "tables", multiple=True, metavar="ROWSxCOLUMNS", help="Repeatable; 1000x857 and others.")
@click.option("--stock-columns", default=_STOCK_COLUMNS, show_default=True, help="Most columns that stock TFX gets.")
@click.option("--out", default=str(REPOSITORY / "runs/wide"), help="Folder for tables, runs and results.")
def main(tables: tuple[str, ...], stock_columns: int, out: str) -> None:
    """Measure runs of wide tables: seconds, processor seconds and memory, and the model's loading.

    Of each stage it prints the seconds, and those of processor in brackets: stages that run side by side have both.
    Writes results.json into OUT.
    """
    folder, console, done = Path(out).resolve(), Console(highlight=False, width=120), []
    for table in tables or DEFAULTS:
        count, _, columns = table.partition("x")
        file = rows.make(int(count), int(columns), folder / "data")
        runs = [_millrace(file, folder / f"millrace-{table}-{int(time.time())}")]
        if int(columns) <= stock_columns:
            runs.append(_stock(file, folder / f"stock-{table}-{int(time.time())}"))
        for contender in runs:
            try:
                measured = measure(contender, folder / f"{table}-{contender.name}.log")
            except RunFailed as failure:
                console.print(f"{table} {failure}")
                continue
            console.print(_line(table, measured) + _loading(contender), soft_wrap=True)
            done.append({"table": table, **measured.plain()})
            (folder / "results.json").write_text(json.dumps(done, indent=1), encoding="utf-8")


def _millrace(file: Path, project: Path) -> Contender:
    """`millrace run` of what `init` writes; a gate may say no, which costs no time."""
    began = time.perf_counter()
    plan.write(plan.make_plan([str(file)], rows.LABEL, "wide", project))
    print(f"init: {time.perf_counter() - began:.1f} s")
    command = (sys.executable, "-m", "millrace.cli.main", "run", "-c", str(project / "conf" / "wide.yaml"))
    return Contender("millrace", command, project / "runs" / "wide" / "metadata.db", "wide", accepted=(0, 3))


def _stock(file: Path, root: Path) -> Contender:
    root.mkdir(parents=True)
    command = (sys.executable, "-m", "benchmarks.wide.stock", str(file.parent), str(root))
    environment = {"TF_USE_LEGACY_KERAS": "1"}
    return Contender("stock", command, stock.metadata_file(root), stock.NAME, environment=environment)


def _line(table: str, run: Measured) -> str:
    stages = "  ".join(f"{name} {one.seconds:.1f} ({one.cpu_seconds:.1f})" for name, one in run.stages.items())
    whole = f"{run.seconds:.0f} s, {run.cpu_seconds:.0f} s of processor, {run.peak_mib / 1024:.2f} GiB"
    return f"{table} {run.contender}: {whole}\n  {stages}"


def _loading(contender: Contender) -> str:
    """The seconds that loading its model takes in a fresh process, without TensorFlow's own import."""
    models = sorted(contender.metadata.parent.glob("artifacts/Trainer/model/*/Format-Serving"))
    if not models:
        return ""
    loaded = subprocess.run([sys.executable, "-c", _LOAD, str(models[-1])], check=True, capture_output=True, text=True)
    return f"\n  loading {loaded.stdout.strip()}"


if __name__ == "__main__":
    main()
