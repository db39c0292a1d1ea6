"""`millrace compile`: the pipeline as a document that Vertex AI or Kubeflow Pipelines runs."""

from pathlib import Path
from typing import Optional

import click
from rich.console import Console

from millrace.base import printing
from millrace.cli.cloud.findings import print_findings
from millrace.cli.cloud.service_options import also
from millrace.cli.options import config_options, push_option
from millrace.cli.output import echo
from millrace.cloud.compile import compile_for, compiled_file
from millrace.cloud.compiled_from import note_configuration
from millrace.config.checks import require_writable_root
from millrace.config.config import Config
from millrace.config.trials import load_run
from millrace.jobspec.checks import check
from millrace.jobspec.findings import JobFinding, counted, refusing
from millrace.jobspec.job import CompiledJob, Dialect

SERVICES = {"vertex": "Vertex AI", "kubeflow": "Kubeflow Pipelines"}


@click.command("compile")
@config_options
@click.option(
    "--runner", type=click.Choice(list(SERVICES)), default="vertex", show_default=True, help="What it is compiled for."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: ROOT/compiled/NAME-vertex.json or NAME-kubeflow.yaml]",
)
@push_option
def compile_command(
    config_file: str, overrides: tuple[str, ...], runner: Dialect, output: Optional[Path], push: bool
) -> None:
    """Compile the pipeline for Vertex AI or Kubeflow Pipelines, without network or credentials.

    With --set of what is learned or judged the job is a trial: it pushes beside the models that are served, and to no
    endpoint, unless --push is given.

    What must be set before the job can be submitted is listed. Exit code 0: compiled. 2: something is wrong with the
    configuration or with the compiled job, which is then written beside the file that is there, and not over it.
    """
    config = load_run(config_file, overrides, push)
    require_writable_root(config)
    target = output or compiled_file(config, runner)
    job = compile_for(config, runner)
    findings = check(job, config)
    wrong = bool(refusing(findings, submitting=False))
    written = _save(job, target, wrong)
    if runner == "vertex" and written.resolve() == compiled_file(config, runner).resolve():
        note_configuration(config, written)
    _print(config, job, written, findings, also(config_file, overrides, job.dialect), Console())
    if wrong:
        if written != target:
            echo(f"{target} is kept as it was: fix what the table names, and compile again")
        raise click.exceptions.Exit(2)


def _save(job: CompiledJob, target: Path, wrong: bool) -> Path:
    """Writes a job; one that is wrong goes beside the file that is there, which may be a good one.

    Returns:
        Where it is.
    """
    beside = target.with_name(f"{target.stem}.refused{target.suffix}")
    written = beside if wrong and target.exists() else target
    job.save(written)
    if not wrong:
        beside.unlink(missing_ok=True)
    return written


def _print(
    config: Config, job: CompiledJob, target: Path, findings: list[JobFinding], more: str, console: Console
) -> None:
    console.print(f"compiled {config.name} for {SERVICES[job.dialect]}: {len(job.tasks)} tasks", highlight=False)
    printing.say(f"{'file:':<12}{target}", console)
    printing.say(f"{'parameters:':<12}{', '.join(job.parameters)}", console)
    if config.push.trial:
        printing.say(f"{'trial:':<12}its model is not served; --push serves it", console)
    printing.say(f"{'check:':<12}{counted(findings)}", console)
    console.print()
    print_findings(findings, console)
    if refusing(findings, submitting=False):
        return
    rehearse, following = f"millrace rehearse{more}", f"millrace submit{more}"
    if refusing(findings, submitting=True):
        following += ", once the above is set"
    printing.say(f"next: {rehearse}; then {following}", console, whole=True)
