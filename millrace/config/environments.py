"""Environments: what differs between development, staging and production, as files that are laid over a configuration.

Beside `conf/NAME.yaml`, `conf/environments/ENV.yaml` says what differs for every pipeline, and
`conf/environments/ENV/NAME.yaml` what differs for one. Each is a merge patch (RFC 7386): mappings are merged key by
key, anything else takes the place of what was there, a list too, and null takes a key out.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean
from millrace.config.problems import Problem, names_below
from millrace.config.yaml_text import Document, Keys

FOLDER = "environments"
KEY = "environment"
"""The configuration's key: `--env ENV` is `--set environment=ENV`."""
VARIABLE = "MILLRACE_ENV"

# What a pipeline writes into. Two environments have each of these to themselves; of a group all keys together.
_WRITTEN: tuple[tuple[str, ...], ...] = (
    ("root",),
    ("registry.file",),
    ("metadata.file",),
    ("metadata.host", "metadata.port", "metadata.database"),
    ("push.directory",),
    ("push.vertex.project", "push.vertex.region", "push.vertex.endpoint"),
    ("vertex.root",),
    ("vertex.push_directory",),
    ("kubeflow.root",),
    ("kubeflow.push_directory",),
)


def option(environment: str) -> str:
    """The override that `--env` stands for."""
    return f"{KEY}={environment}"


def of_overrides(overrides: Sequence[str]) -> str:
    """The environment that `--env` or `--set` names; empty for none."""
    named = [value.strip() for key, _, value in (one.partition("=") for one in overrides) if key.strip() == KEY]
    return named[-1] if named else ""


def as_options(overrides: Sequence[str]) -> list[tuple[str, str]]:
    """The options that say overrides, each with its value: `--env` for the environment, `--set` for all others."""
    environment = of_overrides(overrides)
    others = [one for one in overrides if one.partition("=")[0].strip() != KEY]
    return [("--env", environment)] * bool(environment) + [("--set", one) for one in others]


def names(file: Path) -> list[str]:
    """The environments that a configuration has, by name.

    Args:
        file: `conf/NAME.yaml`.
    """
    folder = file.parent / FOLDER
    below = [*folder.glob("*.yaml"), *(one.parent for one in folder.glob("*/*.yaml"))]
    return sorted({one.name.removesuffix(".yaml") for one in below})


def overlays(file: Path, environment: str) -> list[Path]:
    """The files that are laid over a configuration, in order.

    Args:
        file: `conf/NAME.yaml`.
        environment: one that `names` has; empty for none.

    Returns:
        The overlay for every pipeline and that for this one, as far as they are there.

    Raises:
        ConfigError: there is no such environment, or it has an overlay for a pipeline that is not there.
    """
    if not environment:
        return []
    folder, known = file.parent / FOLDER, names(file)
    if environment not in known:
        are = f"the environments are: {', '.join(known)}; " if known else ""
        raise ConfigError(
            f"there is no environment {environment}{did_you_mean(environment, known)}",
            where=str(folder),
            remedy=f"{are}name one with --env or {VARIABLE}, or write what differs in {folder / environment}.yaml",
        )
    pipelines = [one.stem for one in file.parent.glob("*.yaml")]
    for one in sorted((folder / environment).glob("*.yaml")):
        if one.stem not in pipelines:
            raise ConfigError(
                f"is laid over {file.parent / one.name}, which is not there{did_you_mean(one.stem, pipelines)}",
                where=str(one),
                remedy=f"call it as the configuration is called: {', '.join(sorted(pipelines))}",
            )
    return [
        one for one in (folder / f"{environment}.yaml", folder / environment / f"{file.stem}.yaml") if one.is_file()
    ]


def mistakes(overlay: Document) -> Iterator[Problem]:
    """What is wrong with an overlay by itself, and could not be seen any more once it is laid over a file.

    Args:
        overlay: what it says.

    Yields:
        A problem for each key without a value, each null for a key that there is not, and for the environment's own.
    """
    if KEY in overlay.values:
        yield Problem((KEY,), "an overlay is one environment's already; take the key out", of_key=True)
    for path, place in overlay.places.items():
        # What stands in a list takes the place of the file's list, and is checked with it.
        if _at(overlay.values, path) is not None or any(isinstance(part, int) for part in path):
            continue
        known = names_below(path[:-1])
        if not place.text:
            yield Problem(path, "is empty; write null to take out what the file says, or leave the key out")
        elif known and path[-1] not in known:
            yield Problem(path, f"there is no such key{did_you_mean(str(path[-1]), known)}", of_key=True)


def lay_over(document: Document, overlay: Document) -> None:
    """Lays an overlay over what was read before, in place: values, and where each is written.

    Args:
        document: what the configuration says, and the overlays before this one.
        overlay: what differs.
    """
    _merge(document, document.values, overlay, overlay.values, ())


def _merge(document: Document, below: dict[str, Any], overlay: Document, over: Mapping[str, Any], path: Keys) -> None:
    for key, value in over.items():
        at = (*path, key)
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _merge(document, below[key], overlay, value, at)
            continue
        if key in below:
            del below[key]
            document.forget(at)
        if isinstance(value, dict):
            # Merged into nothing, so that a null within takes out nothing, and leaves nothing.
            below[key] = {}
            document.keys[at], document.places[at] = overlay.keys[at], overlay.places[at]
            _merge(document, below[key], overlay, value, at)
        elif value is not None:
            below[key] = value
            for said, laid in ((overlay.keys, document.keys), (overlay.places, document.places)):
                laid.update({one: place for one, place in said.items() if one[: len(at)] == at})


def root_of(root: str, environment: str) -> str:
    """Where an environment's runs, registry and models are, where its overlay names no root: below the file's."""
    return f"{root.rstrip('/')}/{FOLDER}/{environment}"


def shared(
    values: Mapping[str, Any], file: Mapping[str, Any], others: Mapping[str, Sequence[Document]]
) -> Iterator[Problem]:
    """What a pipeline would write in two environments into one place.

    Args:
        values: what holds in this environment, with every local path absolute.
        file: what the configuration says without an environment, with every local path absolute.
        others: the overlays of each other environment, in order, with every local path absolute.

    Yields:
        A problem for each such place.
    """
    for group in _WRITTEN:
        keys = [tuple(key.split(".")) for key in group]
        here = [_trimmed(_at(values, key)) for key in keys]
        for other, layers in others.items() if here[-1] is not None else ():
            said = [layer.values for layer in layers]
            # The file's root holds for none of them: each has a folder below it.
            there = [_trimmed(_said(key, said if key == ("root",) else [file, *said])) for key in keys]
            if here == there:
                what = f"is {here[-1]}, and the environment {other} writes there too; let an overlay say another"
                yield Problem(keys[-1], what)
                break


def _said(path: Sequence[str], layers: Sequence[Mapping[str, Any]]) -> Optional[Any]:
    """What the last of several layers says of a key; None where it is taken out, or none says anything."""
    for layer in reversed(layers):
        node: Any = layer
        for depth, key in enumerate(path):
            if not isinstance(node, dict) or key not in node:
                break
            node = node[key]
            if node is None or depth == len(path) - 1:
                return node
    return None


def _at(values: Any, path: Sequence[Any]) -> Any:
    for part in path:
        if isinstance(values, dict):
            values = values.get(part)
        else:
            values = values[part] if isinstance(values, list) and isinstance(part, int) else None
    return values


def _trimmed(value: Any) -> Any:
    return value.rstrip("/") if isinstance(value, str) else value
