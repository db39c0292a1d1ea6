"""The project that a command works on: the folder with the graph, the model and the configurations of one owner.

A project is a folder with a `conf/` and a `setup.py` that says in LIBRARY which versions of Millrace it is made for:
other tools have such folders too, and what a person has in one of those must not be run with code from elsewhere.
Its packages (`pipeline`, `models`, `custom_components`) are imported by their own names, here as in a container, so the
folder comes first on Python's path, as it does for `python -m` started in it.
"""

import ast
import functools
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from packaging.requirements import InvalidRequirement, Requirement

import millrace
from millrace.base.errors import BadInput, ConfigError
from millrace.project import python_source

PACKAGES = ("pipeline", "models", "custom_components")
"""The packages that every project has; `setup.py` may ship more."""

STANDS_FOR = "MILLRACE_STANDS_FOR"
"""The variable that names the folder of the project for which a worktree stands, in which a run is repeated."""

# How a project's package requires the library.
_LIBRARY = re.compile(r"millrace(?![\w.-])")


@dataclass(frozen=True)
class Project:
    """A project on this machine.

    Args:
        root: its folder, absolute.
    """

    root: Path

    @property
    def stands_for(self) -> Optional[Path]:
        """The folder of the project whose earlier run is repeated in this one, a worktree of it; None elsewhere."""
        folder = os.environ.get(STANDS_FOR, "")
        return Path(folder) if folder and Path(folder) != self.root else None

    @property
    def setup_file(self) -> Path:
        """The setup.py that ships it to workers and containers."""
        return self.root / "setup.py"

    @property
    def configurations(self) -> list[Path]:
        """The files in `conf/`, by name."""
        return sorted((self.root / "conf").glob("*.yaml"))

    @functools.cached_property
    def shipped(self) -> frozenset[str]:
        """The top packages that `setup.py` names as PACKAGES, read and not run.

        Raises:
            BadInput: `setup.py` cannot be read, or PACKAGES is no plain list of names.
        """
        names = self._constant("PACKAGES")
        if names is None:
            return frozenset()
        if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
            raise BadInput(
                f"PACKAGES is no list of names: {names!r}",
                where=str(self.setup_file),
                remedy='write it as PACKAGES = ("models", "pipeline")',
            )
        return frozenset(names)

    @functools.cached_property
    def library(self) -> Optional[str]:
        """The library's versions that it was made for, as `setup.py` says in LIBRARY; None when it says nothing.

        Raises:
            BadInput: `setup.py` cannot be read, or LIBRARY is no plain value.
        """
        value = self._constant("LIBRARY")
        return None if value is None else str(value)

    def _constant(self, name: str) -> Any:
        assigned = [
            node
            for node in python_source.parse(self.setup_file).body
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and target.id == name
        ]
        if not assigned:
            return None
        value = assigned[-1].value
        try:
            return ast.literal_eval(value) if value else None
        except (ValueError, TypeError, RecursionError) as error:
            raise BadInput(
                f"{name} is computed, and Millrace reads setup.py without running it",
                where=f"{self.setup_file}:{assigned[-1].lineno}",
                remedy=f"write {name} as a plain value",
            ) from error


def find(*starts: Path) -> Optional[Project]:
    """The nearest project at or above the first of these folders that is in one.

    Args:
        starts: folders, the most telling one first.

    Returns:
        The project; None when none of them is in one.

    Raises:
        BadInput: a `setup.py` on the way, with a `conf/` beside it, cannot be read.
    """
    for folder in _at_or_above(starts):
        if (folder / "setup.py").is_file() and (folder / "conf").is_dir() and Project(folder).library is not None:
            return Project(folder)
    return None


def require(*starts: Path) -> Project:
    """As `find`, where there must be one.

    Raises:
        ConfigError: none of the folders is in a project.
        BadInput: as for `find`.
    """
    nearest = find(*starts)
    if nearest:
        return nearest
    remedy = "go to one, or make one: millrace new NAME"
    for folder in _at_or_above(starts):
        if (folder / "setup.py").is_file() and Project(folder).library is None:
            raise ConfigError(
                "this is no Millrace project: setup.py does not say LIBRARY",
                where=str(folder / "setup.py"),
                remedy=f'{remedy}; in one of yours, write LIBRARY = "millrace>=0.2,<0.3" in setup.py',
            )
    raise ConfigError("there is no Millrace project here or above", where=str(starts[-1].resolve()), remedy=remedy)


def _at_or_above(starts: Iterable[Path]) -> Iterator[Path]:
    for start in starts:
        folder = start.resolve()
        yield from (folder, *folder.parents)


def enter(project: Project) -> None:
    """Makes a project's packages importable in this process and in those that it starts.

    Raises:
        BadInput: the project was made for other versions of the library, or another project is entered already.
    """
    _require_fit(project)
    root = str(project.root)
    for package in PACKAGES:
        loaded = sys.modules.get(package)
        if loaded is not None and not str(getattr(loaded, "__file__", "")).startswith(root + os.sep):
            raise BadInput(
                f"the package {package} is loaded from {getattr(loaded, '__file__', None)} already",
                where=root,
                remedy="work on one project in one process",
            )
    if sys.path[:1] != [root]:
        sys.path.insert(0, root)
        importlib.invalidate_caches()
    inherited = os.environ.get("PYTHONPATH", "")
    if inherited.split(os.pathsep)[0] != root:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, inherited)))


def entered() -> Optional[Project]:
    """The project whose packages this process imports; None when they come from an installed wheel, or not at all."""
    spec = importlib.util.find_spec(PACKAGES[0])
    root = Path(spec.origin).parent.parent if spec and spec.origin else None
    return Project(root) if root and (root / "setup.py").is_file() and "site-packages" not in root.parts else None


def is_installed() -> bool:
    """Whether the project's packages come from an installed wheel, as in a container: then no folder is needed."""
    spec = importlib.util.find_spec(PACKAGES[0])
    return bool(spec and spec.origin) and entered() is None


def clashes(names: Optional[Iterable[str]] = None) -> dict[str, str]:
    """Which installed distributions bring a package that is called like one of the project's.

    Here the project's comes first. Where both are installed into one folder, as in a container, their files are mixed.

    Args:
        names: packages; by default those that the project ships.

    Returns:
        The name of the distribution, by package; empty when nothing stands in the way.
    """
    here = entered()
    wanted = set(names or (here.shipped if here else ()) or PACKAGES)
    clashing: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name and not _is_of_millrace(distribution):
            clashing.update(dict.fromkeys(wanted & _top_packages(distribution), name))
    return dict(sorted(clashing.items()))


def _is_of_millrace(distribution: metadata.Distribution) -> bool:
    """Whether it is the library, or a project's package: those require the library."""
    required = distribution.requires or ()
    return distribution.metadata["Name"] == "millrace" or any(_LIBRARY.match(text) for text in required)


def _top_packages(distribution: metadata.Distribution) -> set[str]:
    """The packages and modules that it brings: as it declares them, or by its files where it does not."""
    declared = (distribution.read_text("top_level.txt") or "").split()
    return set(declared) or {
        path.parts[0].removesuffix(".py") for path in distribution.files or () if path.suffix == ".py"
    }


def _require_fit(project: Project) -> None:
    library = project.library or ""
    try:
        requirement = Requirement(library)
    except InvalidRequirement as error:
        raise _no_range(project) from error
    if requirement.name != "millrace":
        raise _no_range(project)
    if not requirement.specifier.contains(millrace.__version__, prereleases=True):
        raise BadInput(
            f"this project was made for {library}, and {millrace.__version__} is installed",
            where=str(project.setup_file),
            remedy=f"install {library}, or read CHANGELOG.md and raise LIBRARY in setup.py",
        )


def _no_range(project: Project) -> BadInput:
    return BadInput(
        f"LIBRARY is no version range: {project.library!r}",
        where=str(project.setup_file),
        remedy='write it as "millrace>=0.2,<0.3"',
    )
