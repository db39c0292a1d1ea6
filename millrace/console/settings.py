"""A configuration as a person compares it: one line of text for each of its values."""

from collections.abc import Mapping
from typing import Any


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """A configuration as one text for each of its values, by dotted key.

    Args:
        values: as JSON has them.
        above: the keys that lead to them, with a dot at their end.

    Returns:
        Numbers and texts as they are, lists and mappings as YAML has them in one line, without what is not set.
    """
    result: dict[str, str] = {}
    for key, value in values.items():
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
