"""The job that `submit` and `schedules create` send: read or compiled, given its values, and checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput
from millrace.cloud.compile import compile_for
from millrace.cloud.remote.jobs import Service
from millrace.cloud.services import KUBEFLOW, CloudRunner, connect
from millrace.config.checks import require_writable_root
from millrace.config.config import Config
from millrace.cost.budget import require_budget
from millrace.jobspec.checks import check
from millrace.jobspec.findings import JobFinding, counted, refusing
from millrace.jobspec.job import CompiledJob, Dialect
from millrace.jobspec.job import load as load_job


@dataclass(frozen=True)
class Progress:
    """What whoever prepares a job wants to hear of meanwhile.

    Args:
        say: is given a line before something that takes time.
        show: is given what the check of a job found, before it may be refused for that.
    """

    say: Callable[[str], None]
    show: Callable[[Sequence[JobFinding]], None]


def compiled_before(file: Optional[Path], runner: Optional[Dialect]) -> Optional[CompiledJob]:
    """The job in a file; None when no file is named.

    Args:
        file: a compiled job, as `millrace compile` writes it; None when none is named.
        runner: the service that is asked for; None when any will do.

    Raises:
        BadInput: it is no compiled job, or is for another service than the one that is asked for.
    """
    if file is None:
        return None
    job = load_job(file)
    if runner and runner != job.dialect:
        raise BadInput(
            f"compiled for {job.dialect}, not for {runner}",
            where=str(file),
            remedy=f"leave --runner out, or: millrace compile --runner {runner}",
        )
    return job


def named_job(name: str, config: Config, runner: Optional[Dialect]) -> Optional[CompiledJob]:
    """The job that a person names: a file, or the address of a template; None when neither is named.

    Args:
        name: of the file, or https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY/NAME/TAG-or-DIGEST; empty for none.
        config: says what a template does not.
        runner: the service that is asked for; None when any will do.

    Raises:
        BadInput: it is no compiled job, or is for another service than the one that is asked for.
        ServiceFailure: the template cannot be read.
    """
    if not name.startswith("https://"):
        return compiled_before(Path(name) if name else None, runner)
    if runner == KUBEFLOW:
        raise BadInput("a template is for Vertex AI", where=name, remedy="leave --runner out")
    # Google's clients take seconds to load.
    from millrace.cloud.vertex.templates import job_of_template

    return job_of_template(name, config)


def prepared(
    config: Config,
    compiled: Optional[CompiledJob],
    runner: Dialect,
    values: dict[str, str],
    progress: Progress,
    own: Optional[CloudRunner] = None,
) -> tuple[Service, CompiledJob]:
    """The service, and the job for it, checked as far as it can be before anything is made.

    What takes no time is looked at first: a file's parameters before the service is asked, the service before
    anything is compiled.

    Args:
        config: the configuration.
        compiled: the job; None to compile the configuration.
        runner: the service.
        values: the values of runtime parameters, by name.
        progress: what is told meanwhile.
        own: compiles and connects in place of the library's own.

    Raises:
        BadInput: as `ready` does, or the service cannot be used as it is configured.
    """
    job = ready(compiled, config, values, progress) if compiled else None
    service = own.connect(config) if own else connect(config, runner)
    job = job or ready(_compiled(config, runner, progress, own), config, values, progress)
    service.check(job)
    return service, job


def ready(
    job: CompiledJob, config: Config, values: dict[str, str], progress: Progress, as_built: bool = False
) -> CompiledJob:
    """The job with the values of its parameters, and nothing in it that is known to be refused later.

    Args:
        job: a compiled job.
        config: of the pipeline; says which service and which stages.
        values: what the parameters are set to, by name.
        progress: is given what the check of the job said.
        as_built: whether it is a release's, which was held to its own configuration: this one may be another by now.

    Returns:
        The job that can be sent.

    Raises:
        BadInput: a parameter is unknown, has a value of another type, or has none; or a check says no.
        GateRefused: its run may cost more than the budget.
    """
    job = job.with_values(values)
    known = job.effective_values
    missing = [name for name, one in job.parameters.items() if name not in known and not one.optional]
    if missing:
        raise BadInput(
            f"no value for {', '.join(missing)}",
            where=job.file or job.name,
            remedy=" ".join(f"--param {name}=..." for name in missing),
        )
    # A file of another pipeline is checked without the configuration, which knows nothing of it.
    findings = check(job, config if job.name == config.name and not as_built else None)
    refused = refusing(findings, submitting=True)
    progress.show(findings)
    if refused:
        raise BadInput(
            f"it would be refused: {counted(refused)}",
            where=job.file or job.name,
            remedy="fix what the table names; nothing was sent",
        )
    # Of a release the budget is a rule among those of its promotion.
    if not as_built and (unjudged := require_budget(job, config)):
        progress.say(unjudged)
    return job


def _compiled(config: Config, runner: Dialect, progress: Progress, own: Optional[CloudRunner]) -> CompiledJob:
    require_writable_root(config)
    progress.say(f"compiling {config.file} (TensorFlow and TFX take some seconds to load)")
    return compile_for(config, runner, own.compile if own else None)
