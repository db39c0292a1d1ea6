"""Reading a configuration: what is refused, in which words, and what overrides and paths become."""

from pathlib import Path

import pytest
import yaml

from millrace.base.errors import ConfigError
from millrace.config.config import Config
from millrace.config.loading import load

TAXI = Path("conf/taxi.yaml")


def written(folder: Path, change=lambda values: None) -> Path:
    """The taxi configuration with a change, in a file of its own."""
    values = yaml.safe_load(TAXI.read_text())
    change(values)
    file = folder / "conf.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def refusal(file: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_taxi_configuration_is_read_whole():
    config = load(TAXI)
    assert config.name == "taxi"
    assert config.label.classes == (0, 1)
    assert config.features["hour_by_day"].of == ("trip_start_hour", "trip_start_day")
    assert config.root == str(Path("runs/taxi").resolve())


def test_a_configuration_cannot_be_changed_after_it_was_read():
    config = load(TAXI)
    with pytest.raises(ValueError, match="frozen"):
        config.training.steps = 5


@pytest.mark.parametrize(
    ("key", "written_as", "meant"),
    [("featuers", "featuers", "features"), ("training.batchsize", "batchsize", "batch_size")],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_name(key, written_as, meant, tmp_path):
    message = refusal(written(tmp_path), f"{key}=1")
    assert f"{key}: there is no such key; did you mean {meant}?" in message


def test_an_unknown_key_below_a_feature_kind_is_named_without_the_kind(tmp_path):
    message = refusal(written(tmp_path), "features.fare.scal=log")
    assert "features.fare.scal: there is no such key; did you mean scale?" in message


def test_all_problems_are_told_at_once(tmp_path):
    message = refusal(written(tmp_path), "training.batch_size=0", "label.task=binry", "data.splits={train: 2}")
    assert "3 problems" in message
    for key in ("training.batch_size", "label.task", "data"):
        assert f"  - {key}: " in message


def test_a_reason_that_data_gate_does_not_know_is_refused_with_the_nearest(tmp_path):
    message = refusal(written(tmp_path), "data_gate.policy={SCHEMA_NEW_COLUMNS: warn}")
    expected = (
        "data_gate.policy.SCHEMA_NEW_COLUMNS: SCHEMA_NEW_COLUMNS is not a reason code; the nearest are SCHEMA_NEW"
    )
    assert expected in message


def test_no_threshold_is_an_error_at_start(tmp_path):
    message = refusal(written(tmp_path), "evaluation.thresholds=[]")
    assert "without a threshold no model can be blessed" in message


def test_a_threshold_on_a_metric_that_is_not_measured_is_refused(tmp_path):
    message = refusal(written(tmp_path), "evaluation.metrics=[AUC]")
    assert "BinaryAccuracy, which is not among the metrics" in message


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("label.column=fare", "fare is the label; it cannot be a feature too"),
        ("features.hour_by_day.of=[fare, trip_start_day]", "must be a bucketized, categorical or hashed feature"),
        ("label.classes=[0, 1, 2]", "a binary label has exactly two classes"),
        ("name=Taxi Trips", "lower-case letters, digits and dashes"),
    ],
)
def test_values_that_contradict_each_other_are_refused(override, words, tmp_path):
    assert words in refusal(written(tmp_path), override)


@pytest.mark.parametrize(("key", "other"), [("steps", "epochs"), ("epochs", "steps")])
def test_an_override_says_how_long_to_train_whichever_way_the_file_does(key, other, tmp_path):
    def change(values):
        del values["training"]["steps"]
        values["training"][other] = 9

    training = load(written(tmp_path, change), [f"training.{key}=3"]).training
    assert (getattr(training, key), getattr(training, other)) == (3, None)
    again = load(written(tmp_path, change), [f"training.{other}=4"]).training
    assert (getattr(again, key), getattr(again, other)) == (None, 4)


def test_steps_and_epochs_together_are_refused(tmp_path):
    words = "training: set exactly one of steps and epochs"
    assert words in refusal(written(tmp_path, lambda values: values["training"].update(epochs=3)))
    assert words in refusal(written(tmp_path), "training.steps=5", "training.epochs=3")
    assert words in refusal(written(tmp_path), "training.steps=null")


def test_a_remedy_names_no_file_that_a_project_need_not_have(tmp_path):
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n")
    for message in (refusal(written(tmp_path), "training.batch_size=0"), refusal(empty)):
        assert "remedy" in message and "taxi" not in message


def test_a_key_written_twice_is_refused_with_its_line(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("name: a\nname: b\n")
    assert f"{file}:2:1: the key 'name' is written twice" in refusal(file)


def test_broken_yaml_is_refused_with_its_line(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("name: a\ndata: [1, 2\nlabel: x\n")
    assert f"{file}:3:" in refusal(file)


def test_a_missing_file_names_its_neighbours(tmp_path):
    written(tmp_path)
    message = refusal(tmp_path / "nowhere.yaml")
    assert "there is no such file\n" in message, "nothing is meant by a name that is like none"
    assert "conf.yaml" in message


@pytest.mark.parametrize("wrong", ["conf.yml", "conf", "cnof.yaml"])
def test_the_file_that_was_meant_is_named(tmp_path, wrong):
    file = written(tmp_path)
    assert f"{tmp_path / wrong}: there is no such file; did you mean {file}?" in refusal(tmp_path / wrong)


def test_overrides_reach_nested_values_and_list_entries(tmp_path):
    config = load(written(tmp_path), ["training.steps=7", "evaluation.thresholds.0.at_least=0.99", "beam.workers=2"])
    assert (config.training.steps, config.evaluation.thresholds[0].at_least, config.beam.workers) == (7, 0.99, 2)


@pytest.mark.parametrize("override", ["training.steps", "=3", "evaluation.thresholds.9.at_least=1", "name.first=x"])
def test_an_override_that_leads_nowhere_is_refused(override, tmp_path):
    assert f"--set {override}" in refusal(written(tmp_path), override)


def test_an_override_that_is_no_yaml_is_a_text(tmp_path):
    assert load(written(tmp_path), ["data.pattern=*.csv"]).data.pattern == "*.csv"
    assert "training.steps: " in refusal(written(tmp_path), "training.steps=[1, 2")


def test_paths_are_relative_to_the_file(tmp_path):
    config = load(written(tmp_path, lambda values: values.update(root="here", schema={"file": "s.pbtxt"})))
    assert config.root == str(tmp_path / "here")
    assert config.schema_.file == str(tmp_path / "s.pbtxt")


def test_a_bucket_stays_a_bucket(tmp_path):
    assert load(written(tmp_path), ["root=gs://bucket/taxi"]).root == "gs://bucket/taxi"


def test_data_of_a_package_that_is_not_installed_is_refused(tmp_path):
    message = refusal(written(tmp_path), "data.path=package:no_such_package/data")
    assert "the package no_such_package is not installed" in message


def test_the_same_file_gives_equal_configurations(tmp_path):
    file = written(tmp_path)
    assert load(file) == load(file)
    assert isinstance(load(file), Config)


def test_a_setting_that_json_would_change_is_refused_by_its_place(tmp_path):
    message = refusal(written(tmp_path), "code.settings.Transform={season: {from: 2024-06-01}}")
    assert "code.settings: Transform.season.from is a date; plain values are numbers, texts in quotes" in message
    code = load(written(tmp_path), ["code.settings.Transform={season: {from: '2024-06-01'}, cap: 1.5}"]).code
    assert code.settings_of("Transform") == {"season": {"from": "2024-06-01"}, "cap": 1.5}
    assert code.settings_of("Trainer") == {}
