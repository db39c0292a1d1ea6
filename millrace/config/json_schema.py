"""The JSON schema of `conf/NAME.yaml`, for editors, for the shell's completion and for the reference of the keys."""

import json
from collections.abc import Iterator
from typing import Any

from millrace.config.config import Config

# In a project's `conf/`, beside the files that name it in their first line.
FILE_NAME = "millrace.schema.json"
LINE = f"# yaml-language-server: $schema={FILE_NAME}"
"""The first line of a configuration: editors with a YAML language server check and complete by it, offline."""


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


def text() -> str:
    """The schema as the text of the file, the same on both stacks."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


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
