"""The project that a command works on: how it is found, which library it fits, what stands in its way."""

from pathlib import Path

import pytest

import millrace
from millrace.base import project
from millrace.base.errors import BadInput


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


def test_a_library_that_is_no_version_range_is_reported(tmp_path):
    with pytest.raises(BadInput, match="LIBRARY is no version range"):
        project._require_fit(project.Project(made(tmp_path / "shop", 'LIBRARY = "millrace of today"\n')))


def installed(folder: Path, name: str, top_level: str = "", files: str = "", requires: str = "") -> None:
    """A distribution's metadata, as an installer leaves them."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files.split()))
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
