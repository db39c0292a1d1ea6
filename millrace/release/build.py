"""Makes a release of a compiled job: with what it was compiled from, and only of what is committed and checked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import millrace
from millrace.base import files
from millrace.base.errors import BadInput
from millrace.config import environments
from millrace.config.config import Config
from millrace.jobspec.checks import check
from millrace.jobspec.findings import counted, refusing
from millrace.jobspec.job import CompiledJob
from millrace.metadata.revision import git, revision
from millrace.release.bundle import JOB, Manifest, Release, digest

# The stacks' locks: the image was made from one of them.
_LOCKS = ("requirements/compatible.txt", "requirements/current.txt")


def build(
    job: CompiledJob, config: Config, overrides: Sequence[str], project: Path, compiled: Optional[CompiledJob] = None
) -> Release:
    """Makes a release.

    Args:
        job: compiled of the configuration, for Vertex AI.
        config: the configuration.
        overrides: the `--set` values, the environment among them.
        project: the project's folder.
        compiled: what the configuration compiles to now; None where the job is just that.

    Returns:
        The job, the configuration's files, the schema and the locks, as they are in the commit.

    Raises:
        BadInput: something is not committed, the job is not the configuration's or would be refused, or an image is
            named by what may change.
    """
    commit = _commit(project)
    sources = _sources(config, project)
    if compiled is not None:
        _require_same(job, compiled, config)
    images = _images(job)
    refused = refusing(check(job, config), submitting=True)
    if refused:
        raise BadInput(
            f"a job that would be refused is no release: {counted(refused)}",
            where=job.file or job.name,
            remedy="millrace check names each, and what to do",
        )
    contents = {JOB: job.to_text().encode(), **sources}
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


def _require_same(job: CompiledJob, compiled: CompiledJob, config: Config) -> None:
    """Holds a job that was compiled before to what the configuration compiles to: root, projects, stages, all of it."""
    place = _difference(json.loads(job.to_text()), json.loads(compiled.to_text()), "")
    if place is not None:
        named = f" --env {config.environment}" if config.environment else ""
        raise BadInput(
            f"the job is not the one that {config.file} compiles to: {place} differs",
            where=job.file or job.name,
            remedy=f"compile it again from this commit: millrace compile{named} --push, with the same --set values",
        )


def _difference(one: Any, other: Any, place: str) -> Optional[str]:
    """Where two documents differ first; None where they do not."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            below = f"{place}.{key}" if place else str(key)
            if (key in one) != (key in other):
                return below
            if (found := _difference(one[key], other[key], below)) is not None:
                return found
        return None
    return None if one == other else place


def _sources(config: Config, project: Path) -> dict[str, bytes]:
    """The files that the job was compiled from, by their place in the project, each as it is in the commit."""
    file = Path(config.file)
    paths = [file, *environments.overlays(file, config.environment), *(project / lock for lock in _LOCKS)]
    paths += [Path(path) for path in (config.schema_.file, config.schema_.rules) if path]
    root = project.resolve()
    found = {}
    for path in paths:
        if path.is_file():
            # A link is a file of the commit too, and so must be what it leads to.
            for place in (path.parent.resolve() / path.name, path.resolve()):
                _require_committed(place, root)
            found[(path.parent.resolve() / path.name).relative_to(root).as_posix()] = files.read_bytes(path)
    return found


def _require_committed(place: Path, root: Path) -> None:
    """Refuses a file that the project's commit does not hold, whatever `git status` was told not to look at.

    Raises:
        BadInput: it is outside of the project, git does not know it, or it differs.
    """
    remedy = "commit it, so that the release's commit is what it was made from"
    if not place.is_relative_to(root):
        raise BadInput(f"is outside of the project {root}, whose commit it is not in", where=str(place), remedy=remedy)
    name = place.relative_to(root).as_posix()
    _, _, entry = (git(root, "ls-tree", "HEAD", "--", name) or "").partition(" ")
    if not entry:
        what = "is not in the commit: git ignores it, or does not know it"
        raise BadInput(what, where=str(place), remedy=f"{remedy}; git add --force {name}")
    if not place.is_symlink() and (git(root, "hash-object", "--", name) or "").strip() != entry.split()[1]:
        raise BadInput("is not as it is in the commit", where=str(place), remedy=remedy)
