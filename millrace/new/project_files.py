"""The files of a new project, as they are to be written: the checkout's own, with what differs there put in place."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from millrace.base.errors import BadInput, MillraceError
from millrace.new.contents import TAXI, collect
from millrace.project.wheels import checkout

# Where a wheel has the files that `library/setup.py` copied from the checkout.
_IN_WHEEL = Path(__file__).with_name("template")
# What a project has of its own, where the checkout's file of that name does more: by its place in the project.
_OWN = {
    ".gitignore": "gitignore",
    "Makefile": "Makefile",
    "README.md": "README.md",
    "bootstrap/setup.sh": "setup.sh",
    "bootstrap/uv.sh": "uv.sh",
    "pyproject.toml": "pyproject.toml",
    "wheels/README.md": "wheels.md",
}
_NAME = "PROJECT-NAME"
_PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==", flags=re.MULTILINE)
# A project takes the library as a wheel, where the checkout has its source.
_REPLACED = {
    "Dockerfile": {
        "COPY library/setup.py library/\nCOPY millrace/__init__.py millrace/\n": "COPY wheels/ wheels/\n",
        "COPY millrace/ millrace/\n": "",
        "depends on the lock and on the library's setup.py": "depends on the lock and on the library's wheel",
    },
    ".dockerignore": {"!library/setup.py\n": "", "!millrace\n": "", "!setup.py\n": "!setup.py\n!wheels\n"},
    "setup.py": {'NAME = "taxi-pipeline"': f'NAME = "{_NAME}"'},
}


@dataclass(frozen=True)
class ProjectFile:
    """One file to be written.

    Args:
        content: its bytes.
        executable: whether it can be started.
    """

    content: bytes
    executable: bool = False


def project_files(name: str, with_taxi: bool = True) -> dict[str, ProjectFile]:
    """The files of a project, by their place in it.

    Args:
        name: the project's name.
        with_taxi: whether the taxi pipeline's configuration and schema are among them, and named in conf/default.

    Raises:
        BadInput: the taxi pipeline is asked for, and this checkout no longer has it.
        MillraceError: this installation of the library has not the files, or they are no longer as this module
            knows them.
    """
    root = _root()
    sources = collect(root)
    gone = [place for place in TAXI if place not in sources]
    if with_taxi and gone:
        raise BadInput(
            f"the taxi pipeline is no longer in this checkout: {gone[0]} is not found",
            where=str(root),
            remedy="give the new project a table of its own: millrace new NAME --data FILE --label COLUMN",
        )
    sources.update({place: Path(__file__).parent / "files" / own for place, own in _OWN.items()})
    kept = {place: path for place, path in sorted(sources.items()) if with_taxi or place not in TAXI}
    files = {place: _adapted(place, path, name) for place, path in kept.items()}
    if with_taxi:
        # A fork's own names the pipeline that the fork works on.
        files["conf/default"] = ProjectFile(b"taxi.yaml\n")
    return files


def locked_packages() -> frozenset[str]:
    """The names of the packages that the locks of a project bring, which no project can be called like.

    Raises:
        MillraceError: this installation of the library has not the files.
    """
    locks = sorted((_root() / "requirements").glob("*.txt"))
    return frozenset(name for lock in locks for name in _PINNED.findall(lock.read_text(encoding="utf-8")))


def _root() -> Path:
    """The checkout, or the folder in which a wheel brings the same files."""
    root = checkout() or _IN_WHEEL
    if not (root / "setup.py").is_file():
        raise MillraceError(
            "this installation of the library was made without the files of a project, as a container image has it",
            where=str(root),
            remedy="install the library's wheel where you work",
        )
    return root


def _adapted(place: str, path: Path, name: str) -> ProjectFile:
    content = path.read_bytes()
    if place in _REPLACED or place in _OWN:
        text = content.decode("utf-8")
        for before, after in _REPLACED.get(place, {}).items():
            if text.count(before) != 1:
                raise MillraceError(
                    f"this stands {text.count(before)} times in the file, and once is expected: {before.strip()}",
                    where=str(path),
                    remedy="change millrace/new/project_files.py with it",
                )
            text = text.replace(before, after)
        content = text.replace(_NAME, name).encode("utf-8")
    return ProjectFile(content, os.access(path, os.X_OK))
