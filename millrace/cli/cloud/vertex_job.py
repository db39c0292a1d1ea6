"""The compiled job of Vertex AI that a command reads, and the option that names another than the configuration's."""

from pathlib import Path
from typing import Any, Optional

import click

from millrace.base.errors import BadInput
from millrace.base.plain_values import in_a_line
from millrace.cloud.compile import compiled_file
from millrace.cloud.compiled_from import changed_since
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.config.platform import VERTEX, deployed
from millrace.jobspec.job import CompiledJob, load
from millrace.jobspec.rules import asked_for

job_option = click.option(
    "--job", "file", type=click.Path(path_type=Path, dir_okay=False), help="A compiled job of Vertex AI."
)


def vertex_job(config: Config, file: Optional[Path], again: str, why: str) -> CompiledJob:
    """A compiled job of Vertex AI.

    Args:
        config: the configuration.
        file: as `job_option` gives it; None for the job that `millrace compile` made of the configuration.
        again: the options that name the configuration in a command.
        why: what the command has to say of no other service's job.

    Raises:
        BadInput: nothing has been compiled, the file is no job, it is one of another service, or the configuration
            asks for something else since it was compiled.
    """
    path = file or compiled_file(config, "vertex")
    if file is None and not path.is_file():
        raise BadInput(
            "nothing has been compiled of this configuration yet",
            where=str(path.parent),
            remedy=f"millrace compile{again}; or name a compiled job with --job",
        )
    job = load(path)
    if job.dialect != "vertex":
        raise BadInput(why, where=str(path), remedy=f"millrace compile --runner vertex{again}")
    if file is None:
        _require_of_today(job, config, again)
    return job


def require_unchanged(job: CompiledJob, config: Config, again: str, as_it_is: str) -> None:
    """Refuses a job that was compiled when the configuration said something else.

    Args:
        job: as `millrace compile` left it.
        config: as it is now.
        again: the options that name the configuration in a command.
        as_it_is: what takes the job all the same.

    Raises:
        BadInput: something differs.
    """
    for key, then, now in changed_since(config, Path(job.file)):
        raise BadInput(
            f"the job was compiled when {key} was {_shown(then)}, and it is {_shown(now)} now",
            where=job.file,
            remedy=f"millrace compile --runner vertex{again}; {as_it_is} takes it as it is",
        )


def _require_of_today(job: CompiledJob, config: Config, again: str) -> None:
    """Refuses a job that was compiled before the configuration said what it says: of it nothing is granted or made."""
    as_it_is = f"--job {job.file}"
    remedy = f"millrace compile --runner vertex{again}; {as_it_is} takes it as it is"
    root = layout(deployed(config, VERTEX)).artifacts
    if job.root != root:
        what = f"the job was compiled for the root {job.root}, and the configuration's is {root}"
        raise BadInput(what, where=job.file, remedy=remedy)
    require_unchanged(job, config, again, as_it_is)
    for absent in (*asked_for.job(job, config), *asked_for.stages(job, config)):
        raise BadInput(absent.what, where=job.file, remedy=remedy)


def _shown(value: Any) -> str:
    return "not set" if value is None else in_a_line(value)
