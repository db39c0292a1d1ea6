"""What a person calls a run: its id, the beginning of it, `last`, or `last~2` for the second before that."""

import re
from itertools import islice
from typing import Optional

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.metadata.run_summaries import Runs
from millrace.project import default_configuration

_LAST = re.compile(r"(?:last|latest)(?:~(\d+))?")
_SHOWN = 5
_FARTHEST = 10**9


def named(runs: Runs, name: str) -> str:
    """The id of the run that is meant.

    Args:
        runs: those of one pipeline.
        name: an id or the beginning of just one, `last` or `last~N`; `latest` is `last`.

    Returns:
        The id of a run of this pipeline.

    Raises:
        BadInput: there is no such run, or several begin like that.
    """
    last = _LAST.fullmatch(name)
    if last:
        return _from_last(runs, min(int((last[1] or "0")[:9]), _FARTHEST), name)
    beginning = [run_id for run_id in runs.ids() if run_id.startswith(name)] if name else []
    # An id may be the beginning of another: of two runs of one second the later one is called ID-1.
    found = [name] if name in beginning else beginning
    found = [run_id for run_id in found if runs.summary(run_id)]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise BadInput(f"{len(found)} runs begin with {name}: {shown}", remedy="write more of the id")
    raise _unknown(runs, name)


def _from_last(runs: Runs, back: int, name: str) -> str:
    own = (run_id for run_id in runs.ids() if runs.summary(run_id))
    found: Optional[str] = next(islice(own, back, None), None)
    if found is None:
        raise _unknown(runs, name)
    return found


def no_run_yet(runs: Runs) -> BadInput:
    """The refusal of whoever asks for a run where there is none; its remedy runs the same configuration.

    Args:
        runs: those of a pipeline, which there are none of.
    """
    option = default_configuration.option(runs.config.file, runs.config.environment)
    where = str(runs.layout.logs)
    return BadInput(f"no run of {runs.config.name} yet", where=where, remedy=f"millrace run{option}")


def _unknown(runs: Runs, name: str) -> BadInput:
    known = list(islice((run_id for run_id in runs.ids() if runs.summary(run_id)), 100))
    if not known:
        return no_run_yet(runs)
    return BadInput(
        f"there is no run {name} of {runs.config.name}{did_you_mean(name, known)}",
        where=str(runs.layout.logs),
        remedy="millrace runs lists them; last is the newest, last~1 the one before",
    )
