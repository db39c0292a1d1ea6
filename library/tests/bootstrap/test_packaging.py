"""What the two setup.py ship: the project's as Beam's --setup_file and as a wheel, the library's as a wheel."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from millrace.new.contents import collect
from millrace.project import wheels

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ("custom_components", "models", "pipeline", "runners")


def sources(root: Path, *folders: str) -> set[str]:
    """Every module in folders, relative to their root."""
    return {str(path.relative_to(root)) for name in folders for path in (root / name).rglob("*.py")}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's sdist."""
    copy = tmp_path_factory.mktemp("packaging")
    for name in (*PROJECT, "conf", "schema", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    done = subprocess.run([sys.executable, "setup.py", "--quiet", "sdist"], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [made] = (copy / "dist").glob("*.tar.gz")
    return made


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's wheel."""
    return wheels.library_wheel(tmp_path_factory.mktemp("library"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as files:
        return {name for name in files.namelist() if ".dist-info/" not in name}


def test_the_projects_archive_holds_its_modules_and_nothing_of_the_library(archive: Path) -> None:
    with tarfile.open(archive) as files:
        held = {name.split("/", 1)[1] for name in files.getnames() if "/" in name}
    assert sources(ROOT, *PROJECT) | {"pyproject.toml", "setup.py"} <= held
    assert not [name for name in held if name.startswith(("millrace/", "conf/", "schema/"))]


def test_the_projects_wheel_holds_its_packages_alone(tmp_path: Path) -> None:
    held = names(wheels.build(ROOT / "setup.py", tmp_path))
    assert sources(ROOT, *PROJECT) <= held
    assert {name.split("/")[0] for name in held} == set(PROJECT)


def test_the_librarys_wheel_holds_one_package_its_command_and_the_files_of_a_project(library: Path) -> None:
    assert library.name == wheels.wheel_name()
    held = names(library)
    assert sources(ROOT, "millrace") <= held
    assert {name.split("/")[0] for name in held} == {"millrace"}
    assert {f"millrace/new/template/{place}" for place in collect(ROOT)} | {"millrace/LICENSE"} <= held
    with zipfile.ZipFile(library) as files:
        [entry] = [name for name in files.namelist() if name.endswith("entry_points.txt")]
        assert "millrace = millrace.cli.main:main" in files.read(entry).decode()


def test_building_leaves_nothing_in_the_checkout(tmp_path: Path) -> None:
    def untracked() -> str:
        command = ["git", "status", "--porcelain", "--ignored"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return "\n".join(line for line in listed.splitlines() if "cache" not in line)

    before = untracked()
    wheels.library_wheel(tmp_path)
    wheels.build(ROOT / "setup.py", tmp_path)
    assert untracked() == before
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".whl", ".whl"]


@pytest.mark.slow
def test_the_wheel_and_the_archive_install_and_work_outside_the_checkout(
    library: Path, archive: Path, tmp_path: Path
) -> None:
    """Installed so, the library puts its wheel together again from what is there: with the same files."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(tmp_path / "site")]
    for package in (library, archive):
        command = [sys.executable, "-m", "pip", "install", *options, str(package)]
        subprocess.run(command, check=True, capture_output=True)
    again = (
        "from pathlib import Path; from millrace.project import wheels; import models, millrace; "
        "print(models.__file__, millrace.__file__, wheels.library_wheel(Path('again')), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", again],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    models, millrace, made = done.stdout.splitlines()
    assert models.startswith(str(tmp_path / "site")) and millrace.startswith(str(tmp_path / "site"))
    with zipfile.ZipFile(library) as first, zipfile.ZipFile(tmp_path / made) as second:
        assert {info.date_time for info in second.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "always the same bytes"
        content = {name: first.read(name) for name in first.namelist() if not name.endswith("RECORD")}
        assert {name: second.read(name) for name in second.namelist() if not name.endswith("RECORD")} == content
