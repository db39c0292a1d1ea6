"""A model_fn that returns no model is told by its key, its file and its line."""

from types import SimpleNamespace

import pytest

from millrace.base.errors import ConfigError
from millrace.training import fitting


def test_a_model_function_that_returns_nothing(tmp_path, monkeypatch):
    (tmp_path / "own_model_of_none.py").write_text("\n\ndef build_model(*all):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = fitting.UserConfig(
        table=None, model={}, training={"seed": 1}, tuning={}, model_fn="own_model_of_none.build_model", settings={}
    )
    job = SimpleNamespace(config=config, tft_output=None, label_stats=None)
    with pytest.raises(ConfigError, match=r"code\.model_fn: own_model_of_none\.build_model returned NoneType") as told:
        fitting.build(job)
    assert told.value.where == f"{tmp_path / 'own_model_of_none.py'}:3"
