"""What differs between the places where one pipeline runs, as one small value: the graph itself is the same for all.

`deployed` lays the section of a service over the configuration, so that the stages read one configuration and know
nothing of services; `Platform` holds the few choices that are left to the graph.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Optional

from millrace.components.example_gen.section import BigQuery
from millrace.config.beam_section import Beam
from millrace.config.cloud_sections import Deployment
from millrace.config.config import Config
from millrace.config.metadata_section import Sqlite
from millrace.config.paths import layout

Name = Literal["local", "vertex", "kubeflow"]
ServiceName = Literal["vertex", "kubeflow"]

# These need a Docker engine or a Kubernetes API beside the stage, and TFX's compiler refuses them for both services.
_NOT_IN_A_CONTAINER = frozenset({"docker", "kubernetes"})


@dataclass(frozen=True)
class Platform:
    """Where a pipeline runs.

    Args:
        name: `local` for every runner of this machine, or the service.
        champion: how the model to compare with is found. `resolved`: among all blessed models but the candidate, by a
            resolver of ours. `blessed`: by TFX's own LatestBlessedModelStrategy, the only one that Vertex AI takes.
            `pushed`: by a component that takes the newest pushed model, where resolvers are refused (Kubeflow).
        own_metadata: whether the runner opens ML Metadata itself; a service keeps its own.
        custom_job: whether the Trainer may be started as a Vertex AI custom job.
    """

    name: Name
    champion: Literal["resolved", "blessed", "pushed"]
    own_metadata: bool = False
    custom_job: bool = False

    def shown(self, file: Optional[str]) -> str:
        """A file's name as a message should show it to whoever reads it there: a service knows no folders of ours."""
        if not file or self.name == "local":
            return file or ""
        relative = os.path.relpath(file)
        return Path(file).name if relative.startswith("..") else relative

    def section(self, config: Config) -> Deployment:
        """The configuration's section of this service."""
        return config.kubeflow if self.name == "kubeflow" else config.vertex


LOCAL = Platform("local", champion="resolved", own_metadata=True)
VERTEX = Platform("vertex", champion="blessed", custom_job=True)
KUBEFLOW = Platform("kubeflow", champion="pushed")
# The services, by the names that `--runner` and compiled jobs call them.
PLATFORMS: dict[ServiceName, Platform] = {"vertex": VERTEX, "kubeflow": KUBEFLOW}


def deployed(config: Config, platform: Platform) -> Config:
    """The configuration as it holds on a service: that one's root, data, push folder and Beam engine.

    Args:
        config: the configuration as it was read.
        platform: where it will run; nothing changes for `LOCAL`.
    """
    if platform.name == "local":
        return config
    section = platform.section(config)
    infra = config.infra_validation
    if infra.platform in _NOT_IN_A_CONTAINER:
        infra = infra.model_copy(update={"platform": "process"})
    return config.model_copy(
        update={
            "root": section.root or config.root,
            "data": config.data.model_copy(
                update={"path": section.data_path or config.data.path, "bigquery": _bigquery(config, section)}
            ),
            "push": config.push.model_copy(update={"directory": section.push_directory or _push(config, section.root)}),
            "beam": section.beam or _in_a_container(config.beam),
            "infra_validation": infra,
            "metadata": Sqlite(),  # the service keeps its own
        }
    )


def _bigquery(config: Config, section: Deployment) -> Optional[BigQuery]:
    """Where a query runs: as configured, else in the job's project, with its rows beside the job's artifacts.

    Dataflow has a project and a folder of its own, which ExampleGen is given with Beam's other options.
    """
    beam = section.beam or config.beam
    if config.data.format != "bigquery" or config.data.bigquery or beam.mode == "dataflow":
        return config.data.bigquery
    project, root = config.vertex.project, section.root or config.root
    return BigQuery(project=project, temp_location=f"{root}/bigquery") if project and root.startswith("gs://") else None


def _push(config: Config, root: Optional[str]) -> Optional[str]:
    """The configured push folder, unless it is one of this machine and the service has a root of its own."""
    if root is None or (config.push.directory and "://" in config.push.directory):
        return config.push.directory
    return layout(config.model_copy(update={"root": root})).serving


def _in_a_container(beam: Beam) -> Beam:
    """Beam as configured, but for a choice that would be made by what the compiling machine has."""
    return beam.model_copy(update={"mode": "in_memory"}) if beam.mode == "auto" else beam
