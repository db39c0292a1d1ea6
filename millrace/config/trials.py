"""Trials: a run with `--set` of what is learned or judged does not replace the model that is served."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

from millrace.config.config import Config
from millrace.config.loading import load

# Where it runs, what it is called, who is told, where models go, what there is to look at. Every other section decides
# the model.
LEAVES_THE_MODEL = frozenset(
    {"alerts", "archive", "beam", "deploy", "environment", "explanations", "kubeflow", "metadata", "monitoring", "name"}
    | {"notify", "promotion", "push", "registry", "rollout", "root", "statistics", "triggers", "vertex"}
)  # fmt: skip

_TRIAL = "push.trial=true"


def load_run(path: Union[str, Path], overrides: Sequence[str], push: bool) -> Config:
    """Reads the configuration of a run or a job; every command that runs, compiles or sends a graph begins here.

    Args:
        path: the YAML file.
        overrides: `dotted.key=value`, of `--set`.
        push: of `--push`, whether the model is served although values were overridden.

    Returns:
        The configuration, with `push.trial` set where it is a trial.

    Raises:
        ConfigError: as of `loading.load`.
    """
    return load(path, with_trial(overrides, push))


def with_trial(overrides: Sequence[str], push: bool) -> tuple[str, ...]:
    """The `--set` values of a run, with what they mean for its push.

    Args:
        overrides: `dotted.key=value`, as given or as an earlier run recorded them.
        push: whether the person asked for a push to where models are served.

    Returns:
        The values with `push.trial` among them where they change what is learned or judged; where a person has set it,
        or where a push is asked for, that holds.
    """
    if push:
        return (*(one for one in overrides if _key(one) != "push.trial"), "push.trial=false")
    if sets(overrides, "push.trial"):
        return tuple(overrides)
    changed = any(_key(one).partition(".")[0] not in LEAVES_THE_MODEL for one in overrides)
    return (*overrides, _TRIAL) if changed else tuple(overrides)


def as_asked(overrides: Sequence[str], repeats: str = "") -> tuple[str, ...]:
    """The `--set` values that a person gave, of those that a run recorded: without what was added to make it a trial.

    Args:
        overrides: as they were recorded.
        repeats: the id of the run that it repeats; empty for none.
    """
    given = tuple(one for one in overrides if one != _TRIAL)
    return given if repeats or with_trial(given, push=False) == tuple(overrides) else tuple(overrides)


def why_trial(overrides: Sequence[str], repeats: str) -> str:
    """Why a run is a trial, in a few words.

    Args:
        overrides: the `--set` values that it recorded.
        repeats: the id of the run that it repeats; empty for none.
    """
    if repeats:
        return f"it repeats run {repeats}"
    return "--set changed what is learned or judged" if _TRIAL not in as_asked(overrides) else "push.trial is set"


def is_made_trial(overrides: Sequence[str], repeats: str) -> bool:
    """Whether a run is a trial though nobody set `push.trial`: by its other values, or as a repetition.

    Args:
        overrides: the `--set` values that it recorded.
        repeats: the id of the run that it repeats; empty for none.
    """
    return _TRIAL in overrides and _TRIAL not in as_asked(overrides, repeats)


def sets(overrides: Sequence[str], key: str) -> bool:
    """Whether `--set` values say a key.

    Args:
        overrides: `dotted.key=value`.
        key: dotted.
    """
    return any(_key(one) == key for one in overrides)


def _key(override: str) -> str:
    return override.partition("=")[0].strip()
