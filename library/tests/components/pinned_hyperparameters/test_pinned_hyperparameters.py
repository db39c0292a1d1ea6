"""What is pinned reaches the Trainer as the Tuner's find would."""

import json

import keras_tuner
import pytest
from tfx.types.standard_artifacts import HyperParameters
from tfx.utils import io_utils

from millrace.base.errors import BadInput
from millrace.components.pinned_hyperparameters.component import FILE_NAME, PinnedHyperparameters
from millrace.components.pinned_hyperparameters.file import read_pinned


def test_the_trainer_finds_them_where_the_tuner_writes_the_best(tmp_path):
    best = keras_tuner.HyperParameters()
    best.Fixed("learning_rate", 0.01)
    text = json.dumps(best.get_config())
    artifact = HyperParameters()
    artifact.uri = str(tmp_path / "best")
    component = PinnedHyperparameters(hyperparameters=text, code_digest="ab")
    executor = component.executor_spec.executor_class()
    executor.Do({}, {"best_hyperparameters": [artifact]}, dict(component.exec_properties))
    # As TFX's Trainer reads them.
    assert io_utils.get_only_uri_in_dir(artifact.uri) == str(tmp_path / "best" / FILE_NAME)
    read = keras_tuner.HyperParameters.from_config(json.loads(io_utils.read_string_file(f"{artifact.uri}/{FILE_NAME}")))
    assert read.values == {"learning_rate": 0.01}


def test_other_values_are_another_execution():
    one, other = (PinnedHyperparameters(hyperparameters=text, code_digest="ab") for text in ("{}", '{"a": 1}'))
    assert one.exec_properties != other.exec_properties


def test_the_file_is_read_as_it_stands(tmp_path):
    (tmp_path / "pinned.json").write_text('{"values": {"learning_rate": 0.01}}\n')
    assert read_pinned(str(tmp_path / "pinned.json")) == '{"values": {"learning_rate": 0.01}}\n'


def test_a_file_that_is_not_there_or_no_text_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="the file of pinned hyperparameters is not there") as refused:
        read_pinned(str(tmp_path / "gone.json"))
    assert refused.value.where == str(tmp_path / "gone.json") and "tuning.pinned" in refused.value.remedy
    (tmp_path / "model.keras").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput) as refused:
        read_pinned(str(tmp_path / "model.keras"))
    assert "tuning.pinned" in refused.value.remedy
