"""Wheels that carry code: built from a setup.py, or put together again from what is installed."""

import base64
import csv
import hashlib
import io
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from millrace.base.errors import MillraceError
from millrace.project import wheels


@pytest.fixture
def installed(tmp_path) -> metadata.Distribution:
    """A distribution as an installer leaves it, with what it adds and what Python compiles."""
    site = tmp_path / "site"
    folder = site / "millrace-1.2.dist-info"
    folder.mkdir(parents=True)
    for name in ("METADATA", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json"):
        (folder / name).write_text(f"Name: millrace\nof {name}\n")
    (site / "millrace" / "__pycache__").mkdir(parents=True)
    (site / "millrace" / "__init__.py").write_text("VERSION = '1.2'\n")
    (site / "millrace" / "__pycache__" / "__init__.pyc").write_bytes(b"compiled")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "millrace").write_text("#!/bin/sh\n")
    names = [*(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()), "../bin/millrace"]
    record = "millrace-1.2.dist-info/RECORD"
    (site / record).write_text("".join(f"{name},,\n" for name in (*names, record)))
    return metadata.Distribution.at(folder)


def test_what_is_installed_becomes_the_wheel_that_it_came_from(installed, tmp_path, monkeypatch):
    monkeypatch.setattr(wheels, "checkout", lambda: None)
    monkeypatch.setattr(wheels.metadata, "distribution", lambda name: {"millrace": installed}[name])
    wheel = wheels.library_wheel(tmp_path / "new" / "folder")
    assert wheel == tmp_path / "new" / "folder" / wheels.wheel_name()
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    info = "millrace-1.2.dist-info"
    assert set(content) == {f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD", "millrace/__init__.py"}
    rows = list(csv.reader(io.StringIO(content.pop(f"{info}/RECORD").decode())))
    assert rows.pop() == [f"{info}/RECORD", "", ""]
    for name, digest, size in rows:
        data = content.pop(name)
        expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert (digest, size) == (f"sha256={expected}", str(len(data)))
    assert content == {}
    again = wheels.library_wheel(tmp_path / "again")
    assert again.read_bytes() == wheel.read_bytes()


def test_an_installation_that_lacks_a_file_is_told(installed, tmp_path):
    (tmp_path / "site" / "millrace" / "__init__.py").unlink()
    with pytest.raises(MillraceError, match=r"the installed library is not whole: millrace/__init__\.py") as refused:
        wheels._repacked(installed)
    assert refused.value.where == str(tmp_path / "site") and refused.value.remedy
    (tmp_path / "site" / "millrace-1.2.dist-info" / "RECORD").write_text("")
    with pytest.raises(MillraceError, match="no file of it"):
        wheels._repacked(installed)


SETUP = "from setuptools import setup\nsetup(name='tips', version='{}', py_modules=['tips'])\n"


def test_a_wheel_is_built_without_writing_beside_its_setup_file(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "setup.py").write_text(SETUP.format("0.3"))
    (project / "tips.py").write_text("MOST = 3\n")
    wheel = wheels.build(project / "setup.py", tmp_path / "made" / "here")
    assert wheel == tmp_path / "made" / "here" / "tips-0.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("tips.py") == b"MOST = 3\n"
    assert sorted(path.name for path in project.iterdir()) == ["setup.py", "tips.py"]
    assert [path.name for path in wheel.parent.iterdir()] == [wheel.name]


def test_a_setup_file_that_fails_is_told_by_its_last_line(tmp_path):
    (tmp_path / "setup.py").write_text("raise SystemExit('there is no compiler')\n")
    with pytest.raises(MillraceError, match="cannot build the package: there is no compiler") as refused:
        wheels.build(tmp_path / "setup.py", tmp_path / "made")
    assert refused.value.where == str(tmp_path / "setup.py")
    assert list((tmp_path / "made").iterdir()) == []
    (tmp_path / "setup.py").write_text("raise SystemExit(1)\n")
    with pytest.raises(MillraceError, match="it does not say why"):
        wheels.build(tmp_path / "setup.py", tmp_path / "made")


def test_a_checkout_is_known_by_the_librarys_setup_file(monkeypatch, tmp_path):
    assert wheels.checkout() == Path(__file__).resolve().parents[3]
    monkeypatch.setattr(wheels.millrace, "__file__", str(tmp_path / "site" / "millrace" / "__init__.py"))
    assert wheels.checkout() is None
