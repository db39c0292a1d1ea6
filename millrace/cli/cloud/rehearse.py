"""`millrace rehearse`: runs the compiled cloud job on this machine and shows it while it runs."""

import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Optional

import click

from millrace.base.errors import MillraceError
from millrace.base.interrupts import heeding_signals
from millrace.base.outcomes import INTERRUPTED
from millrace.base.quiet import output_to
from millrace.base.temporary import temporary_folder
from millrace.cli.cloud.rehearsal_report import print_report
from millrace.cli.cloud.service_options import parameter_values, service_options
from millrace.cli.options import NumberRange, push_option
from millrace.cli.running.board import Board
from millrace.cloud.prepared_job import compiled_before
from millrace.cloud.services import meant
from millrace.config.checks import require_writable_root
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.config.trials import with_trial
from millrace.jobspec.job import CompiledJob, Dialect
from millrace.metadata import provenance
from millrace.metadata.run_folder import RunFolder, RunRequest, new_run
from millrace.rehearsal.cloud_folder import mapping
from millrace.rehearsal.given_outputs import parsed
from millrace.rehearsal.of_configuration import rehearse_configuration
from millrace.rehearsal.report import Result
from millrace.rehearsal.retries import failing_tries
from millrace.rehearsal.world import RehearsalOptions


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@service_options
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Set a runtime parameter. Repeatable.")
@click.option("--exact", is_flag=True, help="Start each task in an interpreter of its own, as in the cloud. Slower.")
@click.option("--no-cache", is_flag=True, help="Run every task, whatever the job says of caching.")
@click.option(
    "--fail", "failing", multiple=True, metavar="TASK[:TRIES]", help="Let TASK fail, or its first TRIES tries."
)
@click.option("--gs", "buckets", multiple=True, metavar="gs://PATH=FOLDER", help="Take a bucket's path from a folder.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="TASK.KEY=FOLDER",
    help="Give what TASK would make, in place of running it. Repeatable.",
)
@click.option("--allow-partial", is_flag=True, help="Count it as done when some tasks could not run here.")
@click.option("--task-seconds", type=NumberRange(min=0, min_open=True), help="End a task that takes longer.")
@click.option(
    "--python",
    type=click.Path(path_type=Path, exists=True),
    help="Run the tasks of a job of others in the environment of this interpreter.",
)
@click.option(
    "--with", "more", multiple=True, metavar="PACKAGE", help="Have a package, wheel or folder in the image. Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@push_option
def rehearse(
    file: Optional[Path],
    config_file: str,
    overrides: tuple[str, ...],
    runner: Optional[Dialect],
    parameters: tuple[str, ...],
    exact: bool,
    no_cache: bool,
    failing: tuple[str, ...],
    buckets: tuple[str, ...],
    outputs: tuple[str, ...],
    allow_partial: bool,
    task_seconds: Optional[float],
    python: Optional[Path],
    more: tuple[str, ...],
    as_json: bool,
    push: bool,
) -> None:
    """Run the compiled cloud job on this machine, without a cloud.

    FILE is a compiled job; without it the configuration is compiled now. Every task runs by its exact command, with
    only what setup.py ships to import; gs:// is a folder. Exit code 0: it would work, as far as this machine can tell.
    1: a task failed. 2: the job or the input cannot be used, or some of its tasks cannot run here. 3: a gate said no.
    130: interrupted.
    """
    began = time.time()
    overrides = with_trial(overrides, push)
    config = load(config_file, overrides)
    job = compiled_before(file, runner)
    values = parameter_values(parameters)
    # What comes from the cache starts no interpreter at all.
    cache = not (no_cache or exact)
    options = RehearsalOptions(
        exact=exact,
        cache=cache,
        fail=failing_tries(failing),
        outputs=parsed(outputs),
        partial=allow_partial,
        task_seconds=task_seconds or 0.0,
        elsewhere=mapping(buckets),
    )
    request = RunRequest(str(Path(config_file).resolve()), overrides, "rehearsal", cache=cache)
    require_writable_root(config)
    with new_run(layout(config).logs, request, began) as folder:
        provenance.record(folder.path, config, overrides)
        result = _shown(config, folder, job, meant(config, runner), values, options, python, more, as_json)
    raise click.exceptions.Exit(result.exit_code)


def _shown(
    config: Config,
    folder: RunFolder,
    job: Optional[CompiledJob],
    runner: str,
    values: dict[str, str],
    options: RehearsalOptions,
    python: Optional[Path],
    more: Sequence[str],
    as_json: bool,
) -> Result:
    """Runs the rehearsal with its board on the terminal, and prints what it found. JSON stands alone."""
    with ExitStack() as stack:
        stack.enter_context(temporary_folder())
        terminal = stack.enter_context(output_to(folder.log))
        signals = stack.enter_context(heeding_signals())
        screen = stack.enter_context(open(os.devnull, "w", encoding="utf-8")) if as_json else terminal
        with Board(config.name, folder.journal, screen) as board:
            try:
                result = rehearse_configuration(
                    config, folder, job, runner, values, options, python=python, more=more, started=board.show
                )
            except (KeyboardInterrupt, MillraceError) as error:
                # It did not come to a report: before the first task, or after a job that cannot be run. A fault after
                # a signal came of it: Ctrl-C reaches what builds the stand-in for the image, too.
                code = error.exit_code if isinstance(error, MillraceError) else INTERRUPTED
                code = INTERRUPTED if signals.count and code == 1 else code
                folder.finish(code)
                if code == INTERRUPTED:
                    raise KeyboardInterrupt from error
                raise
        if as_json:
            terminal.write(json.dumps(result.to_json(), indent=2) + "\n")
        else:
            print_report(result, board.console)
        return result
