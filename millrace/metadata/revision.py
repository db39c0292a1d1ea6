"""The git revision of a project, asked of git itself, and what differed from it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

# Of a difference that is larger only the beginning is kept: enough to see what it was about, not to apply it.
LARGEST_DIFFERENCE = 256 << 10
_SECONDS = 10.0
_MOST_PATHS = 200


@dataclass(frozen=True)
class Revision:
    """What was checked out, and what was not committed.

    Args:
        commit: the full hash; empty in a repository without a commit.
        branch: its name; empty where none is checked out.
        clean: whether nothing differed from the commit, files that git does not know included.
        changed: what differed, as `git status --porcelain` says it, paths from the top of the repository.
        difference: `git diff HEAD` of the project's folder, empty when clean.
        whole: whether `difference` is all of it, so that it can be applied again; without files that git does not know.
    """

    commit: str
    branch: str = ""
    clean: bool = True
    changed: tuple[str, ...] = ()
    difference: str = ""
    whole: bool = True


def revision(folder: Path) -> Optional[Revision]:
    """The revision of a folder; None where git knows nothing of it, or does not answer.

    Args:
        folder: a project's.
    """
    state = git(folder, "status", "--porcelain=v1", "--branch", "--untracked-files=normal", "--", ".")
    if state is None:
        return None
    head, *changed = state.splitlines() or [""]
    commit = (git(folder, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()
    branch = head.removeprefix("## ").removeprefix("No commits yet on ").partition("...")[0]
    options = ("--no-ext-diff", "--no-color", "--binary", "--relative")
    difference = (git(folder, "diff", *options, "HEAD") or "") if changed else ""
    return Revision(
        commit=commit,
        branch="" if branch.startswith("HEAD (") else branch,
        clean=not changed,
        changed=tuple(line.strip() for line in changed[:_MOST_PATHS]),
        difference=difference[:LARGEST_DIFFERENCE],
        whole=bool(commit) and len(difference) <= LARGEST_DIFFERENCE,
    )


def last_commit_of(file: Path) -> str:
    """The last commit that changed a file; empty where git knows none."""
    return (git(file.parent, "log", "-1", "--format=%H", "--", file.name) or "").strip()


def git(folder: Path, *arguments: str) -> Optional[str]:
    """What a git command that only reads prints; None where it fails, or there is no git.

    Args:
        folder: where it runs.
        arguments: the command's.
    """
    try:
        answer = subprocess.run(
            # A repository's own settings may name programs; none of these commands needs one.
            ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            # Reading must not take the lock that a commit beside it needs.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode("utf-8", errors="replace") if answer.returncode == 0 else None
