"""What watches a training: progress, an exact end, how it ended, and a stop when the loss is no longer a number."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

import keras

from millrace.base.errors import InputRefused
from millrace.base.interrupts import stop_if_interrupted
from millrace.base.numbers import exact
from millrace.training import training_record
from millrace.training.progress import TrainingStep, tell_step
from millrace.training.training_record import TrainingRecord, still_improving

LOG = logging.getLogger(__name__)


class TrainingProgress(keras.callbacks.Callback):
    """Logs one line an evaluation, and one every `seconds` in between; at the end, which evaluation's weights are kept.

    Args:
        total: the steps that are planned; None when it is passes that are planned.
        seconds: the least time between two lines within a round.
        keeps_best: whether the training ends with the weights of its best evaluation.
    """

    def __init__(self, total: Optional[int], seconds: float = 10.0, *, keeps_best: bool = False) -> None:
        super().__init__()
        self._total = total
        self._seconds = seconds
        self._keeps_best = keeps_best
        self._best: Optional[TrainingStep] = None

    def on_train_begin(self, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Starts the clock."""
        self._began = self._told = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Ends here when a signal has come; logs the running means of this round, at most every `seconds`."""
        stop_if_interrupted()
        if time.monotonic() - self._told >= self._seconds:
            self._tell(logs)

    def on_epoch_end(self, epoch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Logs this round's means and its evaluation."""
        self._tell(logs)
        values = {name: float(value) for name, value in (logs or {}).items() if name.startswith("val_")}
        if "val_loss" in values and (self._best is None or values["val_loss"] < self._best.values["val_loss"]):
            self._best = TrainingStep(step_of(self.model), self._total, values, kept=True)

    def on_train_end(self, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Logs the evaluation whose weights are kept, which need not be the last."""
        if self._keeps_best and self._best is not None:
            tell_step(self._best, time.monotonic() - self._began)

    def _tell(self, logs: Optional[Mapping[str, Any]]) -> None:
        self._told = time.monotonic()
        tell_step(TrainingStep(step_of(self.model), self._total, dict(logs or {})), self._told - self._began)


class Divergence(keras.callbacks.Callback):
    """Ends the training with `InputRefused` when a loss is NaN or infinite, so that no such model is exported.

    Args:
        suspect: looks for the column that it may come from, and says so; empty when none stands out.
    """

    def __init__(self, suspect: Callable[[], str] = str) -> None:
        super().__init__()
        self._suspect = suspect

    def on_train_batch_end(self, batch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Looks at the training loss."""
        self._check("loss", logs)

    def on_epoch_end(self, epoch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Looks at the evaluation's loss."""
        self._check("val_loss", logs)

    def _check(self, name: str, logs: Optional[Mapping[str, Any]]) -> None:
        loss = float((logs or {}).get(name, 0.0))
        if math.isfinite(loss):
            return
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        which = "evaluation" if name == "val_loss" else "training"
        suspect = self._suspect()
        raise InputRefused(
            f"the {which} loss is {loss} by step {step_of(self.model)}; no model was exported"
            + (f"; {suspect}" if suspect else ""),
            where="training",
            remedy=f"try a smaller training.learning_rate than {exact(rate)}; scale numeric features that are passed"
            " with scale: none, or log those with a long tail; a vector feature or a label may hold extreme values",
        )


class StopAt(keras.callbacks.Callback):
    """Ends the training after exactly `steps` steps, when they do not fill the last round."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Counts."""
        if step_of(self.model) >= self._steps:
            self.model.stop_training = True


class SlowDown(keras.callbacks.ReduceLROnPlateau):
    """Lowers the learning rate to a third after evaluations without improvement: small steps find what large ones miss.

    An optimizer with a schedule of its own keeps it.

    Args:
        patience: such evaluations in a row.
    """

    def __init__(self, patience: int) -> None:
        super().__init__(
            monitor="val_loss", mode="min", factor=1.0 / 3.0, patience=patience, min_delta=0.0, min_lr=1e-6
        )

    def on_epoch_end(self, epoch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Looks at the evaluation's loss."""
        if not isinstance(self.model.optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            super().on_epoch_end(epoch, logs)


class Record(keras.callbacks.Callback):
    """Keeps what each evaluation measured, and writes it beside TensorBoard's logs when the training ends.

    Args:
        folder: where it is written; None for nowhere.
        rounds: the evaluations that are planned; a training that stops before has stopped by itself.
        setting: the key that says how long it is, `training.steps` or `training.epochs`.
        value: what it says.
        noticed: what there is to say of the data, as the end of a sentence on the training; empty for nothing.
        began: from which weights it began, as the end of such a sentence; empty for nothing.
        keeps_best: whether the training ends with the weights of its best evaluation.
    """

    def __init__(
        self,
        folder: Optional[str],
        rounds: int,
        setting: str,
        value: int,
        noticed: str = "",
        began: str = "",
        *,
        keeps_best: bool = False,
    ) -> None:
        super().__init__()
        self._keeps_best = keeps_best
        self._folder, self._rounds, self._setting, self._value = folder, rounds, setting, value
        self._noticed, self._began = noticed, began
        self._evaluations: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Keeps this round's evaluation."""
        measured = {name: float(value) for name, value in (logs or {}).items() if name.startswith("val_")}
        self._evaluations.append({"step": step_of(self.model), **measured})

    def on_train_end(self, logs: Optional[Mapping[str, Any]] = None) -> None:
        """Says, and writes, how it ended."""
        came_to_its_end = len(self._evaluations) >= self._rounds
        improving = still_improving(self._evaluations, self._setting, self._value) if came_to_its_end else ""
        advice = "; it ".join(filter(None, (self._noticed, improving)))
        if advice:
            LOG.warning("the training %s", advice)
        if self._folder:
            measured = [one for one in self._evaluations if "val_loss" in one]
            best = min(measured, key=lambda one: one["val_loss"], default=None) if self._keeps_best else None
            kept = int(best["step"]) if best else None
            record = TrainingRecord(step_of(self.model), tuple(self._evaluations), advice, kept, self._began)
            training_record.write(self._folder, record)


def step_of(model: keras.Model) -> int:
    """The steps that the optimizer has taken."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))
