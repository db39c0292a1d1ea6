"""What old runs left, and may go: artifacts that nothing needs any more, models of trials, and logs.

Nothing goes that is served or could be served again, that later models and data are compared with, that either was made
from, or that a kept run made or used. What a run was stays on record in its folder, some ten KiB: it is listed as
before, with a mark, and can be compared and repeated. An artifact is marked in ML Metadata before its files go, and a
run before anything of it goes: a clean-up that is interrupted leaves nothing that the cache would serve or a list would
show as whole, and the next one finishes it.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ml_metadata.proto.metadata_store_pb2 import Artifact

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.components.judges import counts
from millrace.components.marks import STATISTICS_DIGEST
from millrace.config.paths import serving_directory
from millrace.metadata import journal, provenance, records, stage_graph
from millrace.metadata.artifact_files import plain_properties, pushed_folder
from millrace.metadata.events import artifacts_of_type
from millrace.metadata.lineage import lineage
from millrace.metadata.places import execution_of
from millrace.metadata.records import RunRecord
from millrace.metadata.run_folder import LOCK_FILE, REQUEST_FILE, RunFolder
from millrace.metadata.run_summaries import SUMMARY_FILE, Runs, keep_as_cleaned

# What a run was: what was asked for, what it was made from, its stages, and what a list says of it.
_RECORD = frozenset({REQUEST_FILE, LOCK_FILE, SUMMARY_FILE, provenance.FILE, journal.FILE_NAME, stage_graph.FILE})


@dataclass(frozen=True)
class Staying:
    """Something of an old run that stays.

    Args:
        path: where it lies.
        reason: why, in a few words.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class OldRun:
    """One run that is neither among the newest nor young.

    Args:
        run_id: its id.
        state: how it ended.
        started: ISO 8601.
        goes: the ids of artifacts that go.
        paths: the folders and files that go, those of the run's own folder but for its record among them where nothing
            of it stays.
        bytes: of all of them.
        stays: what stays, and why.
    """

    run_id: str
    state: str
    started: str
    goes: tuple[int, ...]
    paths: tuple[str, ...]
    bytes: int
    stays: tuple[Staying, ...]


@dataclass(frozen=True)
class CleaningPlan:
    """What a clean-up would do.

    Args:
        kept: how many runs are not looked at, being among the newest, young, or going on.
        runs: the others, the oldest first.
    """

    kept: int
    runs: tuple[OldRun, ...]

    @property
    def bytes(self) -> int:
        """Of everything that goes."""
        return sum(run.bytes for run in self.runs)


def plan(runs: Runs, keep: int, older_than: float, now: float) -> CleaningPlan:
    """Says what may go of a pipeline's runs on this machine.

    Args:
        runs: those of the pipeline.
        keep: how many of the newest stay.
        older_than: only what began that many seconds ago may go; 0 for any age.
        now: seconds since the epoch.

    Raises:
        BadInput: ML Metadata's file is gone, which alone knows what is served, and what that was made from.
    """
    runs.require_kept_store()
    own = [run_id for run_id in runs.ids() if runs.folder(run_id) and runs.summary(run_id)]
    old = [
        run_id for place, run_id in enumerate(own) if place >= keep and _may_go(runs.folder(run_id), now - older_than)
    ]
    # All of them in one go: each by itself would be some dozen queries.
    everything = records.runs(runs.store, runs.layout.name, runs.layout.root) if runs.store else []
    recorded = {run.run_id: run for run in everything}
    needed = _needed(runs, [recorded[run_id] for run_id in own if run_id not in old and run_id in recorded])
    found = [_old_run(runs, run_id, recorded.get(run_id), needed) for run_id in reversed(old)]
    return CleaningPlan(len(own) - len(old), tuple(run for run in found if run.goes or run.paths or run.stays))


def clean(runs: Runs, chosen: CleaningPlan) -> None:
    """Deletes what a plan says, run by run, the oldest first.

    Args:
        runs: those of the pipeline.
        chosen: the plan.

    Raises:
        BadInput: a run goes on, whose next stages may take from the cache what would go, or another clean-up does; or
            something could not be deleted, which the next clean-up tries again.
    """
    known = {folder.path.name for folder in map(runs.folder, runs.ids()) if folder and not folder.is_alive()}
    left: list[str] = []
    with _alone(runs.layout.local / "cleaning.lock"):
        for run in chosen.runs:
            _require_quiet(runs, known)
            _mark(runs, run.goes, Artifact.MARKED_FOR_DELETION)
            stubborn = [path for path in run.paths if not _is_deleted(Path(path))]
            left += stubborn
            if stubborn:
                continue
            if not run.stays:
                _mark_cleaned(runs, run.run_id)
            _mark(runs, run.goes, Artifact.DELETED)
    if left:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        remedy = "see who holds it, and whether you may delete there; then clean again"
        raise BadInput(f"could not be deleted{more}; what else was to go is gone", where=left[0], remedy=remedy)


def _is_deleted(path: Path) -> bool:
    """Deletes a folder, a file or a link; what a link leads to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return not os.path.lexists(path)


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Holds a lock, so that of two clean-ups one does the work."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput("another clean-up goes on", where=str(file), remedy="wait until it has ended") from error
        yield


def _require_quiet(runs: Runs, ended: Container[str]) -> None:
    """Refuses to go on where a run does that began before the clean-up, or since."""
    for path in runs.layout.logs.iterdir():
        # Beside the folders of runs lies a file that says where the root is.
        if path.name not in ended and path.is_dir() and RunFolder(path).is_alive():
            raise BadInput(
                "a run goes on, and may take from the cache what would be deleted",
                where=path.name,
                remedy="delete when it has ended; without --delete is said what would go",
            )


def _mark_cleaned(runs: Runs, run_id: str) -> None:
    """In its folder, for who lists runs; in ML Metadata, for when somebody deletes that folder too."""
    keep_as_cleaned(runs, run_id)
    context = runs.store.get_context_by_type_and_name("pipeline_run", run_id) if runs.store else None
    if context is not None:
        context.custom_properties[records.CLEANED].int_value = 1
        runs.store.put_contexts([context])


def _may_go(folder: Optional[RunFolder], before: float) -> bool:
    return folder is not None and folder.started < before and not folder.is_alive()


def _needed(runs: Runs, kept: Iterable[RunRecord]) -> dict[int, str]:
    """The ids of artifacts that something needs, with the reason that tells the most."""
    needed: dict[int, str] = {}
    for record in kept:
        for artifact in _artifacts(record):
            needed[artifact.id] = f"run {record.run_id} made or used it"
    for artifact, name in [*_latest_blessed(runs), *_served(runs)]:
        made_from = lineage(runs, [artifact], down=False)
        needed |= {node.id: f"{name} was made from it" for node in made_from.nodes}
        needed |= {edge.source: f"{name} was compared with it" for edge in made_from.edges if edge.compared}
        needed[artifact] = f"it is {name}".rstrip(",")
    return needed


def _artifacts(record: RunRecord) -> list[Artifact]:
    return [one for stage in record.stages.values() for of_key in stage.outputs.values() for one in of_key]


def _served(runs: Runs) -> Iterable[tuple[int, str]]:
    """The pushed models that lie where a server looks: each could be served again."""
    serving = Path(serving_directory(runs.config))
    for artifact in _live(runs, "PushedModel"):
        folder = pushed_folder(artifact)
        if folder and folder.is_dir() and folder.parent == serving:
            yield artifact.id, f"version {folder.name}, which can be served,"


def _latest_blessed(runs: Runs) -> Iterable[tuple[int, str]]:
    """The blessings with which the next run is compared: the champion's, and the latest of other data than that.

    A run whose data is the champion's is compared with what was blessed before on other data.
    """
    digest = None
    for artifact in sorted(_live(runs, "ModelBlessing"), key=lambda one: -one.id):
        properties = plain_properties(artifact)
        if not counts(properties) or not Path(artifact.uri).exists():
            continue
        of_data = str(properties.get(STATISTICS_DIGEST, ""))
        if digest is None:
            yield artifact.id, "the latest blessing"
            digest = of_data
        elif of_data not in ("", digest):
            yield artifact.id, "the latest blessing of other data"
            return


def _live(runs: Runs, kind: str) -> list[Artifact]:
    """The artifacts of a type that the resolvers and the cache would take."""
    artifacts = artifacts_of_type(runs.store, kind, runs.layout.root) if runs.store else []
    return [artifact for artifact in artifacts if artifact.state == Artifact.LIVE]


def _old_run(runs: Runs, run_id: str, record: Optional[RunRecord], needed: Mapping[int, str]) -> OldRun:
    summary, folder = runs.summary(run_id), runs.folder(run_id)
    assert summary and folder, "it was listed"
    artifacts, stays = list[Artifact](), list[Staying]()
    if record is None and any(event.state is State.DONE for event in folder.journal.events()):
        stays.append(Staying(str(folder.path), "ML Metadata does not know what it made"))
    for stage in record.stages.values() if record else ():
        made = [
            one for of_key in stage.outputs.values() for one in of_key if execution_of(one.uri) == stage.execution_id
        ]
        artifacts += made
        if any(one.id in needed for one in made):
            # The cache serves an execution's outputs together or not at all.
            stays += [Staying(one.uri, needed.get(one.id, "it was made together with what stays")) for one in made]
    kept = {one.path for one in stays}
    goes = [one for one in artifacts if one.uri not in kept and _is_below(one.uri, runs.layout.artifacts)]
    paths = [one.uri for one in goes if Path(one.uri).exists()]
    trials = Path(runs.layout.trials)
    for artifact in goes:
        pushed = pushed_folder(artifact)
        if pushed and pushed.parent == trials and pushed.is_dir():
            paths.append(str(pushed))
    # What TFX keeps beside the outputs of an execution.
    stages = record.stages.values() if record and not stays else ()
    paths += [str(one) for stage in stages for one in _system(runs, stage.stage, stage.execution_id)]
    paths += [] if stays else [str(one) for one in sorted(folder.path.iterdir()) if one.name not in _RECORD]
    return OldRun(
        run_id=run_id,
        state=summary.state,
        started=summary.started,
        goes=tuple(one.id for one in goes if one.state != Artifact.DELETED),
        paths=tuple(paths),
        bytes=sum(map(_size, paths)),
        stays=tuple(stays),
    )


def _is_below(uri: str, folder: str) -> bool:
    """Whether an artifact is one of this machine and of this root: nothing else is ever deleted."""
    return "://" not in uri and "://" not in folder and Path(folder).resolve() in Path(uri).resolve().parents


def _system(runs: Runs, stage: str, execution: int) -> list[Path]:
    return list((Path(runs.layout.artifacts) / stage).glob(f".system/*/{execution}"))


def _size(path: str) -> int:
    if not os.path.isdir(path) or os.path.islink(path):
        return os.lstat(path).st_size
    files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(os.lstat(file).st_size for file in files)


def _mark(runs: Runs, numbers: Iterable[int], state: int) -> None:
    """Sets the state of artifacts: the cache and the resolvers take only those that are live."""
    artifacts = list(runs.store.get_artifacts_by_id(list(numbers))) if numbers and runs.store else []
    for artifact in artifacts:
        artifact.state = state
    if artifacts:
        runs.store.put_artifacts(artifacts)
