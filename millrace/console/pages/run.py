"""One run: the one reason first, then what proves it, the graph, why each stage ran, and what it was made from."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Optional, Union
from urllib.parse import quote

from millrace.base.errors import DataError
from millrace.base.outcomes import State
from millrace.base.plain_values import flat
from millrace.comparison.made_trials import why_made_trial, without_trial
from millrace.components import stage_ids
from millrace.components.data_gate.findings import Finding
from millrace.components.data_gate.report import SAYS, read_warnings, recorded
from millrace.components.evaluator.gate_report import GateReport, Row, load
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.config.trials import as_asked
from millrace.console.page import GoTo, Hit, Page, PageRequest, Table, address
from millrace.console.pages.models import CurveGroup, curve_groups
from millrace.console.pages.runs import RunRow, asked_again, named_run, row
from millrace.metadata import provenance
from millrace.metadata.evaluations import SliceMetric, by_slice
from millrace.metadata.provenance import Provenance
from millrace.metadata.run_details import RunDetail, StageDetail, run_detail
from millrace.metadata.run_folder import RunRequest
from millrace.metadata.run_summaries import Runs, RunSummary
from millrace.metadata.stage_graph import upstream_stages
from millrace.project import default_configuration
from millrace.training import curves

_NOTHING = "–"


@dataclass(frozen=True)
class StageSpan:
    """When a stage ran.

    Args:
        stage: its id.
        began: seconds after the run's first stage began; None before its turn.
        seconds: how long it ran.
    """

    stage: str
    began: Optional[float]
    seconds: Optional[float]


@dataclass(frozen=True)
class SettingChange:
    """One value of the configuration that is not as in the run before.

    Args:
        key: dotted.
        before: as YAML has it; a dash where it was not there.
        after: as YAML has it; a dash where it is not there.
        by: `--set`, `--set before` where the run before was given it, `the file`.
    """

    key: str
    before: str
    after: str
    by: str


@dataclass(frozen=True)
class RunView:
    """What is shown of a run.

    Args:
        run: all that is known of it.
        row: what became of its model, in a few words.
        headline: the first line of why it ended so; empty for a run that went well.
        more: the lines that follow that one, such as a table.
        remedy: what to do.
        blocked: what DataGate found and stopped it for; none where it did not, or the record does not tell.
        by_data: whether DataGate ended it.
        gate: the Evaluator's report; None where there is none, or its files are gone.
        failed_rows: its rows that failed.
        unjudged_rows: those that were not judged.
        passed_rows: those that passed.
        slices: what was measured on the whole and on each slice, by metric.
        warnings: what DataGate warned of.
        warnings_problem: why that cannot be told; empty where it can.
        upstream: the stages that each stage waits for.
        times: when each stage ran.
        before: the id of the run before; empty for the first.
        changes: what differs in its configuration; None where one of the two runs did not write it down.
        trial: why it is a trial, where nobody set that; empty where it is none.
        settings: every value of the configuration, as text by dotted key.
        gone: the folders of artifacts that are not there any more.
        curves: of the training that goes on.
        has_data: whether there are statistics of its data.
        has_model: whether it trained or measured a model.
        again: the command that runs it again as it was, with the code and the schema that it had.
        rerun: the command that asks for the same once more, of the code and the schema of now.
        live: whether it runs.
    """

    run: RunDetail
    row: RunRow
    headline: str
    more: str
    remedy: str
    blocked: tuple[Finding, ...]
    by_data: bool
    gate: Optional[GateReport]
    failed_rows: tuple[Row, ...]
    unjudged_rows: tuple[Row, ...]
    passed_rows: tuple[Row, ...]
    slices: Mapping[str, Mapping[str, SliceMetric]]
    warnings: tuple[Finding, ...]
    warnings_problem: str
    upstream: dict[str, tuple[str, ...]]
    times: tuple[StageSpan, ...]
    before: str
    changes: Optional[tuple[SettingChange, ...]]
    trial: str
    settings: dict[str, str]
    gone: tuple[str, ...]
    curves: tuple[CurveGroup, ...]
    has_data: bool
    has_model: bool
    again: str
    rerun: str
    live: bool

    @property
    def whole(self) -> float:
        """Seconds from the first stage's beginning to the last one's end."""
        return max((one.began + (one.seconds or 0.0) for one in self.times if one.began is not None), default=0.0)


def view(request: PageRequest) -> Union[RunView, GoTo]:
    """The run that the address names; as commands do, by `last` or the beginning of its id, too."""
    runs, run_id = Runs(request.config), request.path["run"]
    detail = run_detail(runs, run_id, request.now)
    if detail is None:
        return GoTo(address("runs", named_run(runs, run_id)))
    gate = load(detail.gate_report) if detail.gate_report else None
    rows = gate.rows if gate else ()
    before = _run_before(runs, run_id)
    now, then = detail.provenance, _made_from(runs, before) if before else None
    trial = why_made_trial(now, detail.request)
    any_trial = bool(trial or (before and why_made_trial(then, _request(runs, before))))
    settings = flat(now.configuration) if now else {}
    warnings, warnings_problem = _warnings(detail)
    first, _, more = _reason(detail).partition("\n")
    option = default_configuration.option(request.config.file, request.config.environment)
    return RunView(
        run=detail,
        row=row(detail.summary),
        headline=first.strip(),
        more=more.strip("\n"),
        remedy=detail.remedy,
        blocked=tuple(one for one in _refused(detail) if one.action == "block"),
        by_data=bool(detail.failure and detail.failure.what.startswith(SAYS)),
        gate=gate,
        failed_rows=tuple(one for one in rows if one.verdict == "fail"),
        unjudged_rows=tuple(one for one in rows if one.verdict == "not judged"),
        passed_rows=tuple(one for one in rows if one.verdict == "pass"),
        slices=by_slice(detail.metrics),
        warnings=warnings,
        warnings_problem=warnings_problem,
        upstream=upstream_stages(runs, run_id, {one.stage: one.execution for one in detail.stages}),
        times=_times(detail.stages),
        before=before,
        changes=_changes(then, now, any_trial) if now and then else None,
        trial=trial,
        settings=settings,
        gone=tuple(sorted({one.path for stage in detail.stages for one in stage.outputs if not one.there})),
        curves=_curves_so_far(request.config, detail),
        has_data=detail.output(stage_ids.STATISTICS_GEN, "statistics") is not None,
        has_model=bool(detail.summary.metrics)
        or detail.summary.blessed is not None
        or detail.output(stage_ids.TRAINER, "model") is not None,
        again=f"millrace runs repeat {run_id}{option}",
        rerun=asked_again(request.config, detail.request),
        live=detail.summary.state is State.RUNNING,
    )


def _warnings(detail: RunDetail) -> tuple[tuple[Finding, ...], str]:
    """What DataGate warned of, or why that cannot be told; a run that it refused has no report."""
    try:
        if detail.data_report:
            return tuple(read_warnings(Path(detail.data_report))), ""
        return tuple(one for one in _refused(detail) if one.action == "warn"), ""
    except DataError as error:
        return (), str(error).partition("\n")[0]


def _refused(detail: RunDetail) -> Sequence[Finding]:
    return recorded(detail.failure) if detail.failure else ()


def _made_from(runs: Runs, run_id: str) -> Optional[Provenance]:
    """What another run was made from; None where it did not write that down."""
    folder = runs.folder(run_id)
    return provenance.read(folder.path) if folder else None


def _request(runs: Runs, run_id: str) -> Optional[RunRequest]:
    folder = runs.folder(run_id)
    return folder.request() if folder else None


def _reason(detail: RunDetail) -> str:
    """Why a run ended so, whole: what its failure says, else what a judge said."""
    if detail.summary.state in (State.INTERRUPTED, State.KILLED) and detail.summary.reason:
        said = detail.summary.reason
        gone = "; its process did not say how it ended" if detail.summary.state is State.KILLED else ""
        return f"{said[0].upper()}{said[1:]}{gone}"
    if detail.failure:
        return f"{detail.failure.where}: {detail.failure.what}" if detail.failure.where else detail.failure.what
    refusals = [f"{one.stage}: {one.reason}" for one in detail.verdicts if not one.blessed]
    if refusals:
        return refusals[0]
    if detail.summary.state is State.KILLED:
        return "Its process is gone, and did not say how it ended."
    if detail.summary.state is State.INTERRUPTED:
        return "It was asked to end before it was done."
    return ""


def _curves_so_far(config: Config, detail: RunDetail) -> tuple[CurveGroup, ...]:
    """The curves of a run that goes on, from where TFX has the Trainer write: nothing is published before its end.

    Those of a run that has ended are on its model's page.
    """
    trainer = detail.stage(stage_ids.TRAINER)
    if trainer is None or not trainer.execution or detail.summary.state is not State.RUNNING:
        return ()
    made = detail.output(stage_ids.TRAINER, "model_run")
    folder = made.path if made else f"{layout(config).artifacts}/{stage_ids.TRAINER}/model_run/{trainer.execution}"
    return () if "://" in folder else curve_groups(curves.read(folder))


def _run_before(runs: Runs, run_id: str) -> str:
    """The id of the run of the same pipeline that began before this one, rehearsals left out."""
    ids = iter(runs.ids())
    if not any(one == run_id for one in ids):
        return ""
    for one in ids:
        summary: Optional[RunSummary] = runs.summary(one)
        if summary and not summary.rehearsal:
            return one
    return ""


def _times(stages: Sequence[StageDetail]) -> tuple[StageSpan, ...]:
    began = {one.stage: datetime.fromisoformat(one.started).timestamp() for one in stages if one.started}
    first = min(began.values(), default=0.0)
    return tuple(
        StageSpan(one.stage, began[one.stage] - first if one.stage in began else None, one.seconds) for one in stages
    )


def _changes(then: Provenance, now: Provenance, any_trial: bool) -> tuple[SettingChange, ...]:
    """What differs; that one of them is a trial is said in words, where nobody set it."""
    before, after = (flat(without_trial(one.configuration) if any_trial else one.configuration) for one in (then, now))
    return tuple(
        SettingChange(key, before.get(key) or _NOTHING, after.get(key) or _NOTHING, _by(key, then, now))
        for key in dict.fromkeys([*after, *before])
        if before.get(key, "") != after.get(key, "")
    )


def _by(key: str, then: Provenance, now: Provenance) -> str:
    """Who made a value differ between two runs."""
    for made_from, word in ((now, "--set"), (then, "--set before")):
        if _is_given(key, as_asked(made_from.overrides)):
            return word
    return "the file"


def _is_given(key: str, overrides: Sequence[str]) -> bool:
    given = (one.partition("=")[0].strip() for one in overrides)
    return any(f"{key}.".startswith(f"{one}.") or one.startswith(f"{key}.") for one in given)


def _rows(view: RunView) -> Table:
    heads = ["stage", "state", "started", "seconds", "why"]
    return Table(heads, [[one.stage, one.state, one.started, one.seconds, one.why] for one in view.run.stages])


def _section(config: Config, run_id: str) -> Mapping[str, str]:
    return {"run": run_id}


def _search(config: Config, text: str) -> Iterator[Hit]:
    """Settings and artifacts of the newest run, by their names and places."""
    runs = Runs(config)
    newest = next((run_id for run_id in runs.ids() if runs.summary(run_id)), None)
    detail = run_detail(runs, newest, time.time()) if newest else None
    if detail is None:
        return
    words, here = text.lower().split(), address("runs", detail.summary.run_id)
    for key, value in (flat(detail.provenance.configuration) if detail.provenance else {}).items():
        if all(word in f"{key} {value}".lower() for word in words):
            yield Hit("setting", key, f"{here}#{quote(f'set-{key}')}", value)
    for output in (output for stage in detail.stages for output in stage.outputs):
        if all(word in f"{output.path} {output.type} {output.artifact}".lower() for word in words):
            yield Hit("artifact", output.type, address("lineage", "artifact", str(output.artifact)), output.path)


RUN = Page(
    address="/runs/{run}",
    title="Run {run}",
    template="pages/run.html",
    view=view,
    section=_section,
    rows=_rows,
    search=_search,
)

PAGES = (RUN,)
