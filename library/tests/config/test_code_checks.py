"""Code that the configuration names and that will not do, refused before anything runs or is imported."""

import shutil

import pytest

from millrace.base.errors import ConfigError
from millrace.config.checks import check
from millrace.config.loading import load
from millrace.project import project


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Checks the taxi pipeline with a function of a module of that text."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(key: str, text: str, module: str):
        (tmp_path / f"{module}.py").write_text(text)
        check(load("conf/taxi.yaml", [f"code.{key}={module}.fn", "data.path=gs://nowhere/data"]))

    return run


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        ("model_fn", "(table, tft_output, model, training)"),
        ("pipeline", "(config)"),
        ("run_fn", "()"),
        ("preprocessing_fn", "(inputs, other)"),
    ],
)
def test_a_function_with_a_wrong_signature(checked, tmp_path, key, signature):
    module = f"own_wrong_{key}"
    with pytest.raises(ConfigError, match=rf"code\.{key}: {module}\.fn cannot be called with") as refused:
        checked(key, f"\ndef fn{signature}:\n    raise RuntimeError\n", module)
    assert refused.value.where == f"{tmp_path / module}.py:2"
    assert refused.value.remedy.startswith("define it as fn(")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("model_fn", "def fn(*all): ..."),
        ("preprocessing_fn", "def fn(inputs): ..."),
        ("preprocessing_fn", "def fn(inputs, custom_config): ..."),
        ("run_fn", "def fn(): ...\nfn = print"),
        ("run_fn", "fn: object = print"),
    ],
)
def test_what_can_be_called_passes(checked, tmp_path, key, text):
    checked(key, text, tmp_path.name)


def test_a_file_that_is_not_python_is_told_by_file_and_line(checked, tmp_path):
    with pytest.raises(ConfigError, match=r"own_broken\.py:2: not Python"):
        checked("model_fn", "\ndef fn(:\n", "own_broken")


def test_another_tools_folder_is_refused_unless_the_code_is_installed(tmp_path, monkeypatch):
    (tmp_path / "setup.py").write_text("from setuptools import setup\n")
    (tmp_path / "conf").mkdir()
    shutil.copy("conf/taxi.yaml", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    config = load("conf/taxi.yaml", ["data.path=gs://nowhere/data", "schema={}"])
    with pytest.raises(ConfigError, match="this is no Millrace project"):
        check(config)
    monkeypatch.setattr(project, "is_installed", lambda: True)
    check(config)
