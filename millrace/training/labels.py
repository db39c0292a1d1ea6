"""What the training labels are like: counted or averaged once, before the model is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNKNOWN_CLASS = -1
"""The class id of a row whose label is missing or not among the classes. Training gives such a row no weight."""


@dataclass(frozen=True)
class LabelStatistics:
    """Statistics of the training labels.

    Attributes:
        rows: rows whose label is known, as far as was read.
        mean: the mean of a regression label, in its own unit; 0 for a classification.
        deviation: its standard deviation, in its own unit, never 0; 1 for a classification.
        class_counts: rows of each class id; empty for a regression.
        outputs: of several outputs each one's own, by name; then nothing else here says anything.
    """

    rows: int
    mean: float = 0.0
    deviation: float = 1.0
    class_counts: tuple[int, ...] = ()
    outputs: Mapping[str, "LabelStatistics"] = field(default_factory=dict)

    def of(self, output: str) -> "LabelStatistics":
        """Those of an output, by its name in `by_output`."""
        return self.outputs.get(output, self)

    def balanced_weights(self) -> tuple[float, ...]:
        """A weight per class id, so that each class that occurs weighs the same in total; the mean weight is 1."""
        occurring = sum(count > 0 for count in self.class_counts)
        return tuple(self.rows / (occurring * count) if count else 0.0 for count in self.class_counts)
