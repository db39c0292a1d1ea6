"""What a person wants to know of each run: how it ended, what its model scored, and where the model went.

Of a run that has ended nothing of this changes any more, so that it is kept in the run's folder: to list runs costs one
small file a run, and ML Metadata is asked only for those that were killed, or that an earlier version made.
"""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Optional

from ml_metadata import errors
from pydantic import AfterValidator, Field, TypeAdapter

from millrace.base import files
from millrace.base.errors import BadInput, MillraceError
from millrace.base.kept import KeptFiles
from millrace.base.outcomes import State, blessing, ending
from millrace.components import stage_ids
from millrace.components.evaluator.gate_report import OVERALL
from millrace.components.marks import REHEARSED
from millrace.config.config import Config
from millrace.config.paths import Layout, layout, metadata_file
from millrace.metadata import records
from millrace.metadata.evaluations import evaluation
from millrace.metadata.run_folder import RunFolder, RunRequest, have_run, run_folders
from millrace.metadata.store_file import is_held


def _time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


# A stage that ran when its run ended: the next run that begins marks it so.
_BROKEN_OFF = (State.RUNNING, State.INTERRUPTED, State.KILLED)


@dataclass(frozen=True)
class RunSummary:
    """One run.

    Args:
        run_id: the run's id.
        state: running, done, cached, bad input, failed, blocked, interrupted or killed.
        started: ISO 8601 with the difference to UTC of this machine's time.
        seconds: from the start of its command to its end, until now where it goes on, until its last sign of life where
            it was killed; where its folder does not tell, between the first and the last change in ML Metadata.
        metrics: the Evaluator's overall metrics, by TFMA's names.
        judged: those of them that have a threshold, by the configuration's names.
        blessed: the Evaluator's verdict; None when it did not get that far.
        infra_blessed: the InfraValidator's verdict; None when it did not get that far.
        pushed_to: where the model went; empty when it did not. A rehearsal pushes none that is for serving: where its
            model is, rehearsal.json says.
        trial: whether that is beside what is served: a trial's model is for looking at.
        reason: why the run did not push a model; empty when it did.
        rehearsal: whether it was `millrace rehearse`.
        cleaned: whether `millrace runs clean` deleted what it made.
    """

    run_id: str
    state: State
    started: Annotated[str, AfterValidator(_time)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    metrics: dict[str, float]
    judged: dict[str, float]
    blessed: Optional[bool]
    infra_blessed: Optional[bool]
    pushed_to: str
    trial: bool
    reason: str
    rehearsal: bool = False
    cleaned: bool = False

    @property
    def result(self) -> str:
        """What became of its model: the version that was pushed, or what the judges said; only what both bless goes."""
        if self.cleaned:
            return "cleaned"
        if self.pushed_to:
            return f"{'trial' if self.trial else 'pushed'} {self.pushed_to.rstrip('/').rpartition('/')[2]}"
        infra = "; InfraValidator: not blessed" if self.blessed and self.infra_blessed is False else ""
        return ", ".join(filter(None, ("rehearsal" if self.rehearsal else "", f"{blessing(self.blessed)}{infra}")))


SUMMARY_FILE = "summary.json"
# Seconds: a change of ML Metadata holds up readers for some milliseconds.
_LIST_PATIENCE = 0.5
# A root may be moved: what lies below it is kept without it.
_ROOT = "{root}"


class Runs:
    """The runs of one pipeline on this machine; ML Metadata is opened only when something is asked that it alone knows.

    Args:
        config: the pipeline's configuration.
        clock: seconds since the epoch, for what goes on.
    """

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self._clock = clock
        self.layout = layout(config)

    @cached_property
    def store(self) -> Any:
        """ML Metadata, opened; None before the first run on this machine: to look at runs makes no tables.

        Where its file is gone although stages have run, that is a warning, and what the runs' folders know is shown.
        """
        file = metadata_file(self.config)
        if file is None:
            return records.open_store(self.config) if self._all_folders else None
        if Path(file).exists():
            return records.open_store(self.config)
        if have_run(self.layout.logs):
            _say_gone(file)
        return None

    def require_kept_store(self) -> None:
        """Refuses to go on, for what ML Metadata alone can tell, where its file is gone although stages have run.

        Raises:
            BadInput: it is gone.
        """
        file = metadata_file(self.config)
        if file is not None and not Path(file).exists() and have_run(self.layout.logs):
            raise BadInput(
                "ML Metadata's file is gone, and with it what was made from what",
                where=file,
                remedy="put back a backup of it; or millrace run, whose new history begins empty",
            )

    def folder(self, run_id: str) -> Optional[RunFolder]:
        """The folder of a run; None where it is gone.

        Args:
            run_id: the run's id.
        """
        return self._all_folders.get(run_id)

    def is_rehearsal(self, run_id: str) -> bool:
        """Whether a run's folder says that it was a rehearsal."""
        folder = self._all_folders.get(run_id)
        request = folder.request() if folder else None
        return request is not None and request.runner == "rehearsal"

    def record(self, run_id: str) -> Optional[records.RunRecord]:
        """What ML Metadata remembers of a run; None when it never came to a stage.

        Args:
            run_id: the run's id.
        """
        return records.run(self.store, self.config.name, run_id, self.layout.root) if self.store else None

    def summary(self, run_id: str) -> Optional[RunSummary]:
        """One run.

        Args:
            run_id: its id.

        Returns:
            None where neither its folder nor ML Metadata knows it as one of this pipeline.
        """
        folder = self._all_folders.get(run_id)
        kept = _kept(folder) if folder else None
        if kept:
            return kept.of(self.layout) if kept.pipeline == self.config.name else None
        run = self.record(run_id)
        if run is None and (folder is None or not _is_of(folder.request(), self.config)):
            return None
        summary = _summary(run_id, run, folder, self._clock())
        # Of a run that had stages ML Metadata knows more, unless it is another one, or away for a moment.
        is_whole = run is not None or (folder is not None and not folder.journal.events())
        if folder and is_whole and folder.exit_code() is not None and not folder.is_alive():
            _keep(folder, summary, self.layout)
        return summary

    def ids(self) -> Iterator[str]:
        """The ids of all runs below the root, the newest first, of other pipelines too: `summary` knows whose each is.

        Those that only ML Metadata knows come last: they are the oldest. Where its file is held they are left out,
        which is a warning: whoever looks at the others does not wait.
        """
        yield from reversed(self._all_folders)
        file = metadata_file(self.config)
        if file is not None and self._all_folders and is_held(Path(file), _LIST_PATIENCE):
            _say_held(file)
        elif self.store:
            known = records.run_ids(self.store, self.config.name)
            yield from (run_id for run_id in reversed(known) if run_id not in self._all_folders)

    @cached_property
    def _all_folders(self) -> dict[str, RunFolder]:
        return {folder.run_id: folder for folder in run_folders(self.layout.logs)}


def run_summaries(
    config: Config, last: Optional[int] = None, wanted: Optional[Callable[[RunSummary], bool]] = None
) -> list[RunSummary]:
    """The runs of a pipeline in the order in which they began; none before the first run on this machine.

    Runs that were refused before their first stage are known by their folder alone, runs whose folder is gone by ML
    Metadata alone.

    Args:
        config: the pipeline's configuration.
        last: how many, the newest; None for all.
        wanted: says which of them; None for every one.
    """
    runs, summaries = Runs(config), list[RunSummary]()
    for run_id in runs.ids():
        if last is not None and len(summaries) >= last:
            break
        summary = runs.summary(run_id)
        if summary and (wanted is None or wanted(summary)):
            summaries.append(summary)
    return summaries[::-1]


def keep_as_cleaned(runs: Runs, run_id: str) -> None:
    """Keeps of a run that what it made was deleted; what else there is to say of it stays.

    Args:
        runs: those of its pipeline.
        run_id: of a run that has a folder.
    """
    summary, folder = runs.summary(run_id), runs.folder(run_id)
    if summary and folder and not summary.cleaned:
        _keep(folder, replace(summary, cleaned=True), runs.layout)


def keep_summary(config: Config, folder: RunFolder) -> None:
    """Keeps what there is to say of a run that has just ended, for whoever lists runs; nothing is raised.

    Args:
        config: the pipeline's configuration.
        folder: the run's folder, which says how the run ended.
    """
    with contextlib.suppress(MillraceError, errors.StatusError):
        run = Runs(config).record(folder.run_id) if folder.journal.events() else None
        _keep(folder, _summary(folder.run_id, run, folder, time.time()), layout(config))


@dataclass(frozen=True)
class _Kept:
    """What stands in the file: a root holds runs of several pipelines, and may be moved."""

    pipeline: str
    summary: RunSummary

    def of(self, here: Layout) -> RunSummary:
        pushed_to = self.summary.pushed_to.replace(_ROOT, here.root, 1)
        return replace(self.summary, pushed_to=pushed_to)


_SUMMARIES: KeptFiles[_Kept] = KeptFiles(4000)


@cache
def _say_held(file: str) -> None:
    logging.getLogger(__name__).warning("%s is held by another process: runs without a folder are not listed", file)


@cache
def _say_gone(file: str) -> None:
    logging.getLogger(__name__).warning("%s is gone: what only ML Metadata knew of the runs is not shown", file)


def _keep(folder: RunFolder, summary: RunSummary, here: Layout) -> None:
    if summary.pushed_to.startswith(f"{here.root}/"):
        summary = replace(summary, pushed_to=_ROOT + summary.pushed_to[len(here.root) :])
    # Whoever lists runs need not be one who may write there.
    with contextlib.suppress(OSError):
        files.write(folder.path / SUMMARY_FILE, json.dumps(asdict(_Kept(here.name, summary)), indent=1) + "\n")


def _kept(folder: RunFolder) -> Optional[_Kept]:
    """What was kept; None where there is nothing, or not what this version writes, so that it is found out again."""
    file = folder.path / SUMMARY_FILE
    try:
        return _SUMMARIES.get(file, lambda: _reader().validate_json(files.read_bytes(file)))
    except (OSError, ValueError, BadInput):
        return None


@cache
def _reader() -> TypeAdapter[_Kept]:
    return TypeAdapter(_Kept)


def _is_of(request: Optional[RunRequest], config: Config) -> bool:
    """Whether a run that ML Metadata does not know was one of this pipeline: one root may hold several."""
    return request is not None and request.runner != "rehearsal" and request.pipeline == config.name


def _summary(run_id: str, run: Optional[records.RunRecord], folder: Optional[RunFolder], now: float) -> RunSummary:
    recorded = run or records.RunRecord(run_id, {})
    report = evaluation(recorded).report
    overall = [row for row in report.rows if row.slice == OVERALL] if report else []
    began = folder.started if folder else recorded.started / 1000
    took = folder.seconds(now) if folder else None
    rehearsal = _is_rehearsal(recorded, folder)
    blessed = {one.stage: one.blessed for one in records.verdicts(recorded)}
    state = state_of(run, folder)
    return RunSummary(
        run_id=run_id,
        state=state,
        started=datetime.fromtimestamp(began).astimezone().isoformat(timespec="seconds"),
        seconds=(recorded.ended - recorded.started) / 1000 if took is None else took,
        metrics=report.metrics if report else {},
        judged={row.metric: row.value for row in overall if row.value is not None},
        blessed=blessed.get(stage_ids.EVALUATOR),
        infra_blessed=blessed.get(stage_ids.INFRA_VALIDATOR),
        pushed_to="" if rehearsal else records.pushed_to(recorded),
        trial=records.is_trial(recorded),
        reason=_reason(recorded, folder, state),
        rehearsal=rehearsal,
    )


def _is_rehearsal(run: records.RunRecord, folder: Optional[RunFolder]) -> bool:
    """Whether a rehearsal made a run: its request says so or, where its folder is gone, what it made."""
    request = folder.request() if folder else None
    if request:
        return request.runner == "rehearsal"
    made = [artifact for stage in run.stages.values() for of_key in stage.outputs.values() for artifact in of_key]
    return any(REHEARSED in artifact.custom_properties for artifact in made)


def state_of(run: Optional[records.RunRecord], folder: Optional[RunFolder]) -> State:
    """How a run ended, or that it goes on: the folder's word where it has one, else ML Metadata's.

    Args:
        run: what ML Metadata remembers; None when it never came to a stage.
        folder: the run's folder; None when it is gone.

    Returns:
        A run's state in the words of `millrace.base.outcomes`. A run that lives is running, between two stages too.
    """
    code = folder.exit_code() if folder else None
    if folder and code is None:
        return State.RUNNING if folder.is_alive() else State.KILLED
    # Whether a run that ended well was done or cached, only its stages tell.
    recorded = run.state if run else State.DONE
    if code is None:
        return State.KILLED if recorded is State.RUNNING else recorded
    return recorded if code == 0 and recorded in (State.DONE, State.CACHED) else ending(code)


def _reason(run: records.RunRecord, folder: Optional[RunFolder], state: State) -> str:
    broken_off = [one for one in run.stages.values() if one.state in _BROKEN_OFF]
    failures = [one.failure for one in run.stages.values() if one.failure and one.state not in _BROKEN_OFF]
    if broken_off and not failures and state in (State.INTERRUPTED, State.KILLED):
        *others, last = [one.stage for one in broken_off]
        names = f"{', '.join(others)} and {last} were" if others else f"{last} was"
        return f"the run was {state.value} while {names} running"
    failures += [one.failure for one in broken_off if one.failure]
    refusals = [verdict.reason for verdict in records.verdicts(run) if not verdict.blessed]
    failure = folder.failure() if folder else None
    before_its_stages = [f"{failure.where}: {failure.what}" if failure.where else failure.what] if failure else []
    return next(iter([*failures, *refusals, *before_its_stages]), "")
