"""Labels of several columns and of many classes: trained, exported, asked, and measured in two ways that must agree."""

import json
import shutil
import types
from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx.types import artifact_utils, standard_artifacts

from millrace.components.evaluator import in_process, tfma_results
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.reading import Inputs
from millrace.components.evaluator.section import Evaluation
from millrace.features.description import FeatureTable
from millrace.training.fitting import build, fit, prepare
from millrace.training.search import Trials, fit_kwargs, prepare_search
from millrace.training.section import Tuning

pytestmark = [
    pytest.mark.slow,
    # TFMA's own: numpy's array-to-number conversion, ratios without a value.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

SCHEMA = """
feature { name: "hours" type: FLOAT }
feature { name: "colour" type: BYTES }
feature { name: "tags" type: BYTES }
feature { name: "over" type: BYTES }
feature { name: "pay" type: FLOAT }
feature { name: "importance" type: FLOAT presence { min_fraction: 1 } shape {} }
"""
FEATURES = {"hours": {"kind": "numeric"}, "colour": {"kind": "categorical"}}
TAGS = {"column": "tags", "task": "multilabel", "classes": ["long", "short", "red", "loud"]}
OVER = {"column": "over", "task": "binary", "classes": ["no", "yes"]}
PAY = {"column": "pay", "task": "regression"}
MULTILABEL = {**TAGS, "weight": "importance"}
SEVERAL = {"outputs": {"kinds": TAGS, "over": OVER, "pay": {**PAY, "loss_weight": 0.5}}, "weight": "importance"}
OF_CLASSES = ["AUC", "BinaryAccuracy", "BinaryCrossEntropy", "Precision", "Calibration", "ExampleCount"]
CASES: Mapping[str, tuple[Any, Any]] = {
    "multilabel": (
        MULTILABEL,
        {
            "metrics": [
                *OF_CLASSES,
                {"metric": "AUC", "averaging": "micro", "name": "auc_micro"},
                {"metric": "Recall", "class": "red"},
            ],
            "thresholds": [{"metric": "AUC", "at_least": 0.8}, {"metric": "AUC", "class": "long", "at_least": 0.9}],
            "slices": [["colour"]],
            "confidence_intervals": False,
        },
    ),
    "several": (
        SEVERAL,
        {
            "metrics": [*OF_CLASSES, "MeanAbsoluteError", "SquaredPearsonCorrelation"],
            "thresholds": [
                {"metric": "AUC", "output": "over", "at_least": 0.8},
                {"metric": "AUC", "class": "red", "at_least": 0.8},
                {"metric": "SquaredPearsonCorrelation", "at_least": 0.5},
            ],
            "slices": [["colour"]],
        },
    ),
}


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Labels that follow from `hours` and `colour`; one class is noise, and some labels are missing."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        hours, colour = float(random.normal(40, 10)), str(random.choice(["red", "blue"]))
        tags = ["long" if hours > 45 else "short"] if abs(hours - 40) > 5 else []
        tags += ["red"] if colour == "red" else []
        tags += ["loud", "loud"] if random.random() < 0.3 else []
        made.append(
            {
                "hours": hours,
                "colour": colour,
                "tags": [*tags, "unheard"],
                "over": "yes" if hours > 40 else "no",
                "pay": hours * 1000 + random.normal(0, 500),
                "importance": float(random.choice([0.5, 2.0])),
            }
        )
    made[0].update(tags=None)
    return made


@pytest.fixture(scope="module", params=list(CASES))
def case(request, transform, tmp_path_factory):
    """A trained model: its table, its arguments, and the evaluation that it is asked for."""
    from models.trainer import run_fn

    label, evaluation = CASES[request.param]
    table = FeatureTable.model_validate({"label": label, "features": FEATURES})
    splits = {"train": rows(600, 1), "eval": rows(200, 2)}
    data = transform(tmp_path_factory.mktemp(request.param) / "data", SCHEMA, table, splits)
    args = data.fn_args(tmp_path_factory.mktemp("model"), model={"members": 2}, training={"steps": 300})
    run_fn(args)
    return data, args, Evaluation.model_validate(evaluation)


def test_a_request_is_answered_with_the_names_of_the_labels(case):
    _, args, _ = case
    model = tf.saved_model.load(args.serving_model_dir)
    asked = {"hours": [60.0, 20.0], "colour": ["red", "blue"]}
    answer = model.signatures["predict_json"](
        hours=tf.constant(asked["hours"], tf.float64), colour=tf.constant(asked["colour"])
    )
    about = json.loads((tf.io.gfile.GFile(f"{args.serving_model_dir}/assets.extra/millrace.json")).read())
    assert set(about["inputs"]) == {"hours", "colour"}
    several = "outputs" in about
    labels = answer["kinds_labels" if several else "labels"].numpy()
    assert [set(row) - {b""} for row in labels] == [{b"long", b"red"}, {b"short"}]
    assert answer["kinds_classes" if several else "classes"].shape == (2, 4)
    if not several:
        assert set(answer) == {"probabilities", "labels", "classes"} and about["task"] == "multilabel"
        return
    assert set(answer) == {
        "kinds", "kinds_labels", "kinds_classes", "over", "over_label", "over_classes", "pay",
    }  # fmt: skip
    assert [name.decode() for name in answer["over_label"].numpy()] == ["yes", "no"]
    np.testing.assert_allclose(answer["pay"].numpy(), [60_000, 20_000], rtol=0.15)
    assert {name: one["task"] for name, one in about["outputs"].items()} == {
        "kinds": "multilabel", "over": "binary", "pay": "regression",
    }  # fmt: skip


def by_key(folder: str) -> dict[Any, float]:
    """What TFMA's file says, by slice and metric."""
    values = {}
    for record in tfma.load_metrics(folder):
        for entry in record.metric_keys_and_values:
            if entry.value.WhichOneof("type") == "double_value":
                key = record.slice_key.SerializeToString(), entry.key.SerializeToString(deterministic=True)
                values[key] = entry.value.double_value.value
    return values


def test_the_evaluation_in_this_process_measures_what_tfma_measures(case, tmp_path):
    data, args, evaluation = case
    config = eval_config(data.table.label, evaluation, has_baseline=False)
    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.uri, model.uri = str(tmp_path / "examples"), str(tmp_path / "model")
    examples.split_names = artifact_utils.encode_split_names(["eval"])
    (tmp_path / "examples" / "Split-eval").mkdir(parents=True)
    shutil.copy(f"{data.folder}/raw-eval.gz", tmp_path / "examples" / "Split-eval" / "data.gz")
    shutil.copytree(args.serving_model_dir, tmp_path / "model" / "Format-Serving")
    folders = [str(tmp_path / name) for name in ("here", "beam")]
    inputs = Inputs([examples], ["eval"], model, None, None, config)
    (tmp_path / "here").mkdir()
    in_process.evaluate(inputs, folders[0], [])
    tfma.run_model_analysis(
        eval_shared_model=tfma.default_eval_shared_model(f"{model.uri}/Format-Serving", eval_config=config),
        eval_config=config,
        data_location=f"{data.folder}/raw-eval-plain",
        output_path=folders[1],
    )
    here, beam = map(by_key, folders)
    assert here.keys() == beam.keys() and len({slice_ for slice_, _ in here}) == 3
    for key, value in beam.items():
        np.testing.assert_allclose(here[key], value, rtol=1e-5, err_msg=str(key))
    assert [tfma.load_validation_result(folder).validation_ok for folder in folders] == [True, True]
    read = tfma_results.read_slices(tfma.load_metrics(folders[0]), "")
    names = {row.metric for row in tfma_results.checks(config, read)}
    assert names == (
        {"AUC", "auc (long)"}
        if "" in data.table.label.by_output()
        else {"AUC (over)", "auc (kinds, red)", "SquaredPearsonCorrelation (pay)"}
    )


def test_the_loss_is_the_weighted_sum_of_the_outputs_losses(case):
    data, args, _ = case
    if "" in data.table.label.by_output():
        pytest.skip("of several outputs alone")
    job = prepare(args)
    model = build(job)
    fit(job, model, None)
    measured = model.evaluate(job.evaluation.for_evaluation(256), return_dict=True, verbose=0)
    parts = {name: measured[f"{name}_loss"] for name in ("kinds", "over", "pay")}
    assert measured["loss"] == pytest.approx(parts["kinds"] + parts["over"] + 0.5 * parts["pay"], rel=1e-3)
    assert measured["over_auc"] > 0.95 and measured["pay_mae"] < 3_000


def test_a_search_compares_trials_by_the_metric_of_one_output(case):
    data, args, _ = case
    if "" in data.table.label.by_output():
        pytest.skip("of several outputs alone")
    objective = {"metric": "AUC", "output": "over"}
    tuning = Tuning.model_validate({"objective": objective, "steps": 40, "trials": 1}).model_dump(mode="json")
    searching = types.SimpleNamespace(**{**vars(args), "custom_config": {**args.custom_config, "tuning": tuning}})
    job = prepare_search(searching)
    trials = Trials(job, job.config.tuning["space"])
    values = keras_tuner.HyperParameters()
    history = trials.fit(values, trials.build(values), callbacks=[], **fit_kwargs(job)).history
    measured = history[trials.objective.name]
    assert (
        trials.objective.direction == "max" and measured == sorted(measured) and 0.0 < measured[0] < measured[-1] <= 1.0
    )
    assert {"val_kinds_loss", "val_over_loss", "val_pay_loss"} <= set(history)
