"""How a model's predictions lie against the labels, small enough to be drawn: calibration, confusion, residuals.

A file of its own beside the gate report. It decides nothing, and is there where the evaluation was made in one process,
which has all labels and predictions at hand; an evaluation by Beam has TFMA's own plots where they were asked for.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Optional, Union

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from millrace.base.numbers import rounded
from millrace.features.label import AnyLabel
from millrace.statistics.calibration import CalibrationError, bin_starts, calibration_error
from millrace.statistics.decisions import Confusion, best_thresholds, confusion

FILE = "prediction_summary.json"
_BINS = 10
_RESIDUAL_BARS = 20
# Beyond so many classes a matrix is no picture any more.
_MOST_CLASSES = 50
# Examples below which a calibration error is chance alone.
_ENOUGH = 100
# Probabilities that are off by more are worth a word of advice; and shares that are called rare.
_FAR_OFF, _RARE = 0.01, 0.2

Scored = tuple[np.ndarray, np.ndarray, Optional[np.ndarray]]
Task = Literal["binary", "multiclass", "multilabel", "regression"]


class _Described(BaseModel):
    """Base of the parts: immutable; what another release wrote besides is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CalibrationBin(_Described):
    """Examples whose predictions lie close together.

    `predicted` is their mean prediction, `observed` the mean of their labels, by weight. Of many classes, it is
    the probability of the predicted class, and the share that is of it; of a multilabel output every class of every
    example is one.
    """

    examples: int
    predicted: float
    observed: float


class Decision(_Described):
    """A decision threshold that maximises a score of the second class, and what it decides of the judged examples.

    `maximises` is f1 or balanced_accuracy, on the split of `chosen_on`, or where that is empty on the judged examples
    themselves; `confusion` is at `threshold`.
    """

    maximises: Literal["f1", "balanced_accuracy"]
    chosen_on: str
    threshold: float
    confusion: Confusion


class PredictionSummary(_Described):
    """Predictions beside labels over the whole data set that was judged.

    `examples` are those with a finite prediction, `not_finite` those without. `weighted` says that examples have
    weights, by which all but `examples` and `residuals` are measured, as the metrics are. `confusion` has a row for
    each class that was observed and a column for each that was predicted, by class id; of two classes the second is
    predicted above a probability of 0.5, as TFMA and the served `label` have it. `residuals` counts the differences
    label minus prediction between each two of `residual_bounds`; what lies outside counts to the first and the last.
    `calibration_error` is of the same probabilities as `calibration`, from a hundred examples on; `decisions` are of
    two classes.
    """

    version: Literal[1] = 1
    task: Task
    examples: int
    not_finite: int = 0
    weighted: bool = False
    calibration: tuple[CalibrationBin, ...] = ()
    confusion: tuple[tuple[Union[int, float], ...], ...] = ()
    residual_bounds: tuple[float, ...] = ()
    residuals: tuple[int, ...] = ()
    calibration_error: Optional[CalibrationError] = None
    decisions: tuple[Decision, ...] = ()

    def sentences(self, classes: Sequence[object] = (), can_be_calibrated: bool = True) -> list[tuple[str, str]]:
        """What there is to say of probabilities and decisions, each with its title.

        Args:
            classes: the names of the label's classes, in their order; the second is called so when left out.
            can_be_calibrated: whether `model.calibrate` is for this output.
        """
        second = str(classes[1]) if len(classes) > 1 else "the second class"
        error = self.calibration_error
        by_weight = ", by weight" if self.weighted else ""
        said = [("calibration", _calibration_words(error, by_weight, can_be_calibrated))] if error else []
        if self.task == "binary" and self.confusion:
            (negatives, false), (missed, found) = self.confusion
            at_half = Confusion(negatives, false, missed, found)
            said += [("threshold", _decision_words(one, at_half, second)) for one in self.decisions]
            share = (missed + found) / ((negatives + false + missed + found) or 1)
            if 0.0 < share < _RARE:
                said.append(("rare class", _rare_words(second, share, self.weighted)))
        return said


def _calibration_words(error: CalibrationError, by_weight: str, can_be_calibrated: bool) -> str:
    low, high = (rounded(at, 2) for at in error.interval)
    chance = f"of a perfect model chance would make {rounded(error.chance, 2)}"
    if not error.interval[0]:
        return (
            f"probabilities are off by no more than chance explains, at most by {high} on average{by_weight}; {chance}"
        )
    words = (
        f"probabilities are off by {rounded(error.value, 2)} on average{by_weight} [{low}, {high}], in bins of about "
        f"as many examples each; {chance}"
    )
    return f"{words}; model.calibrate fits them" if can_be_calibrated and error.interval[0] > _FAR_OFF else words


def _decision_words(decision: Decision, at_half: Confusion, second: str) -> str:
    name = {"f1": "F1", "balanced_accuracy": "balanced accuracy"}[decision.maximises]
    there = rounded(at_half.true_positives + at_half.false_negatives)
    new, old = (rounded(getattr(one, decision.maximises), 3) for one in (decision.confusion, at_half))
    found, found_at_half = (rounded(one.true_positives) for one in (decision.confusion, at_half))
    false, false_at_half = (rounded(one.false_positives) for one in (decision.confusion, at_half))
    chosen_on = decision.chosen_on or "these very examples, which flatters it"
    return (
        f"{second} above {rounded(decision.threshold, 3)}, the best {name} on {chosen_on}: here {new}, and "
        f"at 0.5 {old}; of {there} it finds {found} rather than the {found_at_half} at 0.5, "
        f"with {false} false alarms rather than {false_at_half}"
    )


def _rare_words(second: str, share: float, weighted: bool) -> str:
    """Class weights are by the number of examples, which their weights do not tell."""
    times = "more than" if weighted else f"{rounded((1.0 - share) / share, 2)} times"
    return (
        f"{second} is {share:.1%} of the examples{', by weight' if weighted else ''}. Where training.class_weights is "
        f"balanced, each weighs {times} one of the others: that moves decisions, as a threshold does, and "
        "spoils probabilities; the order of the examples hardly changes"
    )


def summarize(
    labels: np.ndarray, predictions: np.ndarray, weights: Optional[np.ndarray] = None
) -> Optional[PredictionSummary]:
    """Sums up predictions.

    Args:
        labels: [rows, 1], a number, or the id of a class; or [rows, classes], one-hot.
        predictions: [rows, 1], a number, or the probability of the second of two classes; or [rows, classes].
        weights: of the examples [rows]; without any, all weigh the same.

    Returns:
        The summary. Labels that are all 0 or 1 under predictions from 0 to 1 are two classes; several in an example are
        a multilabel output. None for what is neither classes nor one number.
    """
    if labels.dtype.kind not in "biuf" or labels.shape[1] not in (1, predictions.shape[1]):
        return None
    finite = np.isfinite(predictions).all(axis=1) & np.isfinite(labels.astype(np.float64)).all(axis=1)
    lost = int(len(finite) - finite.sum())
    labels, predictions = labels[finite], predictions[finite].astype(np.float64)
    of_all = {"examples": len(labels), "not_finite": lost, "weighted": weights is not None}
    weights = None if weights is None else weights[finite].astype(np.float64)
    weighs = np.ones(len(labels)) if weights is None else weights
    if predictions.shape[1] > 1:
        if labels.shape[1] > 1 and not (labels.sum(axis=1) == 1).all():
            if not np.isin(labels, (0.0, 1.0)).all():
                return None
            of_each = np.repeat(weighs, predictions.shape[1])
            bins = _calibration(predictions.reshape(-1), labels.reshape(-1).astype(np.float64), of_each, width=True)
            return PredictionSummary(task="multilabel", **of_all, calibration=bins)
        ids = labels[:, 0].astype(np.int64) if labels.shape[1] == 1 else labels.argmax(axis=1)
        predicted = predictions.argmax(axis=1)
        likeliest, right = predictions.max(axis=1), (predicted == ids).astype(np.float64)
        return PredictionSummary(
            task="multiclass",
            **of_all,
            calibration=_calibration(likeliest, right, weighs, width=True),
            calibration_error=_calibration_error(likeliest, right, weighs),
            confusion=_confusion(ids, predicted, weights, predictions.shape[1]),
        )
    label, prediction = labels[:, 0].astype(np.float64), predictions[:, 0]
    if len(label) and np.isin(label, (0.0, 1.0)).all() and ((prediction >= 0.0) & (prediction <= 1.0)).all():
        return PredictionSummary(
            task="binary",
            **of_all,
            calibration=_calibration(prediction, label, weighs, width=True),
            calibration_error=_calibration_error(prediction, label, weighs),
            confusion=_confusion(label.astype(np.int64), (prediction > 0.5).astype(np.int64), weights, 2),
        )
    bounds, residuals = _residuals(label - prediction)
    return PredictionSummary(
        task="regression",
        **of_all,
        calibration=_calibration(prediction, label, weighs, width=False),
        residual_bounds=bounds,
        residuals=residuals,
    )


def with_decisions(summary: PredictionSummary, judged: Scored, chosen: Scored, split: str) -> PredictionSummary:
    """The summary with the decision thresholds of two classes.

    Args:
        summary: of two classes.
        judged: labels and predictions, [rows, 1] each, and weights [rows] or None, of the examples that the summary is
            of.
        chosen: those of the examples by which the thresholds are chosen.
        split: the split that these are of; empty where they are the judged ones.

    Returns:
        The same where either has examples of one class alone, or a prediction that is no number.
    """
    labels, predictions, weights = _columns(judged)
    its_labels, its_predictions, its_weights = _columns(chosen)
    there = its_labels if its_weights is None else its_labels[its_weights > 0.0]
    if not np.isfinite(its_predictions).all() or summary.not_finite or set(np.unique(there)) != {0, 1}:
        return summary
    decisions = tuple(
        Decision(
            maximises=name,
            chosen_on=split,
            threshold=threshold,
            confusion=confusion(labels, predictions, threshold, weights),
        )
        for name, threshold in best_thresholds(its_labels, its_predictions, its_weights).items()
    )
    return summary.model_copy(update={"decisions": decisions})


def file_name(output: str) -> str:
    """The file of an output's summary; one output alone has no name."""
    return f"{Path(FILE).stem}_{output}.json" if output else FILE


def load(folder: Union[str, "os.PathLike[str]"]) -> dict[str, PredictionSummary]:
    """The summaries of an evaluation.

    Args:
        folder: of the ModelEvaluation artifact.

    Returns:
        Of each output, by its name; empty where there is none, as from an evaluation by Beam or of an earlier release.
    """
    start = Path(FILE).stem
    summaries = {}
    for file in sorted(Path(folder).glob(f"{start}*.json")):
        try:
            name = file.stem.removeprefix(start).removeprefix("_")
            summaries[name] = PredictionSummary.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue
    return summaries


def sentences(
    summaries: Mapping[str, PredictionSummary], label: Optional[AnyLabel] = None
) -> Iterator[tuple[str, str]]:
    """What there is to say of each output's predictions, with its title.

    Args:
        summaries: by output, as `load` gives them.
        label: names the classes.
    """
    outputs = label.by_output() if label else {}
    for name, summary in summaries.items():
        classes = outputs[name].class_names if name in outputs else ()
        for title, said in summary.sentences(classes, can_be_calibrated=not name):
            yield (f"{title} of {name}" if name else title), said


def _columns(scored: Scored) -> Scored:
    """Labels, predictions and weights, [rows] each; in 64 bits, in which a threshold lies between two predictions."""
    labels, predictions, weights = scored
    return labels[:, 0], predictions[:, 0].astype(np.float64), None if weights is None else weights.astype(np.float64)


def _calibration(
    predicted: np.ndarray, observed: np.ndarray, weights: np.ndarray, *, width: bool
) -> tuple[CalibrationBin, ...]:
    """Bins of probabilities have equal widths, those of other numbers about as many examples each."""
    if not len(predicted):
        return ()
    order = np.argsort(predicted, kind="stable")
    ascending = predicted[order]
    cuts = np.searchsorted(ascending, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]) if width else bin_starts(ascending, _BINS)
    return tuple(
        CalibrationBin(
            examples=len(part),
            predicted=float(np.average(predicted[part], weights=weights[part])),
            observed=float(np.average(observed[part], weights=weights[part])),
        )
        for part in np.split(order, cuts)
        if weights[part].sum() > 0.0
    )


def _calibration_error(predicted: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> Optional[CalibrationError]:
    return calibration_error(predicted, observed, weights) if (weights > 0.0).sum() >= _ENOUGH else None


def _confusion(
    observed: np.ndarray, predicted: np.ndarray, weights: Optional[np.ndarray], classes: int
) -> tuple[tuple[Union[int, float], ...], ...]:
    if classes > _MOST_CLASSES or not len(observed) or observed.min() < 0 or observed.max() >= classes:
        return ()
    counts = np.bincount(observed * classes + predicted, weights, minlength=classes * classes)
    return tuple(map(tuple, counts.reshape(classes, classes).tolist()))


def _residuals(residuals: np.ndarray) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Bars of equal width around 0, out to what all but a hundredth of the residuals reach."""
    if not len(residuals):
        return (), ()
    reach = float(np.quantile(np.abs(residuals), 0.99)) or 1.0
    bounds = np.linspace(-reach, reach, _RESIDUAL_BARS + 1)
    counts, _ = np.histogram(np.clip(residuals, -reach, reach), bins=bounds)
    return tuple(map(float, bounds)), tuple(map(int, counts))
