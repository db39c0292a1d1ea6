"""From transformed examples to an exported model that a fresh process serves; and what training refuses."""

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import income_table
import keras
import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.training import fitting, training_record
from millrace.training.signatures import ServedModel
from models.trainer import run_fn

pytestmark = pytest.mark.slow


def served(model: Path, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Answers of a SavedModel, loaded by TensorFlow alone in a process of its own, from another folder."""
    script = """
import base64, json, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answers = {}
for name, inputs in json.load(sys.stdin).items():
    signature = model.signatures[name]
    specs = signature.structured_input_signature[1]
    def tensor(key, value):
        if key == "examples":
            value = [base64.b64decode(one) for one in value]
        return tf.constant(value, specs[key].dtype)
    outputs = signature(**{key: tensor(key, value) for key, value in inputs.items()})
    answers[name] = {key: value.numpy().tolist() for key, value in outputs.items()}
print(json.dumps(answers, default=bytes.decode))
"""
    command = [sys.executable, "-c", script, str(model)]
    done = subprocess.run(command, input=json.dumps(requests), capture_output=True, text=True, check=True, cwd="/")
    answers: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return answers


def as_json(rows_: list[dict[str, Any]], inputs: Mapping[str, str]) -> dict[str, list[Any]]:
    """Rows as `predict_json` takes them: NaN or "" where a value is missing."""
    missing = {"Färbung": "", "words": "", "pixels": [float("nan")] * 2}
    return {given: [row.get(name, missing.get(name, float("nan"))) for row in rows_] for name, given in inputs.items()}


def encoded(records: list[bytes]) -> list[str]:
    import base64

    return [base64.b64encode(record).decode() for record in records]


def without_label(record: bytes) -> bytes:
    example = tf.train.Example.FromString(record)
    del example.features.feature["income band"]
    return bytes(example.SerializeToString())


@pytest.mark.parametrize("task", ["binary", pytest.param("multiclass", marks=pytest.mark.thorough), "regression"])
def test_the_exported_model_answers_alike_on_every_signature(table: Any, task: str, tmp_path: Path) -> None:
    data = table(task)
    args = data.fn_args(tmp_path)
    run_fn(args)
    moved = tmp_path / "elsewhere"
    shutil.move(args.serving_model_dir, moved)
    hidden = data.folder.rename(data.folder.with_name(f"{task} hidden"))
    try:
        about = json.loads((moved / "assets.extra/millrace.json").read_text(encoding="utf-8"))
        requests = {
            "serving_default": {"examples": encoded([without_label(record) for record in data.raw["eval"]])},
            "transform_features": {"examples": encoded(data.raw["eval"])},
            "predict_json": as_json(income_table.rows(task, 300, 2), about["inputs"]),
        }
        answers = served(moved, requests)
        features = dict(answers["transform_features"])
        label = features.pop(next(key for key in features if key.startswith("income_band")))
        answers |= served(moved, {"transformed": features})
    finally:
        hidden.rename(data.folder)
    _check_answers(task, answers, label)
    assert about["classes"] == list(income_table.LABELS[task][0].get("classes", []))
    assert list((tmp_path / "run").rglob("events.out.tfevents.*")), "TensorBoard's logs are not there"


def _check_answers(task: str, answers: dict[str, dict[str, Any]], label: list[Any]) -> None:
    score = "prediction" if task == "regression" else "probabilities"
    scores = np.array(answers["serving_default"][score])
    for name in ("predict_json", "transformed"):
        np.testing.assert_allclose(answers[name][score], scores, rtol=1e-5, atol=1e-6, err_msg=name)
    if task == "regression":
        assert scores.shape == (300,)
        assert np.abs(scores - label).mean() < 0.35 * np.abs(np.mean(label) - label).mean()
        return
    names = np.array(income_table.LABELS[task][0]["classes"])
    chosen = (scores > 0.5).astype(int) if task == "binary" else scores.argmax(axis=1)
    assert scores.shape == ((300,) if task == "binary" else (300, 3))
    assert answers["serving_default"]["label"] == list(names[chosen])
    assert answers["serving_default"]["classes"][0] == list(names)
    assert np.mean(chosen == label) > 0.85


def test_examples_without_a_label_have_an_unknown_one(table: Any, tmp_path: Path) -> None:
    for task, unknown in (("multiclass", -1), ("regression", None)):
        data = table(task)
        args = data.fn_args(tmp_path / task, training={"steps": 5})
        run_fn(args)
        model = tf.saved_model.load(args.serving_model_dir)
        records = [without_label(data.raw["eval"][0]), data.raw["eval"][1]]
        features = model.signatures["transform_features"](examples=tf.constant(records))
        labels = next(value.numpy() for key, value in features.items() if key.startswith("income_band"))
        assert np.isnan(labels[0]) if unknown is None else labels[0] == unknown
        assert labels[1] >= 0


def weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(value) for value in model.get_weights()]


def trained(data: Any, out: Path, **settings: Any) -> keras.Model:
    job = fitting.prepare(data.fn_args(out, **settings))
    model = fitting.build(job)
    fitting.fit(job, model, None)
    return model


def test_the_seed_decides_the_weights(table: Any, tmp_path: Path) -> None:
    data = table("binary")
    dropout = {"dropout": 0.2}
    first = weights(trained(data, tmp_path, model=dropout))
    again = weights(trained(data, tmp_path, model=dropout))
    other = weights(trained(data, tmp_path, model=dropout, training={"seed": 8}))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(not np.array_equal(one, two) for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize(
    ("training", "steps"),
    [({"steps": 70, "validate_every": 30}, 70), ({"steps": None, "epochs": 2, "batch_size": 64}, 20)],
)
def test_exactly_the_steps_asked_for_are_taken(table: Any, tmp_path: Path, training: Any, steps: int) -> None:
    model = trained(table("binary"), tmp_path, training={**training, "patience": None})
    assert int(model.optimizer.iterations) == steps


def test_the_step_is_traced_once(table: Any, tmp_path: Path) -> None:
    """Tracing again costs a second each time."""
    job = fitting.prepare(table("binary").fn_args(tmp_path, training={"steps": 60, "validate_every": 30}))
    model, traced = fitting.build(job), []
    for name in ("train_step", "test_step"):
        step = getattr(model, name)
        setattr(model, name, lambda data, name=name, step=step: traced.append(name) or step(data))
    fitting.fit(job, model, None)
    assert sorted(traced) == ["test_step", "train_step"]


def test_training_stops_early_and_keeps_the_best_weights(
    table: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = fitting.prepare(
        table("binary").fn_args(
            tmp_path, training={"steps": 2000, "validate_every": 50, "patience": 2, "learning_rate": 0.05}
        )
    )
    model = fitting.build(job)
    with caplog.at_level(logging.INFO, logger="millrace.training"):
        fitting.fit(job, model, None)
    assert int(model.optimizer.iterations) < 2000
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("step ")]
    seen = [float(line.split("val_loss=")[1].split()[0]) for line in lines]
    kept = model.evaluate(fitting.evaluation_data(job), verbose=0, return_dict=True)["loss"]
    assert kept == pytest.approx(min(seen), rel=1e-2)
    assert lines[0].startswith("step 50/2000 ")


def test_a_training_that_still_improved_at_its_last_step_says_so_and_records_it(
    table: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="millrace.training"):
        run_fn(
            table("regression").fn_args(tmp_path, training={"steps": 60, "validate_every": 15, "learning_rate": 1e-3})
        )
    record = training_record.read(f"{tmp_path}/run")
    assert record is not None
    assert [evaluation["step"] for evaluation in record.evaluations] == [15, 30, 45, 60]
    assert "raise training.steps (now 60)" in record.advice
    assert f"the training {record.advice}" in caplog.messages


def test_a_training_that_stopped_by_itself_says_nothing(table: Any, tmp_path: Path) -> None:
    run_fn(table("binary").fn_args(tmp_path, training={"steps": 5000, "patience": 1, "learning_rate": 0.05}))
    record = training_record.read(f"{tmp_path}/run")
    assert record is not None
    assert record.steps < 5000
    assert record.advice == ""


class Certain(tf.Module):
    """Predicts exactly 0 and exactly 1, as a model of a perfectly separable label does."""

    def __call__(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        number = tf.reshape(next(iter(features.values())), [-1, 1])
        return tf.cast(tf.greater(tf.cast(number, tf.float32), 0.0), tf.float32)


def test_a_probability_is_never_exactly_zero_or_one(table: Any, tmp_path: Path) -> None:
    """TFMA's cross entropy of such a one is NaN, even where it is right."""
    job = fitting.prepare(table("binary").fn_args(tmp_path))
    served = ServedModel(Certain(), job.config.table, job.tft_output)
    [key, *_] = served.inputs
    given = {name: tf.zeros([2, *spec.shape[1:]], spec.dtype) for name, spec in served.inputs.items()}
    given[key] = tf.cast(tf.reshape([-1, 1], [2, *served.inputs[key].shape[1:]]), served.inputs[key].dtype)
    low, high = served.of_transformed()(**given)["probabilities"].numpy()
    assert 0.0 < low < 1e-6
    assert 1.0 - 1e-6 < high < 1.0
    assert np.isfinite(np.log(low)) and np.isfinite(np.log(np.float32(1) - high))


def test_a_loss_that_is_not_a_number_ends_the_training_and_exports_nothing(table: Any, tmp_path: Path) -> None:
    args = table("regression").fn_args(tmp_path, training={"learning_rate": 1e30})
    with pytest.raises(InputRefused, match=r"loss is (nan|inf) by step \d+; no model was exported") as caught:
        run_fn(args)
    assert caught.value.exit_code == 2
    assert "smaller training.learning_rate than 1e+30" in caught.value.remedy
    assert not Path(args.serving_model_dir).exists()


def test_balanced_weights_raise_the_rare_class(table: Any, tmp_path: Path) -> None:
    data = table("multiclass")
    job = fitting.prepare(data.fn_args(tmp_path, training={"class_weights": "balanced"}))
    counts = job.label_stats.class_counts
    assert sum(counts) == 600
    _, labels, given = next(iter(fitting.training_data(job)))
    expected = np.array([600 / (3 * count) for count in counts])[labels.numpy()]
    np.testing.assert_allclose(given.numpy(), expected, rtol=1e-6)


def test_mixed_precision_still_gives_float32(table: Any, tmp_path: Path) -> None:
    job = fitting.prepare(table("binary").fn_args(tmp_path, training={"mixed_precision": True, "steps": 20}))
    model = fitting.build(job)
    fitting.fit(job, model, None)
    assert model.output.dtype == "float32"
    assert model.get_layer("hidden_1").compute_dtype == "bfloat16"
    assert all(variable.dtype == "float32" for variable in model.trainable_variables)


def test_hyperparameters_lie_over_the_configuration_and_steps_of_tfx_do_too(table: Any, tmp_path: Path) -> None:
    found = {"space": [], "values": {"learning_rate": 0.5, "hidden_units": "[3, 2]", "tuner/epochs": 9}}
    job = fitting.prepare(table("binary").fn_args(tmp_path, hyperparameters=found, train_steps=12, eval_steps=2))
    assert job.config.training["learning_rate"] == 0.5
    assert job.config.training["steps"] == 12
    model = fitting.build(job)
    assert model.get_layer("hidden_2").units == 2
    assert sum(len(labels) for _, labels, _ in fitting.evaluation_data(job)) == 2 * 32


def test_no_files_are_refused(table: Any, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="there are no transformed examples"):
        run_fn(table("binary").fn_args(tmp_path, eval_files=[f"{tmp_path}/none/*"]))
