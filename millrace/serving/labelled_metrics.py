"""The Evaluator's metrics, measured on requests whose labels have come: which can be, and what they are."""

import math
from collections.abc import Sequence

import numpy as np

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.catalog.metric_section import Metric
from millrace.components.evaluator.section import Evaluation, Threshold
from millrace.config.config import Config
from millrace.config.rollout_section import AnyPolicy, Bandit
from millrace.features.label import AnyLabel, Label
from millrace.serving import decision
from millrace.serving.labels import LabelStore
from millrace.serving.metric_limits import Measured, MeasuredMetric, MetricLimit

# Means of answers that are right or wrong, of which single labels tell.
_ACCURACIES = frozenset({"BinaryAccuracy", "SparseCategoricalAccuracy"})
# Of these the Evaluator knows how far chance moves them.
_WITH_CHANCE = _ACCURACIES | {"AUC"}
_WHERE = "rollout.policies: judged.metrics"


def limits_of(config: Config, policy: AnyPolicy) -> tuple[tuple[MetricLimit, ...], tuple[MetricLimit, ...]]:
    """The thresholds by which a policy judges labelled answers.

    Args:
        config: the pipeline's configuration.
        policy: of its rollout.

    Returns:
        Those that are tested after every label, and those that are measured when a step ends.

    Raises:
        BadInput: one that is named cannot be measured on labelled requests.
    """
    names = policy.judged.metrics
    if names and not (isinstance(config.label, Label) and config.label.task in ("binary", "multiclass")):
        raise BadInput(
            "only the metrics of one label, binary or multiclass, are measured on labelled requests",
            where=_WHERE,
            remedy="judge wrong, and add labels with --reward",
        )
    tested, measured = [], []
    for name in dict.fromkeys(names):
        metric, limit = _limit(name, config.evaluation)
        if metric.class_name in _ACCURACIES and not metric.parameters and limit.at_most is None:
            if not 0 < (limit.at_least if limit.at_least is not None else 0.5) < 1 or abs(limit.worse_by or 0.0) >= 1:
                raise BadInput(f"a threshold of {name} is not between 0 and 1", where="evaluation.thresholds")
            tested.append(limit)
        else:
            measured.append(limit)
        if limit.worse_by is not None and any(step.percent == 100 for step in decision.steps_of(policy)):
            raise BadInput(
                f"{name} has worse_by_at_most, and the champion gets no requests in a step of 100 percent: there is "
                "nothing to compare with",
                where=_WHERE,
                remedy="judge it by a canary whose steps leave the champion some users, or by at_least",
            )
    if measured and isinstance(policy, Bandit):
        raise BadInput(
            f"{measured[0].metric} is measured when a step ends, and a bandit has none",
            where=_WHERE,
            remedy=f"choose from {', '.join(sorted(_ACCURACIES))}, or use a canary",
        )
    return tuple(tested), tuple(measured)


def _limit(name: str, evaluation: Evaluation) -> tuple[Metric, MetricLimit]:
    thresholds = [one for one in evaluation.thresholds if one.metric == name and not one.slice]
    if not thresholds:
        known = [one.metric for one in evaluation.thresholds if not one.slice]
        raise BadInput(
            f"no threshold of the whole data names {name}{did_you_mean(name, known)}",
            where=_WHERE,
            remedy=f"name one of: {', '.join(dict.fromkeys(known)) or 'none yet; add one to evaluation.thresholds'}",
        )
    metric = next(one for one in evaluation.measured() if name in (one.label, one.metric))
    if metric.module or metric.class_name not in _WITH_CHANCE or any(one.class_ is not None for one in thresholds):
        raise BadInput(
            f"how far chance moves {name} on labelled requests is not known, so it cannot judge them",
            where=_WHERE,
            remedy=f"choose from {', '.join(sorted(_WITH_CHANCE))}, of all classes",
        )
    at_least, at_most, worse_by = (
        [value for one in thresholds if (value := getattr(one, key)) is not None]
        for key in ("at_least", "at_most", "worse_by_at_most")
    )
    return metric, MetricLimit(
        metric=name,
        higher_is_better=metric.direction == "higher",
        at_least=max(at_least, default=None),
        at_most=min(at_most, default=None),
        worse_by=min(worse_by, default=None),
    )


class LabelledMetrics:
    """Measures with the Evaluator's own code.

    Args:
        store: of labels.
        label: what is predicted.
        evaluation: what is measured.
    """

    def __init__(self, store: LabelStore, label: AnyLabel, evaluation: Evaluation) -> None:
        self._store, self._label, self._evaluation = store, label, evaluation

    def of_versions(
        self, limits: Sequence[MetricLimit], versions: Sequence[int], answered_since: float, least: int
    ) -> Measured:
        """Measures each version on the labelled answers that it gave.

        Args:
            limits: the metrics.
            versions: two.
            answered_since: seconds since the epoch; earlier answers do not count.
            least: labelled answers below which nothing is measured.
        """
        measured: dict[str, dict[int, MeasuredMetric]] = {limit.metric: {} for limit in limits}
        for version in versions:
            labels, scores = self._store.scored(version, answered_since)
            values = self._measured(limits, labels, scores) if len(labels) >= max(least, 1) else {}
            for limit in limits:
                value, chance = values.get(limit.metric, (math.nan, math.nan))
                measured[limit.metric][version] = MeasuredMetric(value, chance, len(labels))
        return measured

    def _measured(
        self, limits: Sequence[MetricLimit], labels: Sequence[int], scores: Sequence[Sequence[float]]
    ) -> dict[str, tuple[float, float]]:
        # It brings TFMA, and TensorFlow with it: only a rollout that judges such metrics pays for them.
        from millrace.components.evaluator import array_evaluation, chance

        assert isinstance(self._label, Label), "limits_of refuses several outputs"
        names = [limit.metric for limit in limits]
        evaluation = self._evaluation.model_copy(
            update={
                "metrics": tuple(one for one in self._evaluation.measured() if {one.label, one.metric} & set(names)),
                "thresholds": tuple(Threshold(metric=name, at_least=0.0) for name in names),
                "slices": (),
                "confidence_intervals": False,
            }
        )
        checks = array_evaluation.checks_of(
            self._label, evaluation, np.array(labels, np.float32), np.array(scores, np.float32)
        )
        values = {}
        for name, check in zip(names, checks, strict=True):
            if check.measured is not None:
                by_chance = chance.difference(
                    check.measured_as, check.measured.value, check.examples or 0, check.classes
                )
                values[name] = check.measured.value, math.nan if by_chance is None else by_chance
        return values
