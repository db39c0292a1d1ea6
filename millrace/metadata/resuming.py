"""Which run `--resume` goes on with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from millrace.base.errors import BadInput
from millrace.config.environments import as_options
from millrace.metadata.run_folder import RunFolder, RunRequest, run_folders


def to_resume(logs: Path, overrides: Sequence[str], pipeline: str = "") -> RunRequest:
    """What the last run that did not end well was asked for, to be asked for again.

    What it finished is in the cache, so that only the rest runs, edits included. Passed over are runs that go on,
    rehearsals, other pipelines' runs, and those that have had their end since: a run that resumed them, or that was
    asked for the same, ended well.

    Args:
        logs: the folder of all runs' folders.
        overrides: `--set` values in place of those of the last run; none but the environment keeps them.
        pipeline: the pipeline's name; empty for any.

    Raises:
        BadInput: there is no such run.
    """
    values = [value for option, value in as_options(overrides) if option == "--set"]
    later: list[tuple[RunFolder, RunRequest]] = []
    for folder in reversed(run_folders(logs)):
        request = folder.request()
        if (
            request is None
            or request.runner == "rehearsal"
            or request.pipeline not in ("", pipeline or request.pipeline)
        ):
            continue
        unfinished = not folder.is_alive() and folder.exit_code() != 0
        if unfinished and not any(_settles(*other, folder.run_id, request) for other in later):
            return replace(
                request,
                overrides=tuple(overrides) if values else request.overrides,
                from_stage="",
                cache=True,
                resumes=folder.run_id,
            )
        later.append((folder, request))
    raise BadInput(
        "there is nothing to resume: " + ("every run has ended well" if later else "no run has been here yet"),
        where=str(logs),
        remedy="millrace run",
    )


def resumable(logs: Path, pipeline: str) -> str:
    """The id of the run that `--resume` would go on with; empty where there is none.

    Args:
        logs: the folder of all runs' folders.
        pipeline: the pipeline's name.
    """
    try:
        return to_resume(logs, (), pipeline).resumes
    except BadInput:
        return ""


def _settles(later: RunFolder, again: RunRequest, run_id: str, request: RunRequest) -> bool:
    """Whether a later run did what an earlier one was asked for: it resumed it, or had the same request and ended well.

    One that resumes it and still runs counts: nobody starts the same work twice. One that did not end well is later,
    and so is taken itself.
    """
    if again.resumes == run_id:
        return True
    same = (again.config_file, again.overrides) == (request.config_file, request.overrides)
    return later.exit_code() == 0 and same and again.to_stage in ("", request.to_stage)
