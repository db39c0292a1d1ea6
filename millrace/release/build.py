"""Makes a release of a compiled job: with what it was compiled from, and only of what is committed and checked."""

from collections.abc import Sequence
from pathlib import Path

import millrace
from millrace.base import files
from millrace.base.errors import BadInput
from millrace.config import environments
from millrace.config.config import Config
from millrace.jobspec.checks import check
from millrace.jobspec.findings import counted, refusing
from millrace.jobspec.job import CompiledJob
from millrace.metadata.revision import revision
from millrace.release.bundle import JOB, Manifest, Release, digest

# The stacks' locks: the image was made from one of them.
_LOCKS = ("requirements/compatible.txt", "requirements/current.txt")


def build(job: CompiledJob, config: Config, overrides: Sequence[str], project: Path) -> Release:
    """Makes a release.

    Args:
        job: compiled of the configuration, for Vertex AI.
        config: the configuration.
        overrides: the `--set` values, the environment among them.
        project: the project's folder.

    Returns:
        The job, the configuration's files, the schema and the locks, as they are in the commit.

    Raises:
        BadInput: something is not committed, the job would be refused, or an image is named by what may change.
    """
    commit, images = _commit(project), _images(job)
    refused = refusing(check(job, config), submitting=True)
    if refused:
        raise BadInput(
            f"a job that would be refused is no release: {counted(refused)}",
            where=job.file or job.name,
            remedy="millrace check names each, and what to do",
        )
    contents = {JOB: job.to_text().encode(), **_sources(config, project)}
    return Release(
        Manifest(
            pipeline=config.name,
            environment=config.environment,
            overrides=tuple(one for one in overrides if one != environments.option(config.environment)),
            commit=commit,
            library=millrace.__version__,
            images=images,
            files={name: digest(content) for name, content in sorted(contents.items())},
        ),
        contents,
    )


def _commit(project: Path) -> str:
    found = revision(project)
    if found is None or not found.commit:
        raise BadInput("git knows no commit of this project", where=str(project), remedy="git init, then git commit")
    if not found.clean:
        changed = ", ".join(one.partition(" ")[2].strip() for one in found.changed[:5])
        raise BadInput(
            f"not everything is committed: {changed}",
            where=str(project),
            remedy="commit it, so that the release's commit is what it was made from",
        )
    return found.commit


def _images(job: CompiledJob) -> tuple[str, ...]:
    images = {str(one["container"].get("image", "")) for one in job.executors.values() if "container" in one}
    if loose := sorted(image for image in images if "@sha256:" not in image):
        raise BadInput(
            f"{loose[0]} may mean another image tomorrow",
            where="vertex.image",
            remedy="name the image by its digest, NAME@sha256:..., as the registry shows it",
        )
    return tuple(sorted(images))


def _sources(config: Config, project: Path) -> dict[str, bytes]:
    """The files that the job was compiled from, by their place in the project."""
    file = Path(config.file)
    paths = [file, *environments.overlays(file, config.environment), *(project / lock for lock in _LOCKS)]
    paths += [Path(path) for path in (config.schema_.file, config.schema_.rules) if path]
    root = project.resolve()
    found = {}
    for path in paths:
        place = path.resolve()
        if place.is_file():
            name = place.relative_to(root).as_posix() if place.is_relative_to(root) else place.name
            found[name] = files.read_bytes(place)
    return found
