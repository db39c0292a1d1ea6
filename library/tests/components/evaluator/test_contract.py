"""An export that lacks what an evaluation needs is refused by name, with the remedy, and never with a traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import evaluator_world as world
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from millrace.components.evaluator.executor import Executor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return world.write_examples(tmp_path_factory.mktemp("contract") / "examples", world.uniform(world.rows(200)))


def signature(function: Callable[..., Any]) -> Any:
    return tf.function(function, input_signature=[EXAMPLES])


def exported(folder: Path, **signatures: Any) -> Any:
    artifact = standard_artifacts.Model()
    artifact.uri, artifact.id = str(folder), 1
    if signatures:
        tf.saved_model.save(tf.Module(), str(folder / "Format-Serving"), signatures=signatures)
    return artifact


@signature
def scores(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.fill([tf.shape(examples)[0]], 0.25)}


@signature
def two_outputs(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    half = tf.fill([tf.shape(examples)[0]], 0.5)
    return {"score": half, "spread": half}


@signature
def labels(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    parsed = tf.io.parse_example(examples, {"big_tipper": tf.io.FixedLenFeature([], tf.int64)})
    return {"label": parsed["big_tipper"]}


@signature
def no_label(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"fare_xf": tf.fill([tf.shape(examples)[0]], 1.0)}


CASES = {
    "nothing": ({}, "run_fn exported no SavedModel", "fn_args.serving_model_dir"),
    "no serving_default": (
        {"predict": scores, "transform_features": labels},
        "it has no signature serving_default; its signatures: predict, transform_features",
        "export a function serving_default that takes serialised tf.Examples and gives predictions",
    ),
    "no transform_features": (
        {"serving_default": scores},
        "it has no signature transform_features; its signatures: serving_default",
        "gives transformed features and label",
    ),
    "no prediction": (
        {"serving_default": two_outputs, "transform_features": labels},
        "its signature serving_default gives no 'probabilities'; it gives: score, spread",
        "name the output 'probabilities'",
    ),
    "no label": (
        {"serving_default": scores, "transform_features": no_label},
        "its signature transform_features gives no label 'label'; it gives: fare_xf",
        "give the label under 'label', as preprocessing_fn does",
    ),
}


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "beam"])
@pytest.mark.parametrize("case", CASES)
def test_what_an_export_lacks_is_named(case: str, in_process: bool, examples: Any, tmp_path: Path) -> None:
    signatures, what, remedy = CASES[case]
    config = world.eval_config()
    config.model_specs[0].prediction_key = "probabilities"
    model = exported(tmp_path / "model", **signatures)
    outcome = world.run(Executor, tmp_path, config, examples, model, in_process=in_process)
    assert not outcome.report.blessed
    assert outcome.report.reason == f"The model cannot be evaluated: {what}."
    assert remedy in outcome.report.remedy
    assert "docs/guides/own-code.md" in outcome.report.remedy
    assert outcome.properties()["remedy"] == outcome.report.remedy, "the run says it from the blessing"


def test_a_sound_export_of_a_plain_module_is_evaluated(examples: Any, tmp_path: Path) -> None:
    config = world.eval_config(world.AT_LEAST.format(0.4))
    config.model_specs[0].prediction_key = "probabilities"
    model = exported(tmp_path / "model", serving_default=scores, transform_features=labels)
    outcome = world.run(Executor, tmp_path, config, examples, model, in_process=True)
    assert outcome.report.blessed, outcome.report.reason
    assert np.isfinite(outcome.report.rows[0].value)
