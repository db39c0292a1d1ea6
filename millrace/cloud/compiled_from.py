"""Of which configuration a compiled job was made: a note beside the job's file, and what differs from it by now.

A job's own document does not say all that a configuration asks for, and roles, costs and infrastructure that are read
of a job of yesterday are those of yesterday.
"""

import json
import os
from pathlib import Path
from typing import Any

from millrace.base import files
from millrace.base.plain_values import differences, plain
from millrace.config.config import Config
from millrace.metadata.provenance import file_digest, moved
from millrace.project import project

# What no compiled job of Vertex AI holds.
_ELSEWHERE = ("alerts", "deploy", "kubeflow", "metadata", "promotion", "registry", "rollout", "triggers")
# Of those that hold what a job says, the keys that are of this machine or of how it is sent; a trial is said by the
# command, and the root of a job by its own document.
_OF_SENDING = ("push.trial", "root", "vertex.api_endpoint", "vertex.cost", "vertex.request_seconds", "vertex.schedule",
               "vertex.templates")  # fmt: skip


def note_configuration(config: Config, job: Path) -> None:
    """Writes down, beside a compiled job, of which configuration it was made.

    Args:
        config: as it was read.
        job: the job's file.
    """
    note = {"job": file_digest(job), "project": str(_project(config)), "configuration": _values(config)}
    files.write(_beside(job), json.dumps(note, indent=1, sort_keys=True) + "\n")


def changed_since(config: Config, job: Path) -> list[tuple[str, Any, Any]]:
    """The values of the configuration that are others by now than when the job was compiled.

    Args:
        config: as it is now.
        job: the job's file.

    Returns:
        Key, value then and value now, None where there was or is none. Nothing where no note was kept of just this
        file, such as of one that was edited by hand.
    """
    try:
        note = json.loads(_beside(job).read_text(encoding="utf-8"))
        if note["job"] != file_digest(job):
            return []
        before = moved(note["configuration"], Path(note["project"]), _project(config))
    except (OSError, ValueError, KeyError, TypeError):
        return []
    # Data that is elsewhere there is read there; a monitor is that of an endpoint.
    left_out = [*_OF_SENDING, *(["data.path"] if config.vertex.data_path else [])]
    left_out += [] if config.push.vertex else ["monitoring"]
    found = differences(before, _values(config))
    return [one for one in found if not any(f"{one[0]}.".startswith(f"{key}.") for key in left_out)]


def _values(config: Config) -> dict[str, Any]:
    values: dict[str, Any] = plain(config.model_dump(mode="json", by_alias=True, exclude=set(_ELSEWHERE)))
    return values


def _project(config: Config) -> Path:
    folder = Path(config.file or os.curdir).resolve().parent
    found = project.find(folder)
    return found.root if found else folder


def _beside(job: Path) -> Path:
    return job.with_suffix(".configuration.json")
