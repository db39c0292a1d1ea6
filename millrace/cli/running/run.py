"""`millrace run`: runs the pipeline and shows it while it runs."""

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from millrace.base import streams
from millrace.base.errors import BadInput, describe
from millrace.base.quiet import output_to
from millrace.base.temporary import temporary_folder
from millrace.cli import completing
from millrace.cli.options import config_options, push_option
from millrace.cli.output import echo
from millrace.cli.running.board import Board
from millrace.cli.running.project_runner import given_runner
from millrace.cli.running.summary import print_summary
from millrace.config.checks import require_writable_root
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.config.trials import with_trial
from millrace.execution.stage_names import require_possible
from millrace.metadata.resuming import to_resume
from millrace.metadata.run_folder import REPEATS, RunRequest, new_run

# What `--resume` takes from the run that it goes on with; `--set` values may be given anew.
_OF_THE_EARLIER_RUN = ("--runner", "--from", "--to", "--no-cache")


@click.command()
@config_options
@click.option(
    "--runner", type=click.Choice(["local", "beam"]), default="local", show_default=True, help="Where to run."
)
@click.option(
    "--from",
    "from_stage",
    default="",
    metavar="STAGE",
    shell_complete=completing.stages,
    help="Run STAGE and what follows it again.",
)
@click.option(
    "--to",
    "to_stage",
    default="",
    metavar="STAGE",
    shell_complete=completing.stages,
    help="Run STAGE and what it needs, and no more.",
)
@click.option("--no-cache", is_flag=True, help="Run every stage, changed or not.")
@push_option
@click.option(
    "--repeats", default="", hidden=True, envvar=REPEATS, help="The run that it repeats: millrace runs repeat."
)
@click.option("--resume", is_flag=True, help="Go on with the last run that did not end well, as it was asked for.")
def run(
    config_file: str,
    overrides: tuple[str, ...],
    runner: str,
    from_stage: str,
    to_stage: str,
    no_cache: bool,
    push: bool,
    repeats: str,
    resume: bool,
) -> None:
    """Run the pipeline on this machine.

    Unchanged stages are served from the cache. With --set of what is learned or judged it is a trial: its model is
    pushed to ROOT/trials/NAME, where nothing is served, unless --push is given.

    Exit code 0: done. 1: a stage failed. 2: the input cannot be used. 3: a gate said no (data, evaluation,
    infrastructure). 130: interrupted; a second Ctrl-C ends at once.
    """
    config = load(config_file, overrides)
    if resume:
        _require_no_other_request(click.get_current_context())
        request = to_resume(layout(config).logs, overrides, config.name)
        echo(f"going on with run {request.resumes}")
    else:
        file = str(Path(config_file).resolve())
        request = RunRequest(file, overrides, runner, from_stage, to_stage, not no_cache, config.name, repeats=repeats)
    request = replace(request, overrides=with_trial(request.overrides, push))
    config = load(request.config_file, request.overrides)
    require_possible(request.from_stage, request.to_stage)
    raise click.exceptions.Exit(_run(config, request))


def _require_no_other_request(context: click.Context) -> None:
    """Refuses what `--resume` would pass over."""
    typed = [
        option.opts[0]
        for option in context.command.params
        if context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    ]
    given = [option for option in typed if option in _OF_THE_EARLIER_RUN]
    if given:
        what = f"--resume goes on with a run as it was asked for, and takes no {' and no '.join(given)}"
        raise BadInput(what, remedy="leave out the one or the other; what that run finished is in the cache either way")


def _run(config: Config, request: RunRequest) -> int:
    began = time.time()
    try:
        require_writable_root(config)
    except BadInput as error:
        from millrace.execution.notification import notify

        notify(config, None, error.exit_code, describe(error))
        raise
    from millrace.execution.notification import untold
    from millrace.execution.run import LocalRun
    from millrace.execution.run import run as run_pipeline
    from millrace.metadata.run_summaries import keep_summary
    from millrace.registry.intake import Registered, register_pushed

    with (
        new_run(layout(config).logs, request, began, untold(config)) as folder,
        ExitStack() as temporary,
        output_to(folder.log) as terminal,
    ):
        temporary.enter_context(temporary_folder())
        if terminal.isatty():
            # rich asks the standard streams, which are the log's now.
            os.environ["COLUMNS"] = str(streams.width(terminal.fileno()))
        with Board(config.name, folder.journal, terminal, log=folder.log) as board:
            outcome = run_pipeline(config, folder, board.show, runner=given_runner(LocalRun))
        keep_summary(config, folder)
        # Of a run whose stage is still at work the next one takes in what it pushed.
        registered = Registered() if outcome.goes_on else register_pushed(config)
        print_summary(config, folder, outcome, outcome.ended - began, registered, board.console)
        if outcome.goes_on:
            # A stage is in C++, which does not look at signals; the end of the interpreter would wait for it.
            terminal.flush()
            temporary.close()
            os._exit(outcome.exit_code)
        return outcome.exit_code
