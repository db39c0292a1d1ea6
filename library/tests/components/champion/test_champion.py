"""Which model is the champion, compared with TFX's own strategy."""

import shutil
from pathlib import Path

import pytest
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types import standard_artifacts

from millrace.base.errors import BadInput
from millrace.components.champion.strategy import ChampionStrategy


def artifact(kind, number, **properties):
    made = getattr(standard_artifacts, kind)()
    made.id = number
    for key, value in properties.items():
        made.set_int_custom_property(key, value)
    return made


@pytest.fixture
def history(tmp_path):
    """Models 1 to 3; 1 and 3 were blessed. Each has its files."""
    models = [artifact("Model", number) for number in (1, 2, 3)]
    for model in models:
        model.uri = str(tmp_path / f"model/{model.id}")
        (Path(model.uri) / "Format-Serving").mkdir(parents=True)
        (Path(model.uri) / "Format-Serving/saved_model.pb").touch()
    verdicts = [(1, 1), (2, 0), (3, 1)]
    blessings = [
        artifact("ModelBlessing", 10 + model, current_model_id=model, blessed=blessed) for model, blessed in verdicts
    ]
    for blessing in blessings:
        blessing.uri = str(tmp_path / f"blessing/{blessing.id}")
        Path(blessing.uri).mkdir(parents=True)
    return models, blessings


def champion(models, blessings, candidate):
    inputs = {"model": list(models), "model_blessing": list(blessings), "candidate": [candidate]}
    found = ChampionStrategy().resolve_artifacts(None, inputs)
    assert found["candidate"] == [candidate]
    return [model.id for model in found["model"]], [blessing.id for blessing in found["model_blessing"]]


def test_a_new_model_meets_the_latest_blessed_one_as_with_tfx(history):
    models, blessings = history
    inputs = {"model": list(models), "model_blessing": list(blessings)}
    stock = LatestBlessedModelStrategy().resolve_artifacts(None, inputs)
    assert champion(models, blessings, artifact("Model", 4)) == ([3], [13])
    assert [model.id for model in stock["model"]] == [3]


def test_a_model_is_never_its_own_champion(history):
    models, blessings = history
    assert champion(models, blessings, models[2]) == ([1], [11])


def test_before_the_first_blessing_there_is_no_champion(history):
    models, blessings = history
    assert champion(models[:1], blessings[:1], models[0]) == ([], [])
    assert champion([], [], artifact("Model", 1)) == ([], [])


@pytest.mark.parametrize("mark", ["trial", "rehearsed"])
def test_what_a_trial_or_a_rehearsal_blessed_is_no_champion(history, mark):
    models, blessings = history
    blessings[2].set_int_custom_property(mark, 1)
    assert champion(models, blessings, artifact("Model", 4)) == ([1], [11])


def test_a_champion_that_is_gone_ends_the_run_with_what_to_do(history):
    """It went on with no champion, or failed in TensorFlow's words, and nobody said that the folder had been moved."""
    models, blessings = history
    shutil.rmtree(models[2].uri)
    with pytest.raises(BadInput, match=r"the champion, .* is not there any more") as caught:
        champion(models, blessings, artifact("Model", 4))
    assert caught.value.where == f"{models[2].uri}/Format-Serving"
    assert blessings[2].uri in caught.value.remedy
    shutil.rmtree(blessings[2].uri)
    assert champion(models, blessings, artifact("Model", 4)) == ([1], [11])


def test_a_model_that_was_made_again_is_not_compared_with_the_one_that_lost_files(history):
    models, blessings = history
    shutil.rmtree(models[2].uri)
    again = artifact("Model", 4)
    again.set_string_custom_property("replaces", "3,13")
    assert champion(models, blessings, again) == ([1], [11])
