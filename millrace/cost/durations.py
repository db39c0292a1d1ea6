"""How long stages took: what the journals of past runs and rehearsals say of the stages that did their work."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Optional

from millrace.base.outcomes import State
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.config.trials import LEAVES_THE_MODEL
from millrace.metadata.journal import progress
from millrace.metadata.run_folder import RunFolder, RunRequest, run_folders

Source = Literal["rehearsals", "runs"]

MOST_RUNS = 20
"""As many of the newest are asked: older ones ran other code."""

# What may be set otherwise for a run without its stages having other work to do.
_SAME_WORK = LEAVES_THE_MODEL - {"beam", "statistics"}


@dataclass(frozen=True)
class RunTimes:
    """One run's.

    Args:
        run_id: its id.
        seconds: by stage, of those that did their work; one that was cached or failed is not among them.
        cached: the stages that were taken from the cache.
    """

    run_id: str
    seconds: dict[str, float]
    cached: frozenset[str] = frozenset()


def run_times(folder: RunFolder) -> RunTimes:
    """The times of one run.

    Args:
        folder: its folder.
    """
    stages = progress((), folder.journal.events())
    done = {
        one.stage: one.ended - one.started for one in stages if one.state is State.DONE and one.started and one.ended
    }
    cached = frozenset(one.stage for one in stages if one.state is State.CACHED)
    return RunTimes(folder.run_id, done, cached)


def past_times(config: Config, source: Optional[Source] = None) -> tuple[Source, Sequence[RunTimes]]:
    """The times of the newest runs that ran what the configuration says, the newest last.

    A run with `--set` of what a stage works on did other work, and is left out.

    Args:
        config: of the pipeline whose runs they are.
        source: which of them; None for rehearsals, which run each task as the job has it, where there are two, or no
            runs.

    Returns:
        Which they are, and their times.
    """
    by_source: dict[Source, list[RunTimes]] = {"rehearsals": [], "runs": []}
    for folder in run_folders(layout(config).logs)[::-1]:
        request = folder.request()
        if request is None or not _is_of(request, config) or not _did_the_same(request.overrides):
            continue
        found = by_source["rehearsals" if request.runner == "rehearsal" else "runs"]
        if len(found) < MOST_RUNS and (times := run_times(folder)).seconds:
            found.insert(0, times)
    rehearsed = len(by_source["rehearsals"]) > 1 or not by_source["runs"]
    chosen: Source = source or ("rehearsals" if rehearsed else "runs")
    return chosen, by_source[chosen]


def _is_of(request: RunRequest, config: Config) -> bool:
    """A rehearsal is known by its configuration: a job may be of another pipeline, and its request names none."""
    if request.runner == "rehearsal":
        return Path(request.config_file).resolve() == Path(config.file).resolve()
    return request.pipeline == config.name


def _did_the_same(overrides: Sequence[str]) -> bool:
    return all(one.partition("=")[0].strip().partition(".")[0] in _SAME_WORK for one in overrides)
