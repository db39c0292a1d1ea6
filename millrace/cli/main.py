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
    "run": ("running.run:run", "Run the pipeline on this machine."),
    "new": ("data.new:new", "Make a project of your own, on top of this library."),
    "init": ("data.init:init", "Turn a table into a pipeline: its configuration and its schema."),
    "compile": ("cloud.compile:compile_command", "Compile the pipeline for Vertex AI or Kubeflow Pipelines."),
    "check": ("cloud.check:check_command", "Say what a service would refuse of a compiled job."),
    "rehearse": ("cloud.rehearse:rehearse", "Run the compiled cloud job on this machine."),
    "cost": ("cloud.cost:cost", "Say what a run on Vertex AI costs, before it is sent."),
    "iam": ("cloud.iam:iam", "Say which account needs which role for a job, and why."),
    "review": ("cloud.review:review", "Say what a change does to graph, schema, job, roles and cost."),
    "release": ("cloud.release:release", "Build, verify and show one file that holds what was tested."),
    "deploy": ("cloud.deploy:deploy", "Write Terraform's values of an environment; check its modules offline."),
    "submit": ("cloud.submit:submit", "Send the pipeline to Vertex AI or Kubeflow Pipelines."),
    "templates": ("cloud.templates:templates", "Put the pipeline into Artifact Registry as a template; list them."),
    "jobs": ("cloud.jobs:jobs", "List, show and cancel jobs on a service."),
    "schedules": ("cloud.schedules:schedules", "Make, list and delete schedules on a service."),
    "runs": ("runs.runs:runs", "List, show, compare, repeat and clean up runs."),
    "models": ("models.models:models", "List versions, approve them, move aliases, roll back, explain."),
    "promote": ("models.promote:promote", "Move a version or a release to the next environment, by its policy."),
    "rollout": ("serving.rollout:rollout", "Move users to a new version by degrees, and back by itself."),
    "monitor": ("watching.monitor:monitor", "Watch what is served: anomalies, skew, drift, labelled answers."),
    "labels": ("serving.labels:labels", "Tell what was right, after the answers."),
    "alerts": ("watching.alerts:alerts", "List, silence and resolve alerts; try the channels."),
    "triggers": ("watching.triggers:triggers", "Start runs by themselves: by time, new data or an alert."),
    "console": ("runs.console:console", "Look at runs, data and models in a browser."),
    "report": ("runs.report:report", "Write a run's report: one HTML file that needs no network."),
    "track": ("runs.track:track", "Tell an MLflow server about runs, their metrics and models."),
    "predict": ("serving.predict:predict", "Score a table with a model of the pipeline."),
    "explain": ("serving.explain:explain", "Say why the model predicts what it predicts."),
    "serve": ("serving.serve:serve", "Start a server for the pipeline's model, with a request that works."),
    "lineage": ("runs.lineage:lineage_command", "Say what something was made from, and what was made of it."),
    "schema": ("data.schema:schema", "Show, compare and change the data contract."),
    "config": ("data.config:config", "Show every key of a configuration; write its schema for editors."),
    "completion": ("completion:completion", "Print what completes commands in bash, zsh or fish."),
    "doctor": ("doctor:doctor", "Say what this machine has, lacks and can run."),
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
