"""The stand-in for the container image: this environment's packages, and of the project only what setup.py ships.

A virtual environment whose site-packages are links to those of the interpreter that runs the rehearsal, without what
makes the checkout importable; in its place the wheel that setup.py builds is unpacked. So a module that a task needs
and that no wheel holds is missing here as it would be in the image.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millrace.base.errors import BadInput, MillraceError

# How setuptools, pip and uv make a checkout importable.
_EDITABLE = ("__editable__", "_editable_", "easy-install.pth")
# What a checkout holds beside code: its size must not slow down a rehearsal.
_NO_CODE = frozenset({"build", "dist", "runs", "tests", "docs", "node_modules", "__pycache__"})
# The name of `failure_hook` in the environment.
_HOOK = "millrace_rehearsal_failure_hook"
# What a container has of the machine around it: how to reach its devices and how it spells text, and nothing else.
_FROM_HERE = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "TZ", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True)
class Environment:
    """An environment for tasks.

    Args:
        folder: the virtual environment.
        source: the checkout that its package was built from; None when the package was installed as a wheel.
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
        BadInput: there is no setup.py to build the package with.
        MillraceError: the package cannot be built.
    """
    source = _checkout()
    folder = cache / _key(source)
    if not (folder / "bin" / "python").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".part-") as scratch:
            beside = Path(scratch) / "environment"
            _build(beside, source, Path(scratch))
            _put_in_place(beside, folder)
        _forget_others(cache, keep=folder)
    return Environment(folder, source)


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


def _checkout() -> Path | None:
    """The folder with setup.py that this code runs from; None when it runs from an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if any(root == site.resolve() for site in _site_packages()):
        return None
    if not (root / "setup.py").is_file():
        raise BadInput(
            "there is no setup.py, which says what the image will hold",
            where=str(root),
            remedy="rehearse from a checkout, or from an environment in which Millrace is installed as a wheel",
        )
    return root


def _site_packages() -> list[Path]:
    folders = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    return [Path(folder) for folder in folders if os.path.isdir(folder)]


def _key(source: Path | None) -> str:
    """Changes with the interpreter, the installed packages, and any file of the checkout that may be shipped."""
    digest = hashlib.sha256(sys.version.encode())
    for site in _site_packages():
        digest.update(f"{site}\0{site.stat().st_mtime_ns}\0".encode())
    for file in _shippable(source) if source else ():
        digest.update(f"{file.relative_to(source)}\0".encode() if source else b"")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _shippable(source: Path) -> Iterator[Path]:
    """The files at the top, and those of the folders that are packages or hold configuration."""
    for entry in sorted(source.iterdir()):
        if entry.is_file() and not entry.name.startswith("."):
            yield entry
        elif entry.is_dir() and entry.name not in _NO_CODE and not entry.name.startswith("."):
            if (entry / "__init__.py").exists() or entry.name == "conf":
                yield from sorted(
                    path for path in entry.rglob("*") if path.is_file() and "__pycache__" not in path.parts
                )


def _build(folder: Path, source: Path | None, scratch: Path) -> None:
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
    unpacked = _unpack(source, site, scratch) if source else frozenset()
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


def _unpack(source: Path, site: Path, scratch: Path) -> frozenset[str]:
    """Builds the project's wheel and unpacks it.

    Returns:
        The names that it brought.
    """
    wheel = build_wheel(source, scratch / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return frozenset(entry.name for entry in site.iterdir())


def build_wheel(source: Path, target: Path) -> Path:
    """Builds the wheel of a checkout without writing into it.

    Args:
        source: the folder with setup.py.
        target: a new folder.

    Raises:
        MillraceError: setup.py fails.
    """
    for name in ("info", "dist"):
        (target / name).mkdir(parents=True)
    built = subprocess.run(
        [
            *(sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(target / "info")),
            *("build", "--build-base", str(target / "build")),
            *("bdist_wheel", "--bdist-dir", str(target / "wheel"), "--dist-dir", str(target / "dist")),
        ],
        cwd=source,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise MillraceError(
            f"setup.py cannot build the package: {(built.stderr or built.stdout).strip().splitlines()[-1:]}",
            where=str(source / "setup.py"),
            remedy="python setup.py bdist_wheel shows the whole of it",
        )
    [wheel] = (target / "dist").glob("*.whl")
    return wheel


def missing_from_package(environment: Environment, module: str) -> bool:
    """Whether a module lies in the checkout, and yet not in what setup.py ships."""
    if environment.source is None:
        return False
    stem = environment.source.joinpath(*module.split("."))
    return stem.with_suffix(".py").is_file() or stem.is_dir()
