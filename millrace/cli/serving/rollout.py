"""`millrace rollout`: a new version gets its traffic by degrees, or none; its commands start, watch and end that."""

import contextlib
import logging
import multiprocessing
import signal
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import Any

import click
from rich.console import Console

from millrace.base.errors import MillraceError
from millrace.cli.group import LazyGroup
from millrace.cli.options import again, because_option, config_options
from millrace.cli.output import echo, echo_json, say
from millrace.cli.serving.rollout_words import print_decisions, print_seen
from millrace.config.loading import load
from millrace.prediction.gateway_request import gateway_command
from millrace.serving.gateway_process import keep
from millrace.serving.rollouts import Standing, ask, standing, start
from millrace.serving.state import OrderKind, RolloutState

_SHOWN_DECISIONS = 10

COMMANDS = {
    "gateway": ("serving.rollout:gateway", "Serve the champion, and what a rollout brings, at one address."),
    "rehearse": ("serving.rollout_rehearse:rehearse", "Say what a policy would do, before any user sees it."),
    "compile": ("serving.rollout_compile:compile_command", "Write a policy for Vertex AI or KServe."),
    "start": ("serving.rollout:start_command", "Give a version its traffic, by a policy."),
    "status": ("serving.rollout:status", "Say how the rollout stands, and why."),
    "list": ("serving.rollout_history:list_command", "List every rollout, and how it ended."),
    "show": ("serving.rollout_history:show", "Show a rollout: what was seen, and each decision."),
    "pause": ("serving.rollout:pause", "Stop the steps; what speaks against it still sends it back."),
    "resume": ("serving.rollout:resume", "Go on after a pause."),
    "promote": ("serving.rollout:promote", "Make it champion now, whatever the policy would do."),
    "abort": ("serving.rollout:abort", "Send it back now."),
}


@click.group(cls=LazyGroup, commands_by_path=COMMANDS)
def rollout() -> None:
    """Move users to a new version by degrees, and back by itself when it does worse.

    `millrace rollout gateway` runs beside it: it serves the champion, and the candidate while there is one.
    """


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@config_options
def gateway(config_file: str, overrides: tuple[str, ...]) -> None:
    """Serve the champion, and what a rollout brings, at one address for REST and gRPC.

    It runs until it is interrupted. A process of it that ends by itself is started again.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    config = load(config_file, overrides)

    def say_where(host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        say(f"the gateway of {config.name} listens; Ctrl-C ends it", style="bold")
        echo(f"  http://{shown}:{port}/     a form to try it, in a browser")
        echo(f"  {shown}:{port}            gRPC\n")
        say("a request that works follows, when a row of the data is read")
        # A request is read by TensorFlow, and the process that keeps the others running is to do without it. Ctrl-C is
        # for this one.
        spawn, ignored = multiprocessing.get_context("spawn"), (signal.SIGINT, signal.SIG_IGN)
        with ProcessPoolExecutor(1, spawn, signal.signal, ignored) as elsewhere:
            request = elsewhere.submit(gateway_command, config_file, overrides, host, port)
            with contextlib.suppress(MillraceError, BrokenExecutor):
                echo(request.result())

    say(f"loading {config.name}")
    keep(config, overrides, say_where)


@click.command("start")
@click.argument("version")
@click.option("--policy", default="canary", show_default=True, metavar="NAME", help="Of rollout.policies, or a kind.")
@because_option
@config_options
def start_command(config_file: str, overrides: tuple[str, ...], version: str, policy: str, because: str) -> None:
    """Give a version its traffic, by a policy.

    VERSION is a number or an alias. The kinds of policies are canary, shadow, ab, bandit and blue-green.
    """
    asked = start(load(config_file, overrides), version, policy, because)
    progress, option = asked.rollout.progress, again(config_file, overrides)
    say(f"version {progress.candidate} over {progress.champion} by {policy}")
    if asked.warning:
        say(f"warning: {asked.warning}")
    _say_taken(asked.taken, f"it has started; next: millrace rollout status{option}", option)


@click.command()
@config_options
@_as_json
def status(config_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say how the rollout stands, and why."""
    now = standing(load(config_file, overrides))
    if as_json:
        echo_json(_as_plain(now))
    else:
        _show(now, again(config_file, overrides))


def _command(kind: OrderKind, done: str, help_text: str) -> click.Command:
    @click.command(kind, help=help_text)
    @because_option
    @config_options
    def command(config_file: str, overrides: tuple[str, ...], because: str) -> None:
        _say_taken(ask(load(config_file, overrides), kind, because).taken, done, again(config_file, overrides))

    return command


pause = _command("pause", "paused", "Stop the steps; what speaks against it still sends it back.")
resume = _command("resume", "it goes on", "Go on after a pause.")
promote = _command("promote", "it is champion", "Make it champion now, whatever the policy would do.")
abort = _command("abort", "it is sent back", "Send it back now.")


def _say_taken(taken: bool, done: str, option: str) -> None:
    say(done if taken else f"it waits for the gateway: millrace rollout gateway{option}")


def _as_plain(now: Standing) -> dict[str, Any]:
    rollout, gateway_status = now.rollout, now.gateway
    return {
        "gateway": {"runs": now.gateway_runs, **(vars(gateway_status) if gateway_status else {})},
        "rollout": rollout
        and {
            "id": rollout.id,
            "status": rollout.status,
            "policy": rollout.policy_name,
            "champion": rollout.progress.champion,
            "candidate": rollout.progress.candidate,
            "percent": rollout.percent,
            "step": rollout.progress.step,
            "reason": rollout.reason,
            "seen": rollout.progress.totals,
            "evidence": {name: test.evidence for name, test in rollout.progress.tests.items()},
            "decisions": rollout.decisions,
        },
        "order": now.order and now.order.kind,
        "champion": now.champion,
        "not_followed": now.not_followed,
    }


def _show(now: Standing, option: str) -> None:
    console = Console(highlight=False)
    status_ = now.gateway
    if status_ and now.gateway_runs and status_.port:
        up = ", ".join(f"{version}{'' if ready else ' (starting)'}" for version, ready in status_.ready.items())
        say(f"gateway: {status_.host}:{status_.port}, versions {up}")
    else:
        say(f"gateway: not running (millrace rollout gateway{option})")
    if now.order:
        say(f"waits for the gateway: {now.order.kind}, by {now.order.who}")
    if now.rollout:
        say(now.sentence, style="bold")
        if now.not_followed:
            say(f"Vertex AI has not followed: {now.not_followed}")
            say("the gateway's controller asks it again by itself; to ask it now:")
            say(f"next: millrace models alias champion {now.champion} --because WHY{option}", whole=True)
        _show_rollout(now.rollout, console)
    elif now.order is None:
        say(f"no rollout yet: millrace rollout start VERSION --because WHY{option}")


def _show_rollout(rollout: RolloutState, console: Console) -> None:
    progress = rollout.progress
    if rollout.reason:
        say(rollout.reason, indent=2)
    console.print()
    print_seen(progress.totals, progress.candidate, progress.champion, console)
    print_decisions(rollout.decisions[-_SHOWN_DECISIONS:], console)
