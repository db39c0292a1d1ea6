"""`millrace alerts`: what is wrong, since when, who knows, and whether the channels work."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import click
from rich.text import Text

from millrace.alerts.alert import Alert, AlertState, by_urgency
from millrace.alerts.channels import channels_of
from millrace.alerts.observing import TrialNotice, when
from millrace.alerts.telling import tell
from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.printing import Cell, TableColumn
from millrace.cli.group import ListingGroup
from millrace.cli.options import NumberRange, again, because_option, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.config.loading import load
from millrace.execution.alerting import open_alerts
from millrace.registry.registry import this_person

_STYLES = {AlertState.FIRING: "bold red", AlertState.PENDING: "bold yellow", AlertState.RESOLVED: "dim"}


@click.group(cls=ListingGroup)
def alerts() -> None:
    """List what is wrong; have nobody told of it for a while; say that it is over.

    Without a command it lists them, with the options of `millrace alerts list`. KEY is what list shows, or the id
    with it; silence and resolve also take a pattern, such as 'monitor/drift/*', for all that have not ended.
    """


@alerts.command("list")
@config_options
@click.option("--all", "every", is_flag=True, help="Also those that are resolved.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(config_file: str, overrides: tuple[str, ...], every: bool, as_json: bool) -> None:
    """List alerts: what fires first, and what changed last first."""
    config, now = load(config_file, overrides), time.time()
    with open_alerts(config) as log:
        known = by_urgency(log.alerts().values())
    shown = [alert for alert in known if every or alert.state is not AlertState.RESOLVED]
    if as_json:
        echo_json([asdict(alert) for alert in shown])
    elif shown:
        print_alerts(shown, now)
        say(f"\nnext: millrace alerts show ID{again(config_file, overrides)}", whole=True)
    else:
        say(f"no alert of {config.name}" + ("" if every or not known else f"; {len(known)} resolved: --all shows them"))


@alerts.command()
@click.argument("key")
@config_options
def show(key: str, config_file: str, overrides: tuple[str, ...]) -> None:
    """Show one alert, and what happened to it."""
    with open_alerts(load(config_file, overrides)) as log:
        alert = log.alert(key)
        history = [(when(datetime.fromisoformat(at).timestamp()), *event) for at, *event in log.history(alert.key)]
    say(alert.summary or alert.key, style="bold")
    say(f"{_state(alert, time.time(), alert.changed).plain}; it began {when(alert.since)}")
    say(f"{alert.key}, id {alert.id}")
    if alert.next:
        say(f"remedy: {alert.next}")
    echo()
    columns = [TableColumn("when"), TableColumn("what"), TableColumn("who", folds=True)]
    printing.show([*columns, TableColumn("why", folds=True, breaks=True)], history)


@alerts.command()
@click.argument("key")
@click.option("--hours", default=24.0, show_default=True, type=NumberRange(0, 87_600), help="For how long; 0 ends it.")
@because_option
@config_options
def silence(key: str, hours: float, because: str, config_file: str, overrides: tuple[str, ...]) -> None:
    """Have nobody told of an alert for a while, and no training started by it."""
    now = time.time()
    with open_alerts(load(config_file, overrides)) as log:
        keys = log.silence(key, now + hours * 3600, because, this_person(), now)
    for one in keys:
        say(f"{one}: silenced until {when(now + hours * 3600)}" if hours else f"{one}: no longer silenced")


@alerts.command()
@click.argument("key")
@because_option
@config_options
def resolve(key: str, because: str, config_file: str, overrides: tuple[str, ...]) -> None:
    """Say that an alert is over; a look that sees it again begins it anew."""
    with open_alerts(load(config_file, overrides)) as log:
        keys = log.resolve(key, because, this_person(), time.time())
    for one in keys:
        say(f"{one}: resolved")


@alerts.command()
@config_options
def test(config_file: str, overrides: tuple[str, ...]) -> None:
    """Send a message by every channel, and say which delivered it. Exit code 1: not all of them did."""
    config = load(config_file, overrides)
    channels = channels_of(config.notify)
    if not channels:
        remedy = "say by which in section notify; docs/guides/notify.md shows them"
        raise BadInput("no channel is configured", where=config.file, remedy=remedy)
    troubles = tell(channels, TrialNotice(config.name, f"millrace alerts list{again(config_file, overrides)}"))
    for channel in channels:
        trouble = troubles.get(channel.name, "")
        say(f"{channel.name}: {f'not delivered; {trouble}' if trouble else 'delivered'}")
    raise click.exceptions.Exit(1 if troubles else 0)


def print_alerts(alerts: Sequence[Alert], now: float) -> None:
    """Prints an entry for each alert.

    Args:
        alerts: the most urgent first.
        now: seconds since the epoch.
    """
    columns = [TableColumn("alert"), TableColumn("id"), TableColumn("state")]
    columns += [TableColumn("what", folds=True), TableColumn("remedy", folds=True)]
    printing.show(columns, [_cells(one, now) for one in alerts])


def _cells(alert: Alert, now: float) -> tuple[Cell, ...]:
    over = alert.state is AlertState.RESOLVED
    state = _state(alert, now, alert.changed if over else alert.since)
    return alert.key, str(alert.id), state, alert.summary, "" if over else alert.next


def _state(alert: Alert, now: float, since: float) -> Text:
    text = f"{alert.state} since {when(since)}"
    if alert.is_silenced(now) and alert.silenced_until:
        return Text(f"{text}, silenced until {when(alert.silenced_until)}", style="dim")
    return Text(text, style=_STYLES[alert.state])
