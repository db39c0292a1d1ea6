"""The configuration's section `evaluation:`: what is measured, and what a model needs to be blessed."""

from typing import Annotated, Literal, Optional, Union

from pydantic import Field, field_validator, model_validator

from millrace.base.names import did_you_mean
from millrace.base.section import Section
from millrace.catalog.metric_section import CLASS, Metric, NamedMetric, OfOutput, metric_of, require_told_apart


class Threshold(OfOutput):
    """One condition that a model must meet to be blessed.

    `at_least` and `at_most` are absolute. `worse_by_at_most` compares with the latest blessed model, in the metric's
    own unit; 0 forbids any loss, a negative number asks for an improvement. `slice` names a feature and a value; an
    empty value means each value of that feature. `output` and `class` say where the metric is measured, if that is
    more than one.
    """

    metric: str = Field(pattern=CLASS, description="a metric's name or its TFMA class, for instance AUC")
    at_least: Optional[float] = Field(default=None, description="the least value that is blessed")
    at_most: Optional[float] = Field(default=None, description="the greatest value that is blessed")
    worse_by_at_most: Optional[float] = Field(
        default=None, description="against the latest blessed model, in the metric's unit; 0 forbids any loss"
    )
    slice: dict[str, Union[int, float, str]] = Field(
        default={}, description="a feature and a value: the threshold holds there; an empty value means each value"
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> "Threshold":
        if self.at_least is None and self.at_most is None and self.worse_by_at_most is None:
            raise ValueError("set at_least, at_most or worse_by_at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"{self.metric} cannot be at least {self.at_least} and at most {self.at_most}")
        return self


class Evaluation(Section):
    """What is measured, and what a model needs to be blessed."""

    split: Optional[str] = Field(
        default=None,
        description="the split that a model is judged on; left out, test where there is one, else eval, which also "
        "picks the training's best step",
    )
    metrics: tuple[NamedMetric, ...] = Field(
        min_length=1,
        description="classes of TFMA and Keras, or of the project's by dotted path; with parameters, "
        "{metric: RecallAtPrecision, precision: 0.9}",
    )
    thresholds: tuple[Threshold, ...] = Field(
        min_length=1, description="without a threshold no model can be blessed, so at least one is needed"
    )
    slices: tuple[tuple[str, ...], ...] = Field(default=(), description="features whose values are sliced on")
    min_slice_size: int = Field(default=100, ge=1, description="examples below which a slice is shown, not judged")
    min_slice_class_size: int = Field(
        default=10,
        ge=1,
        description="examples of each class below which a slice is not judged by a metric that needs both, such as AUC",
    )
    confidence_intervals: bool = Field(
        default=False, description="TFMA's, by the jackknife; about four times the processor time"
    )
    folds: Union[Literal["auto"], Annotated[int, Field(ge=0, le=100)]] = Field(
        default="auto",
        description="trainings on parts of train and eval that give a small table's thresholds an interval; auto makes "
        "10 up to 600 rows, 0 none",
    )
    baseline_fall: Literal["block", "warn"] = Field(
        default="block",
        description="when the latest blessed model does far worse on this data than when it was blessed, so that the "
        "data means something else: whether nothing is blessed, or it is said and the thresholds decide",
    )

    def measured(self) -> tuple[Metric, ...]:
        """What is measured, each once."""
        metrics = map(metric_of, self.metrics)
        return tuple({(metric.label, metric.output, metric.class_): metric for metric in metrics}.values())

    @field_validator("folds")
    @classmethod
    def _enough_folds(cls, folds: Union[Literal["auto"], int]) -> Union[Literal["auto"], int]:
        if folds in (1, 2):
            raise ValueError(f"{folds} is too few: one fold is scored, one picks the best step, the others are learned")
        return folds

    @model_validator(mode="after")
    def _thresholds_are_measured(self) -> "Evaluation":
        measured = tuple(map(metric_of, self.metrics))
        require_told_apart(measured)
        for metric in measured:
            metric.require_parameters()
        names = {name for metric in measured for name in (metric.label, metric.metric)}
        unknown = sorted({threshold.metric for threshold in self.thresholds} - names)
        if unknown:
            near = did_you_mean(unknown[0], names)
            raise ValueError(f"a threshold names {', '.join(unknown)}, which is not among the metrics{near}")
        return self
