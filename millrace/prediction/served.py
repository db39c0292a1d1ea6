"""What `millrace serve` serves, and a request that it answers."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Optional

from millrace.base import files
from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.model_server.example_row import example_row, request_body
from millrace.model_server.form import curl
from millrace.prediction.chosen_model import ChosenModel, choose
from millrace.prediction.server import ServedModel, ServerPlace
from millrace.registry import served_file


@contextlib.contextmanager
def served_model(config: Config, named: str) -> Iterator[tuple[ServedModel, ChosenModel]]:
    """Finds a version, and the file by which servers serve it.

    An alias is served by the registry's own file, so that a server follows it; a number by a file of its own.

    Args:
        config: the pipeline's configuration.
        named: a version or an alias; empty for the champion.

    Yields:
        What a server is started for, and the model as it is now.

    Raises:
        BadInput: there is none of that name, or nothing is served yet.
    """
    if os.sep in named:
        raise BadInput(f"{named} is a path, and what is served is a version", "--model", "name a version or an alias")
    chosen = choose(config, named)
    versions, number = chosen.folder.parent, int(chosen.folder.name)
    if chosen.alias:
        registered = served_file.place(str(versions))
        yield ServedModel(config.name, registered, versions, f"labels/{chosen.alias}"), chosen
        return
    with tempfile.TemporaryDirectory(prefix="millrace-serve-") as scratch:
        own = Path(scratch, "models.config")
        files.write(own, served_file.text(config.name, str(versions), [number], {}))
        yield ServedModel(config.name, own, versions, f"versions/{number}"), chosen


def example_command(
    chosen: ChosenModel,
    served: ServedModel,
    place: ServerPlace,
    plain: bool,
    headers: Optional[Mapping[str, str]] = None,
) -> str:
    """A `curl` that asks a server for a real row, where InfraValidator left one beside the model.

    Args:
        chosen: the model.
        served: how it is served.
        place: where.
        plain: ask as TensorFlow Serving's own programs want it.
        headers: to send along; None for none.
    """
    row = example_row(str(chosen.folder), chosen.about)
    return curl(place.address, served.path, request_body(row, chosen.about, plain), headers)
