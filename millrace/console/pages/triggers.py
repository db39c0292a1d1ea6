"""Triggers: whether a run would start now and why, what the policy says, and the runs that were started last."""

from dataclasses import dataclass
from typing import Optional

from millrace.alerts.observing import when
from millrace.base.errors import Failure, MillraceError, describe
from millrace.config.trigger_section import DAY_SECONDS, TriggerPolicy
from millrace.console.page import Page, PageRequest, RailEntry, Table, address
from millrace.project import default_configuration
from millrace.triggers.deciding import Decision
from millrace.triggers.starting import RunStarter, open_triggers
from millrace.triggers.trigger_log import StartedRun

_DAYS, _MOST_STARTS = 30, 50


@dataclass(frozen=True)
class StartRow:
    """A run that was started.

    Args:
        start: what started it, and how it ended.
        outcome: how it stands or ended, in the words of runs; `unknown` where nobody saw its end.
        address: of the run's page; empty where it came to no run.
    """

    start: StartedRun
    outcome: str
    address: str


@dataclass(frozen=True)
class TriggersView:
    """How things stand.

    Args:
        file: the configuration's.
        policy: what starts a run, and what holds it back, in words; empty where nothing starts one.
        decision: what would be decided now; None where nothing starts a run, or what there is could not be looked at.
        until: when waiting ends by itself, as people read it; empty where that depends on something else.
        undecided: why nothing could be decided.
        starts: the runs of the last days, the newest first.
        watch: the command that starts runs.
        check: the command that decides once, and starts the run.
        edit: the command that says what section triggers may hold.
    """

    file: str
    policy: dict[str, str]
    decision: Optional[Decision]
    until: str
    undecided: Optional[Failure]
    starts: tuple[StartRow, ...]
    watch: str
    check: str
    edit: str


def view(request: PageRequest) -> TriggersView:
    """How things stand; to look at the page starts nothing, and makes no file."""
    config = request.config
    option = default_configuration.option(config.file, config.environment)
    decision, undecided = None, None
    with open_triggers(config, keeps=False) as log:
        looking = RunStarter(config, (), log)
        starts = looking.starts(request.now - _DAYS * DAY_SECONDS, request.now)[::-1][:_MOST_STARTS]
        if config.triggers.starts_something:
            try:
                decision = looking.decision(request.now)
            except MillraceError as error:
                undecided = describe(error)
    return TriggersView(
        file=config.file,
        policy=_in_words(config.triggers) if config.triggers.starts_something else {},
        decision=decision,
        until=when(decision.until) if decision and decision.until and not decision.start else "",
        undecided=undecided,
        starts=tuple(StartRow(one, one.outcome, address("runs", one.run) if one.run else "") for one in starts),
        watch=f"millrace triggers watch{option}",
        check=f"millrace triggers check --start{option}",
        edit="millrace config keys triggers",
    )


def _in_words(policy: TriggerPolicy) -> dict[str, str]:
    words = {}
    if policy.cron:
        words["cron"] = policy.cron
    if policy.span:
        words["span"] = f"of {policy.span.rows:,} rows or more"
    if policy.alerts:
        words["alerts"] = ", ".join(policy.alerts)
    words["cool-down"] = f"{policy.cool_down_minutes:g} min"
    words["runs in 24 hours"] = f"{policy.runs_per_day} at most"
    return words


def _table(shown: TriggersView) -> Table:
    return Table(
        ("at", "by", "run", "ended", "why"),
        [(when(one.start.at), one.start.source, one.start.run, one.outcome, one.start.why) for one in shown.starts],
    )


PAGES = (
    Page(
        address="/triggers",
        title="Triggers",
        template="pages/triggers.html",
        view=view,
        rail=RailEntry("Triggers", "i", "triggers", "/triggers"),
        rows=_table,
    ),
)
