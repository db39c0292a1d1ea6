"""Another commit of the project, checked out for a moment, and what its pipeline compiles to."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from millrace.base.errors import BadInput
from millrace.base.interrupts import ended_as_by_hand
from millrace.jobspec.job import CompiledJob, load

_MOST_WORDS = 600


@contextlib.contextmanager
def checked_out(repository: Path, commit: str) -> Iterator[Path]:
    """A folder with the project as it is in a commit.

    Args:
        repository: the project's folder.
        commit: whatever git takes for one.

    Yields:
        The project's folder there; it is gone afterwards.

    Raises:
        BadInput: git knows no such commit.
    """
    with ended_as_by_hand() as signal, tempfile.TemporaryDirectory(prefix="millrace-review-") as scratch:
        tree = Path(scratch) / "tree"
        # A word that begins with a dash is a commit that is not there, and no option.
        made = found = _git(repository, "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}")
        try:
            if not found.returncode:
                with signal.afterwards():
                    made = _git(repository, "worktree", "add", "--detach", "--quiet", str(tree), found.stdout.strip())
            if made.returncode:
                raise BadInput(
                    f"git cannot check out {commit}: {' '.join(made.stderr.split())[:_MOST_WORDS]}",
                    where=str(repository),
                    remedy="name a commit that is here; a CI fetches few of them by itself: git fetch origin BRANCH",
                )
            yield tree / _git(repository, "rev-parse", "--show-prefix").stdout.strip()
        finally:
            with signal.afterwards():
                # A checkout that broke off is locked, which one --force does not overrule.
                _git(repository, "worktree", "remove", "--force", "--force", str(tree))


def compiled(folder: Path, configuration: str, environment: str) -> CompiledJob:
    """What `millrace compile` makes of a project, by the project's own code and a process of its own.

    Args:
        folder: the project's.
        configuration: its file, below the folder.
        environment: which one; empty for none.

    Raises:
        BadInput: it does not compile.
    """
    with tempfile.TemporaryDirectory(prefix="millrace-review-") as scratch:
        target = Path(scratch) / "job.json"
        words = [sys.executable, "-m", "millrace.cli.main", "compile", "-c", configuration, "-o", str(target)]
        chosen = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
        ended = subprocess.run(
            [*words, *(["--env", environment] if environment else [])],
            cwd=folder,
            env={**chosen, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        # It is written before it is checked: what a service would refuse can be compared all the same.
        if not target.is_file():
            raise BadInput(
                f"does not compile: {' '.join(ended.stderr.split())[-_MOST_WORDS:]}",
                where=str(folder / configuration),
                remedy="millrace compile says more",
            )
        # Where neither bucket nor folder is named, what is below the project is the same on both sides.
        target.write_text(target.read_text(encoding="utf-8").replace(str(folder.resolve()), "."), encoding="utf-8")
        return load(target)


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    words = ["git", *arguments]
    try:
        # In a session of its own, since Ctrl-C goes to all that share a terminal's.
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, start_new_session=True)
    except FileNotFoundError as error:
        raise BadInput("there is no git on this machine", where="PATH", remedy="install it: apt install git") from error
