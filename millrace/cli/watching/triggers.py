"""`millrace triggers`: what starts runs by itself; its commands decide once, watch, simulate and list."""

import contextlib
import shlex
import threading
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Optional

import click
from rich.text import Text

from millrace.alerts.observing import when
from millrace.base import printing
from millrace.base.errors import BadInput
from millrace.base.interrupts import heeding_signals
from millrace.base.printing import TableColumn
from millrace.cli.group import ListingGroup
from millrace.cli.options import NumberRange, again, because_option, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.trigger_section import DAY_SECONDS
from millrace.cost.budget import dollars
from millrace.registry.registry import this_person
from millrace.triggers.calls import Call, taking_calls, token_of
from millrace.triggers.deciding import Decision
from millrace.triggers.installing import cron_line, systemd_unit
from millrace.triggers.past import known_metric, past_happenings, usual_run_dollars, usual_run_seconds
from millrace.triggers.simulating import read_happenings, regular_spans, simulate
from millrace.triggers.starting import RunStarter, open_triggers
from millrace.triggers.trigger_log import Asked, StartedRun
from millrace.triggers.watching import watch


@click.group(cls=ListingGroup)
def triggers() -> None:
    """Start runs by themselves: at a time, on a new span, on an alert, or when somebody asks.

    Section triggers of the configuration says when. Without a command it lists what was started.
    """


@triggers.command("list")
@config_options
@click.option("--days", default=7.0, show_default=True, type=NumberRange(min=0), help="How far back.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(config_file: str, overrides: tuple[str, ...], days: float, as_json: bool) -> None:
    """List the calls that wait for their run, and the runs that triggers started, the newest first.

    With --json it is the runs alone.
    """
    config, now = load(config_file, overrides), time.time()
    with open_triggers(config) as log:
        waiting = log.recorded(now).asked
        starts = RunStarter(config, overrides, log).starts(now - days * DAY_SECONDS, now)[::-1]
    if as_json:
        echo_json([asdict(one) for one in starts])
        return
    if waiting:
        columns = [TableColumn("waits"), TableColumn("asked"), TableColumn("by"), TableColumn("because", folds=True)]
        printing.show(columns, [(str(one.event), when(one.at), one.who, one.because) for one in waiting])
        say(
            f"next, to take one back: millrace triggers cancel ID --because WHY{again(config_file, overrides)}\n",
            whole=True,
        )
    if starts:
        columns = [TableColumn("at"), TableColumn("by"), TableColumn("run"), TableColumn("ended")]
        rows = [(when(one.at), one.source, one.run, _ending(one), one.why) for one in starts]
        printing.show([*columns, TableColumn("why", folds=True)], rows)
    else:
        say(f"triggers have started no run of {config.name}; millrace triggers check says what they wait for")


@triggers.command()
@config_options
@click.option("--start", is_flag=True, help="Start the run if it is to start, and exit with its code when it ends.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(config_file: str, overrides: tuple[str, ...], start: bool, as_json: bool) -> None:
    """Decide once whether a run starts now, and say why: for who has a scheduler.

    Without --start nothing is started, and the exit code is 0 whatever is decided.
    """
    config = load_triggers(config_file, overrides)
    with open_triggers(config) as log:
        looking, now = RunStarter(config, overrides, log), time.time()
        if not start:
            _say_decision(looking.decision(now), as_json)
            return
        look = looking.look(now)
        _say_decision(look.decision, as_json)
        if look.process:
            code = look.process.wait()
            looking.look_back(time.time())
            raise click.exceptions.Exit(code)


@triggers.command("watch")
@config_options
@click.option("--every", default=30.0, show_default=True, type=NumberRange(min=0.1), help="Seconds a look.")
def watch_command(config_file: str, overrides: tuple[str, ...], every: float) -> None:
    """Look again and again, and start runs. Ctrl-C ends the watching; a run that goes on is left to itself.

    With triggers.listen in the configuration it also takes calls over HTTP.
    """
    config = load_triggers(config_file, overrides)
    called = threading.Event()

    def ask(call: Call) -> tuple[Asked, Optional[Decision]]:
        with open_triggers(config) as own:  # a thread's own
            answer = RunStarter(config, overrides, own).asked_by(call, time.time())
        called.set()
        return answer

    with contextlib.ExitStack() as stack:
        if config.triggers.listen:
            listen = config.triggers.listen
            port = stack.enter_context(taking_calls(listen, token_of(listen), ask))
            say(f"taking calls on http://{listen.host}:{port}/, with the token in {listen.token_env}")
        say(f"watching what starts runs of {config.name}; Ctrl-C ends it", style="bold")
        log, signals = stack.enter_context(open_triggers(config)), stack.enter_context(heeding_signals())

        def wait(seconds: float) -> bool:
            deadline = time.monotonic() + seconds
            while not signals.count and not called.is_set() and time.monotonic() < deadline:
                called.wait(min(0.2, seconds))
            called.clear()
            return bool(signals.count)

        watch(RunStarter(config, overrides, log), every, time.time, wait, lambda line: say(f"{_clock()} {line}"))


@triggers.command()
@because_option
@config_options
def fire(because: str, config_file: str, overrides: tuple[str, ...]) -> None:
    """Ask for a run: the next look starts it, whatever the policy says, once no other run goes on."""
    with open_triggers(load(config_file, overrides)) as log:
        log.ask(this_person(), because, time.time())
    say(f"asked for; the next look starts it: millrace triggers check --start{again(config_file, overrides)}")


@triggers.command()
@click.argument("ids", nargs=-1, type=click.IntRange(1), metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that wait.")
@because_option
@config_options
def cancel(ids: tuple[int, ...], every: bool, because: str, config_file: str, overrides: tuple[str, ...]) -> None:
    """Take back a run that was asked for by fire or over HTTP and has not started. ID is what list shows."""
    if bool(ids) == every:
        raise click.UsageError("name calls by their id, as millrace triggers list shows them, or say --all")
    with open_triggers(load(config_file, overrides)) as log:
        taken = log.cancel(ids, because, this_person(), time.time())
    for one in taken:
        say(f"{one.event}: taken back, which {one.who} had asked for: {one.because}")
    if not taken:
        say("no call waits for its run")


@triggers.command("simulate")
@config_options
@click.option("--days", default=30.0, show_default=True, type=NumberRange(min=0.1, max=3660), help="How long.")
@click.option("--run-minutes", type=NumberRange(min=0.1), help="How long a run takes; as the last ones took.")
@click.option("--span-every", type=NumberRange(min=0.1), metavar="HOURS", help="In place of what was recorded.")
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(min=0), help="Of each such span.")
@click.option("--events", type=click.Path(path_type=Path, dir_okay=False), help="A CSV file: at,kind,name,rows.")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="KEY=VALUE[ ...]",
    help="Also with these keys of triggers. Repeatable.",
)
@click.option("--run-dollars", type=NumberRange(min=0), help="What a run costs; as millrace cost has it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def simulate_command(
    config_file: str,
    overrides: tuple[str, ...],
    days: float,
    run_minutes: Optional[float],
    span_every: Optional[float],
    rows: int,
    events: Optional[Path],
    policies: tuple[str, ...],
    run_dollars: Optional[float],
    as_json: bool,
) -> None:
    """Say what the policy would start, and what others would: --policy "cool_down_minutes=0 runs_per_day=12".

    The spans and alerts are those of the last days, those of --events, or a span every so many hours. Stale is the time
    in which a span was there that the newest finished run had not read. Of what would be served the metric is known
    that recorded runs have measured; a cost is known where a job for Vertex AI is compiled, or with --run-dollars.
    """
    config = load_triggers(config_file, overrides)
    begin = time.time() - days * DAY_SECONDS
    if events:
        happenings = read_happenings(events)
        begin = happenings.begin or begin
    elif span_every:
        happenings = regular_spans(span_every, rows, begin, days)
    else:
        happenings = past_happenings(config, begin)
    seconds = run_minutes * 60 if run_minutes else usual_run_seconds(config)
    configured = {"as configured": config.triggers}
    for policy in policies:
        settings = [f"triggers.{one}" for one in _words(policy)]
        configured[policy] = load_triggers(config_file, (*overrides, *settings)).triggers
    known = known_metric(config) if not events and not span_every else None
    each = run_dollars if run_dollars is not None else usual_run_dollars(config)
    results = {name: simulate(policy, happenings, begin, days, seconds, known) for name, policy in configured.items()}
    if as_json:
        costs = {name: None if each is None else each * len(result.starts) for name, result in results.items()}
        echo_json({name: {**asdict(result), "dollars": costs[name]} for name, result in results.items()})
        return
    spans, fired = len(happenings.spans), len(happenings.alerts)
    say(f"{days:g} days from {when(begin)}, {spans} spans, {fired} alerts; a run takes {seconds / 60:.1f} minutes")
    echo()
    numbers = ["runs", "by", "hours of runs", "missed", "hours stale", "at most"]
    numbers += ["cost"] if each is not None else []
    numbers += [known.name] if known else []
    columns = [TableColumn("policy", folds=True), *(TableColumn(head, right=head != "by") for head in numbers)]
    table = []
    for name, one in results.items():
        by = ", ".join(f"{source} {count}" for source, count in sorted(one.runs.items()))
        hours = (one.run_seconds / 3600, one.stale_seconds / 3600, one.longest_stale_seconds / 3600)
        ran, stale, longest = (f"{value:.1f}" for value in hours)
        cost = [dollars(each * len(one.starts))] if each is not None else []
        metric = ["" if one.metric is None else f"{one.metric:.4f} ({one.metric_known:.0%})"] if known else []
        table.append((name, str(len(one.starts)), by, ran, str(one.missed), stale, longest, *cost, *metric))
    printing.show(columns, table)
    say("missed: times of cron that could not be kept")
    say("at most: the longest time without a break in which it was stale, in hours")
    if known:
        share = "in brackets the share of the time of which it is known"
        say(f"{known.name}: the mean of what is served, on the newest span; {share}")


@triggers.command()
@config_options
@click.option("--print", "prints", is_flag=True, help="Print it; nothing is written by itself.")
def install(config_file: str, overrides: tuple[str, ...], prints: bool) -> None:
    """Print what has this machine look by itself: a systemd unit, and a line of cron in its place."""
    if not prints:
        raise click.UsageError("it writes nothing by itself: say --print, and put one of the two where it belongs")
    config = load_triggers(config_file, overrides)
    echo(f"# ~/.config/systemd/user/millrace-{config.name}.service, then:")
    echo(f"# systemctl --user enable --now millrace-{config.name}; loginctl enable-linger")
    echo(systemd_unit(config, overrides))
    echo("# or, with crontab -e, a look every ten minutes:")
    echo(cron_line(config, overrides))


def load_triggers(config_file: str, overrides: tuple[str, ...]) -> Config:
    """Reads a configuration for a command that is about what starts runs.

    Raises:
        BadInput: nothing starts one by itself.
    """
    config = load(config_file, overrides)
    if not config.triggers.starts_something:
        remedy = "say when: triggers: {cron: 0 4 * * *}, span: {rows: 1000}, alerts: [monitor/drift/*] or listen"
        raise BadInput("no trigger is configured, so that nothing would ever start", where=config.file, remedy=remedy)
    return config


def _words(policy: str) -> list[str]:
    try:
        return shlex.split(policy)
    except ValueError as error:
        raise click.BadParameter(f"{policy}: {error}", param_hint="--policy") from error


def _say_decision(decision: Decision, as_json: bool) -> None:
    if as_json:
        echo_json(asdict(decision))
        return
    until = f", until {when(decision.until)}" if decision.until and not decision.start else ""
    say(f"{'start' if decision.start else 'wait'}: {decision.why}{until}")


def _ending(start: StartedRun) -> Text:
    style = "bold cyan" if start.ended is None else "green" if start.exit_code == 0 else "bold red"
    return Text(start.outcome, style=style)


def _clock() -> str:
    return datetime.now().strftime("%H:%M:%S")
