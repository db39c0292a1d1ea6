"""What a served model makes of one value a column. The graph stands for Transform's, so nothing is analysed."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from exported_models import trace_graph

from millrace.features.description import FeatureTable
from millrace.training.signatures import ServedModel

SCHEMA = """
feature { name: "seats" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "fare" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "miles" type: FLOAT }
feature { name: "tolls" type: INT }
feature { name: "company" type: BYTES }
"""
FEATURES = {name: {"kind": "numeric"} for name in ("seats", "fare", "miles", "tolls")}
TABLE = FeatureTable.model_validate(
    {"label": {"column": "tip", "task": "regression"}, "features": {**FEATURES, "company": {"kind": "hashed"}}}
)


def preprocessing_fn(inputs):
    """Numbers as they are, -1 where there is none; the length of a text."""

    def filled(column, default):
        if isinstance(column, tf.SparseTensor):
            shape = [column.dense_shape[0], 1]
            column = tf.sparse.to_dense(tf.SparseTensor(column.indices, column.values, shape), default)
        return tf.reshape(column, [-1])

    numbers = {f"{name}_xf": tf.cast(filled(inputs[name], -1), tf.float32) for name in FEATURES}
    return {**numbers, "company_xf": tf.cast(tf.strings.length(filled(inputs["company"], "")), tf.float32)}


class Sum(tf.Module):
    """Shows what reaches a model: one digit a feature."""

    def __call__(self, features):
        names = ("seats", "fare", "miles", "tolls", "company")
        return sum(tf.reshape(features[f"{name}_xf"], [-1, 1]) * 10.0**place for place, name in enumerate(names))


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """The folder of what Transform leaves behind."""
    folder = tmp_path_factory.mktemp("graph")
    names = (*FEATURES, "company")
    trace_graph(
        folder, SCHEMA, preprocessing_fn, {f"{name}_xf": tf.io.FixedLenFeature([], tf.float32) for name in names}
    )
    return str(folder)


@pytest.fixture(scope="module")
def predict(graph):
    """`predict_json` of the model."""
    served = ServedModel(Sum(), TABLE, tft.TFTransformOutput(graph))
    # The model and its graph live as long as their function.
    return served, served.of_columns()


@pytest.fixture(scope="module")
def lenient(graph):
    """A model of data in which N/A and -9 stood for no value; and its `predict_json`."""
    na_values = {name: ["N/A", "-9"] for name in (*FEATURES, "company")}
    served = ServedModel(Sum(), TABLE, tft.TFTransformOutput(graph), na_values=na_values)
    return served, served.of_columns()


def ask(predict, **given):
    row = {"seats": 3.0, "fare": 2.0, "miles": 4.0, "tolls": 5.0, "company": "Blue", **given}
    tensors = {
        name: tf.constant(np.atleast_1d(value), tf.string if name == "company" else tf.float64)
        for name, value in row.items()
    }
    return predict[1](**tensors)["prediction"].numpy().tolist()


def test_each_column_reaches_the_model(predict):
    assert ask(predict) == [45423.0]
    assert ask(predict, company=["Blue", ""], seats=[1, 2], fare=[1, 1], miles=[0, 0], tolls=[0, 0]) == [40011.0, 12.0]


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_a_missing_number_is_as_missing_as_in_a_table(predict, nothing):
    assert ask(predict, miles=nothing, tolls=nothing) == [40023.0 - 1100.0]


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_a_required_integer_that_is_missing_is_refused_by_its_name(predict, nothing):
    """As a number it would be -9223372036854775808, and the model would answer."""
    with pytest.raises(tf.errors.InvalidArgumentError, match="seats is an integer that the schema requires"):
        ask(predict, seats=nothing)
    with pytest.raises(tf.errors.InvalidArgumentError, match="seats is an integer that the schema requires"):
        ask(predict, company=["a", "b"], seats=[1, nothing], fare=[1, 1], miles=[0, 0], tolls=[0, 0])


@pytest.mark.parametrize("text", ["N/A", " N/A ", "-9"])
def test_what_stands_for_no_value_in_the_data_does_so_in_a_request(lenient, text):
    assert ask(lenient, company=text) == ask(lenient, company="")
    assert ask(lenient, company=["Blue", text], seats=[1, 2], fare=[1, 1], miles=[0, 0], tolls=[0, 0]) == [
        40011.0,
        12.0,
    ]
    assert ask(lenient, company="N/A 2") == [75423.0 - 20000.0]
    assert ask(lenient, tolls=-9) == ask(lenient, tolls=np.nan)
    assert ask(lenient, seats=-9) == [45411.0]


def test_what_stands_for_no_value_does_so_in_a_tf_example(lenient):
    def example(company: str, miles: float, tolls: int) -> bytes:
        made = tf.train.Example()
        feature = made.features.feature
        feature["seats"].int64_list.value.append(1)
        feature["tolls"].int64_list.value.append(tolls)
        feature["fare"].float_list.value.append(1.0)
        feature["miles"].float_list.value.append(miles)
        feature["company"].bytes_list.value.append(company.encode())
        return made.SerializeToString()

    asked = lenient[0].of_examples()(tf.constant([example("N/A", 2.0, -9), example("Blue", -9.0, 3)]))
    with_text, with_number = asked["prediction"].numpy()
    assert with_text == 1.0 + 10.0 + 200.0 - 1000.0
    assert np.isnan(with_number)  # which every kind of feature takes for missing
