"""Outputs that a person gives by hand (`--output TASK.KEY=FOLDER`): the task is not run, and those after it are.

For a task that only the cloud can do. What TFX's drivers and executors would have written about a folder is read from
the folder: the splits that it holds, the verdict that lies in it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.components.judges import BY_BLESSING
from millrace.jobspec.job import CompiledJob
from millrace.rehearsal.artifacts import property_types, type_name

_VERDICTS = {"BLESSED": 1, "NOT_BLESSED": 0, "INFRA_BLESSED": 1, "INFRA_NOT_BLESSED": 0}


def parsed(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Reads `TASK.KEY=FOLDER` texts.

    Args:
        texts: as they were given.

    Returns:
        Folders, or values of output parameters, by task and key.

    Raises:
        BadInput: a text is not of that form, or one output is given twice.
    """
    given: dict[str, dict[str, str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        task, dot, key = name.rpartition(".")
        if not (equals and dot and task and key and value) or key in given.get(task, {}):
            raise BadInput(
                f"{text!r} gives no output: expected TASK.KEY=FOLDER, each once",
                where="--output",
                remedy="for instance --output ExampleGen.examples=FOLDER",
            )
        given.setdefault(task, {})[key] = value
    return given


def require_declared(given: Mapping[str, Mapping[str, str]], job: CompiledJob, labels: Iterable[str]) -> None:
    """Refuses outputs that no task of a job has, and folders that are not there.

    Args:
        given: as for `parsed`.
        job: the job.
        labels: the tasks' labels.

    Raises:
        BadInput: the first that cannot be used.
    """
    names = list(labels)
    for task, outputs in given.items():
        step = next((step for step in job.walk() if step.name == task.rpartition(".")[2]), None)
        if task not in names or step is None:
            what = f"there is no task {task}{did_you_mean(task, names)}"
            raise BadInput(what, where="--output", remedy=f"the tasks are: {', '.join(names)}")
        declared = step.component.get("outputDefinitions", {})
        keys = [*declared.get("artifacts", {}), *declared.get("parameters", {})]
        for key, value in outputs.items():
            if key not in keys:
                what = f"{task} has no output {key}{did_you_mean(key, keys)}"
                raise BadInput(what, where="--output", remedy=f"its outputs are: {', '.join(keys) or 'none'}")
            if key in declared.get("artifacts", {}) and not Path(value).exists():
                raise BadInput(
                    f"{value} is not there, so that it cannot be what {task} makes",
                    where="--output",
                    remedy="name a file or folder that holds what the task would have made",
                )


def properties(schema: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The properties of an artifact that was given by hand, as TFX would have written them.

    Args:
        schema: its type, as in a compiled job.
        folder: where it lies.
    """
    found: dict[str, Any] = {}
    if "split_names" in property_types(dict(schema)):
        splits = sorted(path.name.removeprefix("Split-") for path in folder.glob("Split-*"))
        # TFX compares the text with what its own json.dumps makes.
        found["split_names"] = json.dumps(splits)
    if type_name(dict(schema)) in BY_BLESSING:
        for name, verdict in _VERDICTS.items():
            if (folder / name).exists():
                found["blessed"] = verdict
    return found
