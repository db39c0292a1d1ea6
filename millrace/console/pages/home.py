"""The first page: is it all right? Alerts, what waits for a person, a rollout, the last run, what is served, runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from millrace.base.outcomes import State
from millrace.console.page import Page, PageRequest, RailEntry
from millrace.console.pages import registry, rollout
from millrace.console.pages.alerts import AlertRow, firing
from millrace.console.pages.runs import BAD_ENDS, RunRow, is_for_serving, row
from millrace.metadata.run_summaries import run_summaries
from millrace.project import default_configuration
from millrace.registry.version import Version

_ALERTS = 5
_RECENT = 8
_TREND = 40


@dataclass(frozen=True)
class HomeView:
    """How a pipeline stands.

    Args:
        sentence: whether it is all right.
        good: whether that is good news; None where nothing can be said yet.
        why: the one reason of a last run that did not end well.
        alerts: some of those that fire, the most urgent first.
        firing: how many fire.
        undecided: the versions that wait for a person's approval, the newest first.
        approve: the command that approves the newest of them.
        rollout: how the rollout stands that goes on; empty where none does.
        last: the newest run; None before the first.
        served: the run that made the model which a server takes, the champion's or else the one of the highest version;
            None where there is none.
        served_gone: whether models were pushed to be served, and none is there any more.
        trials: how many runs have a blessed model that was pushed as a trial's.
        history: what runs scored, by metric, the newest last; those that measured it, and are no trials.
        recent: the newest runs, the newest first.
        total: how many there are.
        running: the ids of those that run.
        start: the command that starts a run.
        live: whether one runs.
    """

    sentence: str
    good: Optional[bool]
    why: str
    alerts: tuple[AlertRow, ...]
    firing: int
    undecided: tuple[Version, ...]
    approve: str
    rollout: str
    last: Optional[RunRow]
    served: Optional[RunRow]
    served_gone: bool
    trials: int
    history: dict[str, tuple[float, ...]]
    recent: tuple[RunRow, ...]
    total: int
    running: tuple[str, ...]
    start: str
    live: bool


def view(request: PageRequest) -> HomeView:
    """How the pipeline stands now."""
    rows = [row(run) for run in reversed(run_summaries(request.config))]
    pushed = [one for one in rows if is_for_serving(one.run, request.config)]
    # Of several runs that name one version the first made it; the others took it from the cache.
    there = [one for one in reversed(pushed) if "://" in one.run.pushed_to or Path(one.run.pushed_to).is_dir()]
    # The champion; without one the highest number, as a server takes that polls the folder by itself.
    champion = registry.champion(request.config)
    served = champion.number if champion else -1
    there.sort(key=lambda one: (_version(one.run.pushed_to) == served, _version(one.run.pushed_to)), reverse=True)
    running = tuple(one.run.run_id for one in rows if one.run.state is State.RUNNING)
    sentence, good = _verdict(rows, there[0] if there else None)
    alerts, undecided = firing(request), registry.undecided(request.config)
    option = default_configuration.option(request.config.file, request.config.environment)
    return HomeView(
        sentence=f"{sentence} {_of_alerts(len(alerts))}" if alerts else sentence,
        good=False if alerts else good,
        why=rows[0].why if rows and good is False else "",
        alerts=alerts[:_ALERTS],
        firing=len(alerts),
        undecided=undecided,
        approve=f"millrace models approve {undecided[0].number}{option} --because WHY" if undecided else "",
        rollout=rollout.under_way(request),
        last=rows[0] if rows else None,
        served=there[0] if there else None,
        served_gone=bool(pushed) and not there,
        trials=sum(one.run.trial and bool(one.run.pushed_to) for one in rows),
        history=_history([one for one in rows if not (one.run.trial or one.run.rehearsal)][:_TREND]),
        recent=tuple(rows[:_RECENT]),
        total=len(rows),
        running=running,
        start=f"millrace run{option}",
        live=bool(running),
    )


def _of_alerts(count: int) -> str:
    return "An alert fires." if count == 1 else f"{count} alerts fire."


def _version(folder: str) -> int:
    name = folder.rstrip("/").rpartition("/")[2]
    return int(name) if name.isascii() and name.isdecimal() else -1


def _history(rows: list[RunRow]) -> dict[str, tuple[float, ...]]:
    names = dict.fromkeys(name for one in rows for name in one.run.judged)
    return {name: tuple(one.run.judged[name] for one in reversed(rows) if name in one.run.judged) for name in names}


def _verdict(rows: list[RunRow], served: Optional[RunRow]) -> tuple[str, Optional[bool]]:
    ended = [one for one in rows if one.run.state is not State.RUNNING and not one.run.rehearsal]
    if not ended:
        return ("The first run is under way." if rows else "Nothing has run yet."), None
    last = ended[0]
    serving = f"Version {Path(served.run.pushed_to).name} is served" if served else "No version is served"
    if last.run.state in BAD_ENDS:
        return f"The last run ended as {last.run.state}. {serving}{' as before' if served else ''}.", False
    if last.run.blessed is False or last.run.infra_blessed is False:
        return f"The last run's model was not blessed. {serving}.", False
    return f"The last run ended well. {serving}.", True


PAGES = (
    Page(
        address="/",
        title="Home",
        template="pages/home.html",
        view=view,
        rail=RailEntry("Home", "h", "home", "/"),
    ),
)
