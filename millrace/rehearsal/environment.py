"""The stand-in for a container image: an environment of links, and of the project only what setup.py ships.

A virtual environment whose site-packages are links to those of an interpreter. For the project's own image these are
the distributions that the library and the project require, with all that these require, which is what the image's
recipe installs (`bootstrap/image.sh`); the project's wheel is unpacked beside them, and the library's. So a module that
a task needs and that is not in the image is missing here too. Of another image nobody knows what is in it: its tasks
get all that is installed here, and nothing of the project.
"""

import compileall
import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Optional

from packaging.utils import canonicalize_name

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.project import wheels
from millrace.project.project import entered
from millrace.rehearsal import base_image, interpreter
from millrace.rehearsal.interpreter import Interpreter

# How setuptools, pip and uv make a checkout importable.
_EDITABLE = ("__editable__", "_editable_", "easy-install.pth")
# What runs in a task's interpreter from its start, by the file's name here.
HOOKS = ("failure_hook", "audit_hook", "pip_hook")
# What a container has of the machine around it: how to reach its devices and how it spells text, and nothing else.
_FROM_HERE = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "TZ", "LANG", "LC_ALL")


@dataclass(frozen=True)
class Environment:
    """An environment for tasks.

    Args:
        folder: the virtual environment.
        interpreter: whose packages are linked there.
        source: the project that its package was built from; None when there is none in it.
    """

    folder: Path
    interpreter: Interpreter
    source: Optional[Path] = None

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def programs(self) -> Path:
        """Links to the programs that an image's system has."""
        return self.folder / "programs"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        return self.folder / "lib" / f"python{self.interpreter.short}" / "site-packages"

    def variables(self, home: Path, is_confined: bool = False) -> dict[str, str]:
        """The environment variables of a task: its `bin` first on PATH, and no credentials.

        Args:
            home: the task's home folder.
            is_confined: whether the task sees only the programs of an image where the system has its own.
        """
        here = {name: os.environ[name] for name in _FROM_HERE if name in os.environ}
        programs = ":".join(base_image.FOLDERS) if is_confined else str(self.programs)
        path = f"{self.folder / 'bin'}:{programs}"
        # Nothing is fetched: what an installer cannot find on this machine is missing.
        return {**here, "PATH": path, "HOME": str(home), "PYTHONNOUSERSITE": "1", "PIP_NO_INDEX": "1"}


def own_image(cache: Path, more: Sequence[str] = (), compiled: bool = False) -> Environment:
    """Makes the stand-in for the project's image, or takes the one that was made of the same code and packages.

    Args:
        cache: the folder that holds such environments.
        more: what else is in the image: names of distributions that are installed here, wheels, folders with a
            setup.py.
        compiled: whether the code of the wheels is compiled to bytecode at once.

    Raises:
        BadInput: what else should be in it cannot be found.
        MillraceError: a package cannot be built.
    """
    project, library = entered(), wheels.checkout()
    sources: dict[Path, Iterable[str]] = {}
    if library:
        sources[wheels.library_setup(library)] = (str(library / "millrace"), str(wheels.library_setup(library)))
    if project:
        files = (path.name for path in project.root.iterdir() if path.is_file() and not path.name.startswith("."))
        sources[project.setup_file] = [str(project.root / name) for name in (*files, *project.shipped)]
    # Where neither has sources, as in an image, what is installed is the image.
    root = project.root if project else None
    return _environment(cache, interpreter.this_one(), sources or None, more, root, compiled)


def all_that_is_installed(cache: Path, of: Interpreter, more: Sequence[str] = ()) -> Environment:
    """Makes the stand-in for an image of which nothing is known: all that an interpreter has.

    Args:
        cache: the folder that holds such environments.
        of: the interpreter.
        more: as for `own_image`.

    Raises:
        BadInput: what else should be in it cannot be found.
        MillraceError: a package cannot be built.
    """
    return _environment(cache, of, None, more, None, False)


def _environment(
    cache: Path,
    of: Interpreter,
    sources: Optional[Mapping[Path, Iterable[str]]],
    more: Sequence[str],
    source: Optional[Path],
    compiled: bool,
) -> Environment:
    """An environment, from the cache when its interpreter, packages and sources are the same.

    Args:
        cache: the folder that holds such environments.
        of: the interpreter.
        sources: setup.py files with what their wheels may ship; what these require is all that is linked. None links
            everything.
        more: as for `own_image`.
        source: the project's root.
        compiled: as for `own_image`.
    """
    names, places = _named(of, more)
    digest = hashlib.sha256(f"{of.executable}\0{of.version}\0{sources is None}\0{sorted(names)}\0".encode())
    for site in of.site:
        digest.update(f"{site}\0{site.stat().st_mtime_ns}\0".encode())
    for shipped in (sources or {}).values():
        for name in sorted(shipped):
            _add(digest, Path(name))
    for place in places:
        _add(digest, place)
    for hook in HOOKS:
        _add(digest, Path(__file__).with_name(f"{hook}.py"))
    folder = cache / digest.hexdigest()[:16]
    if not (folder / "bin" / "python").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".part-") as scratch:
            beside = Path(scratch) / "environment"
            _build(beside, of, None if sources is None else list(sources), names, places, Path(scratch) / "wheels")
            if compiled:
                unpacked = [path for path in _packages(beside, of).iterdir() if not path.is_symlink() and path.is_dir()]
                for path in unpacked:
                    compileall.compile_dir(path, quiet=2, stripdir=str(beside), prependdir=str(folder))
            try:
                beside.rename(folder)
            except OSError:
                # Another rehearsal has just made the same one.
                if not (folder / "bin" / "python").exists():
                    raise
        _forget_others(cache, keep=folder)
    return Environment(folder, of, source)


def _named(of: Interpreter, more: Sequence[str]) -> tuple[set[str], list[Path]]:
    """What a person adds to an image: the names of installed distributions, and wheels or folders."""
    names: set[str] = set()
    places: list[Path] = []
    for text in more:
        place = Path(text).expanduser()
        if place.is_file() and place.suffix == ".whl":
            places.append(place.resolve())
        elif (place / "setup.py").is_file():
            places.append((place / "setup.py").resolve())
        elif canonicalize_name(text) in of.installed:
            names.add(canonicalize_name(text))
        else:
            raise BadInput(
                f"no package, wheel or folder with a setup.py is called {text}{did_you_mean(text, of.installed)}",
                where="--with",
                remedy="install it here first, or name its wheel",
            )
    return names, places


def _forget_others(cache: Path, keep: Path) -> None:
    """Keeps the newest few: a rehearsal that still runs may live in one of them."""
    made = sorted((path for path in cache.iterdir() if not path.name.startswith(".")), key=os.path.getmtime)
    for path in made[:-6]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def _add(digest: "hashlib._Hash", place: Path) -> None:
    """Adds a file, or those in a folder, by their names and contents."""
    for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(place.parent)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())


def _packages(folder: Path, of: Interpreter) -> Path:
    return folder / "lib" / f"python{of.short}" / "site-packages"


def _build(
    folder: Path,
    of: Interpreter,
    setup_files: Optional[Sequence[Path]],
    names: set[str],
    places: Sequence[Path],
    scratch: Path,
) -> None:
    site = _packages(folder, of)
    site.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(
        f"home = {of.executable.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    binaries = folder / "bin"
    binaries.mkdir()
    for name in ("python", "python3", f"python{of.short}"):
        (binaries / name).symlink_to(of.executable)
    base_image.link_programs(folder / "programs")
    built = [
        wheels.build(place, scratch) if place.suffix == ".py" else place for place in (*(setup_files or ()), *places)
    ]
    for wheel in built:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    unpacked = {entry.name for entry in site.iterdir()}
    if setup_files is None:
        _link_everything(of, site, unpacked)
    else:
        # The library that is installed as a wheel is in the image as it is here.
        required = [*names, *(["millrace"] if "millrace" in of.installed and "millrace" not in unpacked else [])]
        for metadata in site.glob("*.dist-info"):
            required += PathDistribution(metadata).requires or ()
        _link(of, site, interpreter.closure(of, required), unpacked)
    _write_scripts(of, binaries, site)
    # By a line of a .pth, which Python runs at start: a `sitecustomize` would be hidden by that of Debian's Python.
    for hook in HOOKS:
        shutil.copy(Path(__file__).with_name(f"{hook}.py"), site / f"millrace_rehearsal_{hook}.py")
    modules = ", ".join(f"millrace_rehearsal_{hook}" for hook in HOOKS)
    (site / "millrace_rehearsal.pth").write_text(f"import {modules}\n", encoding="utf-8")


def _link_everything(of: Interpreter, site: Path, unpacked: set[str]) -> None:
    for packages in of.site:
        for entry in packages.iterdir():
            target = site / entry.name
            if entry.name not in unpacked and not target.is_symlink() and not _makes_editable(entry):
                target.symlink_to(entry)


def _link(of: Interpreter, site: Path, names: set[str], unpacked: set[str]) -> None:
    for packages, path in interpreter.entries(of, names):
        target = site / path
        if path.parts[0] not in unpacked and not target.is_symlink() and not _makes_editable(packages / path.parts[0]):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(packages / path)


def _makes_editable(entry: Path) -> bool:
    if entry.name.startswith(_EDITABLE) or entry.suffix == ".egg-link":
        return True
    # The metadata of an editable installation say where the checkout is; there is none in an image.
    origin = entry / "direct_url.json"
    if entry.suffix != ".dist-info" or not origin.is_file():
        return False
    return bool(json.loads(origin.read_text(encoding="utf-8")).get("dir_info", {}).get("editable"))


def _write_scripts(of: Interpreter, binaries: Path, site: Path) -> None:
    """The programs that the environment's distributions bring."""
    python = f"python{of.short}"
    for listed in site.glob("*.dist-info/entry_points.txt"):
        section = listed.read_text(encoding="utf-8").partition("[console_scripts]")[2].partition("\n[")[0]
        for name, module, function in re.findall(r"^\s*([\w.-]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)", section, re.MULTILINE):
            script = binaries / name
            if not script.exists():
                body = f"import sys\nfrom {module} import {function.split('.')[0]}\nsys.exit({function}())\n"
                script.write_text(f"#!/usr/bin/env {python}\n{body}", encoding="utf-8")
                script.chmod(0o755)
    # By way of the module, so that what it would fetch is seen (`pip_hook`).
    pip = binaries / "pip"
    pip.unlink(missing_ok=True)
    pip.write_text('#!/bin/sh\nexec python -m pip "$@"\n', encoding="utf-8")
    pip.chmod(0o755)
    for name in ("pip3", f"pip{of.short}"):
        (binaries / name).unlink(missing_ok=True)
        (binaries / name).symlink_to("pip")


def missing_from_package(environment: Environment, module: str) -> bool:
    """Whether a module lies in the project's folder, and yet not in what setup.py ships.

    Args:
        environment: the environment.
        module: its dotted name.
    """
    if environment.source is None:
        return False
    stem = environment.source.joinpath(*module.split("."))
    return stem.with_suffix(".py").is_file() or stem.is_dir()
