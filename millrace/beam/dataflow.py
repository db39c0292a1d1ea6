"""A stage's Dataflow job as it would be sent: built on this machine, without network and without credentials.

Beam's own DataflowRunner does the work, in its dry run: translation, the service's restrictions on graphs, staging of
what the workers need. What is left out is the upload and the request itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow.internal import apiclient
from tfx import types
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

from millrace.base.errors import Signal

_PIPELINE_FILE = "pipeline.pb"
_ENVIRONMENT_VERSION = "8"


@dataclass(frozen=True)
class DataflowJob:
    """A job.

    Args:
        request: the body of `projects.locations.jobs.create` (Dataflow's REST API, resource Job).
        pipeline: the graph, which is uploaded and which the request points at.
        staged: what the workers download, by name: files of this machine.
    """

    request: dict[str, Any]
    pipeline: beam_runner_api_pb2.Pipeline
    staged: dict[str, str]


class NoJob(Signal):
    """The stage did its work without Beam."""


class _Built(BaseException):
    """Ends the executor once its job is there; nothing between here and there may take it for a failure."""

    def __init__(self, job: apiclient.Job) -> None:
        super().__init__("the job is built")
        self.job = job


class _DryPipeline(beam.Pipeline):
    def run(self, *_: Any, **__: Any) -> Any:
        raise _Built(super().run().job)


def build_job(
    executor: type[BaseBeamExecutor],
    inputs: dict[str, list[types.Artifact]],
    outputs: dict[str, list[types.Artifact]],
    properties: dict[str, Any],
    arguments: list[str],
) -> DataflowJob:
    """Has an executor make its Beam pipeline, and translates it for Dataflow.

    Args:
        executor: the stage's executor class.
        inputs: its artifacts, which are read as far as the executor itself reads them.
        outputs: artifacts with URIs in which files may be left.
        properties: its execution properties.
        arguments: Beam's options, `--runner=DataflowRunner` among them (`millrace.beam.arguments.beam_arguments`).

    Raises:
        NoJob: the executor came to its end without a Beam pipeline.
        ValueError: Beam refuses the options or the graph.
    """
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=list(arguments),
        make_beam_pipeline_fn=lambda: _DryPipeline(argv=[*arguments, "--dry_run=True"]),
    )
    try:
        executor(context).Do(inputs, outputs, properties)
    except _Built as built:
        return _described(built.job)
    raise NoJob(f"{executor.__module__} has no work for Beam")


def _described(job: apiclient.Job) -> DataflowJob:
    """What `DataflowApplicationClient.create_job_description` adds, but for the upload."""
    staged = _staged(job.proto_pipeline)
    job.proto.environment = apiclient.Environment(
        packages=list(staged),
        options=job.options,
        environment_version=_ENVIRONMENT_VERSION,
        proto_pipeline_staged_url=f"{job.google_cloud_options.staging_location}/{_PIPELINE_FILE}",
        proto_pipeline=job.proto_pipeline,
    ).proto
    return DataflowJob(json.loads(job.json()), job.proto_pipeline, staged)


def _staged(pipeline: beam_runner_api_pb2.Pipeline) -> dict[str, str]:
    files: dict[str, str] = {}
    environments: Mapping[str, beam_runner_api_pb2.Environment] = pipeline.components.environments
    for environment in environments.values():
        for artifact in environment.dependencies:
            role = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(artifact.role_payload)
            path = beam_runner_api_pb2.ArtifactFilePayload.FromString(artifact.type_payload).path
            files[role.staged_name] = path
    return files
