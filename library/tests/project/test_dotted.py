"""What is told of a project's function that cannot be imported: the key, and the file and line that are to blame."""

import sys

import pytest

from millrace.base.errors import BadInput, ConfigError
from millrace.project import dotted


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "millrace_own"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "helper.py").write_text("")
    (folder / "main.py").write_text("import millrace_own.helper\n\n\ndef entry():\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "millrace_own"]:
        del sys.modules[name]


def test_a_function_that_is_there(package):
    assert dotted.load("millrace_own.main.entry", "code.run_fn").__name__ == "entry"


@pytest.mark.parametrize(
    ("file", "text", "line", "words"),
    [
        ("helper.py", "\nx = 1 / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("helper.py", "\n\nimport nope_at_all\n", 3, "No module named 'nope_at_all'"),
        ("__init__.py", "import nope_at_all\n", 1, "No module named 'nope_at_all'"),
        ("helper.py", "x = (\n", 1, "was never closed"),
        ("helper.py", "import json\n\njson.loads('[')\n", 3, "JSONDecodeError"),
        ("helper.py", "from millrace_own.main import nothing\n", 1, "cannot import name 'nothing'"),
    ],
)
def test_a_module_that_fails_is_told_with_the_line_that_is_to_blame(package, file, text, line, words):
    (package / file).write_text(text)
    with pytest.raises(ConfigError, match=r"code\.run_fn: millrace_own\.main\.entry cannot be imported") as refused:
        dotted.load("millrace_own.main.entry", "code.run_fn")
    assert words in refused.value.what
    assert refused.value.where == f"{package / file}:{line}"
    assert "dotted path" not in refused.value.remedy


def test_a_missing_package_is_to_be_installed(package):
    (package / "helper.py").write_text("import nope_at_all\n")
    with pytest.raises(ConfigError) as refused:
        dotted.load("millrace_own.main.entry", "code.run_fn")
    assert refused.value.remedy == "install nope_at_all, or take the import out"


@pytest.mark.parametrize(
    "path", ["millrace_own.main.other", "millrace_own.nowhere.entry", "millrace_own.main.entry.more", "nope.main.entry"]
)
def test_a_path_that_names_nothing_is_the_keys_fault(package, path):
    with pytest.raises(ConfigError, match="cannot be imported") as refused:
        dotted.load(path, "code.run_fn")
    assert refused.value.where == "code.run_fn" and "dotted path" in refused.value.remedy


def test_what_the_module_itself_says_of_the_input_is_kept(package):
    (package / "helper.py").write_text(
        "from millrace.base.errors import BadInput\nraise BadInput('no key', remedy='set KEY')\n"
    )
    with pytest.raises(BadInput, match="no key"):
        dotted.load("millrace_own.main.entry", "code.run_fn")


def test_where_a_function_is_defined(package):
    entry = dotted.load("millrace_own.main.entry", "code.run_fn")
    assert dotted.defined_at(entry, "millrace_own.main.entry") == f"{package / 'main.py'}:4"
    assert dotted.defined_at(5, "millrace_own.main.number") == str(package / "main.py")
