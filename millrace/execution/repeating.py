"""Runs again what an earlier run was: its configuration and its code, in a worktree where the code is another now."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from millrace.base.errors import BadInput, MillraceError
from millrace.base.plain_values import differences
from millrace.components import stage_ids
from millrace.config.loading import load
from millrace.metadata import provenance
from millrace.metadata.provenance import DataFiles, Provenance
from millrace.metadata.revision import Revision, git
from millrace.metadata.run_details import RunDetail
from millrace.metadata.run_folder import REPEATS
from millrace.project.project import STANDS_FOR, Project

# Where things lie that are in no commit; what lies within the project is taken from the worktree.
_PLACES = ("root", "data.path", "push.directory", "metadata.file", "tuning.pinned", "schema.file")
_NAMED = 4
_OTHER_DATA = "the files of the data are not as they were"
_UNKNOWN_DATA = "the files of the data have other times, and are too large for a digest: their rows may be others"
_TOKENS = {"{SPAN": "span", "{VERSION": "version"}


@dataclass(frozen=True)
class Repetition:
    """How a run is run again.

    Args:
        run_id: of the run.
        folder: the project's, or that of its worktree.
        config_file: the configuration's, in that folder.
        overrides: the `--set` values.
        worktree: the folder that was made for it; None where the code is as it was.
        others: what is not as it was and cannot be put back, in a sentence each: data, the stack.
        because: why it takes a worktree: what of the project is another now; empty where it takes none.
        stands_for: the project's folder for which the worktree stands.
    """

    run_id: str
    folder: Path
    config_file: Path
    overrides: tuple[str, ...]
    worktree: Optional[Path] = None
    others: tuple[str, ...] = ()
    because: str = ""
    stands_for: Optional[Path] = None


@contextlib.contextmanager
def repetition(here: Project, detail: RunDetail, worktrees: Path) -> Iterator[Repetition]:
    """Prepares a place in which a run can be run again.

    Args:
        here: the project as it is now.
        detail: the run.
        worktrees: the folder in which a worktree is made.

    Yields:
        How to run it. A worktree is taken away afterwards, unless the block ends in an exception.

    Raises:
        BadInput: the run did not record what it was made from, or its code cannot be had again.
    """
    run_id, made_from, request = detail.summary.run_id, detail.provenance, detail.request
    if made_from is None or request is None or detail.summary.rehearsal:
        kind = "was a rehearsal" if detail.summary.rehearsal else "did not record what it was made from"
        raise BadInput(f"run {run_id} {kind}", remedy="millrace run, with the values that you want")
    because = _changed_since(made_from, here, Path(request.config_file), request.overrides)
    if not because:
        values = (*request.overrides, *_span(detail, Path(request.config_file), request.overrides))
        others = _others(made_from, Path(request.config_file), values)
        yield Repetition(run_id, here.root, Path(request.config_file), values, others=others)
        return
    revision = _restorable(run_id, made_from)
    with _place_of_its_own(worktrees, run_id) as tree:
        _add_worktree(here, revision, tree)
        chosen = _in_worktree(here, detail, made_from, Path(request.config_file), request.overrides, tree)
        yield replace(chosen, because=because, stands_for=here.root)
        git(here.root, "worktree", "remove", "--force", str(tree))
        shutil.rmtree(tree, ignore_errors=True)


@contextlib.contextmanager
def _place_of_its_own(worktrees: Path, run_id: str) -> Iterator[Path]:
    """A folder that no other repetition uses as long as this one does; what one has left is used again."""
    worktrees.mkdir(parents=True, exist_ok=True)
    for attempt in range(1000):
        tree = worktrees / (f"{run_id}-{attempt}" if attempt else run_id)
        with (worktrees / f"{tree.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield tree
            return
    raise BadInput(f"run {run_id} is repeated a thousand times at once", where=str(worktrees))


def _in_worktree(
    here: Project, detail: RunDetail, made_from: Provenance, file: Path, overrides: Sequence[str], tree: Path
) -> Repetition:
    run_id = detail.summary.run_id
    top = Path((git(here.root, "rev-parse", "--show-toplevel") or "").strip())
    folder = tree / here.root.relative_to(top.resolve()) if top.name else tree
    # A configuration from elsewhere is taken from there.
    relative = os.path.relpath(file, here.root)
    config_file = file if relative.startswith("..") else folder / relative
    _require_as_it_was(run_id, made_from, folder, tree)
    values = (*overrides, *_places(made_from, here))
    values = (*values, *_span(detail, config_file, values))
    return Repetition(run_id, folder, config_file, values, tree, _others(made_from, config_file, values))


def run_again(chosen: Repetition, options: Sequence[str]) -> int:
    """Runs the pipeline in a process of its own, which imports the code of that place; gives its exit code.

    Args:
        chosen: the place.
        options: further options of `millrace run`.
    """
    words = [word for value in chosen.overrides for word in ("--set", value)]
    command = [sys.executable, "-m", "millrace.cli.main", "run", "-c", str(chosen.config_file), *words, *options]
    environment = {**os.environ, REPEATS: chosen.run_id, STANDS_FOR: str(chosen.stands_for or "")}
    return subprocess.run(command, cwd=chosen.folder, env=environment, check=False).returncode


def _changed_since(made_from: Provenance, here: Project, config_file: Path, overrides: Sequence[str]) -> str:
    """What of the project's code, schema and configuration is not what the run had; empty where all of it is."""
    try:
        now = load(config_file, overrides)
    except MillraceError:
        return f"{config_file.name} cannot be read with the values of then"
    settings = [key for key, *_ in differences(made_from.configuration, now.model_dump(mode="json", by_alias=True))]
    schema = provenance.file_digest(Path(now.schema_.file)) if now.schema_.file else ""
    code = provenance.code_of(here)
    files = [name for name in sorted({*code, *made_from.code}) if code.get(name) != made_from.code.get(name)]
    changed = [
        *settings,
        *([Path(now.schema_.file or "").name or "the schema"] if schema != made_from.schema_digest else []),
        *files,
    ]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return f"changed since: {', '.join(changed[:_NAMED])}{more}" if changed else ""


def _restorable(run_id: str, made_from: Provenance) -> Revision:
    revision = made_from.revision
    if revision is None or not revision.commit:
        raise BadInput(
            f"the code or the configuration changed since run {run_id}, which knew no commit",
            remedy="put back what it ran with; millrace runs diff names what differs",
        )
    if not revision.whole:
        changed = ", ".join(revision.changed)
        raise BadInput(
            f"run {run_id} ran with changes that are in no commit and too large to be kept: {changed}",
            remedy="put those files back and commit them, then millrace run",
        )
    return revision


def _add_worktree(here: Project, revision: Revision, tree: Path) -> None:
    tree.parent.mkdir(parents=True, exist_ok=True)
    if tree.exists():
        git(here.root, "worktree", "remove", "--force", str(tree))
        shutil.rmtree(tree, ignore_errors=True)
    git(here.root, "worktree", "prune")
    if git(here.root, "worktree", "add", "--detach", str(tree), revision.commit) is None:
        raise BadInput(
            f"git makes no worktree of commit {revision.commit[:12]}",
            where=str(here.root),
            remedy=f"git fetch, or say what git says: git worktree add --detach {tree} {revision.commit}",
        )
    if not revision.difference:
        return
    # The difference is of the project's folder; git applies it from the top.
    below = (git(here.root, "rev-parse", "--show-prefix") or "").strip()
    applied = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", *([f"--directory={below}"] if below else []), "-"],
        cwd=tree,
        input=revision.difference.encode("utf-8", errors="surrogateescape"),
        capture_output=True,
        check=False,
    )
    if applied.returncode:
        words = applied.stderr.decode(errors="replace").strip().splitlines()
        raise BadInput(
            f"what was not committed cannot be applied again: {words[-1] if words else 'git apply failed'}",
            where=str(tree),
            remedy="millrace runs show --json has the difference",
        )


def _require_as_it_was(run_id: str, made_from: Provenance, folder: Path, tree: Path) -> None:
    """Git knows nothing of a file that was never added: a digest of each file says whether one of them took part."""
    code = provenance.code_of(Project(folder))
    other = [name for name in sorted({*code, *made_from.code}) if code.get(name) != made_from.code.get(name)]
    if other:
        shutil.rmtree(tree, ignore_errors=True)
        raise BadInput(
            f"run {run_id} ran with code that is in no commit: {', '.join(other)}",
            remedy="put those files back and commit them, then millrace run",
        )


def _span(detail: RunDetail, config_file: Path, overrides: Sequence[str]) -> tuple[str, ...]:
    """The span and the version that were the newest then, where the configuration asks for the newest and that is
    another now: to name them is to ask ExampleGen for something else than it was asked for."""
    made_from = detail.provenance
    data = made_from.configuration.get("data", {}) if made_from else {}
    examples = detail.output(stage_ids.EXAMPLE_GEN, "examples")
    patterns = json.dumps([data.get("pattern"), data.get("files")])
    # Of a window each span has a version of its own, and the newest's is not theirs.
    tokens = {token: key for token, key in _TOKENS.items() if not (key == "version" and data.get("window"))}
    read = {token: examples.properties.get(key) for token, key in tokens.items()} if examples else {}
    values = tuple(
        f"data.{_TOKENS[token]}={value}"
        for token, value in read.items()
        if value not in (None, "") and token in patterns and data.get(_TOKENS[token]) is None
    )
    then = made_from.data if made_from else DataFiles()
    is_newest = values and then.digest and provenance.data_of(load(config_file, overrides)).is_as(then)
    return () if is_newest else values


def _others(made_from: Provenance, config_file: Path, overrides: Sequence[str]) -> tuple[str, ...]:
    others = []
    same = provenance.data_of(load(config_file, overrides)).is_as(made_from.data)
    if not same:
        others.append(_OTHER_DATA if same is False else _UNKNOWN_DATA)
    installed = provenance.stack_versions()
    moved = [
        f"{k} {v} is {installed.get(k, 'not here')}" for k, v in made_from.versions.items() if installed.get(k) != v
    ]
    return (*others, *([f"the stack is another: {', '.join(moved)}"] if moved else []))


def _places(made_from: Provenance, here: Project) -> Iterator[str]:
    """What lies outside of the project's code by its absolute path, since a worktree lies elsewhere."""
    for key in _PLACES:
        value: object = made_from.configuration
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        tracked = isinstance(value, str) and git(here.root, "ls-files", "--error-unmatch", "--", value) is not None
        if isinstance(value, str) and not tracked:
            yield f"{key}={value}"
