"""What setup.py ships: built as Beam's --setup_file builds it, and as a wheel."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ("cli", "conf", "custom_components", "models", "pipeline", "runners", "schema")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the packages are made from, with dist/ beside it."""
    copy = tmp_path_factory.mktemp("packaging")
    for name in SHIPPED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "setup.py", "--quiet", "sdist", "bdist_wheel"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return copy


def sources(root: Path) -> set:
    """Every module and data file that must arrive, relative to the checkout."""
    kinds = ("*.py", "*.pbtxt", "*.yaml")
    return {str(path.relative_to(root)) for name in SHIPPED for kind in kinds for path in (root / name).rglob(kind)}


def test_the_source_archive_holds_every_module_and_data_file(built: Path) -> None:
    (archive,) = (built / "dist").glob("millrace-*.tar.gz")
    with tarfile.open(archive) as files:
        held = {name.split("/", 1)[1] for name in files.getnames() if "/" in name}
    assert sources(built) | {"LICENSE", "pyproject.toml", "setup.py"} <= held


def test_the_wheel_holds_every_module_and_data_file_and_the_command(built: Path) -> None:
    (wheel,) = (built / "dist").glob("millrace-*.whl")
    with zipfile.ZipFile(wheel) as files:
        held = set(files.namelist())
        entry = next(name for name in held if name.endswith("entry_points.txt"))
        assert "millrace = millrace.cli.main:main" in files.read(entry).decode()
    assert sources(built) <= held
    assert not [name for name in held if name.startswith(("tests/", "bootstrap/"))]


@pytest.mark.slow
def test_the_archive_installs_and_its_command_starts_outside_the_checkout(built: Path, tmp_path: Path) -> None:
    (archive,) = (built / "dist").glob("millrace-*.tar.gz")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(tmp_path / "site")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(archive)], check=True, capture_output=True)
    code = "from millrace.cli import main; import sys; print(main.__file__); sys.argv[1:] = ['--help']; main.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(str(tmp_path / "site")) and "doctor" in done.stdout, done.stderr
