"""Alerts: what is wrong and since when, what to do about it, and what happened to each."""

import shlex
from collections import Counter
from dataclasses import dataclass

from millrace.alerts.alert import Alert, AlertState, by_urgency
from millrace.alerts.observing import when
from millrace.config.paths import alerts_file
from millrace.console.page import NotFound, Page, PageRequest, RailEntry, Table, address
from millrace.execution.alerting import open_alerts
from millrace.project import default_configuration

_MOST_RESOLVED = 50


@dataclass(frozen=True)
class AlertRow:
    """One alert.

    Args:
        alert: as it stands.
        address: of its page.
        silenced: until when nobody is told of it, as people read it; empty where people are told.
    """

    alert: Alert
    address: str
    silenced: str


@dataclass(frozen=True)
class AlertEvent:
    """Something that happened to an alert, or that a person said of it."""

    at: str
    what: str
    who: str
    why: str


@dataclass(frozen=True)
class AlertsView:
    """All alerts.

    Args:
        alerts: what fires, what is pending, and what ended last.
        counts: how many there are in each state that has some, those that fire first.
        start: the command that looks for the first.
    """

    alerts: tuple[AlertRow, ...]
    counts: dict[str, int]
    start: str


@dataclass(frozen=True)
class AlertView:
    """One alert.

    Args:
        row: how it stands.
        history: what happened to it, the newest first.
        commands: what a person can say of it, by what that does.
    """

    row: AlertRow
    history: tuple[AlertEvent, ...]
    commands: dict[str, str]


def view(request: PageRequest) -> AlertsView:
    """How things stand; to look at the page makes no file."""
    start = f"millrace monitor run{_option(request)}"
    if not alerts_file(request.config).exists():
        return AlertsView((), {}, start)
    with open_alerts(request.config) as log:
        alerts = by_urgency(log.alerts().values())
    counts = Counter(str(one.state) for one in alerts)
    shown = alerts[: len(alerts) - counts["resolved"] + _MOST_RESOLVED]
    return AlertsView(tuple(_row(one, request.now) for one in shown), dict(counts), start)


def firing(request: PageRequest) -> tuple[AlertRow, ...]:
    """What fires, silenced alerts among it, the most urgent first."""
    if not alerts_file(request.config).exists():
        return ()
    with open_alerts(request.config) as log:
        alerts = by_urgency(log.alerts().values())
    return tuple(_row(one, request.now) for one in alerts if one.state is AlertState.FIRING)


def alert_view(request: PageRequest) -> AlertView:
    """One alert, by its key.

    Raises:
        NotFound: nothing of that key has ever alerted.
    """
    key, option = request.path["key"], _option(request)
    absent = NotFound(f"there is no alert {key}", remedy="the page of alerts lists them")
    if not alerts_file(request.config).exists():
        raise absent
    with open_alerts(request.config) as log:
        alert = log.alerts().get(key)
        if alert is None:
            raise absent
        history = tuple(AlertEvent(*event) for event in reversed(log.history(key)))
    row, typed, commands = _row(alert, request.now), shlex.quote(key), {}
    if row.silenced:
        commands["Tell people of it again"] = f"millrace alerts silence {typed} --hours 0 --because WHY{option}"
    elif alert.state is not AlertState.RESOLVED:
        commands["Tell nobody for a while"] = f"millrace alerts silence {typed} --hours 8 --because WHY{option}"
    if alert.state is not AlertState.RESOLVED:
        commands["Say that it is over"] = f"millrace alerts resolve {typed} --because WHY{option}"
    return AlertView(row, history, commands)


def _option(request: PageRequest) -> str:
    return default_configuration.option(request.config.file, request.config.environment)


def _row(alert: Alert, now: float) -> AlertRow:
    silenced = when(alert.silenced_until) if alert.silenced_until and alert.is_silenced(now) else ""
    return AlertRow(alert, address("alerts", alert.key), silenced)


def _table(shown: AlertsView) -> Table:
    heads = ("state", "alert", "source", "since", "silenced until", "summary", "next")
    rows = [
        (str(one.alert.state), one.alert.key, one.alert.source, when(one.alert.since), one.silenced,
         one.alert.summary, one.alert.next)
        for one in shown.alerts
    ]  # fmt: skip
    return Table(heads, rows)


def _history_table(shown: AlertView) -> Table:
    return Table(("at", "what", "who", "why"), [(one.at, one.what, one.who, one.why) for one in shown.history])


PAGES = (
    Page(
        address="/alerts",
        title="Alerts",
        template="pages/alerts.html",
        view=view,
        rail=RailEntry("Alerts", "a", "alerts", "/alerts"),
        rows=_table,
    ),
    Page(
        address="/alerts/{key:path}",
        title="Alert {key}",
        template="pages/alert.html",
        view=alert_view,
        rows=_history_table,
    ),
)
