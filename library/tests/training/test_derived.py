"""Derived features, from the preprocessing to every signature of the export; and those that no model could read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import income_table
import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.components.infra_validator.queries import input_columns, plan
from millrace.features.description import FeatureTable
from millrace.training import columns
from models.preprocessing import preprocessing_fn
from models.trainer import run_fn

pytestmark = pytest.mark.slow

Derive = Callable[[Any], dict[str, Any]]


def ratio_and_length(inputs: Any) -> dict[str, Any]:
    """From two columns; and from `identifier`, which is no feature, as a vector of two."""
    hours, age = (columns.numbers(columns.column_of(inputs, name)) for name in ("hours-per-week", "3rd age"))
    ratio = tf.where(hours.present & age.present, tf.math.divide_no_nan(hours.values, age.values), 0.0)
    length = tf.strings.length(columns.texts(columns.column_of(inputs, "identifier")).values)
    pair = tf.stack([tf.cast(length, tf.float32), tf.ones_like(length, tf.float32)], axis=1)
    return {"ratio_xf": tf.cast(ratio, tf.float32), "length_xf": pair}


@pytest.fixture
def derived(transform: Callable[..., Any], tmp_path: Path) -> Callable[[Derive], Any]:
    def made(derive: Derive) -> Any:
        label, label_schema = income_table.LABELS["binary"]
        described = FeatureTable.model_validate({"label": label, "features": income_table.FEATURES})
        splits = {"train": income_table.rows("binary", 200, 1), "eval": income_table.rows("binary", 50, 2)}

        def preprocess(inputs: Any, config: Any) -> dict[str, Any]:
            return {**preprocessing_fn(inputs, config), **derive(inputs)}

        return transform(tmp_path / "data", income_table.SCHEMA + label_schema, described, splits, preprocess)

    return made


def test_a_derived_feature_is_learned_from_and_asked_for_by_every_signature(derived: Any, tmp_path: Path) -> None:
    data = derived(ratio_and_length)
    args = data.fn_args(tmp_path, training={"steps": 20})
    run_fn(args)
    exported = Path(args.serving_model_dir)
    model = tf.saved_model.load(str(exported))
    records = tf.constant(data.raw["eval"])
    transformed = {k: v.numpy() for k, v in model.signatures["transform_features"](examples=records).items()}
    lengths = [len(row["identifier"]) for row in income_table.rows("binary", 50, 2)]
    np.testing.assert_array_equal(transformed["length_xf"], [[length, 1.0] for length in lengths])
    row = income_table.rows("binary", 50, 2)[0]
    assert transformed["ratio_xf"][0] == pytest.approx(row["hours-per-week"] / row["3rd age"])

    whole = model.signatures["serving_default"](examples=records)["probabilities"].numpy()
    read = model.signatures["transformed"].structured_input_signature[1]
    assert {"ratio_xf", "length_xf"} <= set(read)
    given = {key: tf.constant(transformed[key]) for key in read}
    np.testing.assert_allclose(model.signatures["transformed"](**given)["probabilities"].numpy(), whole, rtol=1e-5)

    inputs = json.loads((exported / "assets.extra/millrace.json").read_text(encoding="utf-8"))["inputs"]
    assert "identifier" in inputs, "a served request must bring what the feature is derived from"
    [graph] = _saved(exported).meta_graphs
    asked = plan(
        "predict_json", graph.signature_def["predict_json"], data.raw["eval"], 10, input_columns(exported)
    ).batch
    columns_given = {key: tf.constant(value) for key, value in asked.inputs.items()}
    answers = model.signatures["predict_json"](**columns_given)["probabilities"].numpy()
    np.testing.assert_allclose(answers, whole[:10], rtol=1e-4)


def _saved(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


@pytest.mark.parametrize(
    ("derive", "says"),
    [
        (lambda inputs: {"odd_xf": columns.cells(inputs["required"]).values}, r"'odd_xf' as int64 \[n\]"),
        pytest.param(
            lambda inputs: {"word_xf": columns.texts(inputs["words"]).values},
            r"'word_xf' as string \[n\]",
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            lambda inputs: {"cube_xf": tf.ones([tf.shape(inputs["required"])[0], 2, 3])},
            r"'cube_xf' as float32 \[n, 2, 3\]",
            marks=pytest.mark.thorough,
        ),
        (
            lambda inputs: {"open_xf": tf.cast(inputs["pixels"], tf.float32)},
            "'open_xf' as float32 with a varying number of values",
        ),
        (
            lambda inputs: {
                "leak_xf": tf.cast(tf.strings.length(columns.texts(inputs["income band"]).values), tf.float32)
            },
            "computes 'leak_xf' from the label 'income band'",
        ),
    ],
)
def test_what_a_model_cannot_read_is_refused_before_the_training(
    derived: Any, tmp_path: Path, derive: Derive, says: str
) -> None:
    args = derived(derive).fn_args(tmp_path, training={"steps": 5})
    with pytest.raises(InputRefused, match=says) as caught:
        run_fn(args)
    assert caught.value.exit_code == 2
    assert caught.value.where == "code.preprocessing_fn"
    assert caught.value.remedy
    assert not Path(args.serving_model_dir).exists()
