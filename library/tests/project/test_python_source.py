"""Python files read without running them: mistakes with their line, and what a function can be called with."""

import ast
from pathlib import Path

import pytest

from millrace.base.errors import ConfigError
from millrace.project import python_source


@pytest.mark.parametrize(("content", "line"), [(b"x = 1\ny = (\n", ":2"), (b"x = 1\n\xff\n", ""), (b"x = 1\0\n", "")])
def test_what_is_no_python_is_told_with_its_file(tmp_path, content, line):
    file = tmp_path / "model.py"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        python_source.parse(file)
    assert refused.value.where.startswith(f"{file}{line}")
    assert refused.value.what.startswith("not Python: ")


def test_what_never_ends_is_not_read():
    with pytest.raises(ConfigError, match="it is a device or a pipe and no file"):
        python_source.parse(Path("/dev/zero"))


def test_a_declared_encoding_is_heeded(tmp_path):
    file = tmp_path / "model.py"
    file.write_bytes(b"# coding: latin-1\nname = '\xe4'\n")
    [assigned] = python_source.parse(file).body
    assert ast.unparse(assigned) == "name = 'ä'"


@pytest.mark.parametrize(
    ("signature", "able"),
    [
        ("(a, b)", True),
        ("(a, b, c=1)", True),
        ("(a, b=1)", True),
        ("(*all)", True),
        ("(a, /, b)", True),
        ("(a, b, *, c=1)", True),
        ("(a, b, custom_config)", True),
        ("(a, b, *, custom_config)", True),
        ("()", False),
        ("(a)", False),
        ("(a, b, c)", False),
        ("(a, b, *, c)", False),
        ("(a, **named)", False),
    ],
)
def test_whether_a_function_takes_two_arguments(signature, able):
    [function] = ast.parse(f"def call{signature}: pass").body
    assert python_source.takes(function, 2, "custom_config") is able


def test_a_decorated_function_is_not_judged():
    [function] = ast.parse("@wrapped\ndef call(): pass").body
    assert python_source.takes(function, 2)
