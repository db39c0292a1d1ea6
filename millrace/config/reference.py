"""Every key of the configuration, from its JSON schema: for the pages, for `millrace config keys`, for the shell."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

import yaml

from millrace.base.numbers import exact
from millrace.config.json_schema import json_schema

Node = Mapping[str, Any]
ANY_NAME = "NAME"
"""Stands in a key for a name that a person chooses, such as a feature's."""


@dataclass(frozen=True)
class Key:
    """One key of a section.

    Args:
        name: as it is written in its section.
        type: what may stand there, in words.
        default: what holds when it is left out, as YAML; None where it must be there, empty where nothing holds.
        description: what it means; empty for a section, whose own description says it.
        sections: the paths of the sections that its value, or each entry of it, may be.
        kinds: where these are of several kinds, what tells each from the others, and its keys without that.
    """

    name: str
    type: str
    default: Optional[str]
    description: str
    sections: tuple[str, ...] = ()
    kinds: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class SectionReference:
    """One section.

    Args:
        path: dotted, `NAME` for a name that a person chooses and `0` for an entry of a list; empty for the whole file.
        model: the name of its class.
        variant: what tells it from others that may stand in the same place: a key that only it has, or a key with its
            value, as in `kind: text`.
        description: what its class says of it.
        keys: its keys, in the order of the class.
    """

    path: str
    model: str
    variant: str
    description: str
    keys: tuple[Key, ...]


@functools.lru_cache(maxsize=1)
def _schema() -> Node:
    return json_schema()


def sections() -> list[SectionReference]:
    """Every section, each followed by those in it."""
    return list(_walk(_schema(), "", "Config"))


def _walk(node: Node, path: str, model: str, variant: str = "") -> Iterator[SectionReference]:
    inside = {
        name: list(_sections_of(value, f"{path}.{name}".lstrip("."))) for name, value in _properties(node).items()
    }
    keys = [
        Key(
            name,
            _words(value),
            _default(node, name, value),
            value.get("description", ""),
            tuple(dict.fromkeys(place for place, *_ in inside[name])),
            _kinds(inside[name]),
        )
        for name, value in _properties(node).items()
    ]
    yield SectionReference(path, model, variant, node.get("description", ""), tuple(keys))
    for of_key in inside.values():
        for place, section, its_model, its_variant in of_key:
            yield from _walk(section, place, its_model, its_variant)


def _kinds(inside: list[tuple[str, Node, str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (variant, tuple(key for key in _properties(section) if not variant.startswith(f"{key}: ")))
        for _, section, _, variant in inside
        if variant
    )


def _sections_of(node: Node, path: str) -> Iterator[tuple[str, Node, str, str]]:
    """The sections that may stand in a place or, in a list or a mapping, at each entry of it."""
    mapping = node.get("discriminator", {}).get("mapping", {})
    referred = [option["$ref"] for option in _options(node) if "$ref" in option]
    for option in _options(node):
        if "$ref" in option:
            tags = [tag for tag, ref in mapping.items() if ref == option["$ref"]]
            variant = f"{node['discriminator']['propertyName']}: {' or '.join(tags)}" if tags else ""
            if not tags and len(referred) > 1:
                variant = _resolved(option)["required"][0]
            yield path, _resolved(option), option["$ref"].rpartition("/")[2], variant
        elif "items" in option:
            yield from _sections_of(option["items"], f"{path}.0")
        elif isinstance(option.get("additionalProperties"), dict):
            yield from _sections_of(option["additionalProperties"], f"{path}.{ANY_NAME}")


def keys_below(prefix: str, values: Any) -> dict[str, bool]:
    """The keys that can follow a dotted prefix, for who types one.

    Args:
        prefix: the keys before, such as `training` or `features.fare`; empty for the file's own.
        values: what the configuration says, as read from YAML: the names in it, and how long its lists are.

    Returns:
        Each key's name, and whether there are keys below it.
    """
    nodes: list[Node] = [_schema()]
    for part in prefix.split(".") if prefix else []:
        nodes = [below for node in nodes for below in _below(node, part, values)]
        values = _value_at(values, part)
    result: dict[str, bool] = {}
    for option in (option for node in nodes for option in _chosen(node, values)):
        names = list(_properties(option))
        if "items" in option:
            names = [str(place) for place in range(len(values))] if isinstance(values, list) else []
        elif isinstance(option.get("additionalProperties"), dict):
            names = [str(name) for name in values] if isinstance(values, dict) else []
        for name in names:
            deeper = [kind for node in _below(option, name, values) for kind in _options(node)]
            result[name] = any({"$ref", "items"} & kind.keys() or kind.get("type") == "object" for kind in deeper)
    return result


def choices(key: str, values: Any) -> list[str]:
    """The values that a key can have, where they can be listed; for who types one.

    Args:
        key: dotted.
        values: what the configuration says, as read from YAML.
    """
    nodes: list[Node] = [_schema()]
    for part in key.split("."):
        nodes = [below for node in nodes for below in _below(node, part, values)]
        values = _value_at(values, part)
    result: list[str] = []
    for option in (option for node in nodes for option in _options(node)):
        if "enum" in option or "const" in option:
            result += [str(value) for value in option.get("enum", [option.get("const")])]
        elif option.get("type") == "boolean":
            result += ["true", "false"]
    return list(dict.fromkeys(result))


def _below(node: Node, part: str, values: Any) -> list[Node]:
    below: list[Node] = []
    for option in _chosen(node, values):
        if part in _properties(option):
            below.append(_properties(option)[part])
        elif "items" in option and part.isdecimal():
            below.append(option["items"])
        elif isinstance(option.get("additionalProperties"), dict):
            below.append(option["additionalProperties"])
    return below


def _chosen(node: Node, values: Any) -> list[Node]:
    """What may stand in a place: one of several kinds only, where the configuration says which."""
    tag = node.get("discriminator", {})
    if tag and isinstance(values, dict) and values.get(tag["propertyName"]) in tag["mapping"]:
        return [_resolved({"$ref": tag["mapping"][values[tag["propertyName"]]]})]
    return [_resolved(option) for option in _options(node)]


def _value_at(values: Any, part: str) -> Any:
    if isinstance(values, dict):
        return values.get(part)
    if isinstance(values, list) and part.isdecimal() and int(part) < len(values):
        return values[int(part)]
    return None


def _properties(node: Node) -> dict[str, Node]:
    return dict(node.get("properties", {}))


def _resolved(node: Node) -> Node:
    return _schema()["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node  # type: ignore[no-any-return]


def _options(node: Node) -> list[Node]:
    """The alternatives of a place, without null."""
    options = [option for key in ("anyOf", "oneOf") for option in node.get(key, [])]
    return [option for option in options if option.get("type") != "null"] or [node]


def _default(section: Node, name: str, node: Node) -> Optional[str]:
    if name in section.get("required", []):
        return None
    default = node.get("default")
    if default is None or any("$ref" in option for option in _options(node)):
        return ""
    written: str = yaml.safe_dump(default, default_flow_style=True, width=10_000, sort_keys=False)
    return written.removesuffix("\n").removesuffix("\n...")


def _words(node: Node) -> str:
    words = dict.fromkeys(_option_words(option) for option in _options(node))
    if "number" in words:
        words.pop("whole number", None)
    return " or ".join(words)


def _option_words(node: Node) -> str:
    if "$ref" in node:
        return "section"
    if "enum" in node or "const" in node:
        return " or ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    kind = node.get("type")
    if kind == "array":
        return f"list of {_plural(_words(node['items']))}"
    if kind == "object":
        entry = node.get("additionalProperties")
        return f"mapping of names to {_plural(_words(entry))}" if isinstance(entry, dict) and entry else "mapping"
    names = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text"}
    formats = {"date": "date", "date-time": "date and time"}
    return formats.get(node.get("format", ""), names.get(str(kind), "any value")) + _limits(node)


def _limits(node: Node) -> str:
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "minLength": "of {} characters or more",
        "maxLength": "of at most {} characters",
    }
    limits = [
        "not empty" if (key, node[key]) == ("minLength", 1) else phrase.format(exact(node[key]))
        for key, phrase in words.items()
        if key in node
    ]
    return f" ({', '.join(limits)})" if limits else ""


def _plural(words: str) -> str:
    return re.sub(r"\b(section|text|number|list)\b", r"\1s", words)
