"""The project that a command works on: the folder with the graph, the model and the configurations of one owner.

A project is a folder with a `setup.py` and a `conf/`. Its packages (`pipeline`, `models`, `custom_components`) are
imported by their own names, here as in a container, so the folder comes first on Python's path, as it does for
`python -m` started in it.
"""

import ast
import functools
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from packaging.specifiers import InvalidSpecifier, SpecifierSet

import millrace
from millrace.base.errors import BadInput

PACKAGES = ("pipeline", "models", "custom_components")
"""The packages that every project has; `setup.py` may ship more."""

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
    def setup_file(self) -> Path:
        """The setup.py that ships it to workers and containers."""
        return self.root / "setup.py"

    @property
    def configurations(self) -> list[Path]:
        """The files in `conf/`, by name."""
        return sorted((self.root / "conf").glob("*.yaml"))

    @functools.cached_property
    def shipped(self) -> frozenset[str]:
        """The top packages that `setup.py` names as PACKAGES, read and not run."""
        return frozenset(self._constant("PACKAGES") or ())

    @functools.cached_property
    def fits(self) -> str:
        """The library's versions that it was made for, as `setup.py` says in LIBRARY; empty when it says nothing."""
        return str(self._constant("LIBRARY") or "").removeprefix("millrace")

    def _constant(self, name: str) -> Any:
        for node in ast.parse(self.setup_file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                return ast.literal_eval(node.value)
        return None


def find(*starts: Path) -> Optional[Project]:
    """The nearest project at or above the first of these folders that is in one; None when none is."""
    for start in starts:
        folder = start.resolve()
        for candidate in (folder, *folder.parents):
            if (candidate / "setup.py").is_file() and (candidate / "conf").is_dir():
                return Project(candidate)
    return None


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
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name and not _is_of_millrace(distribution):
            found.update(dict.fromkeys(wanted & _top_packages(distribution), name))
    return dict(sorted(found.items()))


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
    try:
        wanted = SpecifierSet(project.fits)
    except InvalidSpecifier as error:
        raise BadInput(
            f"LIBRARY is no version range: {project.fits}",
            where=str(project.setup_file),
            remedy='write it as "millrace>=0.2,<0.3"',
        ) from error
    if not wanted.contains(millrace.__version__, prereleases=True):
        raise BadInput(
            f"this project was made for millrace{project.fits}, and {millrace.__version__} is installed",
            where=str(project.setup_file),
            remedy=f"install millrace{project.fits}, or read CHANGELOG.md and raise LIBRARY in setup.py",
        )
