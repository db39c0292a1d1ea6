"""What is told when a project's create_pipeline, or other code that the configuration names, will not do."""

import sys
from types import SimpleNamespace

import pytest
from tfx.orchestration.pipeline import Pipeline

from millrace.base.errors import ConfigError, DataError, MillraceError
from millrace.config.config import Code
from millrace.config.platform import LOCAL
from millrace.jobspec.project_pipeline import build_pipeline

GOOD = """
from tfx.orchestration.pipeline import Pipeline

def create_pipeline(config, platform, today):
    return Pipeline(pipeline_name="mine", pipeline_root="", components=[])
"""


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Builds from a module of that text; `model` is the text of the module with every other function."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def build(pipeline: str, model: str = "def fn(fn_args): pass", **settings):
        (tmp_path / "own_pipeline.py").write_text(pipeline)
        (tmp_path / "own_model.py").write_text(model)
        others = dict.fromkeys(("preprocessing_fn", "run_fn", "tuner_fn", "model_fn"), "own_model.fn")
        config = SimpleNamespace(
            code=Code(pipeline="own_pipeline.create_pipeline", settings=settings, **others),
            tuning=SimpleNamespace(enabled=True),
            feature_table=lambda: SimpleNamespace(functions=dict, encoders=dict),
        )
        return build_pipeline(config, LOCAL)

    yield build
    sys.modules.pop("own_pipeline", None)
    sys.modules.pop("own_model", None)


def test_a_pipeline_is_returned(built):
    assert isinstance(built(GOOD), Pipeline)


def test_settings_of_a_stage_that_is_none_are_refused(built):
    with pytest.raises(ConfigError, match="no stage is called Trainr") as refused:
        built(GOOD, Trainr={"units": 3})
    assert refused.value.where == "code.settings.Trainr"
    assert "Trainer" in refused.value.remedy
    assert isinstance(built(GOOD, Tuner={"units": 3}), Pipeline), "a stage that is switched off may keep its settings"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("def create_pipeline(config, platform, today):\n    pass\n", ":1", "returned NoneType, and TFX's Pipeline"),
        ("\ndef create_pipeline(config):\n    pass\n", ":2", "cannot be called with (config, platform, today)"),
        ("def create_pipeline(*all):\n    return {}['x']\n", ":2", "raised KeyError: 'x'"),
        ("import json\ndef create_pipeline(*all):\n    json.loads('[')\n", ":3", "raised JSONDecodeError"),
        ("create_pipeline = 5\n", "", "is int, which cannot be called"),
        ("\n1 / 0\n", ":2", "ZeroDivisionError"),
    ],
)
def test_what_will_not_do_is_told_by_key_file_and_line(built, tmp_path, text, line, words):
    with pytest.raises(ConfigError) as refused:
        built(text)
    assert refused.value.what.startswith("code.pipeline: own_pipeline.create_pipeline ")
    assert words in refused.value.what
    assert refused.value.where == f"{tmp_path / 'own_pipeline.py'}{line}"
    assert refused.value.remedy


def test_the_other_functions_are_imported_before_a_job_is_made(built, tmp_path):
    with pytest.raises(ConfigError, match=r"code\.preprocessing_fn: own_model\.fn .*ZeroDivisionError") as refused:
        built(GOOD, model="1 / 0\n")
    assert refused.value.where == f"{tmp_path / 'own_model.py'}:1"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [("DataError('no rows')", DataError), ("MillraceError('no disk')", MillraceError)],
)
def test_what_the_function_says_of_the_input_is_kept(built, raised, kind):
    text = "from millrace.base.errors import DataError, MillraceError\n"
    with pytest.raises(kind, match=r"^no (rows|disk)"):
        built(f"{text}def create_pipeline(*all):\n    raise {raised}\n")


def test_an_error_that_takes_part_by_its_attributes_is_kept(built):
    text = "class Mine(Exception):\n    exit_code, remedy = 2, 'set it'\n\n"
    text += "def create_pipeline(*all):\n    raise Mine('no key')\n"
    with pytest.raises(Exception, match=r"^no key$"):
        built(text)
