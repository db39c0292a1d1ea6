"""`millrace runs`: the runs that ML Metadata remembers, with their metrics and verdicts."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Optional

import click

from millrace.base import tables
from millrace.base.outcomes import blessing
from millrace.base.tables import TableColumn
from millrace.cli.options import config_options
from millrace.components.evaluator.gate_report import OVERALL, GateReport
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.metadata import records
from millrace.metadata.run_folder import RunFolder
from millrace.metadata.run_folder import runs as run_folders


@dataclass(frozen=True)
class RunRow:
    """One run, as it is shown.

    Args:
        run_id: the run's id.
        state: running, done, cached, refused, failed, blocked, interrupted or killed.
        started: local time, ISO 8601.
        seconds: from its first to its last change.
        metrics: the Evaluator's overall metrics, by TFMA's names.
        judged: those of them that have a threshold, by the configuration's names.
        blessed: the Evaluator's verdict; None when it did not get that far.
        infra_blessed: the InfraValidator's verdict; None when it did not get that far.
        pushed_to: where the model went; empty when it did not.
        reason: why the run did not push a model; empty when it did.
    """

    run_id: str
    state: str
    started: str
    seconds: float
    metrics: dict[str, float]
    judged: dict[str, float]
    blessed: Optional[bool]
    infra_blessed: Optional[bool]
    pushed_to: str
    reason: str


@click.command()
@config_options
@click.option("-n", "--last", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(config_file: str, overrides: tuple[str, ...], last: int, as_json: bool) -> None:
    """List runs with their metrics and verdicts, the newest last."""
    config = load(config_file, overrides)
    rows = _rows(config)[-last:]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    elif rows:
        _print(rows)
    else:
        click.echo(f"no run of {config.name} yet: millrace run -c {config_file}")


def _rows(config: Config) -> list[RunRow]:
    folders = {folder.run_id: folder for folder in run_folders(layout(config).logs)}
    store = records.open_store(config) if folders else None
    return [_row(run, folders.get(run.run_id)) for run in (records.runs(store, config.name) if store else [])]


def _row(run: records.RunRecord, folder: Optional[RunFolder]) -> RunRow:
    report = records.gate_report(run)
    return RunRow(
        run_id=run.run_id,
        state=_state(run, folder),
        started=time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(run.started / 1000)),
        seconds=round((run.ended - run.started) / 1000, 1),
        metrics=report.metrics if report else {},
        judged=_overall(report) if report else {},
        blessed=records.blessing(run, "Evaluator"),
        infra_blessed=records.blessing(run, "InfraValidator"),
        pushed_to=records.pushed_to(run),
        reason=_reason(run),
    )


def _overall(report: GateReport) -> dict[str, float]:
    return {row.metric: row.value for row in report.rows if row.slice == OVERALL and row.value is not None}


def _state(run: records.RunRecord, folder: Optional[RunFolder]) -> str:
    code = folder.exit_code() if folder else None
    if code is None and folder and not folder.is_alive():
        return "killed"
    by_code = {3: "blocked" if run.state == "failed" else "refused", 130: "interrupted"}
    return by_code.get(code, "failed" if code else run.state) if code is not None else run.state


def _reason(run: records.RunRecord) -> str:
    failures = [record.failure for record in run.stages.values() if record.failure]
    refusals = [
        records.reason(run, judge) for judge in ("Evaluator", "InfraValidator") if records.blessing(run, judge) is False
    ]
    return next(iter([*failures, *refusals]), "")


def _print(rows: list[RunRow]) -> None:
    columns = (
        TableColumn("run"),
        TableColumn("state"),
        TableColumn("seconds", right=True),
        TableColumn("metrics"),
        TableColumn("evaluator"),
        TableColumn("infra"),
        TableColumn("pushed", folds=True),
    )
    tables.show(columns, map(_cells, rows))


def _cells(row: RunRow) -> tuple[str, ...]:
    pushed = row.pushed_to.rpartition("/")[2] or row.reason.partition("\n")[0]
    judges = blessing(row.blessed), blessing(row.infra_blessed)
    return (row.run_id, row.state, f"{row.seconds:.1f}", _judged(row), *judges, pushed)


def _judged(row: RunRow) -> str:
    """The overall metrics that have a threshold; those without are in the JSON."""
    return "\n".join(f"{name} {value:.4f}" for name, value in row.judged.items())
