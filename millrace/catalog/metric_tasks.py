"""Which metrics are of which tasks, by their names, known without importing TFMA and TensorFlow with it."""

from millrace.catalog.metric_names import NEEDS_EVERY_CLASS

OF_SEVERAL_CLASSES = frozenset(
    """
    CategoricalAccuracy CategoricalCrossEntropy CategoricalCrossentropy SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy
    """.split()  # noqa: SIM905 (a table; as literals it would take a line each)
)
"""Metrics whose predictions are a probability per class, of which one is right."""
OF_TWO_CLASSES = frozenset({"BinaryCrossEntropy", "BinaryCrossentropy"})
OF_NUMBERS = frozenset(
    {"MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError"}
)
"""Errors that TFMA computes of one number a row."""

_ERRORS = OF_NUMBERS | frozenset(
    "LogCoshError MAE MAPE MSE MSLE Poisson R2Score RootMeanSquaredError SquaredPearsonCorrelation".split()  # noqa: SIM905
)
_COUNTED = frozenset(
    """
    BinaryAccuracy ConfusionMatrixAtThresholds ConfusionMatrixPlot FN FP FalseNegatives FalsePositives
    PredictedPositiveRate Prevalence TN TP TrueNegatives TruePositives
    """.split()  # noqa: SIM905 (a table, as above)
)
_OF_CLASSES = NEEDS_EVERY_CLASS | OF_TWO_CLASSES | _COUNTED
_OF_ONE_OF_SEVERAL = OF_SEVERAL_CLASSES | {"MultiClassConfusionMatrixAtThresholds", "MultiClassConfusionMatrixPlot"}


def suits(metric: str, task: str) -> bool:
    """Whether a metric that names no output is meant for one of this task: an error of numbers is a regression's.

    Args:
        metric: the name of its class, without a module.
        task: of the output.
    """
    if task == "regression":
        return metric not in _OF_CLASSES | _OF_ONE_OF_SEVERAL
    return metric not in _ERRORS and (metric not in _OF_ONE_OF_SEVERAL or task == "multiclass")
