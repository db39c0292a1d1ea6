"""A KerasTuner search over the space that the configuration describes: what a `tuner_fn` is made of."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional

import keras
import keras_tuner

from millrace.base.errors import InputRefused
from millrace.base.names import did_you_mean
from millrace.catalog.metric_section import Metric
from millrace.project import dotted
from millrace.training import fitting
from millrace.training.outputs import loss_weights
from millrace.training.progress import EndedTrial, tell_trial
from millrace.training.settings import Settings, hyperparameter_value

LOG = logging.getLogger(__name__)

_LOSS = keras_tuner.Objective("val_loss", "min")
_MEASURED = "objective"

_FACTOR = 3
_HYPERBAND_ROUNDS = 9


def prepare_search(fn_args: Any) -> fitting.Job:
    """Reads what a search needs, with the training of one trial in place of the whole.

    Args:
        fn_args: TFX's `FnArgs`. `custom_config` is as `UserConfig` reads it, `tuning` included (`algorithm`, `trials`,
            `steps`, `space`). `train_steps`, when above 0, wins over `tuning.steps`.

    Returns:
        The job of one trial.

    Raises:
        InputRefused: the space is empty or names what is not a hyperparameter, or the data cannot be learned from.
    """
    job = fitting.prepare(fn_args)
    tuning = job.config.tuning
    if not tuning.get("space"):
        raise InputRefused(
            "there is nothing to search over",
            where="tuning.space",
            remedy="name one of model.* or training.* and what to try, for instance dropout: {values: [0.0, 0.2]}",
        )
    job.config.with_hyperparameters(dict.fromkeys(tuning["space"]))
    steps = int(fn_args.train_steps or tuning["steps"])
    return replace(job, config=replace(job.config, training=_for_trials(job.config.training, tuning, steps)))


class Trials(keras_tuner.HyperModel):
    """Builds and trains one model a trial.

    Args:
        job: the data, and the settings that are not searched over.
        space: by hyperparameter, `{"values": [...]}` or `{"low": ..., "high": ..., "log": ...}`.
    """

    def __init__(self, job: fitting.Job, space: Settings) -> None:
        super().__init__(name="millrace")
        self._job, self._space, self._ended = job, space, 0

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Declares the hyperparameters and builds the model with their values."""
        for name, choice in self._space.items():
            _declare(hp, name, choice, {**self._job.config.model, **self._job.config.training}[name])
        model = fitting.build(self._of(hp))
        if self._job.config.tuning.get("objective"):
            objective = Metric.model_validate(self._job.config.tuning["objective"])
            measured = [_keras_metric(objective)]
            # A trial is shown to nobody: what it is measured by takes the place of what a training shows.
            model.compile(
                optimizer=model.optimizer,
                loss=model.loss,
                loss_weights=loss_weights(self._job.config.table.label),
                weighted_metrics={objective.output: measured} if objective.output else measured,
                jit_compile=model.jit_compile,
            )
        model.steps_per_execution = fitting.schedule(self._job.config.training).per_execution
        return model

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, **kwargs: Any) -> Any:
        """Trains one model; a loss that is not a number ends this trial, not the search.

        Args:
            hp: the trial's values.
            model: as `build` made it.
            **kwargs: what KerasTuner passes to Keras's `fit`.

        Returns:
            Keras's history.
        """
        job = self._of(hp)
        watching = [keras.callbacks.TerminateOnNaN(), *kwargs.pop("callbacks")]
        data = fitting.training_data(job)
        kwargs = {"validation_data": fitting.evaluation_data(job), "shuffle": False, "verbose": 0, **kwargs}
        history = model.fit(data, callbacks=watching, **kwargs)
        self._ended += 1
        objective = self.objective
        higher = objective.direction == "max"
        scores = history.history.get(objective.name, ())
        score = (max if higher else min)(scores, default=math.nan)
        values = {name: hp.values[name] for name in self._space}
        total = max(job.config.tuning["trials"], self._ended)
        tell_trial(EndedTrial(self._ended, total, objective.name, score, higher, _in_words(values)))
        return history

    @property
    def objective(self) -> keras_tuner.Objective:
        """What trials are compared by: the configured metric on eval, or else the loss there."""
        tuning = self._job.config.tuning
        if not tuning.get("objective"):
            return _LOSS
        metric = Metric.model_validate(tuning["objective"])
        name = f"{metric.output}_{_MEASURED}" if metric.output else _MEASURED
        return keras_tuner.Objective(f"val_{name}", "max" if metric.direction == "higher" else "min")

    def _of(self, hp: keras_tuner.HyperParameters) -> fitting.Job:
        values = {name: hp.values[name] for name in self._space}
        return replace(self._job, config=self._job.config.with_hyperparameters(values))


def _in_words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _keras_metric(metric: Metric) -> keras.metrics.Metric:
    """The metric, made by Keras's class or by the project's.

    Raises:
        InputRefused: Keras has no such metric, or it does not take the parameters.
    """
    if metric.module:
        made_by = dotted.load(metric.metric, "tuning.objective")
    else:
        made_by = getattr(keras.metrics, metric.class_name, None)
    if not (isinstance(made_by, type) and issubclass(made_by, keras.metrics.Metric)):
        names = [name for name, one in vars(keras.metrics).items() if isinstance(one, type)]
        raise InputRefused(
            f"{metric.metric} is no metric of Keras{did_you_mean(metric.class_name, names)}",
            where="tuning.objective",
            remedy="name a class of keras.metrics, or one of the project's that derives from keras.metrics.Metric",
        )
    try:
        return made_by(name=_MEASURED, **metric.parameters)
    except (TypeError, ValueError) as error:
        raise InputRefused(
            f"{metric.metric} cannot be made: {error}",
            where="tuning.objective",
            remedy="give it the parameters that its class takes",
        ) from error


def _for_trials(training: Settings, tuning: Settings, steps: int) -> Settings:
    rounds = _HYPERBAND_ROUNDS if tuning["algorithm"] == "hyperband" else 3
    return {**training, "steps": steps, "epochs": None, "validate_every": math.ceil(steps / rounds)}


def fit_kwargs(job: fitting.Job) -> dict[str, Any]:
    """What TFX's Tuner passes to each trial's `fit`."""
    plan = fitting.schedule(job.config.training)
    kwargs: dict[str, Any] = {"steps_per_epoch": plan.per_round}
    if job.config.tuning["algorithm"] != "hyperband":  # Hyperband gives each trial its own number of rounds
        kwargs["epochs"] = plan.rounds
    return kwargs


def tuner_of(hypermodel: Trials, job: fitting.Job, directory: Optional[str]) -> keras_tuner.Tuner:
    """KerasTuner's search by the configured algorithm.

    Args:
        hypermodel: builds and trains one model a trial.
        job: as `prepare_search` gave it.
        directory: where the search keeps its state.

    Returns:
        The search, ready to be run.
    """
    tuning = job.config.tuning
    common = {
        "hypermodel": hypermodel,
        "objective": hypermodel.objective,
        "seed": job.config.training["seed"],
        "directory": directory,
        "project_name": "search",
        "overwrite": True,
    }
    if tuning["algorithm"] == "hyperband":
        rounds = fitting.schedule(job.config.training).rounds
        tuner = keras_tuner.Hyperband(max_epochs=rounds, factor=_FACTOR, **common)
        tuner.oracle.max_trials = tuning["trials"]
        return tuner
    kinds = {"random": keras_tuner.RandomSearch, "bayesian": keras_tuner.BayesianOptimization}
    return kinds[tuning["algorithm"]](max_trials=tuning["trials"], **common)


def _declare(hp: keras_tuner.HyperParameters, name: str, choice: Mapping[str, Any], current: Any) -> None:
    if "values" in choice:
        hp.Choice(name, _alike(choice["values"]))
        return
    sampling = "log" if choice.get("log") else "linear"
    if isinstance(current, int) and not isinstance(current, bool):
        hp.Int(name, int(choice["low"]), int(choice["high"]), sampling=sampling)
    else:
        hp.Float(name, float(choice["low"]), float(choice["high"]), sampling=sampling)


def _alike(values: Sequence[Any]) -> list[Any]:
    """KerasTuner wants the values of a choice to have one type."""
    written = [hyperparameter_value(value) for value in values]
    if {type(value) for value in written} == {int, float}:
        return [float(value) for value in written]
    return written
