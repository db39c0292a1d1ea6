"""bootstrap/python.sh, which finds the Python that set-up itself starts with."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "bootstrap" / "python.sh"
FITS = f'exec {sys.executable} "$@"\n'


def run(path: str, home: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), "-c", "import sys; print(sys.version_info[:2] >= (3, 9), sys.argv[1:])", "a b", "*"],
        env={"PATH": path, "HOME": str(home)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", ["python3", "python", "python3.14", "python3.9"])
def test_any_usual_name_starts_it_with_its_arguments_whole(tmp_path: Path, make_tool, name: str) -> None:
    make_tool(tmp_path / "bin" / name, FITS)
    assert run(str(tmp_path / "bin"), tmp_path).stdout == "True ['a b', '*']\n"


def test_what_refuses_or_is_too_old_is_passed_over(tmp_path: Path, make_tool) -> None:
    make_tool(tmp_path / "shims/python3", "exit 127\n")
    make_tool(tmp_path / "shims/python", "exit 1\n")
    make_tool(tmp_path / "my tools/python3.12", FITS)
    assert run(f"{tmp_path / 'shims'}:{tmp_path / 'my tools'}", tmp_path).stdout.startswith("True")


def test_none_that_runs_is_told_with_the_ways_to_get_one(tmp_path: Path, make_tool) -> None:
    # The folders that the script adds to PATH are this machine's own: a copy of it looks elsewhere.
    copy = tmp_path / "python.sh"
    copy.write_text(SCRIPT.read_text().replace("$PATH:/usr/local/bin:/opt/homebrew/bin:/usr/bin", "$PATH"))
    make_tool(tmp_path / "bin/python3", "exit 1\n")
    done = subprocess.run(
        ["/bin/sh", str(copy)],
        env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "apt-get install python3 python3-venv python3-dev" in done.stderr
    assert "brew install" in done.stderr


def test_pyenvs_folder_is_the_last_resort(tmp_path: Path, make_tool) -> None:
    copy = tmp_path / "python.sh"
    copy.write_text(SCRIPT.read_text().replace("$PATH:/usr/local/bin:/opt/homebrew/bin:/usr/bin", "$PATH"))
    make_tool(tmp_path / ".pyenv/versions/3.10.13/bin/python3", FITS)
    done = subprocess.run(
        ["/bin/sh", str(copy), "-c", "print('here')"],
        env={"PATH": "/nowhere", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "here\n"
