"""What a job of Vertex AI read and made: its tasks' artifacts by key, and its place in Vertex ML Metadata."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from google.cloud import aiplatform_v1


@dataclass(frozen=True)
class TaskRecord:
    """What one task read and made.

    Args:
        execution: its resource name in Vertex ML Metadata; empty before it has begun.
        inputs: the artifacts' resource names, by key.
        outputs: the same of what it made.
    """

    execution: str
    inputs: Mapping[str, tuple[str, ...]]
    outputs: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class JobRecord:
    """One job.

    Args:
        name: its id.
        context: its resource name in Vertex ML Metadata, where all that it made is found; empty before it has begun.
        tasks: by name, in the order in which they began.
        places: where each artifact lies, by its resource name.
    """

    name: str
    context: str
    tasks: Mapping[str, TaskRecord]
    places: Mapping[str, str]

    def output(self, stage: str, key: str) -> Optional[str]:
        """Where what a stage made lies; None where it made nothing of the kind."""
        task = self.tasks.get(stage)
        made = task.outputs.get(key, ()) if task else ()
        return self.places[made[0]] if made else None


def record_of(job: aiplatform_v1.PipelineJob) -> JobRecord:
    """A job's record.

    Args:
        job: as the service tells of it when it is asked for by name.
    """
    number = job.name.rsplit("/", 1)[-1]
    details = [one for one in job.job_detail.task_details if one.task_name != number]
    places = {
        str(artifact.name): str(artifact.uri)
        for detail in details
        for listed in (*detail.inputs.values(), *detail.outputs.values())
        for artifact in listed.artifacts
    }
    tasks = {
        str(detail.task_name): TaskRecord(str(detail.execution.name), _names(detail.inputs), _names(detail.outputs))
        for detail in details
    }
    return JobRecord(number, str(job.job_detail.pipeline_run_context.name), tasks, places)


def _names(listed: Any) -> dict[str, tuple[str, ...]]:
    return {str(key): tuple(str(one.name) for one in artifacts.artifacts) for key, artifacts in listed.items()}
