"""Environments: what differs between development, staging and production, as files that are laid over a configuration.

Beside `conf/NAME.yaml`, `conf/environments/ENV.yaml` says what differs for every pipeline, and
`conf/environments/ENV/NAME.yaml` what differs for one. Each is a merge patch (RFC 7386): mappings are merged key by
key, anything else takes the place of what was there, a list too, and null takes a key out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean
from millrace.config.metadata_section import DatabaseServer
from millrace.config.problems import Problem, names_below
from millrace.config.yaml_text import Document, Keys

FOLDER = "environments"
KEY = "environment"
"""The configuration's key: `--env ENV` is `--set environment=ENV`."""
VARIABLE = "MILLRACE_ENV"

# The folders and files that a pipeline writes into. Two environments have each of them to themselves, whichever key
# names it there.
_FOLDERS = (
    "root",
    "registry.file",
    "metadata.file",
    "push.directory",
    "vertex.root",
    "vertex.push_directory",
    "kubeflow.root",
    "kubeflow.push_directory",
    "data.bigquery.temp_location",
    "beam.dataflow.temp_location",
    "vertex.beam.dataflow.temp_location",
    "kubeflow.beam.dataflow.temp_location",
)
# What stands in the folder of the registry's file, whatever that is called.
_BESIDE_THE_REGISTRY = ("alerts.db", "triggers.db")
# What else is written into, by names that say it together.
_NAMES: tuple[tuple[str, ...], ...] = (
    ("metadata.backend", "metadata.host", "metadata.port", "metadata.database"),
    ("push.vertex.project", "push.vertex.region", "push.vertex.endpoint"),
    ("push.vertex.request_logging.table",),
)
_DEFAULTS = {"metadata.host": DatabaseServer.model_fields["host"].default}
_BUCKET = re.compile(r"(?:/gcs/|\w+://)([^/]+)")
_THIS_MACHINE = ("localhost", "::1")


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
    # An editor keeps files of its own beside, such as .#prod.yaml.
    return sorted({one.name.removesuffix(".yaml") for one in below if not one.name.startswith(".")})


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


class _Place(NamedTuple):
    """Something that is written into.

    Args:
        key: which value names it.
        value: as it says it.
        parts: what it is: a folder's path, or names that say it together.
    """

    key: str
    value: str
    parts: tuple[str, ...]


def shared(
    values: Mapping[str, Any], file: Mapping[str, Any], others: Mapping[str, Sequence[Document]]
) -> Iterator[Problem]:
    """What a pipeline would write in two environments into one place, whether it is said or a default.

    Args:
        values: what holds in this environment, with every local path absolute.
        file: what the configuration says without an environment, its root too, with every local path absolute.
        others: the overlays of each other environment, in order, with every local path absolute.

    Yields:
        A problem for each key whose place another environment has too, or has something in, or around.
    """
    elsewhere = {other: list(_places(_laid_over(file, layers, other))) for other, layers in others.items()}
    told = set()
    for here in _places(values):
        for other, places in elsewhere.items():
            there = next((one for one in places if _overlap(here, one)), None)
            if there and here.key not in told:
                told.add(here.key)
                yield Problem(tuple(here.key.split(".")), _in_words(here, there, other))


def buckets(values: Mapping[str, Any]) -> dict[str, str]:
    """The buckets that a configuration writes into, each with the first key that names it.

    Args:
        values: plain, as they hold.
    """
    named = [(key, _at(values, key.split("."))) for key in _FOLDERS]
    found = [(key, _BUCKET.match(value)) for key, value in named if isinstance(value, str)]
    return {match[1]: key for key, match in reversed(found) if match}


def _in_words(here: _Place, there: _Place, other: str) -> str:
    """Why two places are one, as what is wrong with a key."""
    its = "" if here == there else f": its {there.key} is {there.value}"
    beside = next((f", with {name} beside it" for name in _BESIDE_THE_REGISTRY if name == here.parts[-1]), "")
    return f"is {here.value}{beside}, and the environment {other} writes there too{its}; let an overlay say another"


def _laid_over(file: Mapping[str, Any], layers: Sequence[Document], environment: str) -> dict[str, Any]:
    """What holds in another environment, as far as places go."""
    values: Any = file
    for layer in layers:
        values = _patched(values, layer.values)
    root = values.get("root")
    # A folder of this machine that the file says holds for none of them: each has one below it.
    if isinstance(root, str) and "://" not in root and not any(layer.values.get("root") for layer in layers):
        values = {**values, "root": root_of(root, environment)}
    return dict(values)


def _patched(below: Any, over: Any) -> Any:
    if not isinstance(over, Mapping):
        return over
    kept = dict(below) if isinstance(below, Mapping) else {}
    merged = {**kept, **{key: _patched(kept.get(key), value) for key, value in over.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def _places(values: Mapping[str, Any]) -> Iterator[_Place]:
    """Everything that a configuration writes into."""
    for key in _FOLDERS:
        value = _at(values, key.split("."))
        if isinstance(value, str) and value.strip():
            yield _Place(key, value.rstrip("/"), _folder(value))
            beside = _BESIDE_THE_REGISTRY if key == "registry.file" else ()
            yield from (_Place(key, value, (*_folder(value)[:-1], name)) for name in beside)
    for keys in _NAMES:
        named = [_at(values, key.split(".")) or _DEFAULTS.get(key) for key in keys]
        if all(one is not None for one in named):
            words = [_DEFAULTS["metadata.host"] if one in _THIS_MACHINE else str(one) for one in named]
            yield _Place(keys[-1], words[-1], (keys[-1], *words))


def _folder(path: str) -> tuple[str, ...]:
    """A path in parts; a bucket is the same below /gcs, where Vertex AI mounts it."""
    return tuple(re.sub(r"^/gcs/", "gs://", path).rstrip("/").split("/"))


def _overlap(one: _Place, other: _Place) -> bool:
    """Whether one is the other, or lies in it; the folder in which each environment has its own does not count.

    A root around another root, as that of a folder around the project is, has none of its files in that one.
    """
    if one.key == other.key == "root":
        return one.parts == other.parts
    outer, inner = sorted((one.parts, other.parts), key=len)
    return inner[: len(outer)] == outer and inner[len(outer) :][:1] != (FOLDER,)


def _at(values: Any, path: Sequence[Any]) -> Any:
    for part in path:
        if isinstance(values, dict):
            values = values.get(part)
        else:
            values = values[part] if isinstance(values, list) and isinstance(part, int) else None
    return values
