"""The names of the metrics that TFMA can measure, known without importing it and TensorFlow with it."""

import ast
import functools
import importlib.util
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Optional

from millrace.base.errors import InputRefused
from millrace.base.names import did_you_mean

FROM_KERAS = frozenset(
    """
    Accuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy LogCoshError MAE MAPE MSE MSLE Poisson
    R2Score RootMeanSquaredError SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy
    TopKCategoricalAccuracy
    """.split()  # noqa: SIM905 (a table; as literals it would take a line each)
)
"""Keras metrics that TFMA does not have itself; it finds them by the name of their class."""

HIGHER_IS_BETTER = frozenset(
    """
    AUC AUCPrecisionRecall Accuracy BalancedAccuracy BinaryAccuracy CategoricalAccuracy CoefficientOfDiscrimination
    ExactMatch F1Score FowlkesMallowsIndex Informedness Markedness MatthewsCorrelationCoefficient NDCG NPV
    NegativePredictiveValue PPV Precision PrecisionAtRecall R2Score Recall RecallAtFalsePositiveRate RecallAtPrecision
    SensitivityAtSpecificity SparseCategoricalAccuracy SparseTopKCategoricalAccuracy Specificity
    SpecificityAtSensitivity SquaredPearsonCorrelation TN TNR TP TPR ThreatScore TopKCategoricalAccuracy TrueNegatives
    TruePositives
    """.split()  # noqa: SIM905 (a table; as literals it would take a line each)
)
LOWER_IS_BETTER = frozenset(
    """
    BinaryCrossEntropy BinaryCrossentropy CategoricalCrossEntropy CategoricalCrossentropy FN FNR FP FPR FallOut
    FalseDiscoveryRate FalseNegatives FalseOmissionRate FalsePositives LogCoshError MAE MAPE MSE MSLE
    MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError MissRate Poisson
    RootMeanSquaredError SparseCategoricalCrossentropy
    """.split()  # noqa: SIM905 (a table; as literals it would take a line each)
)

NEEDS_EVERY_CLASS = frozenset(
    """
    AUC AUCPrecisionRecall BalancedAccuracy CoefficientOfDiscrimination DiagnosticOddsRatio F1Score FNR FPR FallOut
    FalseDiscoveryRate FalseOmissionRate FowlkesMallowsIndex Informedness Markedness MatthewsCorrelationCoefficient
    MaxRecall MissRate NPV NegativeLikelihoodRatio NegativePredictiveValue PPV PositiveLikelihoodRatio Precision
    PrecisionAtRecall PrevalenceThreshold Recall RecallAtFalsePositiveRate RecallAtPrecision
    RelativeCoefficientOfDiscrimination SensitivityAtSpecificity Specificity SpecificityAtSensitivity TNR TPR
    ThreatScore ThresholdAtRecall
    """.split()  # noqa: SIM905 (a table; as literals it would take a line each)
)
"""Metrics that say nothing of rows of one class alone, and little of a handful of the other.

Recall has no value without a positive and is 0 by one that is missed; what is predicted to be positive is mostly wrong
where hardly anything is.
"""
AVERAGED_OVER_PRESENT = frozenset({"AUC", "AUCPrecisionRecall"})
"""Metrics of each class that TFMA counts as 0 for a class without an example; the gate's average leaves it out."""

_COUNTS = frozenset(
    """
    ExampleCount FN FP FalseNegatives FalsePositives TN TP TrueNegatives TruePositives
    """.split()  # noqa: SIM905 (a table, as above)
)
_AT_THE_BEST_THRESHOLD = frozenset(
    """
    MaxRecall PrecisionAtRecall PrevalenceThreshold RecallAtFalsePositiveRate RecallAtPrecision SensitivityAtSpecificity
    SpecificityAtSensitivity ThresholdAtRecall
    """.split()  # noqa: SIM905 (a table, as above)
)
_SIGNED = frozenset({"CoefficientOfDiscrimination", "Informedness", "Markedness", "MatthewsCorrelationCoefficient"})
_RATES = frozenset({"FNR", "FPR", "FallOut", "FalseDiscoveryRate", "FalseOmissionRate", "MissRate"})
# The first that has the metric counts.
_RANGES = (
    (_COUNTS, (0.0, math.inf)),
    (_SIGNED, (-1.0, 1.0)),
    (frozenset({"R2Score"}), (-math.inf, 1.0)),
    (frozenset({"Poisson"}), (-math.inf, math.inf)),
    (HIGHER_IS_BETTER | _RATES, (0.0, 1.0)),
    (LOWER_IS_BETTER, (0.0, math.inf)),
)

_WORDS = {"curve": ("ROC", "PR"), "summation_method": ("interpolation", "majoring", "minoring")}
_LEAST = {"num_thresholds": 2, "num_buckets": 1, "top_k": 1, "k": 1, "class_id": 0}
_LISTS = {"thresholds": "threshold", "recall": "precision"}  # as one value of each should be
_SHARES = frozenset({"precision", "specificity", "sensitivity", "false_positive_rate", "label_smoothing"})

# How TFMA itself makes a metric known, at the end of its class.
_REGISTERED = re.compile(r"^(?:metric_types\.)?register_metric\((\w+)\)", re.MULTILINE)


@functools.cache
def known_metrics() -> frozenset[str]:
    """The metrics that may stand in `evaluation.metrics`: TFMA's by their registration in its source, and Keras's.

    Returns:
        Names of classes; empty where TFMA is not installed.
    """
    package = importlib.util.find_spec("tensorflow_model_analysis")
    if package is None or not package.submodule_search_locations:
        return frozenset()
    sources = Path(next(iter(package.submodule_search_locations)), "metrics").glob("*.py")
    registered = {name for file in sources for name in _REGISTERED.findall(file.read_text(encoding="utf-8"))}
    return frozenset(registered | FROM_KERAS) if registered else frozenset()


@functools.cache
def parameters_of(name: str, of_keras: bool = False) -> Optional[Mapping[str, bool]]:
    """The parameters of a class of TFMA or Keras, read from its source.

    Args:
        name: of the class.
        of_keras: whether Keras's class is meant where both have one; else TFMA's.

    Returns:
        By the name of a parameter, whether it has to be given; None where its source does not tell.
    """
    for package, folder in (("tensorflow_model_analysis", "metrics"), ("keras", "src/metrics"))[of_keras:]:
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations if spec else None) or ():
            for file in sorted(Path(root, folder).glob("*.py")):
                text = file.read_text(encoding="utf-8")
                if re.search(rf"^class {re.escape(name)}\(", text, re.MULTILINE):
                    return _parameters(name, ast.parse(text))
    return None


def unfit_value(parameter: str, value: Any) -> str:
    """What a parameter of a metric should be, where a value is none that it can have.

    Args:
        parameter: its name; it means the same in every class of TFMA and Keras.
        value: as the configuration has it; `null` is what is left out.

    Returns:
        For a message, such as `a number from 0 to 1`; empty where the value will do, or where nothing is known of it.
    """
    if parameter in _WORDS:
        return "" if value in _WORDS[parameter] else " or ".join(_WORDS[parameter])
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if parameter in _LEAST:
        will_do = is_number and isinstance(value, int) and value >= _LEAST[parameter]
        return "" if will_do else f"a whole number of {_LEAST[parameter]} or more"
    if parameter in _LISTS:
        single = _LISTS[parameter]
        numbers = value if isinstance(value, (list, tuple)) else [value]
        expected = f"{unfit_value(single, None)}, or a list of these"
        return expected if not numbers or any(unfit_value(single, number) for number in numbers) else ""
    if parameter in _SHARES:
        return "" if is_number and 0 <= value <= 1 else "a number from 0 to 1"
    return "a number" if parameter == "threshold" and not is_number else ""


def _parameters(name: str, module: ast.Module) -> Optional[Mapping[str, bool]]:
    """Those of the class's constructor, or of the nearest class above it in the same file that has one."""
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    while name in classes:
        for node in classes[name].body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                if node.args.kwarg and not node.args.args[1:]:
                    return None
                given = [argument.arg for argument in (*node.args.args[1:], *node.args.kwonlyargs)]
                optional = len(node.args.defaults)
                needed = set(given[: len(node.args.args) - 1 - optional])
                return {one: one in needed for one in given if one not in ("name", "dtype")}
        bases = [base.id for base in classes[name].bases if isinstance(base, ast.Name)]
        name = bases[0] if bases else ""
    return None


def require_known(name: str, known: frozenset[str], where: str = "evaluation.metrics") -> None:
    """Checks the name of a metric.

    Args:
        name: as the configuration has it.
        known: the names that there are.
        where: where it is written.

    Raises:
        InputRefused: it is none of them; with the nearest.
    """
    if name not in known:
        raise InputRefused(
            f"{name} is not a metric of TFMA{did_you_mean(name, known)}",
            where=where,
            remedy="name the class of a metric, for instance AUC or MeanAbsoluteError",
        )


def better_values(name: str) -> Literal["higher", "lower", ""]:
    """Which values of a metric are better.

    Args:
        name: of the class, as a configuration has it, or TFMA's name of the metric (`binary_accuracy`).

    Returns:
        Empty for a metric that has no such direction, or that is not known.
    """
    if _is_among(name, HIGHER_IS_BETTER):
        return "higher"
    return "lower" if _is_among(name, LOWER_IS_BETTER) else ""


def needs_every_class(name: str) -> bool:
    """Whether a metric says nothing of rows of one class alone.

    Args:
        name: of the class, as a configuration has it, or TFMA's name of the metric.
    """
    return _is_among(name, NEEDS_EVERY_CLASS)


def is_count(name: str) -> bool:
    """Whether a metric counts examples, and so grows with their number; of a name as `needs_every_class` takes it."""
    return _is_among(name, _COUNTS)


def searches_a_threshold(name: str) -> bool:
    """Whether a metric is what the best of all thresholds scores; of a name as `needs_every_class` takes it."""
    return _is_among(name, _AT_THE_BEST_THRESHOLD)


def value_range(name: str) -> tuple[float, float]:
    """The least and the greatest value that a metric can have.

    Args:
        name: of the class, as a configuration has it, or TFMA's name of the metric.

    Returns:
        Infinite where there is no limit, or where it is not known.
    """
    for metrics, limits in _RANGES:
        if _is_among(name, metrics):
            return limits
    return -math.inf, math.inf


def _is_among(name: str, metrics: frozenset[str]) -> bool:
    return _spelled_alike(name) in _all_spelled_alike(metrics)


# Asked of each slice of each metric, thousands of times a page.
@functools.cache
def _all_spelled_alike(metrics: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_spelled_alike, metrics))


def _spelled_alike(name: str) -> str:
    return name.partition(" (")[0].replace("_", "").lower()
