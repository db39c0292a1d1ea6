"""The stand-in for the container image: this environment's packages, and of the project only what setup.py ships.

A virtual environment whose site-packages are links to those of the interpreter that runs the rehearsal, without what
makes a checkout importable. In its place the project's wheel is unpacked, and the library's where that runs from a
checkout too. So a module that a task needs and that no wheel holds is missing here as it would be in the image.
"""

import hashlib
import json
import os
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from millrace.project import wheels
from millrace.project.project import Project, entered

# How setuptools, pip and uv make a checkout importable.
_EDITABLE = ("__editable__", "_editable_", "easy-install.pth")
# The name of `failure_hook` in the environment.
_HOOK = "millrace_rehearsal_failure_hook"
# What a container has of the machine around it: how to reach its devices and how it spells text, and nothing else.
_FROM_HERE = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "TZ", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True)
class Environment:
    """An environment for tasks.

    Args:
        folder: the virtual environment.
        source: the project that its package was built from; None when the project is installed as a wheel.
    """

    folder: Path
    source: Path | None

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def variables(self, home: Path) -> dict[str, str]:
        """The environment variables of a task: its `bin` first on PATH, and no credentials.

        Args:
            home: the task's home folder.
        """
        here = {name: os.environ[name] for name in _FROM_HERE if name in os.environ}
        path = f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        return {**here, "PATH": path, "HOME": str(home), "PYTHONNOUSERSITE": "1"}


def prepare(cache: Path) -> Environment:
    """Makes the environment, or takes the one that was made of the same code and packages.

    Args:
        cache: the folder that holds such environments.

    Raises:
        MillraceError: a package cannot be built.
    """
    project, library = entered(), wheels.checkout()
    folder = cache / _key(project, library)
    if not (folder / "bin" / "python").exists():
        cache.mkdir(parents=True, exist_ok=True)
        setup_files = [wheels.library_setup(library)] if library else []
        setup_files += [project.setup_file] if project else []
        with tempfile.TemporaryDirectory(dir=cache, prefix=".part-") as scratch:
            beside = Path(scratch) / "environment"
            _build(beside, setup_files, Path(scratch) / "wheels")
            _put_in_place(beside, folder)
        _forget_others(cache, keep=folder)
    return Environment(folder, project.root if project else None)


def _put_in_place(beside: Path, folder: Path) -> None:
    try:
        beside.rename(folder)
    except OSError:
        # Another rehearsal has just made the same one.
        if not (folder / "bin" / "python").exists():
            raise


def _forget_others(cache: Path, keep: Path) -> None:
    """Keeps the newest few: a rehearsal that still runs may live in one of them."""
    made = sorted((path for path in cache.iterdir() if not path.name.startswith(".")), key=os.path.getmtime)
    for path in made[:-4]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def _site_packages() -> list[Path]:
    folders = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    return [Path(folder) for folder in folders if os.path.isdir(folder)]


def _key(project: Project | None, library: Path | None) -> str:
    """Changes with the interpreter, the installed packages, and any file that a wheel may ship."""
    digest = hashlib.sha256(sys.version.encode())
    for site in _site_packages():
        digest.update(f"{site}\0{site.stat().st_mtime_ns}\0".encode())
    if library:
        _add(digest, library, ("millrace", "library/setup.py"))
    if project:
        files = (path.name for path in project.root.iterdir() if path.is_file() and not path.name.startswith("."))
        _add(digest, project.root, (*files, *project.shipped))
    return digest.hexdigest()[:16]


def _add(digest: "hashlib._Hash", root: Path, names: Iterable[str]) -> None:
    """Adds files, and those in folders, by their names and contents."""
    for name in sorted(names):
        place = root / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(root)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())


def _build(folder: Path, setup_files: Sequence[Path], scratch: Path) -> None:
    library = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / library / "site-packages"
    site.mkdir(parents=True)
    base = Path(sys.executable).resolve()
    (folder / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    binaries = folder / "bin"
    binaries.mkdir()
    for name in ("python", "python3", library):
        (binaries / name).symlink_to(base)
    unpacked = _unpack(setup_files, site, scratch)
    for packages in _site_packages():
        for entry in packages.iterdir():
            target = site / entry.name
            if entry.name not in unpacked and not target.is_symlink() and not _makes_editable(entry):
                target.symlink_to(entry)
    # By a line of a .pth, which Python runs at start: a `sitecustomize` would be hidden by that of Debian's Python.
    shutil.copy(Path(__file__).with_name("failure_hook.py"), site / f"{_HOOK}.py")
    (site / f"{_HOOK}.pth").write_text(f"import {_HOOK}\n", encoding="utf-8")


def _makes_editable(entry: Path) -> bool:
    if entry.name.startswith(_EDITABLE) or entry.suffix == ".egg-link":
        return True
    # The metadata of an editable installation say where the checkout is; there is none in an image.
    origin = entry / "direct_url.json"
    if entry.suffix != ".dist-info" or not origin.is_file():
        return False
    return bool(json.loads(origin.read_text(encoding="utf-8")).get("dir_info", {}).get("editable"))


def _unpack(setup_files: Sequence[Path], site: Path, scratch: Path) -> frozenset[str]:
    """Builds wheels and unpacks them.

    Returns:
        The names that they brought.
    """
    for setup_file in setup_files:
        with zipfile.ZipFile(wheels.build(setup_file, scratch)) as archive:
            archive.extractall(site)
    return frozenset(entry.name for entry in site.iterdir())


def missing_from_package(environment: Environment, module: str) -> bool:
    """Whether a module lies in the project's folder, and yet not in what setup.py ships."""
    if environment.source is None:
        return False
    stem = environment.source.joinpath(*module.split("."))
    return stem.with_suffix(".py").is_file() or stem.is_dir()
