"""Plain values: what is the same once it has been JSON, as what reaches another process or a container must be."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any


def require_plain(value: Any, place: str = "") -> None:
    """Checks that a value survives JSON unchanged.

    Args:
        value: a number, a text, true, false, null, or lists and mappings of these.
        place: the keys that lead to it, for the message.

    Raises:
        ValueError: something in it is none of these, or a mapping has a key that is no text.
    """
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return
    if isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            require_plain(entry, f"{place}.{index}" if place else str(index))
    elif isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str):
                raise ValueError(
                    f"the key {key!r}{f' of {place}' if place else ''} is a {type(key).__name__}; put it in quotes"
                )
            require_plain(entry, f"{place}.{key}" if place else key)
    elif isinstance(value, float):
        raise ValueError(f"{place or value} is {value}, which JSON does not have; leave it out, or write it as text")
    else:
        raise ValueError(
            f"{place or repr(value)} is a {type(value).__name__}; plain values are numbers, texts in quotes, true, "
            "false, null, and lists and mappings of these"
        )


def plain(value: Any) -> Any:
    """A value as JSON has it; a number that JSON lacks, such as NaN, is a text.

    Args:
        value: dataclasses, lists, mappings and plain values.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def differences(before: Any, after: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The values that differ between two plain values, by dotted key.

    Args:
        before: a plain value.
        after: a plain value.
        key: of both, within what holds them.

    Yields:
        Key, value before and value after, None where there is none; where one side lacks a whole mapping, that mapping.
        Lists are compared entry by entry when they are equally long, and lists of mappings also when they are not.
    """
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from differences(before.get(name), after.get(name), f"{key}.{name}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and _have_places(before, after):
        for index, pair in enumerate(zip_longest(before, after)):
            yield from differences(*pair, f"{key}.{index}")
    else:
        yield key, before, after


def _have_places(before: list[Any], after: list[Any]) -> bool:
    """Whether an entry is told by its place: a list of numbers or texts that grew is another list as a whole."""
    entries = [*before, *after]
    return len(before) == len(after) or (
        bool(before and after) and all(isinstance(entry, Mapping) for entry in entries)
    )


def in_a_line(value: Any) -> str:
    """A plain value as a person reads it in a line: JSON, but what holds a mapping as YAML, without what is not set.

    Args:
        value: as JSON has it.
    """
    holds_mapping = isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value)
    )
    return _text(value) if holds_mapping else json.dumps(value, ensure_ascii=False)


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """A configuration as a person compares it: one text for each of its values, by dotted key.

    Args:
        values: as JSON has them.
        above: the keys that lead to them, with a dot at their end.

    Returns:
        Numbers, texts and lists of these as YAML has them in one line; the entries of a list of mappings by their
        place, as `--set` names them.
    """
    result: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
            value = {str(place): entry for place, entry in enumerate(value)}
        if isinstance(value, Mapping) and value:
            result.update(flat(value, f"{above}{key}."))
        else:
            result[f"{above}{key}"] = _text(value)
    return result


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        parts = [f"{key}: {_text(entry)}" for key, entry in value.items() if entry not in (None, {}, [])]
        return f"{{{', '.join(parts)}}}"
    return str(value)
