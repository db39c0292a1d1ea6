"""The values of a configuration one by one, each with the place that says it, and how two configurations differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from millrace.config.config import Config


@dataclass(frozen=True)
class Setting:
    """One value of a configuration.

    Args:
        key: dotted, such as `vertex.project`; a list is one value.
        value: plain, as it holds.
        place: `FILE:LINE:COLUMN`, or the option that says it; empty for a default.
    """

    key: str
    value: Any
    place: str


@dataclass(frozen=True)
class Difference:
    """A key that does not say the same in two configurations.

    Args:
        key: dotted.
        before: what the first says; None where it has no such key.
        after: what the second says.
    """

    key: str
    before: Optional[Setting]
    after: Optional[Setting]


def settings(config: Config) -> list[Setting]:
    """Every value of a configuration, in the order of its sections.

    Args:
        config: as `load` read it.
    """
    plain = config.model_dump(mode="json", by_alias=True)
    return [Setting(key, value, config.places.get(key, "")) for key, value in _leaves(plain, "")]


def differences(before: Config, after: Config) -> list[Difference]:
    """What two configurations do not say alike, in the order of the sections.

    Args:
        before: the first.
        after: the second.
    """
    first, second = ({one.key: one for one in settings(config)} for config in (before, after))
    pairs = [Difference(key, first.get(key), second.get(key)) for key in dict.fromkeys([*first, *second])]
    return [one for one in pairs if one.before is None or one.after is None or one.before.value != one.after.value]


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        yield key, node
        return
    for name, below in node.items():
        yield from _leaves(below, f"{key}.{name}".lstrip("."))
