"""The wheels that carry code to where it runs: a project's, and the library's own, built or put together again."""

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Optional

import millrace
from millrace.base import files
from millrace.base.errors import MillraceError

# What an installer adds beside what a wheel brought, as paths in the distribution's RECORD.
_OF_THE_INSTALLER = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_build.json", "uv_cache.json")


def checkout() -> Optional[Path]:
    """The checkout that this library runs from; None when it is installed as a wheel."""
    root = Path(millrace.__file__).resolve().parents[1]
    return root if library_setup(root).is_file() else None


def library_setup(root: Path) -> Path:
    """The setup.py of the library in a checkout."""
    return root / "library" / "setup.py"


def wheel_name() -> str:
    """The file name of this library's wheel."""
    return f"millrace-{millrace.__version__}-py3-none-any.whl"


def library_wheel(folder: Path) -> Path:
    """Makes the wheel of the library that runs: built from its checkout, or put together from what is installed.

    Args:
        folder: where it is left, whole or not at all; made when it is not there.

    Returns:
        The wheel.

    Raises:
        MillraceError: it cannot be built, or files of the installation are gone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = checkout()
    if source:
        return build(library_setup(source), folder)
    target = folder / wheel_name()
    files.write(target, _repacked(metadata.distribution("millrace")))
    return target


def build(setup_file: Path, folder: Path) -> Path:
    """Builds the wheel of a setup.py without writing beside it.

    Args:
        setup_file: a setup.py, of the project or of the library.
        folder: where the wheel is left; made when it is not there.

    Returns:
        The wheel.

    Raises:
        MillraceError: setup.py fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as scratch:
        for name in ("info", "dist"):
            Path(scratch, name).mkdir()
        built = subprocess.run(
            [
                *(sys.executable, setup_file.name, "--quiet", "egg_info", "--egg-base", f"{scratch}/info"),
                *("build", "--build-base", f"{scratch}/build"),
                *("bdist_wheel", "--bdist-dir", f"{scratch}/wheel", "--dist-dir", f"{scratch}/dist"),
            ],
            cwd=setup_file.parent,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            lines = (built.stderr or built.stdout).strip().splitlines() or ["it does not say why"]
            raise MillraceError(
                f"setup.py cannot build the package: {lines[-1]}",
                where=str(setup_file),
                remedy="python setup.py bdist_wheel shows the whole of it",
            )
        [wheel] = Path(scratch, "dist").glob("*.whl")
        return wheel.replace(folder / wheel.name)


def _repacked(installed: metadata.Distribution) -> bytes:
    """A wheel of what an installed distribution's RECORD names, without what its installer added."""
    # Not Distribution.files: since Python 3.12 it leaves out what is not there.
    recorded = [PurePosixPath(row[0]) for row in csv.reader((installed.read_text("RECORD") or "").splitlines()) if row]
    kept = [path for path in recorded if _came_with_the_wheel(path)]
    missing = [path for path in kept if not Path(str(installed.locate_file(path))).is_file()]
    if missing or not kept:
        raise MillraceError(
            f"the installed library is not whole: {missing[0] if missing else 'no file of it'} should be there",
            where=str(installed.locate_file("")),
            remedy="install it again",
        )
    [record] = [path for path in recorded if path.name == "RECORD"]
    content, rows = io.BytesIO(), []
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(kept):
            data = Path(str(installed.locate_file(path))).read_bytes()
            _add(archive, str(path), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append((str(path), f"sha256={digest}", str(len(data))))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (str(record), "", "")])
        _add(archive, str(record), text.getvalue().encode())
    return content.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Adds a file with one date for all, so that the same library gives the same wheel."""
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def _came_with_the_wheel(path: PurePosixPath) -> bool:
    return ".." not in path.parts and path.suffix != ".pyc" and path.name not in _OF_THE_INSTALLER
