"""Trains a Keras model on transformed examples: what a `run_fn` is made of."""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import keras
import tensorflow_transform as tft
from tfx.dsl.io import fileio

from millrace.base.errors import ConfigError
from millrace.features.label import AnyLabel, Label
from millrace.project import dotted
from millrace.training import warm_start
from millrace.training.callbacks import Divergence, Record, SlowDown, StopAt, TrainingProgress
from millrace.training.input_data import Examples, lifeless_features, odd_inputs
from millrace.training.labels import LabelStatistics
from millrace.training.settings import Settings, UserConfig
from millrace.training.tasks import learning_task

LOG = logging.getLogger(__name__)

EVALUATION_BATCH = 1024
"""Rows of an evaluation batch: nothing is learned from it, so it may be larger than a training batch."""

_MOST_STEPS_PER_EXECUTION = 50
# Rows in which the column behind a loss that is no number is looked for.
_SEARCHED = 200_000


@dataclass(frozen=True)
class TrainingSchedule:
    """How long to train, in Keras's terms: `rounds` of `per_round` steps, an evaluation after each.

    Attributes:
        rounds: how many evaluations there will be.
        per_round: steps between them; None for a whole pass over the data.
        steps: the total; None when the passes are what counts.
        per_execution: steps that run in the graph between two returns to Python.
    """

    rounds: int
    per_round: Optional[int]
    steps: Optional[int]
    per_execution: int


@dataclass(frozen=True)
class Job:
    """All that a training needs, read once; a search builds many models from one.

    Attributes:
        config: the user's configuration, hyperparameters and TFX's steps included.
        tft_output: what Transform learned.
        train: the examples to learn from.
        evaluation: the examples to evaluate on.
        label_stats: statistics of the training labels.
        schema_digest: SHA-256 of the raw examples' schema file, 16 digits; empty where TFX named none.
        base_model: the folder of the champion, as TFX hands it on; None where there is none.
    """

    config: UserConfig
    tft_output: tft.TFTransformOutput
    train: Examples
    evaluation: Examples
    label_stats: LabelStatistics
    schema_digest: str = ""
    base_model: Optional[str] = None


def prepare(fn_args: Any) -> Job:
    """Reads all that a training needs; of the examples only the labels.

    Args:
        fn_args: TFX's `FnArgs`. `train_steps` and `eval_steps`, when above 0, win over the configuration, and
            `hyperparameters` win over both of its sections.

    Returns:
        The job.

    Raises:
        InputRefused: a section is not there, a hyperparameter is unknown, or nothing can be learned from the labels.
    """
    config = UserConfig.read(fn_args.custom_config)
    config = replace(config, training=_with_steps_of(fn_args, config.training))
    config = config.with_hyperparameters(fn_args.hyperparameters)
    tft_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    train = Examples(fn_args.train_files, tft_output, config.table)
    evaluation = Examples(fn_args.eval_files, tft_output, config.table)
    if config.table.label.weight:
        train = train.with_mean_weight_one(config.table.label.weight)
        evaluation = evaluation.with_mean_weight_one(config.table.label.weight)
    balanced = config.training["class_weights"] == "balanced"
    stats = label_statistics(config.table.label, train, complete=balanced)
    if balanced:
        train = train.balanced(stats)
    base_model = getattr(fn_args, "base_model", None)
    return Job(config, tft_output, train, evaluation, stats, _schema_digest(fn_args), base_model)


def label_statistics(label: AnyLabel, train: Examples, *, complete: bool) -> LabelStatistics:
    """Reads the training labels and sums them up.

    Args:
        label: what is predicted.
        train: the examples to learn from.
        complete: read every row. Otherwise a classification reads only until it has seen two classes.

    Raises:
        InputRefused: no row has a label, or all have the same.
    """
    by_output = {
        name: learning_task(output).statistics(train.label_batches(output), complete)
        for name, output in label.by_output().items()
    }
    if isinstance(label, Label):
        return by_output[""]
    return LabelStatistics(train.rows, outputs=by_output)


def _schema_digest(fn_args: Any) -> str:
    path = getattr(fn_args, "schema_path", None)
    if not path:
        return ""
    with fileio.open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def build(job: Job) -> keras.Model:
    """Builds the model with the project's `model_fn`, from the seed: the same job gives the same initial weights.

    Args:
        job: what it will be trained on.

    Returns:
        A compiled model.

    Raises:
        ConfigError: the function cannot be imported, or returns what is no Keras model.
        InputRefused: a derived feature is nothing that a model reads.
    """
    keras.utils.set_random_seed(int(job.config.training["seed"]))
    config = job.config
    function = config.model_function()
    model = function(config.table, job.tft_output, config.model, config.training, job.label_stats, config.settings)
    if not isinstance(model, keras.Model):
        raise ConfigError(
            f"code.model_fn: {config.model_fn} returned {type(model).__name__}, and a Keras model is needed",
            where=dotted.defined_at(function, config.model_fn),
            remedy="return the compiled keras.Model",
        )
    LOG.info("model with %d weights", model.count_params())
    return model


def fit(job: Job, model: keras.Model, log_dir: Optional[str], more: Sequence[keras.callbacks.Callback] = ()) -> None:
    """Trains a compiled model as the job's `training` section says, from the champion's weights where it says so.

    Args:
        job: what to train on.
        model: changed in place; ends with the weights of its best evaluation when `patience` is set.
        log_dir: where TensorBoard's logs and the training's record go; None for none.
        more: further callbacks.

    Raises:
        InputRefused: the champion's weights do not fit and must, or the loss is no longer a finite number.
    """
    began = warm_start.start(model, job.config.table, job.tft_output, job.base_model, job.config.warm_start)
    plan = schedule(job.config.training)
    model.steps_per_execution = plan.per_execution
    if not model.optimizer.built:
        # Variables that are made in the first step would have TensorFlow trace the step a second time.
        model.optimizer.build(model.trainable_variables)
    model.fit(
        training_data(job),
        epochs=plan.rounds,
        steps_per_epoch=plan.per_round,
        validation_data=evaluation_data(job),
        callbacks=[*callbacks(job, plan, log_dir, began), *more],
        shuffle=False,  # the data is shuffled where it is read; Keras warns of the default
        verbose=0,
    )


def training_data(job: Job) -> Any:
    """The shuffled training batches, endless when steps are what counts."""
    training = job.config.training
    return job.train.for_training(training["batch_size"], training["seed"], endless=training["steps"] is not None)


def evaluation_data(job: Job) -> Any:
    """The evaluation batches: the first `eval_steps` times `batch_size` rows, or all."""
    training = job.config.training
    rows = training["eval_steps"] and training["eval_steps"] * training["batch_size"]
    # The pixels of many images at once would not fit into memory.
    least = 1 if job.config.table.pixel_bytes() else EVALUATION_BATCH
    return job.evaluation.for_evaluation(max(least, training["batch_size"]), rows)


def schedule(training: Settings) -> TrainingSchedule:
    """Cuts the training into rounds with an evaluation after each."""
    steps = training["steps"]
    if steps is None:
        return TrainingSchedule(training["epochs"], None, None, 8)
    per_round = min(steps, training["validate_every"])
    common = math.gcd(per_round, steps)
    per_execution = max(n for n in range(1, _MOST_STEPS_PER_EXECUTION + 1) if common % n == 0)
    return TrainingSchedule(math.ceil(steps / per_round), per_round, steps, per_execution)


def callbacks(
    job: Job, plan: TrainingSchedule, log_dir: Optional[str], began: str = ""
) -> list[keras.callbacks.Callback]:
    """What watches this training: divergence first, so that no other acts on a loss that is not a number.

    Args:
        job: what is trained.
        plan: how long.
        log_dir: where TensorBoard's logs go; None for none.
        began: from which weights, as the end of a sentence; empty for new ones without a word.

    Returns:
        Keras's callbacks, in the order in which they are called.
    """
    length = "steps" if plan.steps else "epochs"
    chosen: list[keras.callbacks.Callback] = [
        Divergence(lambda: odd_inputs(batch for batch, _, _ in job.train.for_evaluation(EVALUATION_BATCH, _SEARCHED))),
        TrainingProgress(plan.steps, keeps_best=bool(job.config.training["patience"])),
        Record(
            log_dir,
            plan.rounds,
            f"training.{length}",
            job.config.training[length],
            _learned_nothing_from(job),
            began,
            keeps_best=bool(job.config.training["patience"]),
        ),
        *endings(job, plan),
    ]
    if log_dir:
        chosen.append(keras.callbacks.TensorBoard(log_dir, write_graph=False, update_freq="epoch"))
    return chosen


def _learned_nothing_from(job: Job) -> str:
    """The derived features that say the same of every training row, as the end of a sentence."""
    if not job.config.table.derived():
        return ""
    batches = (batch for batch, _, _ in job.train.for_evaluation(EVALUATION_BATCH, _SEARCHED))
    names = lifeless_features(job.config.table, batches)
    if not names:
        return ""
    verb, whose = ("is", "its expression has") if len(names) == 1 else ("are", "their expressions have")
    return (
        f"learned nothing from {', '.join(names)}, which {verb} the same in every row: {whose} no value in any, or one "
        "value in all; look at the columns and the formats there"
    )


def endings(job: Job, plan: TrainingSchedule) -> list[keras.callbacks.Callback]:
    """What slows this training down and ends it.

    Args:
        job: what is trained.
        plan: how long.
    """
    chosen: list[keras.callbacks.Callback] = []
    if plan.steps and plan.per_round and plan.steps % plan.per_round:
        chosen.append(StopAt(plan.steps))
    patience = job.config.training["patience"]
    if patience:
        chosen.append(SlowDown(max(1, patience // 3)))
        chosen.append(
            keras.callbacks.EarlyStopping(monitor="val_loss", mode="min", patience=patience, restore_best_weights=True)
        )
    return chosen


def _with_steps_of(fn_args: Any, training: Settings) -> Settings:
    """The training section, with the steps that TFX passes (a runtime parameter, perhaps) where it passes any."""
    merged = dict(training)
    if fn_args.train_steps:
        merged.update(steps=fn_args.train_steps, epochs=None)
    if fn_args.eval_steps:
        merged["eval_steps"] = fn_args.eval_steps
    return merged
