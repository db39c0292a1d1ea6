"""Loops (`parameterIterator`, `artifactIterator`): the items of one, and what its turns give together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.base.errors import MillraceError
from millrace.rehearsal.artifacts import Artifact


@dataclass(frozen=True)
class Loop:
    """A loop.

    Args:
        turns: what each turn gets: its parameters, and its input artifacts by key.
        parallel: how many turns may run side by side; 0 where the spec does not say.
    """

    turns: tuple[tuple[dict[str, Any], dict[str, list[Artifact]]], ...]
    parallel: int = 0


def loop_of(
    task: Mapping[str, Any], parameters: Mapping[str, Any], artifacts: Mapping[str, list[Artifact]]
) -> Loop | None:
    """Reads the loop of a task.

    Args:
        task: the task's spec.
        parameters: its parameters.
        artifacts: its input artifacts by key.

    Returns:
        None for a task that is no loop.

    Raises:
        MillraceError: there is no list to loop over.
    """
    parallel = int(task.get("iteratorPolicy", {}).get("parallelismLimit") or 0)
    if "parameterIterator" in task:
        spec = task["parameterIterator"]
        items, item = spec.get("items", {}), spec.get("itemInput", "")
        listed = _listed(items["raw"] if "raw" in items else parameters.get(items.get("inputParameter", "")))
        return Loop(tuple(({**parameters, item: value}, dict(artifacts)) for value in listed), parallel)
    if "artifactIterator" in task:
        spec = task["artifactIterator"]
        key = spec.get("items", {}).get("inputArtifact", "")
        each = ({**artifacts, spec.get("itemInput", key): [artifact]} for artifact in artifacts.get(key, ()))
        return Loop(tuple((dict(parameters), inputs) for inputs in each), parallel)
    return None


def _listed(value: Any) -> list[Any]:
    try:
        items = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        items = None
    if not isinstance(items, list):
        shown = "nothing" if value is None else repr(value)[:80]
        raise MillraceError(f"the loop gets {shown} and no list", remedy="give it a list, as JSON")
    return items


def together(
    turns: Sequence[tuple[Mapping[str, list[Artifact]], Mapping[str, Any]]],
) -> tuple[dict[str, list[Artifact]], dict[str, Any]]:
    """What a loop gives: each turn's artifacts one after another, and a list of each parameter.

    Args:
        turns: what each turn gave, in order: artifacts by key, and parameters.
    """
    artifacts: dict[str, list[Artifact]] = {}
    parameters: dict[str, Any] = {}
    for of_turn, values in turns:
        for key, listed in of_turn.items():
            artifacts.setdefault(key, []).extend(listed)
        for key, value in values.items():
            parameters.setdefault(key, []).append(value)
    return artifacts, parameters
