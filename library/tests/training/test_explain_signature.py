"""The `explain` signature: sums, exact values by all subsets, an error that is honest, and models of every kind."""

import itertools
import json
import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from exported_models import trace_graph

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable
from millrace.model_server.about import read_about
from millrace.statistics.typical_row import write_typical_row
from millrace.training.explaining import orders_of
from millrace.training.signatures import ServedModel, write

NAMES = ("one", "two", "three", "four", "five", "six")
SCHEMA = "".join(f'feature {{ name: "{name}" type: FLOAT }}\n' for name in NAMES) + (
    'feature { name: "company" type: BYTES }\nfeature { name: "stops" type: BYTES }\n'
    'feature { name: "seats" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }\n'
)
TYPICAL = {"one": 0.5, "two": -1.0, "three": 0.0, "four": 2.0, "five": 1.0, "company": "Blue"}
SETTINGS = {"paths": None, "seed": 20, "baseline": {}}


def preprocessing_fn(inputs):
    """A missing number is -3; of texts their lengths."""

    def number(column):
        rows = tf.reshape(tf.sparse.to_dense(column, -3.0), [tf.cast(column.dense_shape[0], tf.int32), -1])
        return tf.reduce_sum(tf.pad(rows, [[0, 0], [0, 1]], constant_values=0.0), axis=1)

    def length(column):
        lengths = tf.SparseTensor(column.indices, tf.strings.length(column.values), column.dense_shape)
        return tf.cast(tf.reshape(tf.sparse.reduce_sum(lengths, axis=1), [-1]), tf.float32)

    made = {f"{name}_xf": number(inputs[name]) for name in NAMES}
    made["seats_xf"] = tf.cast(tf.reshape(inputs["seats"], [-1]), tf.float32)
    return made | {f"{name}_xf": length(inputs[name]) for name in ("company", "stops")}


def formula(values):
    """Columns that work together, so that no order of them is like another."""
    one, two, three, four, five, six = values
    return one * two * six + 3 * three * np.maximum(four, 0) - np.abs(five - six) + one


class Formula(tf.Module):
    """The same in TensorFlow, with what texts and seats add; as a number or as probabilities."""

    def __init__(self, task):
        super().__init__()
        self.task = task

    def __call__(self, features):
        one, two, three, four, five, six = (features[f"{name}_xf"] for name in NAMES)
        total = one * two * six + 3 * three * tf.nn.relu(four) - tf.abs(five - six) + one
        for name in ("company", "stops", "seats"):
            total += features.get(f"{name}_xf", 0.0)
        if self.task == "regression":
            return total[:, tf.newaxis]
        logits = tf.stack([tf.zeros_like(total), (total + 3) / 4, -(total + 3) / 4], axis=1)
        return tf.sigmoid(logits[:, 1:2]) if self.task == "binary" else tf.nn.softmax(logits)


LABELS = {
    "regression": {"column": "tip", "task": "regression"},
    "binary": {"column": "tip", "task": "binary", "classes": ["small", "large"]},
    "multiclass": {"column": "tip", "task": "multiclass", "classes": ["none", "small", "large"]},
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """What Transform leaves behind."""
    folder = tmp_path_factory.mktemp("graph")
    made = {f"{name}_xf": tf.io.FixedLenFeature([], tf.float32) for name in (*NAMES, "company", "stops", "seats")}
    trace_graph(folder, SCHEMA, preprocessing_fn, made)
    write_typical_row(str(folder), TYPICAL)
    return str(folder)


@pytest.fixture
def exported(graph, tmp_path):
    """Exports a model of some columns, and loads it again."""

    def export(columns, task="regression", **settings):
        kinds = {"company": {"kind": "hashed"}, "stops": {"kind": "bag"}}
        features = {name: kinds.get(name, {"kind": "numeric"}) for name in columns}
        table = FeatureTable.model_validate({"label": LABELS[task], "features": features})
        inputs = {f"{name}_xf": tf.TensorSpec([None], tf.float32) for name in dict.fromkeys([*NAMES, *columns])}
        served = ServedModel(
            Formula(task), table, tft.TFTransformOutput(graph), inputs, explanations={**SETTINGS, **settings}
        )
        signatures = {"predict_json": served.of_columns(), "explain": served.explanations_of_columns()}
        write(served, signatures, str(tmp_path / "7"))
        return tf.saved_model.load(str(tmp_path / "7")), read_about(str(tmp_path / "7"))

    return export


def rows_of(count, seed=1):
    random = np.random.default_rng(seed)
    rows = {name: random.normal(size=count) for name in NAMES}
    rows["three"][0] = math.nan
    return rows


def tensors(rows):
    return {name: tf.constant(values) for name, values in rows.items()}


def by_all_subsets(rows, baseline):
    """Shapley's own sum over all subsets, of the formula in NumPy; a missing number is -3, as the graph has it."""
    own = np.nan_to_num(np.array([rows[name] for name in NAMES]), nan=-3.0)
    base = np.nan_to_num(np.array([baseline.get(name, math.nan) for name in NAMES], float), nan=-3.0)[:, None]
    values = {
        subset: formula(np.where(np.isin(np.arange(6), subset)[:, None], own, base))
        for size in range(7)
        for subset in itertools.combinations(range(6), size)
    }
    parts = np.zeros_like(own)
    for subset, value in values.items():
        for column in set(range(6)) - set(subset):
            weight = math.factorial(len(subset)) * math.factorial(5 - len(subset)) / math.factorial(6)
            parts[column] += weight * (values[tuple(sorted((*subset, column)))] - value)
    return parts.T


def test_attributions_are_shapley_values_by_all_subsets(exported):
    model, about = exported(NAMES, paths=720)
    rows = rows_of(5)
    answer = model.signatures["explain"](**tensors(rows))
    assert about.explanations.exact and about.explanations.orders == 720
    assert about.explanations.baseline == {name: TYPICAL.get(name) for name in NAMES}
    np.testing.assert_allclose(answer["attributions"], by_all_subsets(rows, TYPICAL), atol=1e-4)
    assert not answer["standard_errors"].numpy().any()


def test_few_orders_sum_to_the_change_and_say_how_far_off_they_may_be(exported):
    model, about = exported(NAMES, seed=22)
    rows = rows_of(40)
    answer = model.signatures["explain"](**tensors(rows))
    predicted = model.signatures["predict_json"](**tensors(rows))["prediction"]
    np.testing.assert_allclose(answer["explained"], predicted, rtol=1e-5)
    change = answer["explained"] - answer["baseline"]
    np.testing.assert_allclose(tf.reduce_sum(answer["attributions"], axis=1), change, atol=1e-4)
    off = np.abs(answer["attributions"] - by_all_subsets(rows, TYPICAL))
    assert not about.explanations.exact and off.max() > 0.001
    # Four standard errors of twelve pairs, with room for what one of 240 may be.
    assert (off <= 4 * answer["standard_errors"].numpy() + 1e-4).mean() > 0.97
    np.testing.assert_allclose(answer["approximation_error"], answer["standard_errors"].numpy().max(axis=1))
    assert answer["columns"].numpy()[3].tolist() == [name.encode() for name in NAMES]


def test_a_row_is_explained_alike_alone_and_among_others_and_another_seed_differs(exported):
    rows = rows_of(9000)
    model, _ = exported(NAMES)
    many = model.signatures["explain"](**tensors(rows))["attributions"].numpy()
    alone = model.signatures["explain"](**tensors({name: of[8990:8991] for name, of in rows.items()}))["attributions"]
    np.testing.assert_allclose(many[8990:8991], alone, atol=1e-5)
    other, _ = exported(NAMES, seed=21)
    assert np.abs(other.signatures["explain"](**tensors(rows))["attributions"] - many).max() > 0.01


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_class_that_is_predicted_is_explained(exported, task):
    model, _ = exported(NAMES, task)
    rows = tensors(rows_of(30))
    answer, predicted = model.signatures["explain"](**rows), model.signatures["predict_json"](**rows)
    probabilities = predicted["probabilities"].numpy()
    if task == "multiclass":
        assert answer["explained_class"].numpy().tolist() == predicted["label"].numpy().tolist()
        assert len(set(predicted["label"].numpy().tolist())) > 1
        probabilities = probabilities.max(axis=1)
    else:
        assert set(answer["explained_class"].numpy().tolist()) == {b"large"}
    np.testing.assert_allclose(answer["explained"], probabilities, rtol=1e-5)
    change = answer["explained"] - answer["baseline"]
    np.testing.assert_allclose(tf.reduce_sum(answer["attributions"], axis=1), change, atol=1e-5)


def test_the_shap_library_says_the_same_of_numbers(exported):
    shap = pytest.importorskip("shap", reason="shap is in the lock: make setup")
    model, _ = exported(NAMES, paths=720)
    rows = rows_of(6)
    baseline = np.array([[TYPICAL.get(name, math.nan) for name in NAMES]])

    def predict(values):
        given = tensors(dict(zip(NAMES, np.asarray(values, float).T, strict=True)))
        return model.signatures["predict_json"](**given)["prediction"].numpy()

    table = np.array([rows[name] for name in NAMES]).T
    said = shap.explainers.Exact(predict, shap.maskers.Independent(baseline))(table)
    answer = model.signatures["explain"](**tensors(rows))
    np.testing.assert_allclose(answer["attributions"], said.values, atol=1e-4)
    np.testing.assert_allclose(answer["baseline"], said.base_values, atol=1e-4)


def test_texts_lists_and_whole_numbers_have_their_parts(exported):
    model, about = exported((*NAMES, "company", "stops", "seats"), baseline={"seats": 2})
    assert about.explanations.baseline["company"] == "Blue" and about.explanations.baseline["stops"] is None
    assert about.explanations.baseline["seats"] == 2
    rows = tensors({name: np.full(2, TYPICAL.get(name, math.nan)) for name in NAMES}) | {
        "company": tf.constant(["Green cabs", "Blue"]),
        "stops": tf.constant([["a", "bc", ""], ["", "", ""]]),
        "seats": tf.constant([5.0, 2.0], tf.float64),
    }
    answer = model.signatures["explain"](**rows)
    parts = [dict(zip(about.explanations.baseline, row, strict=True)) for row in answer["attributions"].numpy()]
    assert parts[0]["company"] == pytest.approx(6) and parts[0]["stops"] == pytest.approx(3)
    assert parts[0]["seats"] == pytest.approx(3) and parts[0]["one"] == 0
    assert not any(parts[1].values())


class Doubled(tf.Module):
    """A model of one column."""

    def __call__(self, features):
        return 2 * features["one_xf"][:, tf.newaxis]


def test_one_column_alone_has_all_of_the_change(graph):
    table = FeatureTable.model_validate({"label": LABELS["regression"], "features": {"one": {"kind": "numeric"}}})
    inputs = {"one_xf": tf.TensorSpec([None], tf.float32)}
    served = ServedModel(Doubled(), table, tft.TFTransformOutput(graph), inputs, explanations=SETTINGS)
    answer = served.explanations_of_columns()(one=tf.constant([1.0, 2.0], tf.float64))
    np.testing.assert_allclose(answer["attributions"], [[1.0], [3.0]])
    assert served.explanations.exact and answer["baseline"].numpy().tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("columns", "paths", "expected"),
    [(1, None, 1), (4, None, 24), (16, None, 24), (300, None, 12), (857, None, 4), (50_000, None, 4), (857, 30, 30)],
)
def test_many_columns_are_looked_at_in_fewer_orders(columns, paths, expected):
    orders = orders_of(columns, paths, 1)
    assert orders.places.shape == (expected, columns)
    assert (np.sort(orders.places, axis=1) == np.arange(columns)).all()
    assert (orders_of(columns, paths, 1).places == orders.places).all()
    assert orders.exact == (columns <= 4) and len(np.unique(orders.places[:50], axis=0)) == expected


def test_a_baseline_that_is_no_number_and_models_that_are_not_explained(graph, exported, tmp_path):
    with pytest.raises(InputRefused, match="one has 'high', and the model reads a number"):
        exported(NAMES, baseline={"one": "high"})
    _, about = exported(NAMES, baseline={"one": None, "four": 7})
    assert about.explanations.baseline["one"] is None and about.explanations.baseline["four"] == 7.0
    table = FeatureTable.model_validate({"label": LABELS["regression"], "features": {"one": {"kind": "numeric"}}})
    inputs = {"one_xf": tf.TensorSpec([None], tf.float32)}
    for settings in (None, {**SETTINGS, "paths": 0}):
        served = ServedModel(Doubled(), table, tft.TFTransformOutput(graph), inputs, explanations=settings)
        assert served.explanations is None and "explanations" not in served.about().to_json()
    assert json.dumps(about.to_json(), allow_nan=False)
