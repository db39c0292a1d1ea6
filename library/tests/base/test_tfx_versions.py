"""What differs between the TFX releases is asked for in one module, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow_data_validation as tfdv

from millrace.base import tfx_versions

CHECKOUT = Path(__file__).resolve().parents[3]
ROOMS = ("custom_components", "millrace", "models", "pipeline", "runners")
# What answers an import that fails with words for a person, or with another way on the same TFX.
ALLOWED = {
    "millrace/base/tfx_versions.py": "the one module",
    "millrace/tracking/mlflow.py": "an extra that may not be installed",
    "millrace/alerts/channels.py": "an extra that may not be installed",
    "millrace/project/dotted.py": "the user's dotted path, which may be wrong",
    "millrace/jobspec/artifact_types.py": "the package of an artifact type of the user's own, which may not be there",
    "millrace/jobspec/tfx_compiler.py": "a package that only compiling needs",
    "millrace/schema/native.py": "an operating system that links TFDV's extension otherwise",
}


def failed_imports(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
            if names & {"ImportError", "ModuleNotFoundError"}:
                yield node.lineno


def asked_versions(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            names = {name.attr for name in ast.walk(node) if isinstance(name, ast.Attribute)}
            called = {ast.unparse(call.func).split(".")[-1] for call in ast.walk(node) if isinstance(call, ast.Call)}
            if "__version__" in names or "version" in called:
                yield node.lineno


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_else_asks_what_is_installed(room: str) -> None:
    assert (CHECKOUT / room).is_dir()
    found = set()
    for file in (CHECKOUT / room).rglob("*.py"):
        tree, name = ast.parse(file.read_text()), str(file.relative_to(CHECKOUT))
        if name not in ALLOWED:
            found |= {f"{name}:{line}: a failed import is caught" for line in failed_imports(tree)}
        if "versions" not in name:
            found |= {f"{name}:{line}: a version is compared" for line in asked_versions(tree)}
    assert found == set()


def test_the_scan_finds_what_it_looks_for() -> None:
    caught = "try:\n    import x\nexcept (OSError, ImportError):\n    x = None\n"
    assert list(failed_imports(ast.parse(caught))) == [3]
    compared = "new = metadata.version('tfx') > '1.20'\nif tfx.__version__ > '1.16': pass\n"
    assert sorted(asked_versions(ast.parse(compared))) == [1, 2]


def test_slices_by_sql_are_read_where_the_release_has_them() -> None:
    options = tfdv.StatsOptions()
    assert tfx_versions.slices_by_sql(options) == ()
    if hasattr(options, "experimental_slice_sqls"):
        options = tfdv.StatsOptions(experimental_slice_sqls=["SELECT STRUCT(a) FROM example.a"])
        assert tfx_versions.slices_by_sql(options) == ("SELECT STRUCT(a) FROM example.a",)
