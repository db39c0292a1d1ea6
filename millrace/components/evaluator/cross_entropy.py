"""TFMA's BinaryCrossEntropy, finite where a probability is exactly 0 or 1.

TFMA takes the logarithm of both sides of every answer: a right answer of exactly 1 gives 0 times minus infinity, which
is NaN for the whole data set, and a wrong one infinity. Here such a probability is moved by Keras's epsilon, as the
exported signatures and Keras's own losses do; every other number is TFMA's. Beam's bundles are added up, where TFMA's
combiner (0.47, 0.52) adds the first one twice, so that Beam and this process agree. To import this module is to put it
in TFMA's registry under TFMA's name, by which an EvalConfig finds it.
"""

from collections.abc import Iterable
from typing import Any, Optional

import numpy as np
from tensorflow_model_analysis.metrics import cross_entropy_metrics, metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

# Keras's epsilon.
_NEARLY_ZERO = 1e-7


def inside(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities, with those that are exactly 0 or 1 moved inside of the interval."""
    moved = np.where(probabilities == 1.0, 1.0 - _NEARLY_ZERO, probabilities)
    return np.where(probabilities == 0.0, _NEARLY_ZERO, moved).astype(probabilities.dtype)


class FiniteBinaryCrossEntropyCombiner(cross_entropy_metrics._BinaryCrossEntropyCombiner):
    """TFMA's combiner on probabilities inside of the interval."""

    def _cross_entropy(self, label: Any, prediction: Any) -> Any:
        if not self._from_logits:
            prediction = inside(np.asarray(prediction))
        return super()._cross_entropy(label, prediction)

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        """Adds up what was computed in parts."""
        total = self.create_accumulator()
        for part in accumulators:
            total.merge(part)
        return total


class BinaryCrossEntropy(metric_types.Metric):
    """Stands for TFMA's metric of that name.

    Args:
        name: of the metric, in what is measured.
        from_logits: whether predictions are logits and not probabilities.
        label_smoothing: as TFMA's.
    """

    def __init__(
        self,
        name: str = cross_entropy_metrics.BINARY_CROSSENTROPY_NAME,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            name=name,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


def _computations(
    name: Optional[str] = None,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    eval_config: Optional[config_pb2.EvalConfig] = None,
    model_name: Optional[str] = None,
    output_name: Optional[str] = None,
    example_weighted: bool = False,
    sub_key: Optional[metric_types.SubKey] = None,
    aggregation_type: Optional[metric_types.AggregationType] = None,
    class_weights: Optional[dict[int, float]] = None,
) -> metric_types.MetricComputations:
    """As TFMA's, which finds what it passes by these names."""
    key = metric_types.MetricKey(
        name=name,
        model_name=model_name,
        output_name=output_name,
        sub_key=sub_key,
        example_weighted=example_weighted,
    )
    combiner = FiniteBinaryCrossEntropyCombiner(
        eval_config=eval_config,
        model_name=model_name,
        output_name=output_name,
        metric_key=key,
        aggregation_type=aggregation_type,
        class_weights=class_weights,
        example_weighted=example_weighted,
        from_logits=from_logits,
        label_smoothing=label_smoothing,
    )
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


metric_types.register_metric(BinaryCrossEntropy)
