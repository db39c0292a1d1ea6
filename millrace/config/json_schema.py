"""The JSON schemas of `conf/NAME.yaml` and of its overlays, for editors, completion and the reference of the keys."""

import json
from collections.abc import Iterator
from typing import Any

from millrace.config import environments
from millrace.config.config import Config

# In a project's `conf/`, beside the files that name it in their first line.
FILE_NAME = "millrace.schema.json"
LINE = f"# yaml-language-server: $schema={FILE_NAME}"
"""The first line of a configuration: editors with a YAML language server check and complete by it, offline."""
OVERLAY_FILE_NAME = "millrace.overlay.schema.json"
"""Of `conf/environments/ENV.yaml`, whose first line names it as `../millrace.overlay.schema.json`."""

_OF_THE_WHOLE = frozenset({"required", "discriminator", "minProperties", "default"})


def json_schema() -> dict[str, Any]:
    """The schema as plain values, made from the sections' classes; what only a validator knows is not in it."""
    schema = _without_titles(Config.model_json_schema(by_alias=True))
    for kinds in _tagged(schema):
        # pydantic takes the tag's default for a value of it, and yet refuses a section without the tag.
        for section in kinds["mapping"].values():
            required = schema["$defs"][section.rpartition("/")[2]].setdefault("required", [])
            required += [] if kinds["propertyName"] in required else [kinds["propertyName"]]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A pipeline's configuration"}
    return {**head, **schema}


def overlay_schema() -> dict[str, Any]:
    """The schema of an overlay, which says any part of a configuration: no key must be there, and null takes one out.

    A list takes the place of another one as a whole, so that its entries are those of a configuration.
    """
    whole = json_schema()
    definitions = whole.pop("$defs")
    parts = {_part_name(name): _part(section) for name, section in definitions.items()}
    root = {**_part(whole), "$schema": whole["$schema"], "title": "What differs in one environment"}
    root["properties"].pop(environments.KEY)
    every, used, waiting = {**definitions, **parts}, {}, [root]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in used:
                used[name] = every[name]
                waiting.append(every[name])
    return {**root, "$defs": used}


def text() -> str:
    """The schema of a configuration as the text of its file, the same on both stacks."""
    return _text(json_schema())


def overlay_text() -> str:
    """The schema of an overlay as the text of its file, the same on both stacks."""
    return _text(overlay_schema())


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _part_name(section: str) -> str:
    return f"{section}-part"


def _part(schema: Any) -> Any:
    """A schema of which any part may be said, and null in place of any key's value."""
    if isinstance(schema, list):
        return [_part(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    part: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref":
            part[key] = _part_name(value)
        elif key == "properties":
            part[key] = {name: _or_null(_part(below)) for name, below in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            part[key] = _or_null(_part(value))
        elif key in ("items", "prefixItems", "enum", "const"):
            part[key] = value
        elif key == "oneOf":
            # Of sections without the key that tells one from another, several may fit.
            part["anyOf"] = _part(value)
        elif key not in _OF_THE_WHOLE:
            part[key] = _part(value)
    return part


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    described = {"description": schema.pop("description")} if "description" in schema else {}
    return {**described, "anyOf": [schema, {"type": "null"}]}


def _references(schema: Any) -> Iterator[str]:
    """The names of the sections that a schema names."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        schema = list(schema.values())
    for below in schema if isinstance(schema, list) else []:
        yield from _references(below)


def _tagged(schema: Any) -> Iterator[dict[str, Any]]:
    """The places where a key says which of several sections is meant."""
    if isinstance(schema, dict) and "discriminator" in schema:
        yield schema["discriminator"]
    for below in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []:
        yield from _tagged(below)


def _without_titles(schema: Any) -> Any:
    """Takes out the titles that pydantic makes of the keys' names, and leaves a property that is called so."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _without_titles(below) for name, below in value.items()}
        if key in ("properties", "$defs")
        else _without_titles(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }
