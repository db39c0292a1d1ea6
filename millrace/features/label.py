"""The label: what is predicted, of one column or of several.

Everything that depends on it goes through `by_output`: one output alone is called "", and has the names in the exported
model and in TFMA's configuration that a model of one output has there.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, Optional, Union

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    field_validator,
    model_serializer,
    model_validator,
)

from millrace.base.section import Section
from millrace.features.keys import transformed_key

Task = Literal["binary", "multiclass", "multilabel", "regression"]
ClassValue = Union[int, str]
_OUTPUT_NAME = re.compile("[A-Za-z][A-Za-z0-9_]{0,39}")


class Output(Section):
    """What is learned of one column."""

    column: str = Field(min_length=1, description="the column that is predicted")
    task: Task = Field(
        description="binary and multiclass predict a class, multilabel any number of classes, regression a number"
    )
    classes: tuple[ClassValue, ...] = Field(
        default=(), description="the values of the column, a binary label's negative one first; left out: 0 and 1"
    )
    separator: Optional[str] = Field(
        default=None,
        min_length=1,
        description="what stands between the classes in a text of a multilabel column, such as |; left out: a list",
    )

    @property
    def has_class_scores(self) -> bool:
        """Whether there is a probability for each class, so that a metric is of one of them, or averaged."""
        return self.task in ("multiclass", "multilabel")

    @property
    def prediction_name(self) -> str:
        """What the exported model of this output alone calls its predictions."""
        return "prediction" if self.task == "regression" else "probabilities"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes as the exported model and Transform name them."""
        return tuple(str(value).strip() for value in self.classes)

    @model_validator(mode="before")
    @classmethod
    def _default_binary_classes(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("task") == "binary" and values.get("classes") in (None, [], ()):
            return {**values, "classes": (0, 1)}
        return values

    @model_validator(mode="after")
    def _classes_fit_task(self) -> "Output":
        names = [str(value) for value in self.classes]
        if len(set(names)) != len(names):
            raise ValueError("classes must differ from each other")
        if self.task == "binary" and len(names) != 2:
            raise ValueError("a binary label has exactly two classes")
        if self.has_class_scores and len(names) < 2:
            raise ValueError(f"a {self.task} label needs its classes listed, two or more")
        if self.task == "regression" and names:
            raise ValueError("a regression label has no classes")
        if self.separator and self.task != "multilabel":
            raise ValueError(
                f"a separator cuts a text into the classes of a multilabel label, and this one is {self.task}"
            )
        inside = [name for name in names if self.separator and self.separator in name]
        if inside:
            raise ValueError(f"the class {inside[0]} has the separator in it, which would cut it")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A label without a separator says nothing of one, in no stage's parameters."""
        return {key: value for key, value in plain(self).items() if key != "separator" or value is not None}


_WEIGHT = Field(
    default=None,
    min_length=1,
    description="a column of numbers, 0 or more in every row: how much the row counts in the loss and in every "
    "metric; each row counts 1 when it is left out",
)


class Label(Output):
    """What is predicted: the column, the task, and for a classification its classes in order of their ids.

    A binary label's first class is the negative one. `classes` may be left out for a binary label of 0 and 1. A
    multilabel column has any number of the classes in a row: a list, or a text that `separator` cuts. A row without a
    value has none of them, and values that are no class are passed over.
    """

    weight: Optional[str] = _WEIGHT

    def by_output(self) -> Mapping[str, Output]:
        """The one output, called ""."""
        return {"": self}

    def columns(self) -> tuple[str, ...]:
        """The raw columns that training and judging read and a request does not send: the label's, and its weight's."""
        return (self.column, self.weight) if self.weight else (self.column,)

    @model_validator(mode="after")
    def _is_not_its_own_weight(self) -> "Label":
        if self.weight == self.column:
            raise ValueError(f"{self.column} is the label; it cannot be the weight too")
        return self


class NamedOutput(Output):
    """One of several outputs: what a label of one column is, with a part in the sum of the losses."""

    loss_weight: float = Field(
        default=1.0, gt=0.0, description="how much this output's loss counts in the sum that is learned from"
    )


class Labels(Section):
    """What is predicted, of several columns at once: one network with an output for each, of whatever tasks."""

    outputs: dict[str, NamedOutput] = Field(
        min_length=2,
        description="each output by a name, under which the exported model answers and evaluation.metrics speaks of it",
    )
    weight: Optional[str] = _WEIGHT

    def by_output(self) -> Mapping[str, Output]:
        """The outputs by name, in the configuration's order."""
        return self.outputs

    def columns(self) -> tuple[str, ...]:
        """The raw columns that training and judging read and a request does not send."""
        columns = tuple(output.column for output in self.outputs.values())
        return (*columns, self.weight) if self.weight else columns

    @field_validator("outputs")
    @classmethod
    def _answers_are_told_apart(cls, value: dict[str, NamedOutput]) -> dict[str, NamedOutput]:
        for name in value:
            if not _OUTPUT_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of an output: a letter, then up to 39 letters, digits and _")
            ends = [end for end in ("_classes", "_label", "_labels") if name.endswith(end)]
            if ends and name.removesuffix(ends[0]) in value:
                raise ValueError(
                    f"{name} is what the exported model calls the {ends[0][1:]} of {name.removesuffix(ends[0])}; "
                    "give it another name"
                )
        return value

    @model_validator(mode="after")
    def _each_has_a_column(self) -> "Labels":
        learned: dict[str, str] = {}
        for name, output in self.outputs.items():
            other = learned.setdefault(output.column, name)
            if other != name:
                raise ValueError(f"{other} and {name} both predict {output.column}; there are more outputs than labels")
        if self.weight in learned:
            raise ValueError(f"{self.weight} is a label; it cannot be the weight too")
        return self


AnyLabel = Union[Label, Labels]


def read_label(json: str) -> AnyLabel:
    """Reads what `model_dump_json` of a label wrote."""
    return _ANY_LABEL.validate_json(json)


def label_keys(label: AnyLabel) -> dict[str, str]:
    """What Transform calls the label of each output, by the output's name."""
    return {name: transformed_key(output.column) for name, output in label.by_output().items()}


def prediction_key(name: str, output: Output) -> str:
    """Under which the exported model gives an output's predictions.

    Args:
        name: the output's, as `by_output` has it.
        output: its description.
    """
    return name or output.prediction_name


_ANY_LABEL: TypeAdapter[AnyLabel] = TypeAdapter(AnyLabel)
