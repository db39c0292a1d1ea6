"""What is a mapping, a list, text or a number in a document that comes from elsewhere, as far as it is looked into."""

import math
import re
from collections.abc import Iterator
from typing import Any

from millrace.base.errors import Signal

Shape = Any
"""A type; a list of the shape of each of its items; a mapping of shapes by key, with `*` for every other key."""

AMOUNT: Shape = "amount"
"""A number that is not negative, or text of one."""

WHOLE: Shape = "whole"
"""A whole number that is not negative, or its digits as text, as protobuf's JSON has those of 64 bits."""

# Protobuf's own reader of JSON goes no deeper (`google.protobuf.json_format`, max_recursion_depth).
DEEPEST = 100
TOO_DEEP = f"it is nested more than {DEEPEST} deep"
# A job of some thousand tasks has as many values; what has more repeats itself by YAML's anchors.
MOST_VALUES = 1_000_000

_NAMES: dict[Any, str] = {dict: "a mapping", list: "a list", str: "text"}


def misshapen(value: Any, shape: Shape, where: str = "", placeholder: str = "") -> Iterator[str]:
    """What is of another kind than it must be.

    Args:
        value: of a document.
        shape: what it must be.
        where: the value's place, keys joined by dots.
        placeholder: a text that holds it may stand for anything; empty where none does.

    Yields:
        Sentences, for instance `components.trainer is text, and a mapping is needed`.
    """
    if placeholder and isinstance(value, str) and placeholder in value:
        return
    if shape in (AMOUNT, WHOLE):
        if not (_is_amount(value) if shape == AMOUNT else is_whole(value)):
            kinds = "a number" if shape == AMOUNT else "a whole number"
            yield f"{where} is {repr(value)[:40]}, and {kinds} that is not negative is needed"
        return
    kind: Any = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind):
        given = _NAMES.get(type(value), f"{value!r}"[:40])
        yield f"{where or 'the document'} is {given}, and {_NAMES.get(kind, kind.__name__)} is needed"
    elif isinstance(shape, list):
        for place, item in enumerate(value):
            yield from misshapen(item, shape[0], f"{where}[{place}]", placeholder)
    elif isinstance(shape, dict):
        for key, below in value.items():
            if key in shape or "*" in shape:
                yield from misshapen(below, shape.get(key, shape.get("*")), f"{where}.{key}".lstrip("."), placeholder)


def _is_amount(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and 0 <= float(value) < math.inf
    except (TypeError, ValueError, OverflowError):
        return False


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number that is not negative, of 64 bits at most, or its digits.

    Args:
        value: of a document.
    """
    # A number of protobuf's Struct is a float.
    digits = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return not isinstance(value, bool) and re.fullmatch(r"[0-9]{1,19}", digits) is not None


def with_field_names(value: Any) -> Any:
    """A plain value with its keys as protobuf calls fields: its JSON takes `machineSpec` and `machine_spec` alike.

    Args:
        value: of a document.
    """
    if isinstance(value, dict):
        return {
            re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower(): with_field_names(one) for key, one in value.items()
        }
    return [with_field_names(one) for one in value] if isinstance(value, list) else value


class NoDocument(Signal):
    """A value that no reader of protobuf's messages would take; the message says why, without a full stop."""


def without_nulls(document: Any) -> Any:
    """A document without the keys that have no value: for protobuf they are not there.

    Args:
        document: of plain values, as JSON or YAML has them.

    Raises:
        NoDocument: it is nested too deeply, has more values than any document, or a key that is no text.
    """
    left = MOST_VALUES

    def copied(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if depth > DEEPEST:
            raise NoDocument(TOO_DEEP)
        if left < 0:
            raise NoDocument(f"it has more than {MOST_VALUES:,} values, and repeats itself by anchors if it is short")
        if isinstance(value, list):
            return [copied(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        for key in value:
            if not isinstance(key, str):
                raise NoDocument(f"the key {key!r} is no text, and needs quotes")
        return {key: copied(below, depth + 1) for key, below in value.items() if below is not None}

    return copied(document, 0)
