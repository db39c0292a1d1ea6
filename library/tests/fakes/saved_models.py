"""Real SavedModels with one property each, and the examples that they are asked with."""

from pathlib import Path

import pytest
import tensorflow as tf

FEATURES = {
    "distance": tf.io.FixedLenFeature([1], tf.float32),
    "payment": tf.io.FixedLenFeature([1], tf.string, default_value=b""),
}
SERIALIZED = [tf.TensorSpec([None], tf.string, name="examples")]
INFERENCE = [tf.TensorSpec([None], tf.string, name="inputs")]
COLUMNS = [
    tf.TensorSpec([None, 1], tf.float32, name="distance"),
    tf.TensorSpec([None, 1], tf.string, name="payment"),
]
# A server's model: names that a client asks for, by the method of `TinyModel` that answers.
SIGNATURES = {
    "serving_default": "good",
    "predict_json": "good_json",
    "loop": "hangs",
    "raise": "raises",
    "classify": "classify",
    "regress": "regress",
}


class TinyModel(tf.Module):
    """A logistic model with a variable and a vocabulary, and what a broken model may do instead."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable(-0.5)
        keys = tf.lookup.KeyValueTensorInitializer(["Cash", "Credit Card"], [0.25, 1.0])
        self.payments = tf.lookup.StaticHashTable(keys, 0.0)
        self.place = ""

    def probabilities(self, distance: tf.Tensor, payment: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(self.weight * distance + self.payments.lookup(payment))

    @tf.function(input_signature=SERIALIZED)
    def good(self, examples):
        features = tf.io.parse_example(examples, FEATURES)
        return {"probabilities": self.probabilities(**features), "payment_bytes": features["payment"]}

    @tf.function(input_signature=COLUMNS)
    def good_json(self, distance, payment):
        return {"probabilities": self.probabilities(distance, payment)}

    @tf.function(input_signature=SERIALIZED)
    def raises(self, examples):
        with tf.control_dependencies([tf.debugging.Assert(tf.size(examples) < 0, ["no such trip"])]):
            return {"probabilities": tf.ones([tf.size(examples), 1])}

    @tf.function(input_signature=SERIALIZED)
    def nan(self, examples):
        distance = tf.io.parse_example(examples, FEATURES)["distance"]
        return {"probabilities": tf.where(distance > 2.0, tf.math.log(-distance), distance)}

    @tf.function(input_signature=SERIALIZED)
    def one_row(self, examples):
        return {"probabilities": tf.ones([1, 1]) * tf.cast(tf.size(examples), tf.float32)}

    @tf.function(input_signature=SERIALIZED)
    def hangs(self, examples):
        start = tf.cast(tf.size(examples), tf.float32)
        (last,) = tf.while_loop(lambda x: x >= 0.0, lambda x: (tf.minimum(x + 1.0, 9.0),), [start])
        return {"probabilities": tf.fill([tf.size(examples), 1], last)}

    @tf.function(input_signature=SERIALIZED)
    def aborts(self, examples):
        with tf.control_dependencies([tf.raw_ops.Abort(error_msg="out of trips", exit_without_error=False)]):
            return {"probabilities": tf.ones([tf.size(examples), 1])}

    @tf.function(input_signature=SERIALIZED)
    def hoards(self, examples):
        numbers = tf.random.uniform([tf.size(examples), 400_000_000])
        return {"probabilities": tf.sort(numbers)[:, :1]}

    @tf.function(input_signature=SERIALIZED)
    def writes(self, examples):
        with tf.control_dependencies([tf.io.write_file(self.place, "taken along")]):
            return {"probabilities": tf.ones([tf.size(examples), 1])}

    @tf.function(input_signature=INFERENCE)
    def classify(self, inputs):
        distance = tf.io.parse_example(inputs, FEATURES)["distance"]
        scores = tf.concat([distance, 1.0 - distance], axis=1)
        return {"scores": scores, "classes": tf.broadcast_to(tf.constant([["far", "near"]]), tf.shape(scores))}

    @tf.function(input_signature=INFERENCE)
    def regress(self, inputs):
        return {"outputs": 2.0 * tf.io.parse_example(inputs, FEATURES)["distance"]}


def save(folder: Path, **signatures: str) -> Path:
    """Saves a TinyModel whose signatures are the methods named.

    Args:
        folder: where.
        signatures: signature name = method name.

    Returns:
        The folder.
    """
    model = TinyModel()
    model.place = f"{folder}.written"
    tf.saved_model.save(model, str(folder), {name: getattr(model, method) for name, method in signatures.items()})
    return folder


def example(distance: float, payment: str) -> bytes:
    """One serialised tf.Example; an empty payment is a missing value."""
    features = {"distance": tf.train.Feature(float_list=tf.train.FloatList(value=[distance]))}
    if payment:
        features["payment"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[payment.encode()]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="session")
def records() -> list[bytes]:
    """Forty examples; every fourth lacks its payment."""
    payments = ["Cash", "Credit Card", "No Charge", ""]
    return [example(number / 10, payments[number % 4]) for number in range(40)]


@pytest.fixture(scope="session")
def save_model():
    """The function that saves a model."""
    return save


@pytest.fixture(scope="session")
def good_model(tmp_path_factory) -> Path:
    """A sound model with a JSON-friendly signature."""
    return save(tmp_path_factory.mktemp("good"), serving_default="good", predict_json="good_json")
