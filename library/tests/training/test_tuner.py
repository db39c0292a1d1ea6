"""The search: TFX's own Tuner code runs it, and its outcome trains a model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from millrace.base.errors import ConfigError, InputRefused
from millrace.training import fitting
from millrace.training.settings import UserConfig, hyperparameter_value, parse_value
from models.tuner import tuner_fn

SPACE: Mapping[str, Any] = {
    "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "hidden_units": {"values": [[4], [8, 4]]},
    "batch_size": {"low": 16, "high": 48, "log": False},
    "wide": {"values": [True, False]},
    "dropout": {"values": [0, 0.25]},
}


def searched(data: Any, out: Path, algorithm: str, **settings: Any) -> Any:
    args = data.fn_args(out, **settings)
    args.custom_config["tuning"] = {"algorithm": algorithm, "trials": 3, "steps": 12, "space": SPACE}
    return tuner_fn(args)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")  # KerasTuner's own
@pytest.mark.parametrize(
    "algorithm",
    [pytest.param("random"), *(pytest.param(name, marks=pytest.mark.thorough) for name in ("bayesian", "hyperband"))],
)
def test_the_best_of_a_search_reaches_the_trainer(table: Any, tmp_path: Path, algorithm: str) -> None:
    data = table("binary")
    result = searched(data, tmp_path, algorithm)
    result.tuner.search(**result.fit_kwargs)
    assert len(result.tuner.oracle.trials) == 3
    best = json.loads(json.dumps(result.tuner.get_best_hyperparameters()[0].get_config()))
    job = fitting.prepare(data.fn_args(tmp_path, hyperparameters=best))
    assert 0.001 <= job.config.training["learning_rate"] <= 0.1
    assert isinstance(job.config.training["batch_size"], int)
    assert job.config.model["hidden_units"] in ([4], [8, 4])
    assert isinstance(job.config.model["wide"], bool)
    fitting.build(job)


@pytest.mark.slow
def test_a_search_over_what_is_not_a_hyperparameter_is_refused_at_once(table: Any, tmp_path: Path) -> None:
    args = table("binary").fn_args(tmp_path)
    args.custom_config["tuning"] = {"algorithm": "random", "trials": 1, "steps": 5, "space": {"lerning_rate": {}}}
    with pytest.raises(InputRefused, match="lerning_rate is not a hyperparameter"):
        tuner_fn(args)
    args.custom_config["tuning"]["space"] = {}
    with pytest.raises(InputRefused, match="nothing to search over"):
        tuner_fn(args)


def config() -> UserConfig:
    features = {"label": {"column": "y", "task": "binary"}, "features": {"x": {"kind": "numeric"}}}
    model, training = {"hidden_units": (8,), "dropout": 0.0}, {"steps": 10, "epochs": None, "learning_rate": 0.1}
    return UserConfig.read({"features": features, "model": model, "training": training})


def test_hyperparameters_reach_their_section() -> None:
    changed = config().with_hyperparameters({"dropout": 0.5, "learning_rate": 0.2, "hidden_units": "[4, 2]"})
    assert changed.model == {"hidden_units": [4, 2], "dropout": 0.5}
    assert changed.training["learning_rate"] == 0.2
    assert config().with_hyperparameters(None) == config()


def test_a_switch_stays_one_though_kerastuner_makes_it_a_number() -> None:
    given = UserConfig(config().table, {"wide": True}, {"steps": 1, "epochs": None}, {}, "", {})
    assert given.with_hyperparameters({"wide": 0}).model["wide"] is False


def test_epochs_replace_steps() -> None:
    assert config().with_hyperparameters({"values": {"epochs": 3}}).training["steps"] is None


def test_an_unknown_hyperparameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputRefused, match="layers is not a hyperparameter") as caught:
        config().with_hyperparameters({"layers": 3})
    assert "hidden_units" in caught.value.remedy


def test_a_missing_section_is_named() -> None:
    with pytest.raises(InputRefused, match="custom_config has no model and no training"):
        UserConfig.read({"features": {}})


def test_a_model_function_that_cannot_be_imported_is_refused() -> None:
    broken = UserConfig(config().table, {}, {}, {}, "models.model.bild_model", {})
    with pytest.raises(ConfigError, match=r"models\.model\.bild_model cannot be imported"):
        broken.model_function()


def test_a_list_survives_kerastuner() -> None:
    assert parse_value(hyperparameter_value((64, 32))) == [64, 32]
    assert parse_value(hyperparameter_value("balanced")) == "balanced"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")  # KerasTuner's own
def test_a_search_by_a_metric_goes_in_its_direction(table: Any, tmp_path: Path) -> None:
    args = table("binary").fn_args(tmp_path)
    objective = {"metric": "PrecisionAtRecall", "recall": 0.6}
    space = {"learning_rate": {"values": [1e-9, 0.05]}}
    args.custom_config["tuning"] = {
        "algorithm": "random", "trials": 2, "steps": 60, "space": space, "objective": objective
    }  # fmt: skip
    result = tuner_fn(args)
    result.tuner.search(**result.fit_kwargs)
    scores = [trial.score for trial in result.tuner.oracle.get_best_trials(2)]
    assert 1.0 >= scores[0] > scores[1]
    assert result.tuner.get_best_hyperparameters()[0].values["learning_rate"] == 0.05
    args.custom_config["tuning"]["objective"] = {"metric": "PrecisionAtRecal"}
    with pytest.raises(InputRefused, match="no metric of Keras; did you mean PrecisionAtRecall"):
        tuner_fn(args).tuner.search(**result.fit_kwargs)
