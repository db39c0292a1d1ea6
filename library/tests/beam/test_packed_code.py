"""The project as it is packed for workers, and the bare environment in which that is tried."""

import zipfile
from pathlib import Path

import pytest

from millrace.base.errors import BadInput
from millrace.beam.package import FreshEnvironment, contents, pack, package_problems

SETUP = "from setuptools import setup\nsetup(name='shop', version='1.0', packages=['shop'])\n"


def project(folder: Path, setup: str) -> Path:
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "__init__.py").write_text("")
    (folder / "setup.py").write_text(setup)
    return folder / "setup.py"


def test_a_packed_project_has_the_packages_that_its_setup_names(tmp_path):
    setup = project(tmp_path / "project", SETUP)
    (tmp_path / "packed").mkdir()
    archive = pack(str(setup), tmp_path / "packed")
    assert archive.parent == tmp_path / "packed"
    assert {"setup.py", "shop/__init__.py"} <= contents(archive)


@pytest.mark.parametrize(
    ("name", "setup", "what"),
    [
        ("none/setup.py", SETUP, "there is no setup.py here"),
        ("project/shop/__init__.py", SETUP, "there is no setup.py here"),
        (
            "project/setup.py",
            "raise SystemExit('it has no version')",
            "the project cannot be packed: it has no version",
        ),
        ("project/setup.py", "", "the project cannot be packed: no reason was given"),
    ],
)
def test_what_cannot_be_packed_is_a_problem_with_its_reason(tmp_path, name, setup, what):
    project(tmp_path / "project", setup)
    (tmp_path / "scratch").mkdir()
    [problem] = package_problems(str(tmp_path / name), tmp_path / "scratch")
    assert what in problem.what and problem.where == "beam.setup_file" and "setup.py" in problem.remedy


def test_a_fresh_environment_has_what_is_installed_here_and_no_code_of_this_process(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "only_here.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "here"))
    environment = FreshEnvironment.make(tmp_path / "environment")
    assert environment.run("-c", "import yaml", folder=tmp_path).returncode == 0
    assert "No module named 'only_here'" in environment.run("-c", "import only_here", folder=tmp_path).stderr
    wheel = tmp_path / "only_here-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("only_here.py", "")
        files.writestr("only_here-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: only_here\nVersion: 1.0\n")
        files.writestr(
            "only_here-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        files.writestr("only_here-1.0.dist-info/RECORD", "")
    environment.install(wheel)
    assert (environment.site / "only_here.py").is_file()
    assert environment.run("-c", "import only_here", folder=tmp_path).returncode == 0
    (tmp_path / "shop-1.0.tar.gz").write_bytes(b"no archive")
    with pytest.raises(BadInput, match=r"shop-1\.0\.tar\.gz does not install: ."):
        environment.install(tmp_path / "shop-1.0.tar.gz")
