"""The names of the metrics that TFMA can measure, known without importing it and TensorFlow with it."""

import functools
import importlib.util
import re
from pathlib import Path

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
