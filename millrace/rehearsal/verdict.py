"""What a finished rehearsal means: rows, findings, and what the service would have stopped at."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput, Failure, describe
from millrace.base.outcomes import INTERRUPTED, REFUSED
from millrace.components.judges import BY_BLESSING, NOT_BLESSED, verdict_of
from millrace.rehearsal.artifacts import Artifact, type_name
from millrace.rehearsal.images import is_own
from millrace.rehearsal.report import Result, TaskReport, TaskState
from millrace.rehearsal.world import World


def result_of(world: World, names: Sequence[str], broke: Optional[BaseException], exact: bool, began: float) -> Result:
    """Puts together what a rehearsal found.

    Args:
        world: the rehearsal.
        names: the tasks' names in the order of the graph.
        broke: what kept the tasks from being run to the end; None when nothing did.
        exact: whether each task had an interpreter of its own.
        began: seconds since the epoch.
    """
    rows = tuple(row for name in names for row in _rows(world, name))
    # After a signal nobody waits for the imports, which would tell.
    interrupted = isinstance(broke, KeyboardInterrupt)
    forked = not interrupted and world.processes.forks
    failure = describe(broke) if broke else _failure(world, rows) or _incomplete(world, rows)
    if interrupted:
        failure = Failure("interrupted", "", "start the rehearsal again; what was done is in the cache", INTERRUPTED)
    if not forked and not exact and not interrupted:
        world.find("all tasks", "each had an interpreter of its own, since an import starts threads; see server.log")
    _find_unknown_images(world)
    if world.processes.no_namespace:
        world.find(
            "all tasks",
            "this machine's files are hidden from Python alone, and not from compiled code and other programs: "
            f"{world.processes.no_namespace}",
        )
    return Result(
        pipeline=world.job.name,
        run_id=world.folder.name,
        folder=world.folder,
        exit_code=failure.exit_code if failure else 0,
        tasks=rows,
        findings=tuple(dict.fromkeys([*world.findings, *_of_resources(world, rows)])),
        failure=failure,
        pushed_to=_pushed_to(world),
        seconds=time.time() - began,
        exact=exact or not (forked or interrupted),
        isolation="audit hook" if world.processes.no_namespace else "mount namespace",
    )


def _find_unknown_images(world: World) -> None:
    """Says of which images nobody knows here what is in them, and what stood in for it."""
    executors = [world.job.executor(step.task).get("container", {}) for step in world.job.walk()]
    images = dict.fromkeys(str(container["image"]) for container in executors if container.get("image"))
    for image in images:
        if not is_own(world.job, image):
            world.find(image, "what is in this image is not known here; its tasks ran with what this environment has")


def _rows(world: World, name: str) -> list[TaskReport]:
    """A task's row, or one for each turn of the loops that it stands in."""
    of_turns = [row for row in dict(world.outcomes) if row.startswith(f"{name}[")]
    # By numbers: the tenth turn after the second.
    of_turns.sort(key=lambda row: [int(turn) for turn in row.rpartition("[")[2].rstrip("]").split(".")])
    ended = [row for row in [name, *of_turns] if row in world.outcomes]
    return [world.outcomes[row].report for row in ended] or [TaskReport(name, TaskState.SKIPPED)]


def _incomplete(world: World, rows: Sequence[TaskReport]) -> Optional[Failure]:
    """What could not be tried here: of a job that was not tried, nobody may say that it would work."""
    left = [row for row in rows if row.state is TaskState.NOT_REHEARSED]
    tried = [row for row in rows if row.state.succeeded and row.state is not TaskState.GIVEN]
    if not left or (world.options.partial and tried):
        return None
    remedy = (
        f"--output {left[0].task.partition('[')[0]}.KEY=FOLDER gives what it would make; --python or --with names "
        "the environment that it needs"
    )
    if not tried:
        return Failure("nothing was rehearsed: no task could run on this machine", "", remedy, BadInput.exit_code)
    more = "; --allow-partial takes what was rehearsed for enough"
    what = f"only {len(rows) - len(left)} of {len(rows)} tasks were rehearsed; {left[0].note}"
    return Failure(what, left[0].task, f"{remedy}{more}", BadInput.exit_code)


def _failure(world: World, rows: Sequence[TaskReport]) -> Optional[Failure]:
    """The first thing that the service would have stopped at, else a judge's no."""
    for outcome in world.outcomes.values():
        if outcome.report.failure:
            return outcome.report.failure
    for row in rows:
        if row.over_limit:
            what = f"it took {_gigabytes(row.peak)} of memory; its limit is {_gigabytes(row.limit)}: it would be killed"
            return Failure(what, row.task, "raise its memory limit, or give it less to do", 1)
    for task, outcome in world.outcomes.items():
        for artifact in _all(outcome.artifacts):
            kind = type_name(artifact.type)
            if verdict_of(kind, artifact.metadata) is False and outcome.state.succeeded:
                reason = str(artifact.metadata.get("reason") or NOT_BLESSED)
                return Failure(reason, task, BY_BLESSING[kind].remedy, REFUSED)
    return None


def _of_resources(world: World, rows: Sequence[TaskReport]) -> list[str]:
    findings = []
    for row in rows:
        if row.over_limit:
            findings.append(f"{row.task}: {_gigabytes(row.peak)} of memory where its limit is {_gigabytes(row.limit)}")
    for step in world.job.walk():
        accelerator = world.job.executor(step.task).get("container", {}).get("resources", {}).get("accelerator")
        if accelerator:
            kind = accelerator.get("type") or accelerator.get("resourceType", "")
            findings.append(f"{step.name}: asks for {kind}; the rehearsal took what this machine has")
    return findings


def _gigabytes(size: Optional[int]) -> str:
    return f"{(size or 0) / 1e9:.2f} GB"


def _pushed_to(world: World) -> str:
    for outcome in world.outcomes.values():
        for artifact in _all(outcome.artifacts):
            if type_name(artifact.type) == "PushedModel" and artifact.metadata.get("pushed"):
                destination = str(artifact.metadata.get("pushed_destination", ""))
                # What a task pushed within its container is gone with it; the artifact holds the model too.
                return destination if destination and Path(destination).exists() else artifact.uri
    return ""


def _all(artifacts: Mapping[str, Sequence[Artifact]]) -> list[Artifact]:
    return [artifact for of_key in artifacts.values() for artifact in of_key]
