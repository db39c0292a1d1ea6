"""The interpreter whose packages stand in for an image's, and what lies in its site-packages."""

import functools
import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from millrace.base.errors import BadInput

# Every official Python image brings them, whatever an environment asks for.
_OF_EVERY_IMAGE = ("pip", "setuptools", "wheel")
_ASK = (
    "import json, os, sys, sysconfig; print(json.dumps({'executable': os.path.realpath(sys.executable), "
    "'prefix': sys.base_prefix, 'version': sys.version, 'short': '%d.%d' % sys.version_info[:2], "
    "'site': [sysconfig.get_path('purelib'), sysconfig.get_path('platlib')]}))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python with its packages.

    Args:
        executable: the program itself, no link.
        prefix: where its standard library is.
        version: as `sys.version` says it.
        short: for instance "3.10".
        site: its site-packages.
    """

    executable: Path
    prefix: Path
    version: str
    short: str
    site: tuple[Path, ...]

    @functools.cached_property
    def installed(self) -> dict[str, Distribution]:
        """The installed distributions by normalised name."""
        every = distributions(path=[str(folder) for folder in self.site])
        return {canonicalize_name(one.metadata["Name"]): one for one in every if one.metadata["Name"]}


def this_one() -> Interpreter:
    """The interpreter that runs."""
    folders = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    return Interpreter(
        Path(sys.executable).resolve(),
        Path(sys.base_prefix).resolve(),
        sys.version,
        f"{sys.version_info.major}.{sys.version_info.minor}",
        tuple(Path(folder) for folder in folders if Path(folder).is_dir()),
    )


def at(path: Path) -> Interpreter:
    """Another interpreter.

    Args:
        path: the program, or the environment that holds it as `bin/python`.

    Raises:
        BadInput: it is no Python that can be started.
    """
    program = path / "bin" / "python" if path.is_dir() else path
    try:
        asked = subprocess.run([str(program), "-c", _ASK], capture_output=True, text=True, check=True, timeout=60)
        said = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise BadInput(
            f"{path} is no Python that can be started",
            where="--python",
            remedy="name an interpreter, or the environment that holds it, for instance .venv/bin/python",
        ) from error
    site = tuple(Path(folder) for folder in dict.fromkeys(said["site"]) if Path(folder).is_dir())
    return Interpreter(Path(said["executable"]), Path(said["prefix"]), said["version"], said["short"], site)


def closure(interpreter: Interpreter, requirements: Iterable[str]) -> set[str]:
    """The installed distributions that some requirements bring, with all that these require.

    Args:
        interpreter: where they are installed.
        requirements: as a distribution's metadata have them (PEP 508).

    Returns:
        Normalised names. What is required and not installed is left out: the task that imports it will say so.
    """
    marked = {key: str(value) for key, value in default_environment().items()}
    needed: set[tuple[str, str]] = set()
    waiting = [(text, "") for text in (*requirements, *_OF_EVERY_IMAGE)]
    while waiting:
        text, extra = waiting.pop()
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker and not requirement.marker.evaluate({**marked, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in needed and name in interpreter.installed:
                needed.add((name, wanted))
                waiting += [(below, wanted) for below in interpreter.installed[name].requires or ()]
    return {name for name, _ in needed}


def entries(interpreter: Interpreter, names: set[str]) -> Iterator[tuple[Path, Path]]:
    """What some distributions have brought into site-packages, in as few pieces as hold nothing else.

    Args:
        interpreter: where they are installed.
        names: the normalised names of the distributions.

    Yields:
        The folder of site-packages, and a file's or folder's path below it.
    """
    for site in interpreter.site:
        files = {True: set[str](), False: set[str]()}
        for name, one in interpreter.installed.items():
            if Path(str(one.locate_file(""))) == site:
                files[name in names].update(_files(one))
        yield from ((site, Path(path)) for path in _cover(files[True], files[False], ""))


def _files(one: Distribution) -> Iterator[str]:
    """A distribution's files below site-packages, as its RECORD names them."""
    for line in (one.read_text("RECORD") or "").splitlines():
        path = line.lstrip('"').partition('"' if line.startswith('"') else ",")[0]
        if path and not path.startswith(("..", "/")) and not path.startswith("__pycache__"):
            yield path


def _cover(wanted: set[str], others: set[str], above: str) -> Iterator[str]:
    """The highest paths that hold wanted files and none of the others."""
    start = len(above)
    mine: dict[str, set[str]] = {}
    for path in wanted:
        mine.setdefault(path[start:].partition("/")[0], set()).add(path)
    theirs: dict[str, set[str]] = {}
    for path in others:
        theirs.setdefault(path[start:].partition("/")[0], set()).add(path)
    for name, paths in mine.items():
        whole = f"{above}{name}"
        if name in theirs and whole not in paths:
            yield from _cover(paths, theirs[name], f"{whole}/")
        else:
            yield whole
