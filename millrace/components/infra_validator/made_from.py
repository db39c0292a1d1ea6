"""What a model says of where it comes from, in its own `assets.extra/millrace.json`: for who finds it on a disk.

The Trainer has written the schema's digest there. The rest is known to whoever hands the model on, on every platform:
the artifacts carry the span, and in a cloud their places carry the job. Only a run on this machine knows its commit.
"""

import json
import os
from typing import Any, Optional

from tfx import types
from tfx.dsl.io import fileio

from millrace.base import commit, files
from millrace.model_server.about import ABOUT_FILE

_OF_EXAMPLES = ("span", "version", "input_fingerprint")


def made_from(model: types.Artifact, examples: types.Artifact, run_id: Optional[str]) -> dict[str, Any]:
    """What is known of where a model comes from.

    Args:
        model: the Trainer's.
        examples: ExampleGen's, which the model learned from.
        run_id: the run that hands it on; None where TFX does not tell, as on a service.

    Returns:
        `run`, `commit`, `model` (its place), `span`, `version` and `input_fingerprint` of the data, as far as known.
    """
    facts = {"run": run_id, "commit": os.environ.get(commit.VARIABLE), "model": model.uri}
    facts |= {name: _property(examples, name) for name in _OF_EXAMPLES}
    return {name: value for name, value in facts.items() if value not in (None, "")}


def write(model_path: str, facts: dict[str, Any]) -> None:
    """Adds facts to those that a model says of itself; a model of one's own that says nothing gets the file.

    Args:
        model_path: the SavedModel, a path or a URI.
        facts: as `made_from` gives them.
    """
    place = f"{model_path}/{ABOUT_FILE}"
    about: dict[str, Any] = {}
    if fileio.exists(place):
        with fileio.open(place, "r") as file:
            about = json.loads(file.read())
    about["made_from"] = {**about.get("made_from", {}), **facts}
    files.write(place, json.dumps(about, indent=1, ensure_ascii=False))


def _property(artifact: types.Artifact, name: str) -> Any:
    """A property that may stand among the type's or the custom ones: services keep all of them in one place."""
    proto = artifact.mlmd_artifact
    for values in (proto.properties, proto.custom_properties):
        kind = values[name].WhichOneof("value") if name in values else None
        if kind in ("int_value", "string_value"):
            return getattr(values[name], kind)
        if kind == "double_value":
            # A service's metadata has no whole numbers.
            return int(values[name].double_value)
    return None
