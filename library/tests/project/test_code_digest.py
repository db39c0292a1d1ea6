"""The digest of a stage's code: what changes it, and what must not."""

import functools
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.base.errors import ConfigError
from millrace.project import code_digest as module
from millrace.project.code_digest import code_digest, defines

CHECKOUT = Path(__file__).resolve().parents[3]
MAIN = '"""A module."""\nfrom millrace_probe import helper\n\n\ndef entry():\n    return helper.value()\n'
HELPER = "def value():\n    return 1\n"
OTHER = "def unused():\n    return 1\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "millrace_probe"
    folder.mkdir()
    for name, text in (("__init__", ""), ("main", MAIN), ("helper", HELPER), ("other", OTHER)):
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    module._source_or_none.cache_clear()
    yield folder
    module._source_or_none.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "millrace_probe"]:
        del sys.modules[name]


def digest() -> str:
    return code_digest("millrace_probe.main.entry")


@pytest.mark.parametrize(("file", "text"), [("main", MAIN + "\nX = 1\n"), ("helper", HELPER.replace("1", "2"))])
def test_an_edit_of_the_module_or_of_what_it_imports_changes_the_digest(package, file, text):
    before = digest()
    (package / f"{file}.py").write_text(text)
    assert digest() != before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("other", OTHER.replace("1", "2")),
        ("helper", "# why\n" + HELPER.replace("return 1", "return  1  # one")),
        ("main", MAIN.replace("A module.", "A better docstring.")),
    ],
)
def test_a_comment_a_docstring_or_another_module_does_not(package, file, text):
    before = digest()
    (package / f"{file}.py").write_text(text)
    assert digest() == before


def test_a_module_and_what_stands_in_it_are_named_by_path_or_by_themselves(package):
    (package / "main.py").write_text(MAIN + "\n\nclass Entry:\n    pass\n")
    main = importlib.import_module("millrace_probe.main")
    assert {code_digest(main), code_digest(main.entry), code_digest(main.Entry)} == {digest()}


def test_a_relative_import_is_followed(package):
    (package / "main.py").write_text(MAIN.replace("from millrace_probe import helper", "from . import helper"))
    before = digest()
    (package / "helper.py").write_text(HELPER.replace("1", "2"))
    assert digest() != before


@pytest.mark.parametrize("written", ["from .helper import value", "from . import helper", "from ..helper import value"])
def test_a_relative_import_in_a_package_itself_is_followed(package, written):
    sub = package / "sub"
    sub.mkdir()
    (sub / "__init__.py").write_text(f"{written}\n")
    (sub / "helper.py").write_text(HELPER)
    (package / "main.py").write_text("from millrace_probe import sub\n\n\ndef entry():\n    return sub\n")
    before = digest()
    (package / "helper.py" if ".." in written else sub / "helper.py").write_text(HELPER.replace("1", "2"))
    assert digest() != before


def test_a_package_on_the_way_to_a_module_is_part_of_it(package):
    nearest = package / "far" / "near"
    nearest.mkdir(parents=True)
    for folder in (nearest, nearest.parent):
        (folder / "__init__.py").write_text("")
    (nearest / "deep.py").write_text(HELPER)
    (package / "main.py").write_text("from millrace_probe.far.near.deep import value\n\nentry = value\n")
    before = digest()
    (nearest.parent / "__init__.py").write_text("X = 1\n")
    assert digest() != before


def test_the_projects_own_stages_depend_on_what_they_should():
    closure = module._closure
    assert "millrace.features.description" in closure(["millrace.training.encoders.preprocessing_fn"])
    assert "millrace.training.fitting" not in closure(["millrace.training.encoders.preprocessing_fn"])
    assert {"millrace.training.fitting", "millrace.features.description"} <= closure(
        ["millrace.training.fitting.run_fn"]
    )


def test_a_module_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"no module of models\.nowhere\.fn can be found"):
        code_digest("models.nowhere.fn")


def test_a_module_that_is_not_python_is_refused_with_its_line(package):
    (package / "helper.py").write_text("def value(:\n")
    with pytest.raises(ConfigError, match=r"helper\.py:1: not Python") as caught:
        digest()
    assert caught.value.exit_code == 2


def test_defines_looks_without_importing(package):
    (package / "main.py").write_text(MAIN + "\nraise RuntimeError('imported')\n")
    assert defines("millrace_probe.main.entry")
    assert defines("millrace_probe.main.helper")
    assert not defines("millrace_probe.main.nothing")
    assert not defines("millrace_probe.nothing.entry")


def test_every_package_that_setup_py_ships_is_the_projects_own(tmp_path, monkeypatch):
    """Also `pipeline`, one that a person added, and a module beside setup.py: an edit is not served from the cache."""
    for name in ("pipeline", "models", "custom_components", "shop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "conf").mkdir()
    (tmp_path / "setup.py").write_text(
        'PACKAGES = ("custom_components", "models", "pipeline", "shop")\nLIBRARY = "millrace>=0.2"\n'
    )
    imports = "from fare_rules import FACTOR\nfrom pipeline.constants import X\nfrom shop.geo import distance\n"
    text = f"{imports}\n\ndef entry():\n    return distance, X, FACTOR\n"
    (tmp_path / "models" / "preprocessing.py").write_text(text)
    (tmp_path / "fare_rules.py").write_text("FACTOR = 1.0\n")
    (tmp_path / "pipeline" / "constants.py").write_text("X = 1\n")
    (tmp_path / "shop" / "geo.py").write_text("def distance():\n    return 1\n")
    code = "from millrace.project.code_digest import code_digest; print(code_digest('models.preprocessing.entry'))"
    run = functools.partial(subprocess.check_output, [sys.executable, "-c", code], cwd=tmp_path, text=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(CHECKOUT)])}
    digests = [run(env=environment)]
    (tmp_path / "shop" / "geo.py").write_text("def distance():\n    return 2\n")
    digests.append(run(env=environment))
    (tmp_path / "pipeline" / "constants.py").write_text("X = 2\n")
    digests.append(run(env=environment))
    (tmp_path / "fare_rules.py").write_text("FACTOR = 100.0\n")
    digests.append(run(env=environment))
    assert len(set(digests)) == 4


def test_the_number_of_a_release_is_not_what_its_code_does(tmp_path, monkeypatch):
    """Of the library; in a project's module it may be what the code does."""
    library, other = tmp_path / "millrace" / "__init__.py", tmp_path / "other.py"
    library.parent.mkdir()
    monkeypatch.setattr(module.millrace, "__file__", str(library))
    forms = {}
    for file in (library, other):
        for number in ("0.2.0", "0.2.99"):
            file.write_text(f'__version__ = "{number}"\nX = 1\n')
            forms.setdefault(file, set()).add(module._code(file).digest)
    assert (len(forms[library]), len(forms[other])) == (1, 2)


@pytest.mark.parametrize("name", ["", ".", "models.", ".models", "models..trainer", "models.my-trainer", "a b"])
def test_what_is_no_modules_name_has_no_file(name):
    assert module.module_file(name) is None
