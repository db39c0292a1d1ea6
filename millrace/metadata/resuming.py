"""Which run `--resume` goes on with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from millrace.base.errors import BadInput
from millrace.metadata.run_folder import RunFolder, RunRequest, runs


def to_resume(logs: Path, overrides: Sequence[str]) -> RunRequest:
    """What the last run was asked for, to be asked for again.

    What it finished is in the cache, so that only the rest runs, edits included. A run that goes on and a rehearsal are
    passed over.

    Args:
        logs: the folder of all runs' folders.
        overrides: `--set` values in place of those of the last run; none keeps them.

    Raises:
        BadInput: there is no run, it ended well, or its folder does not tell what was asked for.
    """
    ended = [folder for folder in runs(logs) if not folder.is_alive() and not _is_rehearsal(folder)]
    last = ended[-1] if ended else None
    request = last.request() if last else None
    if last is None or request is None or last.exit_code() == 0:
        raise BadInput(
            "there is nothing to resume: " + ("the last run ended well" if last else "no run has been here yet"),
            where=str(logs),
            remedy="millrace run",
        )
    return replace(request, overrides=tuple(overrides) or request.overrides, from_stage="", cache=True)


def _is_rehearsal(folder: RunFolder) -> bool:
    request = folder.request()
    return request is not None and request.runner == "rehearsal"
