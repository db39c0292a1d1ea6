"""What a model would predict if a row had other values, within what the schema allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.base.numbers import rounded
from millrace.explanation.explainer import Explainer, Explanation, Row
from millrace.model_server.about import About, ModelColumn

_OPTION = "--what-if"
_MOST_NAMED = 8
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Moved:
    """How a prediction moves.

    Args:
        output: of a model with several; None for the only one.
        explained_class: whose probability it is: that which the row had before; None for a number.
        before: the row's score.
        after: with the other values.
        label_after: the class that is then the most probable; None for a number.
    """

    output: Optional[str]
    explained_class: Optional[str]
    before: float
    after: float
    label_after: Optional[str]


def changes_of(texts: Sequence[str], about: About, schema: Optional[schema_pb2.Schema]) -> dict[str, Any]:
    """Reads `COLUMN=VALUE`, an empty value for missing.

    Args:
        texts: what a person wrote.
        about: what the model reads.
        schema: whose domains the values must lie in; None where there is none.

    Returns:
        A value for each column.

    Raises:
        BadInput: it is no such text, a column is not known, or a value is none that the schema allows.
    """
    by_name = {column.name: column for column in about.columns}
    features = {feature.name: feature for feature in schema.feature} if schema else {}
    changes = {}
    for text in texts:
        name, is_there, value = text.partition("=")
        if not is_there:
            raise BadInput(f"{text!r} names no value", _OPTION, "write COLUMN=VALUE")
        column = by_name.get(name)
        if column is None:
            meant = did_you_mean(name, by_name) or f"; it reads {', '.join(by_name)}"
            raise BadInput(
                f"the model reads no column {name}{meant}", f"{_OPTION} {text}", "name a column that it reads"
            )
        changes[name] = _value(value, column, features.get(name), schema, text)
    return changes


def moved(explainer: Explainer, row: Row, why: Sequence[Explanation], changes: Mapping[str, Any]) -> tuple[Moved, ...]:
    """Predicts a row with other values.

    Args:
        explainer: the model.
        row: as it is.
        why: its explanations, one for each output.
        changes: the other values.
    """
    scores = explainer.predict([{**row, **changes}])
    found = []
    for output, one in zip(explainer.about.outputs, why, strict=True):
        after = np.asarray(scores[output.name][0])
        if not output.classes:
            found.append(Moved(one.output, None, one.prediction, float(after), None))
        elif after.ndim:
            place = output.classes.index(one.explained_class or "")
            best = output.classes[int(after.argmax())]
            found.append(Moved(one.output, one.explained_class, one.prediction, float(after[place]), best))
        else:
            best = output.classes[int(after > 0.5)]
            found.append(Moved(one.output, one.explained_class, one.prediction, float(after), best))
    return tuple(found)


def _value(
    text: str,
    column: ModelColumn,
    feature: Optional[schema_pb2.Feature],
    schema: Optional[schema_pb2.Schema],
    given: str,
) -> Any:
    where = f"{_OPTION} {given}"
    if column.values != 1 or column.image:
        raise BadInput(f"{column.name} is {column.expected}", where, "send a row with another one by --request")
    if not text:
        if column.required:
            raise BadInput(f"{column.name} cannot be missing: the schema promises it", where, f"give {column.expected}")
        return None
    value = _typed(text, column, where)
    if feature is not None and schema is not None:
        _require_allowed(value, column, feature, schema, where)
    return value


def _typed(text: str, column: ModelColumn, where: str) -> Any:
    if column.type == "BYTES":
        return text
    try:
        value = int(text) if column.type == "INT" else float(text)
        if not (value in _INT64 if isinstance(value, int) else np.isfinite(value)):
            raise ValueError(text)
        return value
    except ValueError as error:
        raise BadInput(f"{column.name} reads {column.expected}, and {text!r} is none", where) from error


def _require_allowed(
    value: Any, column: ModelColumn, feature: schema_pb2.Feature, schema: schema_pb2.Schema, where: str
) -> None:
    kind = feature.WhichOneof("domain_info")
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        low = domain.min if domain.HasField("min") else -np.inf
        high = domain.max if domain.HasField("max") else np.inf
        if not low <= value <= high:
            allowed = f"from {rounded(low)} to {rounded(high)}"
            raise BadInput(
                f"{column.name} is {allowed} by the schema, and {value} is not", where, "name a value within"
            )
    if kind in ("domain", "string_domain"):
        of_schema = {one.name: one for one in schema.string_domain}
        domain = feature.string_domain if kind == "string_domain" else of_schema.get(feature.domain)
        values = list(domain.value) if domain is not None else []
        if values and value not in values:
            named = ", ".join(values[:_MOST_NAMED]) + (" and more" if len(values) > _MOST_NAMED else "")
            meant = did_you_mean(value, values)
            raise BadInput(f"{value} is no {column.name} that the schema knows{meant}", where, f"name one of: {named}")
