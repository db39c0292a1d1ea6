"""A metric as the configuration names it: a class, its parameters, and a name to call it by."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Optional, Union

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from millrace.base.names import did_you_mean
from millrace.base.plain_values import require_plain
from millrace.base.section import Section
from millrace.catalog.metric_names import better_values, parameters_of, unfit_value

CLASS = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"


class OfOutput(Section):
    """Which of several outputs is meant, and which of an output's classes."""

    output: Optional[str] = Field(
        default=None, description="one of the label's several outputs; left out: each that the metric fits"
    )
    class_: Optional[Union[int, str]] = Field(
        default=None, alias="class", description="one of the classes, against the rest; left out: all, averaged"
    )

    @model_serializer(mode="wrap")
    def _as_it_is_written(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """By the keys of the configuration, and without those that say nothing, in no stage's parameters."""
        values = {"class" if key == "class_" else key: value for key, value in plain(self).items()}
        silent = {"output": None, "class": None, "averaging": "macro"}
        return {key: value for key, value in values.items() if key not in silent or value != silent[key]}


class Metric(OfOutput):
    """A metric with parameters: every key besides these goes to its class, as in `{metric: RecallAtPrecision,
    precision: 0.9}`.
    """

    model_config = ConfigDict(extra="allow")

    metric: str = Field(
        pattern=CLASS, description="a class of TFMA or Keras, such as AUC, or one of the project's by its dotted path"
    )
    name: Optional[str] = Field(
        default=None,
        pattern=r"^[A-Za-z]\w*$",
        description="what thresholds and reports call it; the class's name when left out",
    )
    better: Optional[Literal["higher", "lower"]] = Field(
        default=None, description="which values are better, to be said of a metric of which it is not known"
    )

    averaging: Literal["macro", "micro"] = Field(
        default="macro",
        description="how a metric of several classes is averaged: macro is the mean of each class's own, micro is over "
        "all their answers together",
    )

    @property
    def class_name(self) -> str:
        """The name of its class, without the module."""
        return self.metric.rpartition(".")[2]

    @property
    def module(self) -> str:
        """The module of a metric of one's own; empty for one of TFMA and Keras."""
        return self.metric.rpartition(".")[0]

    @property
    def label(self) -> str:
        """What it is called in thresholds and reports."""
        return self.name or self.class_name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What its class is given."""
        return dict(self.model_extra or {})

    @property
    def direction(self) -> Literal["higher", "lower", ""]:
        """Which values are better, as it is said or known; empty for neither."""
        return self.better or ("" if self.module else better_values(self.class_name))

    def require_parameters(self, of_keras: bool = False) -> None:
        """Checks that the class of TFMA or Keras takes the parameters; of a class of one's own nothing is known here.

        Args:
            of_keras: whether Keras's class is meant where both have one.

        Raises:
            ValueError: it does not take one, with the nearest it takes, or not this value, or it needs another.
        """
        known = None if self.module else parameters_of(self.class_name, of_keras)
        if known is None:
            return
        for given, value in self.parameters.items():
            if given not in known:
                near = did_you_mean(given, known) or f"; it takes: {', '.join(known) or 'none'}"
                raise ValueError(f"{self.class_name} has no parameter {given}{near}")
            expected = unfit_value(given, value) if value is not None or known[given] else ""
            if expected:
                raise ValueError(f"{given} of {self.label} should be {expected}, not {value!r}")
        absent = [name for name, needed in known.items() if needed and name not in self.parameters]
        if absent:
            raise ValueError(
                f"{self.class_name} needs {', '.join(absent)}, as in {{metric: {self.metric}, {absent[0]}: ...}}"
            )

    @field_validator("*", mode="after")
    @classmethod
    def _is_plain(cls, value: Any) -> Any:
        require_plain(value)
        return value


NamedMetric = Union[str, Metric]


def metric_of(named: NamedMetric) -> Metric:
    """A metric that may be written as its class alone."""
    return named if isinstance(named, Metric) else Metric(metric=named)


def require_told_apart(metrics: Iterable[Metric]) -> None:
    """Checks that metrics have names of their own.

    Raises:
        ValueError: two have the same name; with what to do.
    """
    seen: dict[tuple[Any, ...], Metric] = {}
    for metric in metrics:
        other = seen.setdefault((metric.label, metric.output, metric.class_), metric)
        if other != metric:
            raise ValueError(
                f"two metrics are called {metric.label}; give one a name, as in {{metric: {metric.metric}, name: ...}}"
            )
