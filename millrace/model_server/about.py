"""What a model says of itself in `assets.extra/millrace.json`: what it predicts, and the raw columns that it reads.

A signature cannot say it: `predict_json` takes every number as float64, and no signature says which column may be
missing, what stands for a missing value, or how a class is called. A model without the file is served all the same.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal, Optional, Union

import tensorflow as tf

ABOUT_FILE = "assets.extra/millrace.json"
MANY = "many"
EXPLAIN, EMBED = "explain", "embed"
"""Signatures that say why a row is predicted as it is, and how the model sees it."""

ValueType = Literal["INT", "FLOAT", "BYTES"]


@dataclasses.dataclass(frozen=True)
class ModelColumn:
    """A raw column that a model reads.

    Attributes:
        name: the column's, as the data has it.
        input: the name of its tensor in the `predict_json` signature.
        type: of its values, in the schema's words.
        values: how many a row has: 1, another number for a vector, or `MANY` for a list of any length.
        required: whether the schema promises a value in every row.
        missing: the texts that stand for no value.
        image: whether the value is the bytes of an image's file.
    """

    name: str
    input: str
    type: ValueType
    values: Union[int, Literal["many"]] = 1
    required: bool = False
    missing: tuple[str, ...] = ()
    image: bool = False

    @property
    def expected(self) -> str:
        """What a row gives for it, in words."""
        if self.image:
            return 'an image as {"b64": "..."}'
        one, several = {
            "INT": ("a whole number", "whole numbers"),
            "FLOAT": ("a number", "numbers"),
            "BYTES": ("a text", "texts"),
        }[self.type]
        if self.values == 1:
            return one
        return f"a list of {several}" if self.values == MANY else f"a list of {self.values} {several}"


@dataclasses.dataclass(frozen=True)
class ModelOutput:
    """One thing that a model predicts.

    Attributes:
        name: by which the signatures' outputs are called where there are several; empty for one alone.
        label: the column that it stands for.
        task: binary, multiclass, multilabel or regression.
        classes: their names, the negative one of two first; none for a regression.
    """

    name: str
    label: str
    task: str
    classes: tuple[str, ...] = ()

    @property
    def scores(self) -> str:
        """The signatures' output that has its probabilities, or of a regression its number."""
        return self.name or ("prediction" if self.task == "regression" else "probabilities")


@dataclasses.dataclass(frozen=True)
class ModelExplanations:
    """How a model's `explain` signature explains.

    Attributes:
        baseline: the row that is explained from, by column; None where it has no value.
        orders: of the columns that are looked at.
        exact: whether these are all orders there are.
    """

    baseline: Mapping[str, Union[int, float, str, None]]
    orders: int
    exact: bool


@dataclasses.dataclass(frozen=True)
class About:
    """What a model says of itself.

    Attributes:
        outputs: what it predicts.
        columns: what it reads; none where an older library wrote the model.
        unread: the other columns that the schema knows, the labels too.
        explanations: how it explains itself; None where it has no such signature.
    """

    outputs: tuple[ModelOutput, ...]
    columns: tuple[ModelColumn, ...] = ()
    unread: tuple[str, ...] = ()
    explanations: Optional[ModelExplanations] = None

    def to_json(self) -> dict[str, Any]:
        """As the file has it; `inputs` is what earlier versions read."""
        each = {one.name: {"label": one.label, "task": one.task, "classes": list(one.classes)} for one in self.outputs}
        return {
            **each.get("", {"outputs": each}),
            "inputs": {column.name: column.input for column in self.columns},
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "unread": list(self.unread),
            **({"explanations": dataclasses.asdict(self.explanations)} if self.explanations else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "About":
        """The reverse of `to_json`; keys that are not known are passed over.

        Raises:
            KeyError, TypeError: these are no such values.
        """
        outputs = {"": values} if "label" in values else values["outputs"]
        known = [field.name for field in dataclasses.fields(ModelColumn)]
        columns = [{name: one[name] for name in known if name in one} for one in values.get("columns", ())]
        return cls(
            tuple(
                ModelOutput(name, one["label"], one["task"], tuple(map(str, one.get("classes", ()))))
                for name, one in outputs.items()
            ),
            tuple(ModelColumn(**{**one, "missing": tuple(one.get("missing", ()))}) for one in columns),
            tuple(values.get("unread", ())),
            ModelExplanations(**values["explanations"]) if values.get("explanations") else None,
        )


def read_about(model_path: str) -> Optional[About]:
    """Reads what a model says of itself.

    Args:
        model_path: the SavedModel, a path or a URI that TensorFlow knows.

    Returns:
        None where it says nothing, or nothing of this form.
    """
    place = f"{model_path}/{ABOUT_FILE}"
    if not tf.io.gfile.exists(place):
        return None
    try:
        with tf.io.gfile.GFile(place) as file:
            return About.from_json(json.loads(file.read()))
    except (ValueError, KeyError, TypeError, tf.errors.OpError):
        return None
