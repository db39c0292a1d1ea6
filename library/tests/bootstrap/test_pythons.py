"""Finding a Python: names, order, shims that refuse, missing headers."""

import sys
from pathlib import Path

import pytest

from bootstrap import pythons
from bootstrap.errors import SetupError
from bootstrap.machine import Machine
from bootstrap.stacks import COMPATIBLE, CURRENT, Stack

DEBIAN = Machine("Linux", "x86_64", (2, 36), "debian")


@pytest.fixture(autouse=True)
def _only_the_folders_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "EXTRA_FOLDERS", ())


def environment(tmp_path: Path, *folders: str) -> dict:
    return {"PATH": ":".join(str(tmp_path / folder) for folder in folders), "HOME": str(tmp_path)}


def found(stack: Stack, variables: dict) -> str:
    python, _ = pythons.find(stack, variables)
    return str(python.path) if python else ""


def test_a_refusing_shim_is_passed_over_for_the_version_in_pyenvs_folder(tmp_path: Path, make_python) -> None:
    make_python(tmp_path / "shims/python3.10", "3.10.13", refuses=True)
    make_python(tmp_path / "shims/python3", "3.11.7")
    kept = make_python(tmp_path / ".pyenv/versions/3.10.13/bin/python3.10", "3.10.13")
    assert found(COMPATIBLE, environment(tmp_path, "shims")) == str(kept)


def test_the_newest_of_pyenvs_releases_is_taken(tmp_path: Path, make_python) -> None:
    for release in ("3.10.9", "3.10.13", "3.10.2"):
        make_python(tmp_path / f".pyenv/versions/{release}/bin/python3.10", release)
    assert "3.10.13" in found(COMPATIBLE, environment(tmp_path))


def test_pyenv_may_live_elsewhere(tmp_path: Path, make_python) -> None:
    kept = make_python(tmp_path / "elsewhere/versions/3.10.1/bin/python3.10", "3.10.1")
    assert found(COMPATIBLE, {"PATH": "", "PYENV_ROOT": str(tmp_path / "elsewhere")}) == str(kept)


@pytest.mark.parametrize("name", ["python3.10", "python3", "python"])
def test_any_usual_name_will_do(tmp_path: Path, make_python, name: str) -> None:
    only = make_python(tmp_path / "bin" / name, "3.10.4")
    assert found(COMPATIBLE, environment(tmp_path, "bin")) == str(only)


def test_a_later_folder_of_path_is_searched_when_an_earlier_one_refuses(tmp_path: Path, make_python) -> None:
    make_python(tmp_path / "shims/python3.10", "3.10.13", refuses=True)
    real = make_python(tmp_path / "bin/python3.10", "3.10.6")
    assert found(COMPATIBLE, environment(tmp_path, "shims", "bin")) == str(real)


def test_the_best_version_of_the_stack_wins_over_the_first_on_path(tmp_path: Path, make_python) -> None:
    make_python(tmp_path / "bin/python3.10", "3.10.6")
    make_python(tmp_path / "bin/python3", "3.13.5")
    best = make_python(tmp_path / "bin/python3.11", "3.11.2")
    assert found(CURRENT, environment(tmp_path, "bin")) == str(best)
    best.unlink()
    assert found(CURRENT, environment(tmp_path, "bin")) == str(tmp_path / "bin/python3")


@pytest.mark.parametrize("version, bits", [("3.14.0", 64), ("3.9.18", 64), ("3.10.3", 32)])
def test_what_does_not_fit_is_not_taken(tmp_path: Path, make_python, version: str, bits: int) -> None:
    make_python(tmp_path / "bin/python3", version, bits=bits)
    assert found(CURRENT, environment(tmp_path, "bin")) == ""


def test_a_python_without_headers_is_passed_over_and_told(tmp_path: Path, make_python) -> None:
    bare = make_python(tmp_path / "bin/python3.11", "3.11.2", headers=False)
    whole = make_python(tmp_path / "bin/python3.12", "3.12.1")
    python, headless = pythons.find(CURRENT, environment(tmp_path, "bin"))
    assert python is not None
    assert python.path == whole
    assert [each.path for each in headless] == [bare]


@pytest.mark.parametrize(
    "family, command",
    [
        ("debian", "sudo apt-get install python3.11-dev"),
        ("fedora", "sudo dnf install python3.11-devel"),
        ("macos", "brew install python@3.11"),
    ],
)
def test_missing_headers_are_told_with_the_package_that_brings_them(family: str, command: str) -> None:
    bare = pythons.Python(Path("/usr/bin/python3.11"), (3, 11, 2), headers=False)
    error = pythons.no_headers([bare], Machine("Linux", "x86_64", (2, 36), family))
    assert command in str(error)
    assert "/usr/bin/python3.11" in error.what


def test_no_python_at_all_is_told_with_every_way_to_get_one() -> None:
    error = pythons.no_python(COMPATIBLE, DEBIAN, "network unreachable")
    assert "no Python 3.10 runs" in error.what
    assert "network unreachable" in error.what
    assert "pyenv install 3.10" in error.remedy
    assert "uv python install 3.10" in error.remedy
    newer = pythons.no_python(CURRENT, Machine("Linux", "x86_64", (2, 41), "debian"), "network unreachable")
    assert "sudo apt-get install python3 python3-dev" in newer.remedy


def test_the_probe_reads_a_real_python() -> None:
    python = pythons.probe(Path(sys.executable))
    assert python is not None
    assert python.version == tuple(sys.version_info[:3])


@pytest.mark.parametrize("text", ["exit 0\n", "echo not json\n"])
def test_an_executable_that_answers_something_else_is_no_python(tmp_path: Path, make_tool, text: str) -> None:
    assert pythons.probe(make_tool(tmp_path / "python3", text)) is None


def test_a_named_python_is_held_to_the_stack(tmp_path: Path, make_python) -> None:
    with pytest.raises(SetupError, match="does not run"):
        pythons.named(str(tmp_path / "nowhere"), COMPATIBLE, DEBIAN)
    with pytest.raises(SetupError, match=r"Python 3\.13\.1") as refused:
        pythons.named(str(make_python(tmp_path / "python3.13", "3.13.1")), COMPATIBLE, DEBIAN)
    assert "3.10" in refused.value.remedy
    with pytest.raises(SetupError, match="without its C headers"):
        pythons.named(str(make_python(tmp_path / "bare", "3.10.1", headers=False)), COMPATIBLE, DEBIAN)
    good = make_python(tmp_path / "python3.10", "3.10.1")
    assert pythons.named(str(good), COMPATIBLE, DEBIAN).path == good
