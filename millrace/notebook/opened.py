"""The way into a project from Python: its configuration, read, and what ran of it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from millrace.config import environments
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.console.pages.schema import SCHEMA
from millrace.notebook.runs import ProjectRuns, RunsCompared
from millrace.notebook.shown import Shown
from millrace.project import project
from millrace.project.default_configuration import VARIABLE, default_file
from millrace.schema.workbench import Workbench
from millrace.views.data import data_view

if TYPE_CHECKING:
    import pandas as pd


class OpenProject:
    """A pipeline of a project.

    Args:
        root: the project's folder.
        config: the pipeline's configuration.
    """

    def __init__(self, root: Path, config: Config) -> None:
        self.root = root
        """The project's folder."""
        self.config = config
        """The pipeline's configuration, as `millrace run` would take it; what `pipeline.stages` builds stages from."""

    @property
    def runs(self) -> ProjectRuns:
        """All runs of the pipeline on this machine."""
        return ProjectRuns(self.config)

    @property
    def schema(self) -> "ProjectSchema":
        """The curated schema beside what the latest run saw."""
        return ProjectSchema(self.config, {}, {})

    def compare(self, first: str = "last~1", *others: str) -> RunsCompared:
        """Runs beside each other, by default the two newest.

        Args:
            first: what the last one is compared with: an id, the beginning of it, `last` or `last~N`.
            others: one to five more; the newest when left out.

        Raises:
            BadInput: there is no such run, or they are not two to six different ones.
        """
        return self.runs[first].compare(*(others or ("last",)))

    def __repr__(self) -> str:
        return f"<project {self.root}: pipeline {self.config.name}, {len(self.runs)} runs>"

    def _repr_html_(self) -> str:
        return self.runs._repr_html_()


class ProjectSchema(Shown):
    """The contract that the data is held to, beside what was seen."""

    PAGE = SCHEMA

    @property
    def proto(self) -> Any:
        """The curated schema, `tensorflow_metadata.proto.v0.schema_pb2.Schema`.

        Raises:
            SchemaError: the configuration names no schema file, or it cannot be read.
        """
        return Workbench(self._config, self._config.file).read().proto

    def to_frame(self) -> "pd.DataFrame":
        """What is asked for, in words; a row for each feature, in the schema's order.

        Returns:
            By feature: type, presence, domain and whatever else the schema says, a column for each aspect.
        """
        import pandas as pd

        bench = Workbench(self._config, self._config.file)
        data = data_view(None, schema=bench.read().proto)
        rows = {name: dict(full.contract) for name in data.names if (full := data.feature(name)) is not None}
        return pd.DataFrame.from_dict(rows, orient="index").fillna("").rename_axis("feature")

    def __repr__(self) -> str:
        return f"<schema {self._config.schema_.file or '(inferred)'}>"


def opened(folder: Union[str, Path], config: str, settings: Sequence[str]) -> OpenProject:
    """The project in or above a folder, as `millrace.open_project` says; its packages can be imported from now on."""
    start = Path(folder)
    of_folder = project.require(start)
    project.enter(of_folder)
    named = of_folder.root / "conf" / f"{config}.yaml"
    file = str(named) if config and named.is_file() else config or os.environ.get(VARIABLE, "")
    file = file or str(Path.cwd() / default_file(of_folder, Path.cwd()))
    environment = os.environ.get(environments.VARIABLE, "")
    values = [environments.option(environment), *settings] if environment else list(settings)
    return OpenProject(of_folder.root, load(file, values))
