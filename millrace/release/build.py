"""Makes a release of a compiled job: with what it was compiled from, and only of what is committed and checked."""

import json
from collections.abc import Mapping, Sequence
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
from millrace.jobspec.named_images import named_images
from millrace.jobspec.rules.secrets import looks_like
from millrace.metadata.revision import git, revision
from millrace.project.project import Project
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
        BadInput: something is not committed, the code that an image gets among it, the job is not the configuration's
            or would be refused, a file or a value looks like a secret, or an image is named by what may change.
    """
    commit = _commit(project)
    _require_code_committed(Project(project.resolve()))
    sources = _sources(config, project)
    _require_no_secret(sources, overrides)
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


def _require_no_secret(sources: Mapping[str, bytes], overrides: Sequence[str]) -> None:
    """Refuses what looks like a secret by its form: a release goes to a bucket, and to other environments' machines."""
    lines = [
        (f"{name}:{number}", line)
        for name, content in sources.items()
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1)
    ]
    for where, text in (*lines, *(("--set", one) for one in overrides)):
        if what := looks_like("", text):
            raise BadInput(
                f"something there looks like {what}, and would be in every copy of the release",
                where=where,
                remedy="take it out, and out of the commit; vertex.secrets names what Secret Manager keeps",
            )


def _images(job: CompiledJob) -> tuple[str, ...]:
    """All that the job, what it starts and what serves afterwards run in: what was tested is what is shipped."""
    named = list(named_images(job))
    for key, image in named:
        if "@sha256:" not in image:
            raise BadInput(
                f"{image} may mean another image tomorrow",
                where=key,
                remedy="name the image by its digest, NAME@sha256:..., as the registry shows it",
            )
    return tuple(sorted({image for _, image in named}))


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


def _require_code_committed(project: Project) -> None:
    """Refuses code that an image gets and the commit does not hold, whatever `git status` was told not to look at.

    Raises:
        BadInput: git ignores a file of a package, or it differs from the commit.
    """
    # In the library's own checkout its package goes into the image too.
    tops = [name for name in sorted({*project.shipped, "millrace"}) if (project.root / name).is_dir()]
    found = sorted(path for top in tops for path in (project.root / top).rglob("*") if _is_code(path))
    names = [path.relative_to(project.root).as_posix() for path in found]
    lines = (git(project.root, "ls-tree", "-r", "-z", "HEAD", "--", *tops) or "").split("\0") if tops else []
    committed = {name: entry.split()[2] for entry, _, name in (line.partition("\t") for line in lines if line)}
    if strange := next((name for name in names if name not in committed), None):
        raise BadInput(
            f"{strange} goes into an image, and is not in the commit: git ignores it, or does not know it",
            where=str(project.root),
            remedy=f"git add --force {strange} and commit it, or move it out of {strange.partition('/')[0]}/",
        )
    plain = [name for name, path in zip(names, found, strict=True) if not path.is_symlink()]
    hashes = (git(project.root, "hash-object", "--", *plain) or "").split() if plain else []
    here = dict(zip(plain, hashes, strict=False))
    if changed := next((name for name in plain if committed[name] != here.get(name)), None):
        raise BadInput(
            f"{changed} goes into an image, and is not as it is in the commit",
            where=str(project.root),
            remedy="commit it, so that the release's commit is what it was made from",
        )
    for link in (path for path in found if path.is_symlink() and path.is_file()):
        _require_committed(link.resolve(), project.root)


def _is_code(path: Path) -> bool:
    """Whether an image has a file of a package: what Python makes of others itself is left out of it."""
    return (path.is_file() or path.is_symlink()) and "__pycache__" not in path.parts and path.suffix != ".pyc"


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
