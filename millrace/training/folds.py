"""The default training once more on parts of a small table: what such models predict for rows they did not see.

The test split of a few hundred rows says little of a model. Here each row of train and eval is predicted by a model
that was trained without it, from other initial weights, as the Trainer trains: a split of its own picks its best step.
The Evaluator measures these predictions and says what models that are trained so score, with an interval.
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional, Union

import keras
import numpy as np

from millrace.base.errors import InputRefused
from millrace.base.interrupts import stop_if_interrupted
from millrace.base.numbers import counted
from millrace.features.label import Label
from millrace.statistics import fold_scores
from millrace.statistics.fold_scores import FoldScores
from millrace.training import fitting
from millrace.training.calibration import calibrated
from millrace.training.callbacks import Divergence
from millrace.training.fitting import Job
from millrace.training.tasks import learning_task

LOG = logging.getLogger(__name__)

FEW_ROWS = 600
"""Rows of train and eval together up to which `auto` makes folds."""

FOLDS = 10
"""Of `auto`: one is scored, one picks the best step, eight are learned from: as many rows as train mostly has."""

_FEWEST = 3
# Of `auto`: with fewer rows of a class a fold has none of it, and fewer folds would each learn from much less.
_FEWEST_OF_AUTO = 5
# After so long no further fold is begun: the report says how many there were.
_MOST_SECONDS = 300.0


def cross_validate(job: Job, model: keras.Model, serving_model_dir: str) -> None:
    """Trains on folds where the configuration asks for it, and leaves the scores beside the exported model's folder.

    Args:
        job: the training that made the exported model.
        model: the compiled model, which is exported by now: it is trained anew in place, which spares tracing.
        serving_model_dir: of the exported model.

    Raises:
        InputRefused: there are fewer rows, or rows of a class, than folds were asked for.
    """
    label = job.config.table.label
    if not job.config.folds or (job.config.folds == "auto" and not _is_small(job)) or not isinstance(label, Label):
        return
    began = time.monotonic()
    records = np.array(job.train.records() + job.evaluation.records(), object)
    labels = np.concatenate([*job.train.label_batches(label), *job.evaluation.label_batches(label)])
    known = np.asarray(learning_task(label).known(labels))
    records, labels = records[known], labels[known]
    count = _count(job.config.folds, labels, label.task)
    if not count:
        return
    folds = _folds(labels, count, label.task, int(job.config.training["seed"]))
    predictions: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for fold in range(count):
        if fold >= _FEWEST and time.monotonic() - began > _MOST_SECONDS:
            LOG.warning("%d of %d folds: these took %.0f s", fold, count, time.monotonic() - began)
            break
        LOG.info("fold %d of %d", fold + 1, count)
        held, stopping = folds == fold, folds == (fold + 1) % count
        of_fold = replace(
            job,
            config=replace(job.config, training=_seeded(job.config.training, fold)),
            train=job.train.of_records(records[~held & ~stopping]),
            evaluation=job.evaluation.of_records(records[stopping]),
        )
        try:
            _train(of_fold, model)
            predicting = calibrated(model, of_fold)
        except InputRefused as error:  # the exported model is whole: only the interval is not to be had
            LOG.warning("no folds: %s", error)
            return
        for features, _, weight in job.evaluation.of_records(records[held]).for_evaluation(fitting.EVALUATION_BATCH):
            predictions.append(np.asarray(predicting(features, training=False)))
            weights.append(np.asarray(weight))
    order = np.argsort(folds, kind="stable")[: sum(map(len, weights))]  # of a fold that was not begun no row
    scores = FoldScores(
        labels=labels[order],
        predictions=np.concatenate(predictions),
        weights=np.concatenate(weights),
        folds=folds[order],
        learned_rows=round(len(labels) * (count - 2) / count),
        seconds=time.monotonic() - began,
    )
    fold_scores.write(os.path.dirname(serving_model_dir), scores)
    LOG.info("%d folds, %s scored, in %.1f s", scores.count, counted(len(order), "row"), scores.seconds)


def _is_small(job: Job) -> bool:
    return job.evaluation.small() and job.train.small() and job.train.rows + job.evaluation.rows <= FEW_ROWS


def _count(asked: Union[int, str], labels: np.ndarray, task: str) -> int:
    """The number of folds; 0 where `auto` finds too few rows of a class."""
    most = len(labels) if task == "regression" else int(np.unique(labels, return_counts=True)[1].min())
    if asked == "auto":
        if most >= _FEWEST_OF_AUTO:
            return min(FOLDS, most)
        LOG.info("no folds: the rarest class has %s", counted(most, "row"))
        return 0
    asked = int(asked)
    if asked > most:
        raise InputRefused(
            f"{asked} folds need as many rows{'' if task == 'regression' else ' of each class'}, and there are {most}",
            where="evaluation.folds",
            remedy=f"set it to at most {most}, or to 0" if most >= _FEWEST else "set it to 0",
        )
    return asked


def _folds(labels: np.ndarray, count: int, task: str, seed: int) -> np.ndarray:
    """A fold for each row, drawn at random; each fold has the same share of each class."""
    drawn = np.random.default_rng(seed).permutation(len(labels))
    if task != "regression":
        drawn = drawn[np.argsort(labels[drawn], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[drawn] = np.arange(len(labels)) % count
    return folds


def _seeded(training: Mapping[str, Any], fold: int) -> dict[str, Any]:
    return {**training, "seed": (int(training["seed"]) + 1 + fold) % 2**32}


def _train(job: Job, model: keras.Model) -> None:
    """Trains the compiled model from the weights and the optimizer that the job would begin with."""
    fresh = fitting.build(job)
    for one in (model, fresh):
        if not one.optimizer.built:
            one.optimizer.build(one.trainable_variables)
    for ours, theirs in ((model, fresh), (model.optimizer, fresh.optimizer)):
        for variable, initial in zip(ours.variables, theirs.variables, strict=True):
            variable.assign(initial)
    plan = fitting.schedule(job.config.training)
    model.fit(
        fitting.training_data(job),
        epochs=plan.rounds,
        steps_per_epoch=plan.per_round,
        validation_data=fitting.evaluation_data(job),
        callbacks=[Divergence(), _Interruptible(), *fitting.endings(job, plan)],
        shuffle=False,
        verbose=0,
    )


class _Interruptible(keras.callbacks.Callback):
    """Ends here when a signal has come."""

    def on_train_batch_end(self, batch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Looks for one."""
        stop_if_interrupted()
