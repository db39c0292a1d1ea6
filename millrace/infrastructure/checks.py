"""What Terraform or Google would refuse of deploy/terraform, found without either: arguments, references, values."""

import ast
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, get_args, get_origin

from pydantic import BaseModel

from millrace.base.names import did_you_mean
from millrace.infrastructure.modules import META, Block, Module, arguments, references
from millrace.infrastructure.settings import Settings

PROVIDER = Path(__file__).with_name("provider.json")
_ENVIRONMENT = "modules/environment"


@dataclass(frozen=True)
class DeployFinding:
    """One thing that is wrong.

    Args:
        where: file and line.
        what: one sentence.
        remedy: what to do.
    """

    where: str
    what: str
    remedy: str


def provider() -> dict[str, Any]:
    """The arguments that the provider takes, with its version and date."""
    listed: dict[str, Any] = json.loads(PROVIDER.read_text())
    return listed


def check(known: Mapping[str, Module], listed: Mapping[str, Any]) -> list[DeployFinding]:
    """Holds all modules to the provider's arguments, and each reference to what it names.

    Args:
        known: modules by their folder.
        listed: as `provider` reads it.
    """
    found: list[DeployFinding] = []
    for module in known.values():
        for block in module.blocks:
            if block.kind in ("resource", "data"):
                found += _arguments(block, listed)
            if block.kind == "module":
                found += _call(block, module, known)
        found += _references(module, known)
        found += _unused(module)
    return found


def differing(meant: Any, made: Any, at: str = "settings") -> Iterator[str]:
    """Where Terraform made something else of a value than what was written: by a type that lacks an attribute.

    Args:
        meant: as it was written.
        made: as Terraform gives it back.
        at: its name, for the words.
    """
    if isinstance(meant, dict) and isinstance(made, dict):
        for key in meant.keys() | made.keys():
            if key not in made:
                yield f"{at}.{key} is in no type of Terraform's"
            elif key not in meant:
                yield f"{at}.{key} is not written"
            else:
                yield from differing(meant[key], made[key], f"{at}.{key}")
    elif isinstance(meant, list) and isinstance(made, list) and len(meant) == len(made):
        for place, (one, other) in enumerate(zip(meant, made, strict=True)):
            yield from differing(one, other, f"{at}[{place}]")
    elif meant != made:
        yield f"{at} is {made!r} to Terraform, and {meant!r} was written"


def _arguments(block: Block, listed: Mapping[str, Any]) -> Iterator[DeployFinding]:
    kind = ("data." if block.kind == "data" else "") + block.type
    takes = listed["resources"].get(kind)
    if takes is None:
        yield DeployFinding(
            block.where,
            f"{kind} is not in the list of {listed['provider']}{did_you_mean(kind, listed['resources'])}",
            "write the list again: python library/terraform_provider.py",
        )
        return
    body = {name: values for name, values in block.body.items() if name not in META}
    yield from _body(block, kind, body, takes)


def _body(block: Block, path: str, body: Mapping[str, Any], takes: Mapping[str, Any]) -> Iterator[DeployFinding]:
    written = dict(arguments(body))
    for name, values in written.items():
        if name not in takes:
            words = f"{path} takes no {name}{did_you_mean(name, list(takes))}"
            yield DeployFinding(block.where, words, "take it out, or call it as the provider does")
        elif isinstance(takes[name], dict):
            for one in values:
                if isinstance(one, Mapping):
                    yield from _body(block, f"{path}.{name}", one, takes[name]["block"])
    for name, one in takes.items():
        required = one["required"] if isinstance(one, dict) else one
        if required and name not in written:
            yield DeployFinding(block.where, f"{path} needs {name}", "write it")


def _call(call: Block, module: Module, known: Mapping[str, Module]) -> Iterator[DeployFinding]:
    source = str(call.body.get("source", [""])[0])
    folder = posixpath.normpath(posixpath.join(module.folder, source))
    if folder not in known:
        yield DeployFinding(call.where, f"{call.address} is of {source}, where no module is", "put the folder right")
        return
    takes = {one.name: one for one in known[folder].of("variable")}
    given = {name: values for name, values in arguments(call.body) if name not in ("source", "version", *META)}
    for name in given.keys() - takes.keys():
        words = f"{call.address} takes no {name}{did_you_mean(name, list(takes))}"
        yield DeployFinding(call.where, words, f"declare it in {folder}, or take it out")
    for name, one in takes.items():
        if name not in given and "default" not in one.body:
            yield DeployFinding(call.where, f"{call.address} needs {name}", "give it")
    for name, values in given.items():
        meant = _type_of(values[0], module)
        if name in takes and meant is not None and meant != _type(takes[name].body["type"][0]):
            words = f"{call.address} is given {name} of another type than it declares"
            yield DeployFinding(call.where, words, f"write the type of {values[0][2:-1]} in {folder}")


def _type_of(value: Any, module: Module) -> Optional[Any]:
    """The type of var.settings.NAME, in the module that declares it; None for any other value."""
    named = re.fullmatch(r"\$\{var\.settings\.(\w+)\}", value) if isinstance(value, str) else None
    variables = {one.name: one for one in module.of("variable")}
    if named is None or module.folder != _ENVIRONMENT:
        return None
    attributes = _type(variables["settings"].body["type"][0])
    return attributes[1].get(named[1]) if isinstance(attributes, tuple) else None


def _type(text: str) -> Any:
    """A type's text as a value: object({'a': '${string}'}) is ("object", {"a": "string"})."""
    text = text.removeprefix("${").removesuffix("}") if text.startswith("${") else text
    name, _, inside = text.removesuffix(")").partition("(")
    if not inside:
        return name
    if name == "object":
        return name, {key: _type(one) for key, one in ast.literal_eval(inside).items()}
    return name, _type(inside)


def _references(module: Module, known: Mapping[str, Module]) -> Iterator[DeployFinding]:
    declared = {one.address for one in module.blocks}
    declared |= {f"local.{name}" for name in module.names("locals")}
    outputs = {}
    for call in module.of("module"):
        folder = posixpath.normpath(posixpath.join(module.folder, str(call.body.get("source", [""])[0])))
        outputs[call.address] = known[folder].names("output") if folder in known else []
    for block in module.blocks:
        for one in sorted(references(block.body)):
            if one.startswith("each.") and "for_each" not in block.body:
                yield DeployFinding(block.where, f"{one} is read without a for_each", "write for_each")
            name = _named(one)
            if name is None:
                continue
            if name not in declared:
                words = f"{name} is nowhere in {module.folder}{did_you_mean(name, sorted(declared))}"
                yield DeployFinding(block.where, words, "declare it, or call it as it is called")
            elif name in outputs and one != name and one.removeprefix(name + ".") not in outputs[name]:
                words = f"{one} is no output of {name}{did_you_mean(one.rpartition('.')[2], outputs[name])}"
                yield DeployFinding(block.where, words, "declare the output there")


def _unused(module: Module) -> Iterator[DeployFinding]:
    read = {_named(one) for block in module.blocks for one in references(block.body)}
    for block in module.of("variable"):
        if block.address not in read:
            yield DeployFinding(block.where, f"{block.address} is read by nothing", "take it out")
    for name in module.names("locals"):
        if f"local.{name}" not in read:
            yield DeployFinding(module.of("locals")[0].where, f"local.{name} is read by nothing", "take it out")


def _named(reference: str) -> Optional[str]:
    """What a reference names: the first two words, of data the first three; None for names of a loop or of a block."""
    words = reference.split(".")
    if words[0] == "data":
        return ".".join(words[:3])
    if words[0] in ("var", "local", "module") or (words[0].startswith("google_") and words[0].count("_") >= 1):
        return ".".join(words[:2])
    return None


def declared_otherwise(known: Mapping[str, Module]) -> Iterator[DeployFinding]:
    """Where the module environment declares other values than `millrace deploy vars` writes.

    Args:
        known: modules by their folder.
    """
    variables = known[_ENVIRONMENT].of("variable") if _ENVIRONMENT in known else []
    for block in variables:
        declared = _type(block.body["type"][0])
        for words in _apart(_written(Settings), declared, "settings"):
            yield DeployFinding(block.where, words, "millrace/infrastructure/settings.py and this type say the same")


def _written(model: type[BaseModel]) -> Any:
    """The type of what a model writes, as Terraform would declare it."""
    return "object", {name: _as_type(one.annotation) for name, one in model.model_fields.items()}


def _as_type(annotation: Any) -> Any:
    inside = get_args(annotation)
    if get_origin(annotation) is tuple:
        return "list", _as_type(inside[0])
    if get_origin(annotation) is dict:
        return "map", _as_type(inside[1])
    return {str: "string", int: "number"}.get(annotation) or _written(annotation)


def _apart(written: Any, declared: Any, at: str) -> Iterator[str]:
    if written == declared:
        return
    if isinstance(written, tuple) and isinstance(declared, tuple) and written[0] == declared[0]:
        if written[0] != "object":
            yield from _apart(written[1], declared[1], at)
            return
        for name in sorted(written[1].keys() ^ declared[1].keys()):
            words = "written, and not declared" if name in written[1] else "declared, and never written"
            yield f"{at}.{name} is {words}"
        for name in written[1].keys() & declared[1].keys():
            yield from _apart(written[1][name], declared[1][name], f"{at}.{name}")
    else:
        yield f"{at} is declared as another type than what is written"
