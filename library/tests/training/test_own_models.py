"""A model that is not Keras's, exported by the library: every signature answers alike, without its own code."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.training import fitting
from models.serving import export

pytestmark = pytest.mark.slow


class Hours(tf.Module):
    """The probability of the second class from one feature, by a table and a variable: both must be in the export."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key, self.weight = key, tf.Variable(2.0)
        keys, values = tf.constant([0, 1], tf.int64), tf.constant([0.0, 0.5])
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0.0)

    def __call__(self, features: Any) -> tf.Tensor:
        above = tf.cast(features[self.key] > 0, tf.int64)
        return tf.sigmoid(self.weight * features[self.key] + self.table.lookup(above))[:, tf.newaxis]


def hours_key(job: fitting.Job) -> str:
    return next(key for key in job.tft_output.transformed_feature_spec() if key.startswith("hours") and "_xf" in key)


def test_a_module_with_a_variable_and_a_table_is_served_alone(table: Any, tmp_path: Path) -> None:
    data = table("binary")
    job = fitting.prepare(data.fn_args(tmp_path))
    key = hours_key(job)
    model, exported = Hours(key), str(tmp_path / "exported")
    export(model, job, exported, {key: tf.TensorSpec([None], tf.float32, name=key)})
    records = tf.constant(data.raw["eval"])
    loaded = tf.saved_model.load(exported)
    features = loaded.signatures["transform_features"](examples=records)
    expected = np.array(model({key: features[key]}))[:, 0]
    assert expected.std() > 0.1, "the rows differ"
    script = (
        "import sys, numpy as np, tensorflow as tf; model = tf.saved_model.load(sys.argv[1]);"
        "records = tf.constant(np.load(sys.argv[2], allow_pickle=True).tolist());"
        "print(*model.signatures['serving_default'](examples=records)['probabilities'].numpy())"
    )
    np.save(tmp_path / "records.npy", np.array(data.raw["eval"], object), allow_pickle=True)
    command = [sys.executable, "-c", script, exported, str(tmp_path / "records.npy")]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    np.testing.assert_allclose([float(number) for number in done.stdout.split()], expected, rtol=1e-5)
    given = {key: tf.constant(features[key].numpy())}
    np.testing.assert_allclose(loaded.signatures["transformed"](**given)["probabilities"].numpy(), expected, rtol=1e-5)


def test_a_key_that_the_preprocessing_does_not_give_is_named(table: Any, tmp_path: Path) -> None:
    job = fitting.prepare(table("binary").fn_args(tmp_path))
    with pytest.raises(InputRefused, match="the model reads fare_xf, which preprocessing_fn does not return") as caught:
        export(Hours("fare_xf"), job, str(tmp_path / "out"), {"fare_xf": tf.TensorSpec([None], tf.float32)})
    assert hours_key(job) in caught.value.remedy
    assert not (tmp_path / "out").exists()
