"""Terraform's modules, as its language's reader gives them: their blocks, and what each expression refers to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

META = ("for_each", "count", "depends_on", "provider", "lifecycle", "provisioner", "connection")
"""What a resource may have whatever its provider says."""
_REFERENCE = re.compile(
    r"(?<![\w.\]])(data\.[a-z]\w*\.[A-Za-z]\w*|[a-z]\w*\.[A-Za-z_]\w*)(?:\[[^\]]*\])?(\.[A-Za-z_]\w*)?"
)
_STRING = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Block:
    """A block: a resource, a module's call, a variable.

    Args:
        file: where it is written, below the folder that was read.
        line: of its first word.
        kind: resource, data, variable, output, module, locals, provider or terraform.
        type: of a resource; empty for others.
        name: of what it makes; empty where it has none.
        body: its arguments and blocks, each a list of values.
    """

    file: str
    line: int
    kind: str
    type: str
    name: str
    body: Mapping[str, Any]

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.line}"

    @property
    def address(self) -> str:
        """By what others refer to it."""
        names = {"variable": "var", "data": f"data.{self.type}", "resource": self.type, "module": "module"}
        return f"{names.get(self.kind, self.kind)}.{self.name}"


@dataclass(frozen=True)
class Module:
    """A folder of Terraform's files.

    Args:
        folder: below the one that was read.
        blocks: of all of its files.
    """

    folder: str
    blocks: tuple[Block, ...]

    def of(self, kind: str) -> list[Block]:
        """The blocks of a kind."""
        return [one for one in self.blocks if one.kind == kind]

    def names(self, kind: str) -> list[str]:
        """The names of the blocks of a kind; of locals, of what they define."""
        if kind == "locals":
            return [name for one in self.of(kind) for name, _ in arguments(one.body)]
        return [one.name for one in self.of(kind)]


def modules(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Module]:
    """Modules by their folder.

    Args:
        files: by name, as `read_terraform` prints them.
    """
    folders: dict[str, list[Block]] = {}
    for file, content in files.items():
        folders.setdefault(str(PurePosixPath(file).parent), []).extend(_blocks(file, content))
    return {folder: Module(folder, tuple(blocks)) for folder, blocks in folders.items()}


def arguments(body: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The arguments and blocks of a body, each with its values; a dynamic block is told by the name of what it makes.

    Args:
        body: of a block.
    """
    for name, values in body.items():
        if name.startswith("__"):
            continue
        if name == "dynamic":
            for one in values:
                for made, inside in one.items():
                    yield made, inside["content"]
        else:
            yield name, values


def references(value: Any) -> set[str]:
    """What an expression refers to: var.x, local.x, module.x.y, TYPE.NAME.ATTRIBUTE, data.TYPE.NAME.

    Args:
        value: any value of a body.
    """
    if isinstance(value, Mapping):
        return {one for name, inner in value.items() if not name.startswith("__") for one in references(inner)}
    if isinstance(value, list):
        return {one for inner in value for one in references(inner)}
    if not isinstance(value, str):
        return set()
    found = set()
    for expression in _expressions(value):
        for match in _REFERENCE.finditer(_STRING.sub(lambda one: " ".join(_expressions(one[0])), expression)):
            found.add(match[1] + (match[2] or ""))
    return found


def _expressions(text: str) -> list[str]:
    """What stands within ${...}, however deep; the text of templates around it is left out."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        if letter == "{" and (depth or text[place - 1 : place] == "$"):
            depth += 1
            start = place + 1 if depth == 1 else start
        elif letter == "}" and depth:
            depth -= 1
            if depth == 0:
                found.append(text[start:place])
    return found


def _blocks(file: str, content: Mapping[str, Any]) -> Iterator[Block]:
    for kind, written in content.items():
        for one in written:
            if kind in ("locals", "terraform"):
                yield Block(file, one.get("__start_line__", 0), kind, "", "", one)
                continue
            for label, body in one.items():
                if kind in ("resource", "data"):
                    for name, inside in body.items():
                        yield Block(file, inside.get("__start_line__", 0), kind, label, name, inside)
                elif not label.startswith("__"):
                    yield Block(file, body.get("__start_line__", 0), kind, "", label, body)
