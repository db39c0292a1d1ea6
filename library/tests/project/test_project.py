"""The project that a command works on: how it is found, which library it fits, what stands in its way."""

import re
import sys
from pathlib import Path

import pytest

import millrace
from millrace.base.errors import BadInput, ConfigError
from millrace.project import project


def made(folder: Path, setup: str = 'PACKAGES = ("models", "pipeline")\nLIBRARY = "millrace>=0.2,<0.3"\n') -> Path:
    (folder / "conf").mkdir(parents=True)
    (folder / "setup.py").write_text(setup)
    return folder


def test_it_is_found_from_a_folder_of_it_and_not_from_beside(tmp_path):
    root = made(tmp_path / "shop")
    (root / "models").mkdir()
    found = project.find(root / "models")
    assert found and found.root == root and found.shipped == {"models", "pipeline"}
    assert project.find(tmp_path) is None


@pytest.mark.parametrize("setup", ["", "from setuptools import setup\nsetup(name='other')\n", 'VERSION = "1"\n'])
def test_another_tools_folder_is_no_project(tmp_path, setup):
    root = made(tmp_path / "other", setup)
    assert project.find(root) is None
    with pytest.raises(ConfigError, match=r"this is no Millrace project: setup\.py does not say LIBRARY") as refused:
        project.require(root)
    assert refused.value.where == str(root / "setup.py") and "millrace new NAME" in refused.value.remedy


def test_no_project_at_all_is_told(tmp_path):
    with pytest.raises(ConfigError, match="there is no Millrace project here or above"):
        project.require(tmp_path)


def test_another_tools_folder_in_a_project_belongs_to_the_project(tmp_path):
    root = made(tmp_path / "shop")
    assert project.require(made(root / "vendored", "")).root == root


@pytest.mark.parametrize(
    ("setup", "line", "words"),
    [
        (b"x = 1\ndef (\n", ":2", "not Python"),
        (b"\xff", "", "not Python"),
        (b'x = 1\nLIBRARY = "a" + "b"\n', ":2", "LIBRARY is computed"),
        (b'LIBRARY = f"millrace{1}"\n', ":1", "LIBRARY is computed"),
    ],
)
def test_a_setup_file_that_cannot_be_read_is_told_by_file_and_line(tmp_path, setup, line, words):
    root = made(tmp_path / "shop")
    (root / "setup.py").write_bytes(setup)
    with pytest.raises(BadInput, match=words) as refused:
        project.find(root)
    assert refused.value.where.startswith(f"{root / 'setup.py'}{line}") and refused.value.remedy


@pytest.mark.parametrize("packages", ["5", '"models"', "(1, 2)"])
def test_packages_that_are_no_names_are_refused(tmp_path, packages):
    root = made(tmp_path / "shop", f'LIBRARY = "millrace>=0.2"\nPACKAGES = {packages}\n')
    with pytest.raises(BadInput, match="PACKAGES is no list of names"):
        project.Project(root).shipped  # noqa: B018


@pytest.mark.parametrize(
    ("version", "fits"), [("0.2.0", True), ("0.2.9", True), ("0.2.1rc1", True), ("0.3.0", False), ("0.1.0", False)]
)
def test_a_library_of_another_minor_version_is_refused(tmp_path, monkeypatch, version, fits):
    monkeypatch.setattr(millrace, "__version__", version)
    found = project.Project(made(tmp_path / "shop"))
    if fits:
        project._require_fit(found)
        return
    with pytest.raises(BadInput, match=rf"made for millrace>=0\.2,<0\.3, and {version} is installed") as refused:
        project._require_fit(found)
    assert "raise LIBRARY in setup.py" in refused.value.remedy


@pytest.mark.parametrize("library", ['"millrace of today"', '""', "5", '">=0.2"', '"tfx>=1"'])
def test_a_library_that_is_no_version_range_is_reported(tmp_path, library):
    found = project.find(made(tmp_path / "shop", f"LIBRARY = {library}\n"))
    assert found is not None
    with pytest.raises(BadInput, match="LIBRARY is no version range"):
        project._require_fit(found)


def test_an_annotated_library_is_heeded(tmp_path):
    found = project.find(made(tmp_path / "shop", 'LIBRARY: str = "millrace>=9"\n'))
    assert found is not None
    with pytest.raises(BadInput, match="made for millrace>=9, and"):
        project._require_fit(found)


@pytest.mark.parametrize(("place", "is_installed"), [("site-packages", True), ("checkout", False)])
def test_code_that_is_installed_needs_no_folder_and_a_checkouts_does(tmp_path, monkeypatch, place, is_installed):
    root = made(tmp_path / place)
    (root / "pipeline").mkdir()
    (root / "pipeline/__init__.py").write_text("")
    monkeypatch.delitem(sys.modules, "pipeline", raising=False)
    monkeypatch.syspath_prepend(str(root))
    assert project.is_installed() is is_installed


def installed(folder: Path, name: str, top_level: str = "", files: str = "", requires: str = "") -> None:
    """A distribution's metadata, as an installer leaves them."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files.split()))
    for file in map(folder.joinpath, files.split()):
        # Newer Pythons pass over what a RECORD names and a folder has not.
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    if top_level:
        (info / "top_level.txt").write_text(top_level)


def test_clashes_are_told_by_name(tmp_path, monkeypatch):
    installed(tmp_path, "declares", top_level="models\nother\n")
    installed(tmp_path, "does-not-declare", files="pipeline/__init__.py pipeline/stage.py")
    installed(tmp_path, "single-module", files="runners.py")
    installed(tmp_path, "of-data", files="share/models/text.txt")
    installed(tmp_path, "schema", top_level="schema")
    installed(tmp_path, "shop", top_level="models\npipeline\n", requires="millrace<0.3,>=0.2")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert project.clashes(["models", "pipeline", "runners", "custom_components"]) == {
        "models": "declares",
        "pipeline": "does-not-declare",
        "runners": "single-module",
    }


def test_nothing_clashes_with_this_project_here():
    assert project.clashes() == {}


def test_the_packages_are_named_by_setup_py_and_everything_else_agrees():
    checkout = Path(__file__).parents[3]
    shipped = project.Project(checkout).shipped
    assert shipped >= set(project.PACKAGES)
    tools = (checkout / "pyproject.toml").read_text()
    roots = re.search(r"^root_packages = \[(.*)\]", tools, re.MULTILINE)
    forbidden = re.search(r"^forbidden_modules = \[(.*)\]", tools, re.MULTILINE)
    typed = re.search(r"^packages = \[(.*)\]", tools, re.MULTILINE)
    assert roots and set(re.findall(r'"(\w+)"', roots[1])) == {"millrace", *shipped}
    assert forbidden and set(re.findall(r'"(\w+)"', forbidden[1])) == shipped
    assert typed and set(re.findall(r'"(\w+)"', typed[1])) >= {"millrace", *shipped}
