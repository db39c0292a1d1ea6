"""Reads a configuration: the only place where YAML, overlays, overrides and relative paths become a `Config`."""

import contextlib
import copy
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

from pydantic import ValidationError

from millrace.base import secrets
from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean_file
from millrace.config import environments, problems, yaml_text
from millrace.config import overrides as by_option
from millrace.config.config import Config
from millrace.config.problems import Problem, Sources
from millrace.training.section import Training

PACKAGE_SCHEME = "package:"
_CLOUDS = ("vertex", "kubeflow")
_PATH_KEYS = (
    ("root",),
    ("data", "path"),
    ("schema", "file"),
    ("schema", "rules"),
    ("tuning", "pinned"),
    ("push", "directory"),
    ("registry", "file"),
    ("registry", "card"),
    ("metadata", "file"),
    *((cloud, key) for cloud in _CLOUDS for key in ("root", "data_path", "push_directory")),
    ("beam", "setup_file"),
    ("vertex", "cost", "prices"),
)


def load(path: Union[str, Path], overrides: Sequence[str] = ()) -> Config:
    """Reads a pipeline's configuration.

    Args:
        path: the YAML file.
        overrides: `dotted.key=value` strings, applied in order; a value is read as YAML where it is YAML, a list's
            entry is named by its index. `training.steps` takes the place of the file's `training.epochs`, and
            the other way round. Of `environment` the overlays are laid over the file before all others.

    Returns:
        The configuration, with every local path absolute (relative ones are relative to the file that says them, those
        of overrides to `path`). What the variables hold that it names as secrets is shown by nothing in this process
        from now on.

    Raises:
        ConfigError: the file cannot be read, or holds one or more mistakes; all are listed, each with its place.
    """
    file = Path(path)
    document = _read(file)
    values = document.values
    base = file.resolve().parent
    environment = environments.of_overrides(overrides) or str(values.get(environments.KEY) or "")
    without = copy.deepcopy(values) if environment else {}
    for overlay in environments.overlays(file, environment):
        said = _read_overlay(overlay)
        environments.lay_over(document, said)
        _settle_alternatives(document, {".".join(map(str, path)) for path in said.places})
    sources = Sources(str(file), document, [by_option.apply(values, override) for override in overrides])
    _settle_alternatives(document, {override.partition("=")[0] for override in overrides})
    _settle_root(values, environment, sources)
    wrong = {problem.path: problem for problem in problems.silent_mistakes(values, sources)}
    wrong |= {problem.path: problem for problem in problems.no_names(values)}
    wrong |= {problem.path: problem for problem in _make_paths_absolute(values, base)}
    if environment:
        _settle_root(without, "", sources)
        _make_paths_absolute(without, base)
        elsewhere = _other_overlays(file, environment)
        wrong |= {problem.path: problem for problem in environments.shared(values, without, elsewhere)}
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        refused = problems.of_pydantic(error.errors(), values, sources)
        others = [problem for problem in refused if problem.path not in wrong]
        raise problems.refusal([*wrong.values(), *others], sources) from error
    if wrong:
        raise problems.refusal(list(wrong.values()), sources)
    config._file = str(path)
    config._places = sources.places()
    secrets.know(config.secret_variables())
    return config


def _read(file: Path) -> yaml_text.Document:
    try:
        document = yaml_text.read_file(file)
    except FileNotFoundError as error:
        folders = [folder for folder in (file.parent, Path("conf")) if folder.is_dir()]
        known = sorted({str(one) for folder in folders for one in folder.glob("*.y*ml")})
        raise ConfigError(
            f"there is no such file{did_you_mean_file(str(file), known)}",
            where=str(file),
            remedy=f"name a configuration with -c; here are: {', '.join(known) or 'none'}",
        ) from error
    if not isinstance(document.values, dict):
        raise ConfigError(
            "holds no keys",
            where=str(file),
            remedy="start from a copy of another configuration, or let millrace init write one",
        )
    return document


def _read_overlay(file: Path) -> yaml_text.Document:
    """What an overlay says, with every local path absolute; one that says nothing yet changes nothing."""
    document = yaml_text.read_file(file)
    if document.values is None:
        document.values = {}
    if not isinstance(document.values, dict):
        remedy = "write what differs from the configuration, by its keys"
        raise ConfigError("holds no keys", where=str(file), remedy=remedy)
    wrong = [*environments.mistakes(document), *_make_paths_absolute(document.values, file.resolve().parent)]
    if wrong:
        raise problems.refusal(wrong, Sources(str(file), document, []))
    return document


def _other_overlays(file: Path, environment: str) -> dict[str, list[yaml_text.Document]]:
    """What the overlays of the other environments say; one that cannot be read is told of where it is used."""
    others: dict[str, list[yaml_text.Document]] = {}
    for other in environments.names(file):
        with contextlib.suppress(ConfigError):
            if other != environment:
                others[other] = [_read_overlay(overlay) for overlay in environments.overlays(file, other)]
    return others


def _settle_alternatives(document: yaml_text.Document, laid_over: set[str]) -> None:
    """Takes out what is said of the training's length where what was laid over it says it the other way.

    Args:
        document: what holds, with that.
        laid_over: the keys of it, dotted.
    """
    training = document.values.get("training")
    keys = {name: f"training.{name}" for name in Training.alternatives}
    given = {name for name, key in keys.items() if key in laid_over}
    if not isinstance(training, dict) or not any(training.get(name) is not None for name in given):
        return
    for name in keys.keys() - given:
        training.pop(name, None)
        document.forget(("training", name))


def _settle_root(values: dict[str, Any], environment: str, sources: Sources) -> None:
    """Says where runs are kept, where nothing does, and keeps those of an environment apart from all others."""
    if isinstance(values.get("name"), str):
        values.setdefault("root", f"../runs/{values['name']}")
    root, is_of_the_file = values.get("root"), sources.place(("root",))[0] == sources.file
    if environment and isinstance(root, str) and root.strip() and "://" not in root and is_of_the_file:
        values["root"] = environments.root_of(root, environment)


def _make_paths_absolute(values: dict[str, Any], base: Path) -> list[Problem]:
    """Makes the configured paths absolute, in place; returns what is wrong with those that lead nowhere."""
    wrong = []
    for keys in _PATH_KEYS:
        node: Any = values
        for key in keys[:-1]:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict) and isinstance(node.get(keys[-1]), str):
            if not node[keys[-1]].strip():
                wrong.append(Problem(keys, "is empty; write a path, or leave the key out"))
                continue
            try:
                node[keys[-1]] = absolute(node[keys[-1]], base)
            except ConfigError as error:
                wrong.append(Problem(keys, f"{error.what}; {error.remedy}"))
    return wrong


def absolute(path: str, base: Path) -> str:
    """Makes a configured path absolute.

    Args:
        path: a path, a URI such as `gs://bucket/folder`, or `package:NAME/FOLDER` for a folder that an installed
            package brings.
        base: the folder that a relative path is relative to.

    Returns:
        The path, or the URI as it is.

    Raises:
        ConfigError: the package is not installed, there is no such user for `~NAME`, or no file can be called that.
    """
    if path.startswith(PACKAGE_SCHEME):
        name, _, below = path[len(PACKAGE_SCHEME) :].partition("/")
        # What has a dot, or is empty, would be asked for as a module below another.
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(f"the package {name} is not installed", where=path, remedy="make setup")
        return str(Path(next(iter(spec.submodule_search_locations))) / below)
    if "://" in path:
        return path
    try:
        return str((base / Path(path).expanduser()).resolve())
    except RuntimeError as error:
        # Path's own words for both: no home folder, and links in a circle.
        what = "there is no such user" if path.startswith("~") else str(error)
        raise ConfigError(f"{path}: {what}", where=path, remedy="write the folder out") from error
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{path[:80]!r}: {what}", where=repr(path), remedy="write another path") from error
