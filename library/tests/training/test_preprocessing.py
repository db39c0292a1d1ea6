"""`preprocessing_fn`, run by TensorFlow Transform on rows: every kind, missing values, sparse and dense columns."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable
from millrace.features.keys import missing_key, transformed_key
from millrace.training.encoders import id_count
from models.preprocessing import preprocessing_fn

TABLE = FeatureTable.model_validate(
    {
        "label": {"column": "outcome!", "task": "binary", "classes": ["no", "yes"]},
        "features": {
            "hours-per-week": {"kind": "numeric", "scale": "zscore", "indicator": True},
            "3rd price": {"kind": "numeric", "scale": "minmax", "missing": 0.0},
            "income": {"kind": "numeric", "scale": "log", "missing": 9.0},
            "as is": {"kind": "numeric", "scale": "none"},
            "constant": {"kind": "numeric"},
            "never there": {"kind": "numeric", "indicator": True},
            "never either": {"kind": "bucketized", "buckets": 4},
            "never a word": {"kind": "categorical"},
            "Größe": {"kind": "bucketized", "boundaries": [10.0, 20.0]},
            "quarters": {"kind": "bucketized", "buckets": 4},
            "colour": {"kind": "categorical", "top_k": 2, "oov_buckets": 3},
            "code": {"kind": "categorical", "min_count": 2},
            "level": {"kind": "categorical"},
            "user": {"kind": "hashed", "buckets": 5},
            "colour x size": {"kind": "crossed", "of": ["colour", "Größe"], "buckets": 50},
            "pixels": {"kind": "vector", "length": 3},
            "dense pixels": {"kind": "vector", "length": 2},
            "words": {"kind": "text", "max_tokens": 4, "top_k": 3, "oov_buckets": 2},
        },
    }
)

_SPARSE = 'feature {{ name: "{0}" type: {1} }}\n'
SCHEMA = "".join(
    _SPARSE.format(name, kind)
    for kind, names in {
        "FLOAT": ["hours-per-week", "as is", "never there", "never either", "Größe", "level", "pixels"],
        "INT": ["3rd price", "income", "code", "user"],
        "BYTES": ["outcome!", "colour", "words", "never a word"],
    }.items()
    for name in names
) + "".join(
    f'feature {{ name: "{name}" type: FLOAT presence {{ min_fraction: 1 }} shape {{ {shape} }} }}\n'
    for name, shape in {"constant": "", "quarters": "dim { size: 1 }", "dense pixels": "dim { size: 2 }"}.items()
)

NAN = float("nan")
ROWS: list[Mapping[str, Any]] = [
    {
        "outcome!": " yes ", "hours-per-week": 10.0, "3rd price": 1, "income": 0, "as is": 2.0, "Größe": 5.0,
        "quarters": 1.0, "colour": "red", "code": 7, "level": 1.0, "user": 1, "pixels": [1.0, 2.0, 3.0],
        "words": "The cat, the CAT!",
    },
    {
        "outcome!": "no", "hours-per-week": 30.0, "3rd price": 5, "income": 8, "as is": 4.0, "Größe": 10.0,
        "quarters": 2.0, "colour": " red ", "code": 7, "level": 2.5, "user": 1, "pixels": [4.0],
        "words": "a cat sat on the mat today",
    },
    {
        "outcome!": "maybe", "hours-per-week": NAN, "3rd price": 3, "income": 99, "as is": NAN, "Größe": 20.5,
        "quarters": 3.0, "colour": "blue", "code": 8, "level": 1.0, "user": 2, "pixels": [NAN, math.inf, 5.0, 6.0],
        "words": b"caf\xe9 \xff cat",
    },
    {"quarters": 4.0, "colour": "   "},
    {"outcome!": "no", "hours-per-week": math.inf, "quarters": NAN, "colour": "green", "Größe": NAN, "words": " !? "},
]  # fmt: skip
ROWS = [{"constant": 3.0, "dense pixels": [1.0, NAN], **row} for row in ROWS]


class Result:
    """The transformed rows, by column."""

    def __init__(self, done: Any, split: str = "train") -> None:
        self.graph = tft.TFTransformOutput(f"{done.folder}/graph")
        spec = self.graph.transformed_feature_spec()
        files = sorted(tf.io.gfile.glob(f"{done.folder}/Split-{split}/*"))
        records = [record.numpy() for record in tf.data.TFRecordDataset(files, "GZIP")]
        parsed = tf.io.parse_example(records, spec)
        order = np.argsort(parsed["position_xf"].numpy())
        self.columns = {key: values.numpy()[order] for key, values in parsed.items()}

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[transformed_key(column)]


@pytest.fixture(scope="module")
def result(transform: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Result:
    """ROWS through the whole of Transform; a column `position` keeps their order through Beam's shuffles."""
    values = TABLE.model_dump(mode="json")
    values["features"]["position"] = {"kind": "numeric", "scale": "none"}
    schema = SCHEMA + _SPARSE.format("position", "INT")
    rows = [{**row, "position": i} for i, row in enumerate(ROWS)]
    folder = tmp_path_factory.mktemp("transformed")
    return Result(transform(folder, schema, FeatureTable.model_validate(values), {"train": rows}))


def test_numbers_are_scaled_by_the_values_that_are_there(result: Result) -> None:
    np.testing.assert_allclose(result["hours-per-week"], [-1, 1, 0, 0, 0], atol=1e-6)  # NaN and infinity are missing
    np.testing.assert_array_equal(result.columns[missing_key("hours-per-week")], [0, 0, 1, 1, 1])
    np.testing.assert_allclose(result["3rd price"], [0, 1, 0.5, 0, 0], atol=1e-6)  # 0.0 is below the least, 1
    np.testing.assert_allclose(result["as is"], [2, 4, 3, 3, 3], atol=1e-6)


def test_a_logarithm_is_standardised_and_its_stand_in_is_in_the_columns_unit(result: Result) -> None:
    logs = np.log1p([0.0, 8.0, 99.0])
    expected = (np.log1p([0.0, 8.0, 99.0, 9.0, 9.0]) - logs.mean()) / logs.std()
    np.testing.assert_allclose(result["income"], expected, rtol=1e-5)


def test_a_column_without_spread_or_without_values_gives_zeros(result: Result) -> None:
    np.testing.assert_array_equal(result["constant"], np.zeros(5))
    np.testing.assert_array_equal(result["never there"], np.zeros(5))
    np.testing.assert_array_equal(result.columns[missing_key("never there")], np.ones(5))
    np.testing.assert_array_equal(result["never either"], np.zeros(5))
    np.testing.assert_array_equal(result["never a word"], np.zeros(5))


def test_buckets_start_at_one_and_a_missing_number_is_zero(result: Result) -> None:
    np.testing.assert_array_equal(result["Größe"], [1, 2, 3, 0, 0])
    np.testing.assert_array_equal(result["quarters"], [1, 2, 3, 4, 0])


def test_categories_are_ranked_by_count_and_the_rest_share_the_oov_ids(result: Result) -> None:
    colours = result["colour"]
    assert colours[0] == colours[1] == 1  # ' red ' is red
    assert sorted(colours[[2, 4]] == 2) == [False, True]  # blue and green are as frequent; one is in, one is out
    assert all(3 <= colour <= 5 for colour in colours[[2, 4]] if colour != 2)
    assert colours[3] == 0  # blanks are missing
    assert id_count("colour", TABLE.features["colour"], result.graph) == 1 + 2 + 3


def test_integers_and_floats_can_be_categories(result: Result) -> None:
    np.testing.assert_array_equal(result["code"], [1, 1, 2, 0, 0])  # 8 was seen once, below min_count
    np.testing.assert_array_equal(result["level"], [1, 2, 1, 0, 0])
    assert result.graph.vocabulary_by_name("level_vocabulary") == [b"1", b"2.5"]


def test_hashes_and_crosses_agree_where_the_values_do(result: Result) -> None:
    users, crosses = result["user"], result["colour x size"]
    assert users[0] == users[1] != 0
    assert list(users[3:]) == [0, 0]
    assert len({int(crosses[i]) for i in (0, 1, 2)}) == 3  # red in two sizes, and blue
    assert crosses.min() >= 0
    assert crosses.max() < 50


def test_vectors_are_padded_cut_and_freed_of_what_is_not_a_number(result: Result) -> None:
    np.testing.assert_array_equal(result["pixels"], [[1, 2, 3], [4, 0, 0], [0, 0, 5], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(result["dense pixels"], [[1, 0]] * 5)


def test_text_becomes_word_ids_padded_with_zeros(result: Result) -> None:
    words = result["words"]
    vocabulary = result.graph.vocabulary_by_name("words_vocabulary")
    assert vocabulary[:2] == [b"cat", b"the"]  # the fifth word and on of a text are not counted
    np.testing.assert_array_equal(words[0], [2, 1, 2, 1])
    assert words[1][1] == 1
    assert words[1].min() >= 1
    assert list(words[2] > 0) == [True, True, False, False] or list(words[2] > 0) == [True, True, True, False]
    np.testing.assert_array_equal(words[3:], np.zeros((2, 4)))
    assert words.max() < id_count("words", TABLE.features["words"], result.graph)


def test_a_class_is_found_by_its_stripped_name_and_another_is_unknown(result: Result) -> None:
    np.testing.assert_array_equal(result["outcome!"], [1, 0, -1, -1, 0])


def test_every_id_is_within_its_count(result: Result) -> None:
    for name, feature in TABLE.features.items():
        if feature.kind in ("bucketized", "categorical", "hashed", "crossed"):
            assert 0 <= result[name].min() <= result[name].max() < id_count(name, feature, result.graph), name


def _fails(features: Mapping[str, Any], label: Mapping[str, Any], inputs: Mapping[str, Any]) -> InputRefused:
    table = FeatureTable.model_validate({"label": label, "features": features})
    with pytest.raises(InputRefused) as caught:
        preprocessing_fn(inputs, {"features": table.model_dump(mode="json")})
    return caught.value


@pytest.mark.parametrize("kind", [{"kind": "numeric"}, {"kind": "bucketized"}, {"kind": "vector", "length": 1}])
def test_a_feature_of_numbers_refuses_text_and_names_itself(kind: Mapping[str, Any]) -> None:
    inputs = {"y": tf.constant([0]), "pay-ment": tf.constant(["1", "2"])}
    error = _fails({"pay-ment": kind}, {"column": "y", "task": "binary"}, inputs)
    assert error.exit_code == 2
    assert "'pay-ment' holds text" in error.what
    assert error.where == "features.pay-ment"
    assert "categorical" in error.remedy


def test_a_regression_label_of_text_is_refused() -> None:
    inputs = {"y": tf.constant(["1"]), "x": tf.constant([1.0])}
    assert "'y' holds text" in _fails({"x": {"kind": "hashed"}}, {"column": "y", "task": "regression"}, inputs).what


def test_a_column_that_is_not_there_is_refused_with_the_nearest_names() -> None:
    inputs = {"y": tf.constant([0]), "fares": tf.constant([1.0])}
    error = _fails({"fare": {"kind": "numeric"}}, {"column": "y", "task": "binary"}, inputs)
    assert "'fare' is not in the data's schema" in error.what
    assert "fares" in error.remedy


def test_a_vector_of_another_length_than_the_schemas_is_refused() -> None:
    inputs = {"y": tf.constant([0]), "v": tf.constant([[1.0, 2.0]])}
    error = _fails({"v": {"kind": "vector", "length": 3}}, {"column": "y", "task": "binary"}, inputs)
    assert "2 values per row, the feature 3" in error.what


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (tf.constant([1, 0, 5], tf.int64), [1, 0, -1]),
        (tf.constant([1.0, 0.0, NAN]), [1, 0, -1]),
        (tf.constant([["1"], [" 0"], [""]]), [1, 0, -1]),
        (tf.sparse.from_dense(tf.constant([[1.0], [0.0], [0.0]])), [1, -1, -1]),
    ],
)
def test_the_same_classes_are_found_in_a_column_of_any_type(column: Any, expected: list[int]) -> None:
    table = {"label": {"column": "y", "task": "binary"}, "features": {"x": {"kind": "hashed"}}}
    outputs = preprocessing_fn({"y": column, "x": tf.constant([1, 2, 3])}, {"features": table})
    np.testing.assert_array_equal(outputs["y_xf"], expected)


def test_a_regression_label_keeps_its_unit_and_a_missing_one_is_nan() -> None:
    table = {"label": {"column": "y", "task": "regression"}, "features": {"x": {"kind": "hashed"}}}
    column = tf.SparseTensor([[0, 0], [2, 0]], tf.constant([250_000, 3], tf.int64), [3, 1])
    outputs = preprocessing_fn({"y": column, "x": tf.constant(["a", "b", "c"])}, {"features": table})
    np.testing.assert_array_equal(outputs["y_xf"], [250_000.0, NAN, 3.0])
    assert outputs["y_xf"].dtype == tf.float32


def test_a_numbers_place_is_that_among_the_training_data_and_never_beyond(
    transform: Callable[..., Any], tmp_path: Path
) -> None:
    features = {"x": {"kind": "numeric"}, "huge": {"kind": "numeric"}, "position": {"kind": "numeric", "scale": "none"}}
    table = FeatureTable.model_validate({"label": {"column": "y", "task": "regression"}, "features": features})
    schema = "".join(_SPARSE.format(name, "FLOAT") for name in ("x", "huge", "position", "y"))
    train = [{"x": float(n) ** 2, "huge": (-1) ** n * 3e38, "position": n, "y": 1.0} for n in range(101)]
    asked = [{"x": x, "huge": 0.0, "position": n, "y": 1.0} for n, x in enumerate([-5.0, 0.0, 50.0**2, 1e4, 1e9])]
    done = transform(tmp_path, schema, table, {"train": train, "eval": asked})
    places = Result(done, "eval").columns
    np.testing.assert_allclose(places["x_place"], [0, 0, 0.5, 1, 1], atol=0.02)
    assert np.isfinite(places["huge_place"]).all()
