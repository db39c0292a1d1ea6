"""Reads a configuration file: the only place where YAML, overrides and relative paths become a `Config`."""

import importlib.util
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean, did_you_mean_file
from millrace.config.config import Config
from millrace.training.section import Training

PACKAGE_SCHEME = "package:"
_CLOUDS = ("vertex", "kubeflow")
_PATH_KEYS = (
    ("root",),
    ("data", "path"),
    ("schema", "file"),
    ("tuning", "pinned"),
    ("push", "directory"),
    ("metadata", "file"),
    *((cloud, key) for cloud in _CLOUDS for key in ("root", "data_path", "push_directory")),
    ("beam", "setup_file"),
)


def load(path: Union[str, Path], overrides: Sequence[str] = ()) -> Config:
    """Reads a pipeline's configuration.

    Args:
        path: the YAML file.
        overrides: `dotted.key=value` strings, applied in order; a value is read as YAML where it is YAML, a list's
            entry is named by its index. `training.steps` takes the place of the file's `training.epochs`, and
            the other way round.

    Returns:
        The configuration, with every local path absolute (relative ones are relative to the file).

    Raises:
        ConfigError: the file cannot be read, or holds one or more mistakes; all are listed.
    """
    file = Path(path)
    values = _read_yaml(file)
    for override in overrides:
        _apply(values, override)
    _settle_alternatives(values, {override.partition("=")[0] for override in overrides})
    try:
        config = Config.model_validate(_with_absolute_paths(values, file.resolve().parent))
    except ValidationError as error:
        problems = [_in_words(problem) for problem in error.errors()]
        raise ConfigError(
            "\n".join([f"{len(problems)} problem{'s' if len(problems) > 1 else ''}:", *(f"  - {p}" for p in problems)]),
            where=str(file),
            remedy="fix the values above, in the file or by --set KEY=VALUE",
        ) from error
    config._file = str(path)
    return config


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, which also refuses a key that is written twice: YAML itself would drop the first."""


def _unique_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, Hashable):
            raise yaml.MarkedYAMLError(problem="a key must be a plain value", problem_mark=key_node.start_mark)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"the key {key!r} is written twice", problem_mark=key_node.start_mark)
        seen[key] = True
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = _neighbours(file)
        raise ConfigError(
            f"there is no such file{did_you_mean_file(str(file), known)}",
            where=str(file),
            remedy=f"name a configuration with -c; here are: {', '.join(known) or 'none'}",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(file)) from error
    try:
        values = yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise ConfigError(f"not YAML: {error.problem}", where=place, remedy="fix that line") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not YAML: {error}", where=str(file)) from error
    except RecursionError as error:
        raise ConfigError("nested too deeply", where=str(file), remedy="write plain lists and mappings") from error
    if not isinstance(values, dict):
        raise ConfigError(
            "holds no keys",
            where=str(file),
            remedy="start from a copy of another configuration, or let millrace init write one",
        )
    return values


def _neighbours(file: Path) -> list[str]:
    folders = [folder for folder in (file.parent, Path("conf")) if folder.is_dir()]
    return sorted({str(found) for folder in folders for found in folder.glob("*.y*ml")})


def _apply(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override}: expected KEY=VALUE", remedy="for instance --set training.steps=200")
    try:
        value = yaml.load(text, Loader=_StrictLoader)
    except (yaml.YAMLError, ValueError):
        # A file pattern such as *.csv is no YAML, nor is the day 2026-02-31, and each means what it says.
        value = text
    except RecursionError as error:
        raise ConfigError(f"--set {key}: the value is nested too deeply") from error
    *parents, last = key.split(".")
    node: Any = values
    for part in parents:
        node = _child(node, part, override)
    if isinstance(node, list):
        node[_index(node, last, override)] = value
    else:
        node[last] = value


def _child(node: Any, part: str, override: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, part, override)]
    if node.get(part) is None:
        node[part] = {}
    if not isinstance(node[part], (dict, list)):
        raise ConfigError(f"--set {override}: {part} is a value, it has no keys below it")
    return node[part]


def _index(node: list[Any], part: str, override: str) -> int:
    if not part.isdecimal() or int(part) >= len(node):
        raise ConfigError(f"--set {override}: {part} is not an entry of this list", remedy=f"0 to {len(node) - 1}")
    return int(part)


def _settle_alternatives(values: dict[str, Any], by_hand: set[str]) -> None:
    """Takes out what the file says of the training's length where an override says it the other way."""
    training = values.get("training")
    keys = {name: f"training.{name}" for name in Training.alternatives}
    given = {name for name, key in keys.items() if key in by_hand}
    if not isinstance(training, dict) or not any(training[name] is not None for name in given):
        return
    for name in keys.keys() - given:
        training.pop(name, None)


def _with_absolute_paths(values: dict[str, Any], base: Path) -> dict[str, Any]:
    resolved = dict(values)
    resolved.setdefault("root", f"../runs/{values.get('name', '')}")
    for keys in _PATH_KEYS:
        node = resolved
        for key in keys[:-1]:
            if not isinstance(node.get(key), dict):
                break
            node[key] = dict(node[key])
            node = node[key]
        else:
            if isinstance(node.get(keys[-1]), str):
                node[keys[-1]] = absolute(node[keys[-1]], base)
    return resolved


def absolute(path: str, base: Path) -> str:
    """Makes a configured path absolute.

    Args:
        path: a path, a URI such as `gs://bucket/folder`, or `package:NAME/FOLDER` for a folder that an installed
            package brings.
        base: the folder that a relative path is relative to.

    Raises:
        ConfigError: the package is not installed.
    """
    if path.startswith(PACKAGE_SCHEME):
        name, _, below = path[len(PACKAGE_SCHEME) :].partition("/")
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(f"the package {name} is not installed", where=path, remedy="make setup")
        return str(Path(next(iter(spec.submodule_search_locations))) / below)
    if "://" in path:
        return path
    return str((base / Path(path).expanduser()).resolve())


def _in_words(problem: Any) -> str:
    """One problem of pydantic's, as a line: the key, what is wrong with it, what was expected."""
    location = tuple(problem["loc"])
    key = ".".join(str(part) for part in _written_keys(location)) or "features"
    if problem["type"] == "extra_forbidden":
        return f"{key}: there is no such key{_nearest(str(location[-1]), _names_beside(location))}"
    if problem["type"] == "missing":
        return f"{key}: is missing{_described(location)}"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    seen = "" if isinstance(problem["input"], (dict, list)) else f", not {problem['input']!r}"
    return f"{key}: {message}{seen}{_described(location)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    return did_you_mean(name, known) or (f"; known here: {', '.join(known)}" if known else "")


def _names_beside(location: tuple[Any, ...]) -> set[str]:
    for model in _types_at(location[:-1]):
        if isinstance(model, type) and issubclass(model, BaseModel):
            return {field.alias or name for name, field in model.model_fields.items()}
    return set()


def _described(location: tuple[Any, ...]) -> str:
    for model in _types_at(location[:-1]):
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, field in model.model_fields.items():
                if location and location[-1] in (name, field.alias) and field.description:
                    return f" ({field.description})"
    return ""


def _written_keys(location: tuple[Any, ...]) -> Iterator[Any]:
    """The location without what pydantic puts between keys: union tags, and a word for a key that is itself wrong."""
    for depth, part in enumerate(location):
        if part != "[key]" and not _is_tag(location[:depth], part):
            yield part


def _is_tag(parent: tuple[Any, ...], part: Any) -> bool:
    kinds = [kind for kind in _types_at(parent) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return len(kinds) > 1 and any(part in _tags(kind) for kind in kinds)


def _tags(model: type[BaseModel]) -> set[str]:
    discriminators = (model.model_fields.get(name) for name in ("kind", "backend"))
    literals = {value for field in discriminators if field for value in get_args(field.annotation)}
    return literals | {model.__name__}


def _types_at(location: tuple[Any, ...]) -> list[Any]:
    """The types that the configuration allows at a location; several where there is a union."""
    types: list[Any] = [Config]
    for part in location:
        tagged = [kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)]
        chosen = [kind for kind in tagged if part in _tags(kind)]
        types = chosen if len(tagged) > 1 and chosen else [below for kind in types for below in _below(kind, part)]
    return types


def _below(kind: Any, part: Any) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        found = [field.annotation for name, field in kind.model_fields.items() if part in (name, field.alias)]
        return [option for annotation in found for option in _options(annotation)]
    if get_origin(kind) is dict:
        return _options(get_args(kind)[1])
    if get_origin(kind) is tuple:
        return _options(get_args(kind)[0])
    return []


def _options(annotation: Any) -> list[Any]:
    """A type's alternatives, with `Annotated` and `Optional` taken off."""
    if hasattr(annotation, "__metadata__"):
        return _options(annotation.__origin__)
    if get_origin(annotation) is Union:
        return [option for alternative in get_args(annotation) for option in _options(alternative)]
    return [annotation]
