"""The model that is asked for: a version by number or alias, a SavedModel by its path, or what is served now."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from tensorflow_transform.tf_metadata import schema_utils

from millrace.base.errors import BadInput, SchemaError
from millrace.config.config import Config
from millrace.metadata.run_summaries import Runs
from millrace.model_server.about import About, ModelColumn, ModelOutput, read_about
from millrace.registry.events import CHAMPION
from millrace.registry.intake import open_registry, up_to_date
from millrace.textproto import schema_text
from millrace.training.model_columns import model_columns

_SAVED_MODEL = "saved_model.pb"


@dataclass(frozen=True)
class ChosenModel:
    """A SavedModel on this machine.

    Attributes:
        folder: where it lies.
        name: how to call it: its version, or its path.
        about: what it reads and predicts.
        alias: by which it was asked for; empty where it was not.
        run: that made it; empty where that is not known.
        vertex: the resource name of the version that it is in Vertex AI; empty where it was not pushed there.
    """

    folder: Path
    name: str
    about: About
    alias: str = ""
    vertex: str = ""
    run: str = ""


def choose(config: Config, named: str) -> ChosenModel:
    """Finds a model.

    Args:
        config: the pipeline's configuration.
        named: a version, an alias, or a path of a SavedModel; empty for the champion.

    Raises:
        BadInput: there is none of that name.
        SchemaError: it does not say what it reads, and no schema does.
    """
    if os.sep in named:
        return _at(config, Path(named), named)
    with open_registry(config) as registry:
        up_to_date(registry, Runs(config))
        version = registry.version(named) if named else registry.champion()
    alias = named or CHAMPION
    alias = alias if alias in version.aliases else ""
    name = f"version {version.number}{f' ({alias})' if alias else ''}"
    return replace(_at(config, version.folder, name), alias=alias, vertex=version.facts.vertex, run=version.run)


def _at(config: Config, folder: Path, name: str) -> ChosenModel:
    if not (folder / _SAVED_MODEL).is_file():
        raise BadInput("there is no SavedModel here", str(folder), f"name a folder that has {_SAVED_MODEL}")
    outputs = (
        ModelOutput(name, one.column, one.task, one.class_names) for name, one in config.label.by_output().items()
    )
    said = read_about(str(folder)) or About(tuple(outputs))
    about = said if said.columns else replace(said, columns=_columns_by_schema(config, folder))
    return ChosenModel(folder, name, about)


def _columns_by_schema(config: Config, folder: Path) -> tuple[ModelColumn, ...]:
    """What a model reads that does not say so itself: the features, in the curated schema's types."""
    if config.schema_.file is None:
        raise SchemaError(
            "the model does not say what columns it reads", str(folder), "run the pipeline again, or set schema.file"
        )
    spec = schema_utils.schema_as_feature_spec(schema_text.read(config.schema_.file).proto).feature_spec
    table = config.feature_table()
    known = {name: spec[name] for name in table.columns() if name in spec}
    return model_columns(known, table, config.na_values())
