"""The configuration's sections `model:`, `training:` and `tuning:`: what is trained, how, and what is searched over."""

import json
from typing import Annotated, Any, ClassVar, Literal, Optional, Union

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from millrace.base.names import did_you_mean
from millrace.base.section import Section
from millrace.catalog.metric_section import NamedMetric, metric_of

DEFAULT_MODEL_FN = "models.model.build_model"
"""The function of a project that builds its model, where `code.model_fn` names no other."""

WARM_START = "warm_start"
"""The key of `training:` that is no hyperparameter: it says what a training begins with."""


class Model(Section):
    """The Keras model's shape."""

    hidden_units: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(64, 32), description="the width of each hidden layer"
    )
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        default=0.0, description="share of each hidden layer's units that a training step leaves out"
    )
    l2: float = Field(default=0.0, ge=0.0, description="weight decay of the hidden layers")
    wide: bool = Field(default=True, description="also connect the features directly to the output")
    calibrate: Literal["none", "temperature", "platt"] = Field(
        default="none",
        description="fit the probabilities to the eval split after the training: their confidence alone, or with an "
        "offset for each class, which undoes what class weights did to them",
    )
    members: int = Field(
        default=1,
        ge=1,
        le=64,
        description="networks that share the hidden layers' weights; their mean is the prediction",
    )


class Training(Section):
    """How the model is trained. Exactly one of steps and epochs."""

    alternatives: ClassVar[tuple[str, ...]] = ("steps", "epochs")

    batch_size: int = Field(default=64, ge=1, description="rows of a training step")
    learning_rate: float = Field(default=0.001, gt=0.0, description="of the Adam optimizer, at the beginning")
    steps: Optional[int] = Field(default=None, ge=1, description="batches to train on; in place of epochs")
    epochs: Optional[int] = Field(default=None, ge=1, description="passes over the train split; in place of steps")
    eval_steps: Optional[int] = Field(default=None, ge=1, description="batches of each evaluation; all when left out")
    validate_every: int = Field(default=200, ge=1, description="steps between evaluations, when steps is set")
    patience: Optional[int] = Field(
        default=3,
        ge=1,
        description="evaluations without improvement before an early stop, and a third of them before the learning rate"
        " falls to a third; null never stops early",
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none", description="balanced weighs each class by the inverse of its frequency"
    )
    mixed_precision: bool = Field(default=False, description="compute in 16 bits where the accelerator gains by it")
    seed: int = Field(default=20, ge=0, lt=2**32, description="the same seed, data and machine give the same model")
    warm_start: Literal["none", "prefer", "require"] = Field(
        default="none",
        description="start from the champion's weights; where they do not fit, prefer begins with new ones and says "
        "so, and require ends the run",
    )

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "Training":
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set exactly one of steps and epochs")
        return self


class Explanations(Section):
    """How the exported model explains what it predicts, by sampled Shapley values of the raw columns."""

    paths: Optional[int] = Field(
        default=None,
        ge=0,
        le=1000,
        multiple_of=2,
        description="orders in which columns are put in place of the baseline's: more are more exact, and each costs a "
        "prediction a column; left out 24, and fewer where the model reads more than 170 columns; 0 exports no explain "
        "signature",
    )
    seed: int = Field(default=20, ge=0, lt=2**32, description="of the orders: the same seed gives the same explanation")
    baseline: dict[str, Union[int, float, str, None]] = Field(
        default={},
        description="values of the row that is explained from, by raw column, null for missing; of columns not named "
        "the training data's median or most frequent text",
    )

    @field_validator("paths")
    @classmethod
    def _enough_to_tell_an_error(cls, value: Optional[int]) -> Optional[int]:
        if value is not None and 0 < value < 4:
            raise ValueError("at least 4 are needed to tell how exact it is; 0 exports no explain signature")
        return value


class Choice(Section):
    """A hyperparameter picked from a list."""

    values: tuple[Union[int, float, str, bool, tuple[int, ...]], ...] = Field(min_length=1, description="what to try")


class Range(Section):
    """A hyperparameter drawn between two numbers, inclusive."""

    low: float = Field(description="the least value")
    high: float = Field(description="the greatest value")
    log: bool = Field(default=False, description="draw evenly over the orders of magnitude")

    @model_validator(mode="after")
    def _ascending(self) -> "Range":
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 when log is set")
        return self


def require_hyperparameter(name: str) -> str:
    """Checks that a name is a key of `model:` or `training:`, which is what can be searched over and pinned.

    Raises:
        ValueError: it is none; with the nearest that is one.
    """
    known = [one for one in (*Model.model_fields, *Training.model_fields) if one != WARM_START]
    if name not in known:
        near = did_you_mean(name, known) or f"; known: {', '.join(known)}"
        raise ValueError(f"{name} is not a hyperparameter{near}")
    return name


def require_value(name: str, value: Any) -> None:
    """Checks that a hyperparameter can have a value, whatever the others are.

    Args:
        name: a key of `model:` or `training:`.
        value: a plain value.

    Raises:
        ValueError: it cannot; with the reason.
    """
    section = Model if name in Model.model_fields else Training
    others = {} if section is Model or name in Training.alternatives else {"steps": 1}
    try:
        # A list among KerasTuner's values is written as JSON.
        is_list = isinstance(value, str) and value.startswith("[")
        section.model_validate({**others, name: json.loads(value) if is_list else value})
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} cannot be {value!r}: no JSON") from error
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise ValueError(f"{name} cannot be {value!r}: {reason}") from error


Hyperparameter = Annotated[str, AfterValidator(require_hyperparameter)]


class Tuning(Section):
    """KerasTuner's search; off by default."""

    enabled: bool = Field(default=False, description="search before training")
    algorithm: Literal["random", "bayesian", "hyperband"] = Field(default="random", description="KerasTuner's")
    trials: int = Field(default=8, ge=1, description="models to train")
    steps: int = Field(default=300, ge=1, description="training steps of each trial")
    objective: Optional[NamedMetric] = Field(
        default=None,
        description="what the best trial is best by, on the eval split: a metric of Keras, or one of the project's by "
        "dotted path; the loss when left out",
    )
    space: dict[Hyperparameter, Union[Choice, Range]] = Field(
        default={
            "learning_rate": Range(low=1e-4, high=1e-2, log=True),
            "hidden_units": Choice(values=((32,), (64, 32), (128, 64))),
        },
        description="model.* and training.* keys, without their section, and what to try",
    )
    pinned: Optional[str] = Field(
        default=None, description="a JSON file of best hyperparameters: used by the Trainer, instead of a search"
    )

    @field_validator("objective")
    @classmethod
    def _has_a_direction(cls, objective: Optional[NamedMetric]) -> Optional[NamedMetric]:
        if objective is None:
            return None
        metric = metric_of(objective)
        if not metric.direction:
            said = f"{{metric: {metric.metric}, better: higher}}"
            raise ValueError(f"which values of {metric.metric} are better is not known; say {said}, or lower")
        if metric.class_ is not None or metric.averaging != "macro":
            raise ValueError("class and averaging are for evaluation.metrics; give Keras's class its own parameters")
        metric.require_parameters(of_keras=True)
        return metric

    @field_validator("space")
    @classmethod
    def _can_be_tried(cls, space: dict[str, Union[Choice, Range]]) -> dict[str, Union[Choice, Range]]:
        for name, tried in space.items():
            for value in tried.values if isinstance(tried, Choice) else ():
                require_value(name, value)
        return space

    @model_validator(mode="after")
    def _has_a_space(self) -> "Tuning":
        if self.enabled and not self.space:
            raise ValueError("there is nothing to search over: name a hyperparameter under space, and what to try")
        return self
