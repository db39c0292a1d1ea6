"""A small table through training and export, and what each piece of a training does by itself."""

import itertools
import json
import logging
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable
from millrace.features.label import Label
from millrace.training import callbacks, fitting, input_data, outputs, search, training_record
from millrace.training.input_data import lifeless_features
from millrace.training.labels import LabelStatistics
from millrace.training.layers import MeanOfMembers, MeanOfWords, MemberHeads, Members, OneHotDense, Pieces
from millrace.training.signatures import ServedModel
from models.trainer import run_fn
from models.tuner import tuner_fn

SCHEMA = """
feature { name: "label" type: BYTES }
feature { name: "age" type: INT }
feature { name: "main colour" type: BYTES }
feature { name: "pixels" type: FLOAT }
"""
FEATURES = {
    "age": {"kind": "numeric", "indicator": True},
    "main colour": {"kind": "categorical"},
    "pixels": {"kind": "vector", "length": 2},
}


def rows(count: int) -> list[dict[str, Any]]:
    """Every seventh row lacks its age, every ninth its label; red is a yes."""
    colours = ["red", "green", "blue"]
    labels = {"red": "yes", "green": "no", "blue": "no"}
    made: list[dict[str, Any]] = []
    for number in range(count):
        colour = colours[number % 3]
        row = {"main colour": colour, "pixels": [number / count, 1.0], "label": labels[colour], "age": 20 + number % 10}
        missing = {name for name, every in (("age", 7), ("label", 9)) if number % every == every - 1}
        made.append({name: value for name, value in row.items() if name not in missing})
    return made


@pytest.fixture(scope="module")
def data(transform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    label = {"column": "label", "task": "binary", "classes": ["no", "yes"]}
    described = FeatureTable.model_validate({"label": label, "features": FEATURES})
    folder = tmp_path_factory.mktemp("small")
    return transform(folder, SCHEMA, described, {"train": rows(90), "eval": rows(40)})


def job_of(data: Any, out: Any, **settings: Any) -> fitting.Job:
    return fitting.prepare(data.fn_args(out, **settings))


@pytest.fixture(scope="module")
def exported(data: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The arguments of a training of 20 steps and the SavedModel."""
    args = data.fn_args(tmp_path_factory.mktemp("out"), training={"steps": 20, "validate_every": 8})
    run_fn(args)
    return args, tf.saved_model.load(args.serving_model_dir)


# -- the export --------------------------------------------------------------------------------------------------------
def test_every_signature_answers_alike(data: Any, exported: Any) -> None:
    args, model = exported
    records = tf.constant(data.raw["eval"])
    by_examples = model.signatures["serving_default"](examples=records)
    about = json.loads(tf.io.gfile.GFile(f"{args.serving_model_dir}/assets.extra/millrace.json").read())
    assert (about["label"], about["task"], about["classes"]) == ("label", "binary", ["no", "yes"])
    assert set(about["inputs"]) == {"age", "main colour", "pixels"}
    columns = {
        about["inputs"]["age"]: tf.constant([row.get("age", np.nan) for row in rows(40)], tf.float64),
        about["inputs"]["main colour"]: tf.constant([row["main colour"] for row in rows(40)]),
        about["inputs"]["pixels"]: tf.constant([row["pixels"] for row in rows(40)], tf.float64),
    }
    by_columns = model.signatures["predict_json"](**columns)
    features = dict(model.signatures["transform_features"](examples=records))
    labels = features.pop("label_xf").numpy()
    by_features = model.signatures["transformed"](**features)
    scores = by_examples["probabilities"].numpy()
    assert scores.shape == (40,) and by_examples["classes"].numpy()[0].tolist() == [b"no", b"yes"]
    for answer in (by_columns, by_features):
        np.testing.assert_allclose(answer["probabilities"].numpy(), scores, rtol=1e-5)
    assert by_examples["label"].numpy().tolist() == [b"yes" if score > 0.5 else b"no" for score in scores]
    wanted = [{"yes": 1, "no": 0}.get(row.get("label"), -1) for row in rows(40)]
    assert labels.tolist() == wanted, "a missing label is unknown, and no class"


def test_a_training_leaves_its_record_and_logs_and_no_half_of_a_model(exported: Any) -> None:
    args, _ = exported
    record = training_record.read(args.model_run_dir)
    assert record is not None
    assert [evaluation["step"] for evaluation in record.evaluations] == [8, 16, 20] and record.steps == 20
    assert tf.io.gfile.glob(f"{args.model_run_dir}/**/events.out.tfevents.*")
    assert not tf.io.gfile.exists(f"{args.serving_model_dir}.partial")


class Reads(tf.Module):
    """A model that is no Keras model: the share of the first pixel."""

    def __call__(self, features: Any) -> Any:
        return features["pixels_xf"][:, :1]


def test_a_model_that_reads_what_is_not_there_is_refused(data: Any, tmp_path: Any) -> None:
    job = job_of(data, tmp_path)
    served = ServedModel(Reads(), job.config.table, job.tft_output)
    assert set(served.inputs) >= {"age_xf", "pixels_xf"} and "label_xf" not in served.inputs
    inputs = {**served.inputs, "height_xf": tf.TensorSpec([None], tf.float32)}
    with pytest.raises(InputRefused, match="the model reads height_xf, which preprocessing_fn does not return") as told:
        ServedModel(Reads(), job.config.table, job.tft_output, inputs)
    assert "pixels_xf" in told.value.remedy


# -- the data ----------------------------------------------------------------------------------------------------------
def test_a_pass_has_every_row_once_and_an_unknown_label_weighs_nothing(data: Any, tmp_path: Any) -> None:
    job = job_of(data, tmp_path, training={"steps": None, "epochs": 2, "batch_size": 32})
    assert (job.train.rows, job.evaluation.rows) == (90, 40)
    batches = list(fitting.training_data(job))
    assert [len(labels) for _, labels, _ in batches] == [32, 32, 26]
    assert len(fitting.training_data(job)) == 3
    weights = np.concatenate([given.numpy() for _, _, given in batches])
    labels = np.concatenate([labels.numpy() for _, labels, _ in batches])
    assert weights.sum() == 80 and set(weights) == {0.0, 1.0}, "every ninth of 90 has no label"
    assert labels.sum() == sum(row.get("label") == "yes" for row in rows(90)) and labels.min() == 0
    firsts = np.concatenate([features["pixels_xf"][:, 0].numpy() for features, _, _ in batches])
    np.testing.assert_allclose(sorted(firsts), np.arange(90) / 90, atol=1e-6)
    assert firsts.tolist() != sorted(firsts), "shuffled"
    again = np.concatenate([features["pixels_xf"][:, 0].numpy() for features, _, _ in fitting.training_data(job)])
    np.testing.assert_array_equal(again, firsts)


def test_steps_go_round_and_round_and_an_evaluation_has_as_many_rows_as_asked_for(data: Any, tmp_path: Any) -> None:
    job = job_of(data, tmp_path, training={"steps": 9, "batch_size": 16, "eval_steps": 2})
    sizes = [len(labels) for _, labels, _ in itertools.islice(fitting.training_data(job), 12)]
    assert sizes == [16] * 12
    assert sum(len(labels) for _, labels, _ in fitting.evaluation_data(job)) == 32
    every = job_of(data, tmp_path, training={"steps": 9, "batch_size": 16, "eval_steps": None})
    [(features, _, _)] = fitting.evaluation_data(every)
    np.testing.assert_allclose(features["pixels_xf"][:, 0].numpy(), np.arange(40) / 40, atol=1e-6)
    more = job_of(data, tmp_path, training={"steps": 9, "batch_size": 16, "eval_steps": 1000})
    assert sum(len(labels) for _, labels, _ in fitting.evaluation_data(more)) == 40


def test_rows_are_the_same_whether_they_are_kept_in_memory_or_read_again(
    data: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def passes() -> list[list[float]]:
        training = {"steps": None, "epochs": 2, "batch_size": 32, "class_weights": "balanced"}
        job = job_of(data, tmp_path, training=training)
        sources = (fitting.training_data(job), fitting.evaluation_data(job))
        read = [
            [row for features, _, _ in source for row in features["pixels_xf"][:, 0].numpy().tolist()]
            for source in sources
            for _ in range(2)
        ]
        return [*read, [job.train.rows, job.evaluation.rows, *job.label_stats.class_counts]]

    usual = passes()
    assert usual[0] != usual[1] and sorted(usual[0]) == sorted(usual[1]), "each pass has an order of its own"
    assert usual[2] == usual[3] == sorted(usual[2])
    monkeypatch.setattr(input_data, "CACHED_BYTES", 0)
    monkeypatch.setattr(input_data, "_LABEL_BATCH", 7)
    assert passes() == usual


def test_balanced_weights_go_to_the_rows_of_their_class(data: Any, tmp_path: Any) -> None:
    job = job_of(data, tmp_path, training={"class_weights": "balanced"})
    no, yes = job.label_stats.class_counts
    assert no + yes == 80
    _, labels, given = next(iter(fitting.training_data(job)))
    known = given.numpy() > 0
    expected = np.array([80 / (2 * no), 80 / (2 * yes)])[labels.numpy()]
    np.testing.assert_allclose(given.numpy()[known], expected[known], rtol=1e-6)
    assert not known.all()


def test_what_tfx_and_the_tuner_pass_wins_over_the_configuration(data: Any, tmp_path: Any) -> None:
    job = job_of(data, tmp_path, training={"steps": None, "epochs": 3}, train_steps=12, eval_steps=2)
    assert [job.config.training[name] for name in ("steps", "epochs", "eval_steps")] == [12, None, 2]
    found = {"space": [], "values": {"learning_rate": 0.5, "hidden_units": "[3, 2]"}}
    job = job_of(data, tmp_path, hyperparameters=found)
    assert [job.config.training[name] for name in ("steps", "epochs", "eval_steps")] == [100, None, None]
    model = fitting.build(job)
    assert float(model.optimizer.learning_rate) == 0.5 and model.get_layer("hidden_2").units == 2


def test_no_file_is_refused(data: Any, tmp_path: Any) -> None:
    with pytest.raises(InputRefused, match="there are no transformed examples"):
        job_of(data, tmp_path, eval_files=[f"{tmp_path}/none/*"])


# -- the schedule and who watches --------------------------------------------------------------------------------------
@pytest.mark.parametrize("steps, validate_every", [(1, 1), (7, 100), (60, 20), (70, 30), (1000, 200), (97, 50)])
def test_a_training_of_steps_is_cut_into_whole_executions(steps: int, validate_every: int) -> None:
    plan = fitting.schedule({"steps": steps, "epochs": None, "validate_every": validate_every})
    assert plan.per_round == min(steps, validate_every)
    assert (plan.rounds - 1) * plan.per_round < steps <= plan.rounds * plan.per_round
    assert plan.per_round % plan.per_execution == 0 and steps % plan.per_execution == 0
    assert 1 <= plan.per_execution <= 50
    larger = range(plan.per_execution + 1, 51)
    assert not any(plan.per_round % size == 0 and steps % size == 0 for size in larger)


def test_a_training_of_epochs_has_a_round_for_each() -> None:
    plan = fitting.schedule({"steps": None, "epochs": 3, "validate_every": 5})
    assert (plan.rounds, plan.per_round, plan.steps) == (3, None, None)


def watched(callback: keras.callbacks.Callback, steps: int) -> keras.callbacks.Callback:
    optimizer = SimpleNamespace(iterations=np.int64(steps), learning_rate=np.float32(0.25))
    callback.set_model(SimpleNamespace(optimizer=optimizer, stop_training=False))
    return callback


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_ends_the_training_with_its_step_and_the_suspect(loss: float) -> None:
    watching = watched(callbacks.Divergence(lambda: "fare_xf reaches 1e9"), 7)
    watching.on_train_batch_end(6, {"loss": 0.5, "val_loss": loss})
    watching.on_epoch_end(0, {"loss": loss, "val_loss": 0.5})
    watching.on_epoch_end(0, None)
    with pytest.raises(InputRefused, match=r"the training loss is .* by step 7; .* exported; fare_xf reaches") as told:
        watching.on_train_batch_end(6, {"loss": loss})
    assert "training.learning_rate than 0.25;" in told.value.remedy
    with pytest.raises(InputRefused, match="the evaluation loss is"):
        watching.on_epoch_end(0, {"val_loss": loss})
    with pytest.raises(InputRefused) as told:
        watched(callbacks.Divergence(), 7).on_train_batch_end(6, {"loss": loss})
    assert told.value.what.endswith("no model was exported")


def test_a_training_stops_at_its_last_step_and_not_before() -> None:
    watching = watched(callbacks.StopAt(8), 7)
    watching.on_train_batch_end(6)
    assert not watching.model.stop_training
    watched(watching, 8).on_train_batch_end(7)
    assert watching.model.stop_training


def test_progress_is_told_after_each_evaluation_and_at_most_every_so_many_seconds(monkeypatch, caplog) -> None:
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    watching = watched(callbacks.TrainingProgress(20, seconds=10), 5)
    with caplog.at_level(logging.INFO, logger="millrace.training"):
        watching.on_train_begin()
        for seconds in (109.9, 110.0, 119.9, 120.0):
            now.seconds = seconds
            watching.on_train_batch_end(1, {"loss": 0.123456})
        now.seconds = 121.0
        watching.on_epoch_end(1, {"loss": 0.5, "val_loss": 2.0})
        now.seconds = 130.0
        watching.on_train_batch_end(1, None)
        watched(callbacks.TrainingProgress(None), 6).on_train_begin()
    assert caplog.messages == [
        "step 5/20 loss=0.1235 (10.0 s)",
        "step 5/20 loss=0.1235 (20.0 s)",
        "step 5/20 loss=0.5 val_loss=2 (21.0 s)",
    ]


@pytest.mark.parametrize(("keeps_best", "told"), [(True, ["kept step 10 val_loss=1 (0.0 s)"]), (False, [])])
def test_the_step_whose_weights_are_kept_is_told_last(monkeypatch, caplog, keeps_best, told) -> None:
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: 1.0))
    watching = callbacks.TrainingProgress(None, keeps_best=keeps_best)
    watching.on_train_begin()
    for step, loss in ((5, 2.0), (10, 1.0), (15, 3.0)):
        watched(watching, step).on_epoch_end(0, {"loss": 0.1, "val_loss": loss})
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="millrace.training"):
        watching.on_train_end()
    assert caplog.messages == told


def test_a_derived_feature_that_never_has_a_value_is_named_at_the_end(transform: Any, tmp_path: Any) -> None:
    derived = {
        "never": {"kind": "categorical", "expression": "lower(coalesce(missing, missing))"},
        "cold": {"kind": "numeric", "expression": "log(age - 1000)"},
        "old": {"kind": "numeric", "expression": "age * 2"},
    }
    label = {"column": "label", "task": "binary", "classes": ["no", "yes"]}
    described = FeatureTable.model_validate({"label": label, "features": {**FEATURES, **derived}})
    schema = SCHEMA + 'feature { name: "missing" type: BYTES }'
    data = transform(tmp_path / "data", schema, described, {"train": rows(90), "eval": rows(40)})
    assert lifeless_features(described, (one for one, _, _ in job_of(data, tmp_path).train.for_evaluation(32))) == (
        "never",
        "cold",
    )
    args = data.fn_args(tmp_path, training={"steps": 4, "validate_every": 2})
    run_fn(args)
    advice = training_record.read(args.model_run_dir).advice
    assert advice.startswith("learned nothing from never, cold, which are the same in every row")


@pytest.mark.parametrize(("rounds", "advised"), [(4, True), (5, False)])
def test_only_a_training_that_came_to_its_planned_end_is_told_to_go_on(tmp_path, caplog, rounds, advised) -> None:
    watching = callbacks.Record(str(tmp_path), rounds, "training.steps", 40)
    measured = [{"val_loss": 2.0 - 0.25 * number, "val_auc": 0.5 + 0.125 * number} for number in range(4)]
    for number, values in enumerate(measured):
        watched(watching, 10 * (number + 1)).on_epoch_end(number, {"loss": 1.0, **values})
    watching.on_train_end()
    record = training_record.read(str(tmp_path))
    assert record.evaluations == tuple({"step": 10 * (at + 1), **values} for at, values in enumerate(measured))
    assert record.steps == 40 and ("raise training.steps (now 40)" in record.advice) == advised
    assert bool(caplog.messages) == advised


@pytest.mark.parametrize(("keeps_best", "kept"), [(True, 20), (False, None)])
def test_a_record_says_which_evaluations_weights_the_model_has(tmp_path, keeps_best, kept) -> None:
    watching = callbacks.Record(str(tmp_path), 5, "training.steps", 40, keeps_best=keeps_best)
    for number, loss in enumerate([2.0, 1.0, 1.0, 1.5]):
        watched(watching, 10 * (number + 1)).on_epoch_end(number, {"val_loss": loss})
    watching.on_train_end()
    assert training_record.read(str(tmp_path)).kept_step == kept


def test_who_watches_is_what_the_section_asks_for(data: Any, tmp_path: Any) -> None:
    def kinds(log_dir: Any, **training: Any) -> list[str]:
        job = job_of(data, tmp_path, training=training)
        return [type(one).__name__ for one in fitting.callbacks(job, fitting.schedule(job.config.training), log_dir)]

    always, stops = ["Divergence", "TrainingProgress", "Record"], ["SlowDown", "EarlyStopping"]
    assert kinds(None, steps=20, validate_every=10, patience=None) == always
    assert kinds("logs", steps=20, validate_every=8, patience=2) == [*always, "StopAt", *stops, "TensorBoard"]
    assert kinds(None, steps=None, epochs=2, patience=2) == [*always, *stops]


# -- layers and outputs ------------------------------------------------------------------------------------------------
def test_a_dense_layer_over_ids_is_one_over_their_one_hot_vectors() -> None:
    layer = OneHotDense(4, 10, l2=0.5)
    ids = np.array([[0, 1, 4], [2, 0, 0]])
    given = layer(ids + np.array([0, 3, 5]))
    hot = np.concatenate([np.eye(size)[ids[:, place]] for place, size in enumerate((3, 2, 5))], axis=1)
    table = np.array(layer.table)
    np.testing.assert_allclose(given, hot @ table, rtol=1e-5)
    assert np.abs(table).max() <= np.sqrt(6 / (3 + 4)) and np.abs(table).max() > 0.5
    np.testing.assert_allclose(layer.losses[0], 0.5 * (table**2).sum(), rtol=1e-5)
    assert layer.compute_output_shape((None, 3)) == (None, 4)
    assert not np.any(OneHotDense(4, 5, initializer="zeros")(ids[:, :2] % 2))
    again = OneHotDense.from_config(layer.get_config())
    assert (again.units, again.rows, again.initializer, again.l2) == (4, 10, "glorot", 0.5)


def test_pieces_are_the_way_through_equal_parts() -> None:
    layer = Pieces(4)
    given = layer(np.array([[0.0, 1.0], [0.375, 0.5]], np.float32))
    np.testing.assert_allclose(given, [[0, 0, 0, 0, 1, 1, 1, 1], [1, 0.5, 0, 0, 1, 1, 0, 0]])
    assert layer.compute_output_shape((None, 2)) == (None, 8)
    assert Pieces.from_config(layer.get_config()).count == 4


@pytest.mark.parametrize(
    ("label", "classes", "labels"),
    [
        (Label(column="y", task="binary"), 1, [[1.0], [0.0], [1.0]]),
        (Label(column="y", task="multiclass", classes=("a", "b", "c")), 3, [2, 0, 1]),
        (Label(column="y", task="regression"), 1, [[3.0], [-1.0], [0.5]]),
    ],
)
def test_members_are_trained_by_their_own_losses_and_predict_their_mean(
    label: Label, classes: int, labels: Any
) -> None:
    stats = LabelStatistics(3, mean=1.0, deviation=2.0)
    logits = np.random.default_rng(0).normal(size=(3, 4, classes)).astype(np.float32)
    loss = outputs.loss(label, stats)

    def loss_of(raw: Any) -> float:
        return float(loss(np.array(labels), outputs.head(label, keras.ops.convert_to_tensor(raw), stats)))

    layer = MeanOfMembers(label.task)
    mean = layer(logits, training=True)
    np.testing.assert_allclose(mean, logits.mean(axis=1), rtol=1e-5)
    own = np.mean([loss_of(logits[:, member]) for member in range(4)])
    np.testing.assert_allclose(loss_of(mean) + float(layer.losses[0]), own, rtol=1e-4)
    evaluated = MeanOfMembers(label.task)
    evaluated(logits, training=False)
    assert not evaluated.losses
    assert MeanOfMembers.from_config(layer.get_config()).task == label.task


def test_members_share_a_layer_and_differ_by_factor_and_offset() -> None:
    first, later, heads = Members(4, first=True), Members(4), MemberHeads(2)
    shared = np.array([[1.0, -2.0, 0.5]], np.float32)
    of_members = np.array(first(shared))
    assert set(np.unique(np.abs(of_members[0] / shared))) == {1.0} and len(np.unique(of_members[0], axis=0)) > 1
    np.testing.assert_allclose(later(of_members), of_members)
    given = np.array(heads(of_members))
    np.testing.assert_allclose(given[0, 2], of_members[0, 2] @ np.array(heads.kernel)[2], rtol=1e-5)
    assert first.compute_output_shape((None, 3)) == (None, 4, 3) and heads.compute_output_shape((None, 4, 3)) == (
        None,
        4,
        2,
    )
    assert Members.from_config(first.get_config()).first and MemberHeads.from_config(heads.get_config()).outputs == 2


def test_words_are_averaged_without_the_padding() -> None:
    layer = MeanOfWords(5, 3)
    given = np.array(layer(np.array([[1, 4, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]])))
    table = np.array(layer.table)
    np.testing.assert_allclose(given, [(table[1] + table[4]) / 2, table[2], np.zeros(3)], rtol=1e-5)
    assert layer.compute_output_shape((None, 4)) == (None, 3)
    again = MeanOfWords.from_config(layer.get_config())
    assert (again.size, again.dimension) == (5, 3)


@pytest.mark.parametrize(
    ("label", "raw", "predicted", "true", "loss"),
    [
        (Label(column="y", task="binary"), [[0.0], [2.0]], [[0.5], [1 / (1 + np.exp(-2))]], [1, 0], None),
        (
            Label(column="y", task="multiclass", classes=("a", "b", "c")),
            [[0.0, 0.0, np.log(2)]], [[0.25, 0.25, 0.5]], [2], np.log(2),
        ),
        (Label(column="y", task="regression"), [[0.0], [2.0]], [[100.0], [120.0]], [100.0, 110.0], (0 + 1) / 2),
    ],
)  # fmt: skip
def test_the_output_and_its_loss_are_those_of_the_labels_task(label, raw, predicted, true, loss) -> None:
    stats = LabelStatistics(10, mean=100.0, deviation=10.0)
    assert outputs.width(label) == len(raw[0])
    inputs = keras.Input((len(raw[0]),))
    model = keras.Model(inputs, outputs.head(label, inputs, stats))
    given = model(np.array(raw, np.float32))
    np.testing.assert_allclose(given, predicted, rtol=1e-5)
    loss = -np.mean([np.log(0.5), np.log(1 - predicted[-1][0])]) if loss is None else loss
    assert float(outputs.loss(label, stats)(np.array(true), given)) == pytest.approx(loss, rel=1e-4)
    assert {metric.name for metric in outputs.metrics(label)} == {
        "binary": {"accuracy", "auc"}, "multiclass": {"accuracy"}, "regression": {"mae", "rmse"},
    }[label.task]  # fmt: skip


# -- the search --------------------------------------------------------------------------------------------------------
SPACE = {
    "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "batch_size": {"low": 16, "high": 48},
    "dropout": {"values": [0, 0.25]},
    "hidden_units": {"values": [[4], [8, 4]]},
}


def searched(data: Any, out: Any, algorithm: str, **more: Any) -> Any:
    args = data.fn_args(out, **more)
    args.custom_config["tuning"] = {"algorithm": algorithm, "trials": 3, "steps": 12, "space": SPACE}
    return args


@pytest.mark.parametrize(
    ("algorithm", "kind", "rounds"),
    [("random", "RandomSearch", 3), ("bayesian", "BayesianOptimization", 3), ("hyperband", "Hyperband", 6)],
)
def test_a_search_is_kerastuners_by_the_algorithm_named(data: Any, tmp_path: Any, algorithm, kind, rounds) -> None:
    result = tuner_fn(searched(data, tmp_path, algorithm))
    assert type(result.tuner).__name__ == kind and result.tuner.oracle.max_trials == 3
    per_round = 12 // rounds
    assert result.fit_kwargs.get("steps_per_epoch") == per_round
    assert result.fit_kwargs.get("epochs") == (None if algorithm == "hyperband" else rounds)
    space = {one.name: one for one in result.tuner.oracle.get_space().space}
    assert (space["learning_rate"].sampling, space["batch_size"].sampling) == ("log", "linear")
    assert type(space["batch_size"]).__name__ == "Int" and type(space["learning_rate"]).__name__ == "Float"
    assert (space["batch_size"].min_value, space["batch_size"].max_value) == (16, 48)
    assert space["dropout"].values == [0.0, 0.25] and space["hidden_units"].values == ["[4]", "[8, 4]"]


def test_a_search_takes_the_steps_that_tfx_passes_and_refuses_an_empty_space(data: Any, tmp_path: Any) -> None:
    job = search.prepare_search(searched(data, tmp_path, "random", train_steps=30))
    assert (job.config.training["steps"], job.config.training["validate_every"]) == (30, 10)
    args = searched(data, tmp_path, "random")
    args.custom_config["tuning"]["space"] = {}
    with pytest.raises(InputRefused, match="nothing to search over"):
        search.prepare_search(args)
    args.custom_config["tuning"]["space"] = {"lerning_rate": {}}
    with pytest.raises(InputRefused, match="lerning_rate is not a hyperparameter"):
        search.prepare_search(args)
