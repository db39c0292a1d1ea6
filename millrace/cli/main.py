"""The `millrace` command: finds a subcommand's module when it is asked for, and turns errors into exit codes.

Exit codes: 0 done, 1 a fault, 2 bad input, 3 a gate said no, 130 interrupted.
"""

import contextlib
import importlib
import io
import os
import sys
import traceback
from types import TracebackType
from typing import Optional

import click

from millrace.base import streams
from millrace.base.errors import BadInput, MillraceError, is_disk_full, not_permitted
from millrace.base.garbage import look_seldom
from millrace.base.noise import ignore_warnings
from millrace.base.secrets import cut
from millrace.cli.group import LazyGroup
from millrace.cli.output import echo

# Dotted paths, so that `millrace --help` imports none of them; the help is theirs in one line.
COMMANDS = {
    "run": ("millrace.cli.run:run", "Run the pipeline on this machine."),
    "new": ("millrace.cli.new:new", "Make a project of your own, on top of this library."),
    "init": ("millrace.cli.init:init", "Turn a table into a pipeline: its configuration and its schema."),
    "compile": ("millrace.cli.compile:compile_command", "Compile the pipeline for Vertex AI or Kubeflow Pipelines."),
    "check": ("millrace.cli.check:check_command", "Say what a service would refuse of a compiled job."),
    "rehearse": ("millrace.cli.rehearse:rehearse", "Run the compiled cloud job on this machine."),
    "cost": ("millrace.cli.cost:cost", "Say what a run on Vertex AI costs, before it is sent."),
    "iam": ("millrace.cli.iam:iam", "Say which account needs which role for a job, and why."),
    "release": ("millrace.cli.release:release", "Build, verify and show one file that holds what was tested."),
    "deploy": ("millrace.cli.deploy:deploy", "Write Terraform's values of an environment; check its modules offline."),
    "submit": ("millrace.cli.submit:submit", "Send the pipeline to Vertex AI or Kubeflow Pipelines."),
    "jobs": ("millrace.cli.jobs:jobs", "List, show and cancel jobs on a service."),
    "schedules": ("millrace.cli.schedules:schedules", "Make, list and delete schedules on a service."),
    "runs": ("millrace.cli.runs:runs", "List, show, compare, repeat and clean up runs."),
    "models": ("millrace.cli.models:models", "List versions, approve them, move aliases, roll back, explain."),
    "promote": ("millrace.cli.promote:promote", "Move a version to the next environment, by that one's policy."),
    "rollout": ("millrace.cli.rollout:rollout", "Move users to a new version by degrees, and back by itself."),
    "monitor": ("millrace.cli.monitor:monitor", "Watch what is served: anomalies, skew, drift, labelled answers."),
    "labels": ("millrace.cli.labels:labels", "Tell what was right, after the answers."),
    "alerts": ("millrace.cli.alerts:alerts", "List, silence and resolve alerts; try the channels."),
    "triggers": ("millrace.cli.triggers:triggers", "Start runs by themselves: by time, new data or an alert."),
    "console": ("millrace.cli.console:console", "Look at runs, data and models in a browser."),
    "report": ("millrace.cli.report:report", "Write a run's report: one HTML file that needs no network."),
    "track": ("millrace.cli.track:track", "Tell an MLflow server about runs, their metrics and models."),
    "predict": ("millrace.cli.predict:predict", "Score a table with a model of the pipeline."),
    "explain": ("millrace.cli.explain:explain", "Say why the model predicts what it predicts."),
    "serve": ("millrace.cli.serve:serve", "Start a server for the pipeline's model, with a request that works."),
    "lineage": ("millrace.cli.lineage:lineage_command", "Say what something was made from, and what was made of it."),
    "schema": ("millrace.cli.schema:schema", "Show, compare and change the data contract."),
    "config": ("millrace.cli.config:config", "Show every key of a configuration; write its schema for editors."),
    "completion": ("millrace.cli.completion:completion", "Print what completes commands in bash, zsh or fish."),
    "doctor": ("millrace.cli.doctor:doctor", "Say what this machine has, lacks and can run."),
}


@click.group(cls=LazyGroup, commands_by_path=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="millrace")
def millrace(debug: bool) -> None:
    """From a table of examples to a blessed, pushed TensorFlow model: on this machine and on Vertex AI."""


def main() -> None:
    """The console script."""
    look_seldom()
    ignore_warnings()
    sys.excepthook = _show_traceback
    streams.prepare()
    if "_MILLRACE_COMPLETE" in os.environ:
        importlib.import_module("millrace.cli.completion")
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        # Outside of its standalone mode click returns the code of an Exit.
        code = millrace.main(arguments, prog_name="millrace", standalone_mode=False) or 0
        sys.stdout.flush()
        sys.exit(code)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        _say(shown.getvalue().rstrip())
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        _print_no_more()
    except MillraceError as error:
        if debug:
            raise
        _say(f"millrace: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        if debug:
            raise
        if _stands_nowhere():
            _say("millrace: the folder in which you stand is not there any more\n  remedy: go to one that is, with cd")
            sys.exit(BadInput.exit_code)
        if isinstance(error, PermissionError):
            denied = not_permitted(error)
            _say(f"millrace: {denied}")
            sys.exit(denied.exit_code)
        if not is_disk_full(error):
            raise
        _print_no_more()
        _say("millrace: there is no space left for what this writes\n  remedy: make room, or write to another place")
        sys.exit(MillraceError.exit_code)


def _say(text: str) -> None:
    """Prints to standard error, without secrets; where nothing can be printed the exit code says enough.

    On a terminal it is folded between words. What that needs is imported only when there is something to say.
    """
    from rich.console import Console

    from millrace.base import printing

    with contextlib.suppress(OSError):
        printing.say(cut(text), Console(stderr=True, highlight=False))


def _print_no_more() -> None:
    """Python must not complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stands_nowhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _show_traceback(kind: type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
    """Python's own words for an error that nothing has caught, without secrets."""
    with contextlib.suppress(OSError):
        echo(cut("".join(traceback.format_exception(kind, error, trace)).rstrip()), err=True)


if __name__ == "__main__":
    main()
