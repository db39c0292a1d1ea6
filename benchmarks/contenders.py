"""Who is measured, and the command that each of them is."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import stock

MILLRACE = "millrace"
MILLRACE_CACHED = "millrace, cached"
MILLRACE_REHEARSED = "millrace, rehearsed"
STOCK = "stock, in memory"
STOCK_SHIPPED = "stock, as shipped"

REPOSITORY = Path(__file__).parents[1]
# Stages that do the same work under another name.
STAGE_NAMES = {"CsvExampleGen": "ExampleGen", "latest_blessed_model_resolver": "LatestBlessedModel"}


@dataclass(frozen=True)
class Contender:
    """One way to run a pipeline.

    Attributes:
        name: as the report calls it.
        command: what is started, in the repository's folder.
        metadata: the SQLite file of its ML Metadata.
        pipeline: the pipeline's name there.
        accepted: exit codes of a run that went through; a gate may say no, since that costs no time.
        environment: variables that it needs beside this process's.
    """

    name: str
    command: tuple[str, ...]
    metadata: Path
    pipeline: str
    accepted: tuple[int, ...] = (0,)
    environment: Mapping[str, str] = field(default_factory=dict)


def millrace(data: Path, root: Path, *, cached: bool = False) -> Contender:
    """`millrace run` on the taxi pipeline with stock's training work; `cached` runs again where it ran before."""
    name = MILLRACE_CACHED if cached else MILLRACE
    return _millrace(name, ("run",), data, root)


def rehearsed(data: Path, root: Path) -> Contender:
    """`millrace rehearse` on the same: compiled for Vertex AI, then run task by task."""
    return _millrace(MILLRACE_REHEARSED, ("rehearse", "--no-cache"), data, root)


def _millrace(name: str, command: tuple[str, ...], data: Path, root: Path) -> Contender:
    settings = {
        "root": root,
        "data.path": data,
        "training.steps": stock.STEPS,
        "training.batch_size": stock.BATCH_SIZE,
        "training.eval_steps": stock.EVAL_STEPS,
        "training.patience": "null",
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    started = (sys.executable, "-m", "millrace.cli.main", *command, *options)
    return Contender(name, started, root / "metadata.db", "taxi", accepted=(0, 3))


def stock_tfx(data: Path, root: Path, *, as_shipped: bool = False) -> Contender:
    """TFX's own taxi pipeline."""
    runner = "as_shipped" if as_shipped else "in_memory"
    command = (sys.executable, "-m", "benchmarks.stock", str(data), str(root), runner)
    name = STOCK_SHIPPED if as_shipped else STOCK
    return Contender(name, command, stock.metadata_file(root), stock.NAME, environment=stock.ENVIRONMENT)
