"""Rules on places: where the job runs, where it reads, where it writes. A service sees no folder of this machine."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from millrace.base.errors import ConfigError
from millrace.config.config import Config
from millrace.config.environments import buckets, names, option
from millrace.config.loading import load
from millrace.config.platform import PLATFORMS, deployed
from millrace.jobspec.dataflow import options_of
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.vertex_resources import pushed_folder

# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?")
_BIGQUERY_EXECUTOR = "tfx.extensions.google_cloud_big_query.example_gen.executor.Executor"
_ROOTS = {"vertex": ("gs://",), "kubeflow": ("gs://", "s3://", "minio://")}


def project(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Where to submit to must be known.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if config is None:
        return
    if job.dialect == "vertex" and not config.vertex.project:
        yield _unset("no Google Cloud project is set", "vertex.project", "vertex.project=my-project")
    if job.dialect == "kubeflow" and not config.kubeflow.host:
        yield _unset("no Kubeflow Pipelines server is set", "kubeflow.host", "kubeflow.host=https://kfp.example.org")


def root(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """The pipeline root: a bucket, since every task runs on a machine of its own.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    schemes = _ROOTS[job.dialect]
    where = "gcsOutputDirectory" if job.dialect == "vertex" else "defaultPipelineRoot"
    if job.dialect == "kubeflow" and not job.root:
        return  # the server has a default of its own
    if "://" not in job.root:
        example = f"{job.dialect}.root=gs://my-bucket/millrace"
        yield _unset(f"the pipeline root {job.root or 'is empty and'} is no bucket", where, example)
    elif not job.root.startswith(schemes):
        yield JobFinding(
            "root-scheme",
            "error",
            f"the pipeline root {job.root} cannot be used there",
            where,
            f"begin {job.dialect}.root with {' or '.join(schemes)}",
        )
    elif job.root.startswith("gs://") and not _BUCKET.fullmatch(job.root):
        yield JobFinding(
            "root-scheme", "error", f"{job.root} names no valid bucket", where, "write it as gs://bucket/folder"
        )


def bucket(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Environments that share a bucket share who may read and write there.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    if config is None or not config.environment:
        return
    here = _buckets(job, config)
    for other in names(Path(config.file)):
        with contextlib.suppress(ConfigError):
            elsewhere = load(config.file, [option(other)]) if other != config.environment else None
            there = _buckets(job, elsewhere) if elsewhere else {}
            for one in sorted(here.keys() & there.keys()):
                yield JobFinding(
                    "shared-bucket",
                    "warning",
                    f"the environment {other} writes into the bucket {one} too, by {there[one]}",
                    config.place(here[one]),
                    "give each a bucket of its own, so that who may write to one cannot write to the other",
                )


def _buckets(job: CompiledJob, config: Config) -> dict[str, str]:
    """The buckets that a job of a configuration writes into, each with the key that names it."""
    found = buckets(deployed(config, PLATFORMS[job.dialect]).model_dump(mode="json", by_alias=True))
    # There its root is the service's, and what is said of other services is not this job's.
    keys = {bucket: f"{job.dialect}.root" if key == "root" else key for bucket, key in found.items()}
    others = tuple(f"{name}." for name in PLATFORMS if name != job.dialect)
    return {bucket: key for bucket, key in keys.items() if not key.startswith(others)}


def data(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """The data must be where the containers see it.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    readers = {str(path): step.name for step in job.walk() if (path := job.value(step, "input_base"))}
    for path, name in readers.items():
        if not _is_seen(path, job):
            yield _unset(
                f"{name} reads {path}, which no container can open",
                name,
                f"{job.dialect}.data_path=gs://my-bucket/data",
                "copy the data to where the containers see it, and set",
            )


def bigquery(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """A query has a project to run in, and a folder for its rows (tensorflow/tfx 2293).

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        if _BIGQUERY_EXECUTOR not in job.executor(step.task).get("container", {}).get("args", ()):
            continue
        options = options_of(job, step)
        if not options.get("project"):
            what = f"{step.name} asks BigQuery, and no project is named for the query: there is no --project"
            yield _unset(what, step.name, "data.bigquery.project=my-project")
        if not options.get("temp_location", "").startswith("gs://"):
            what = f"{step.name} asks BigQuery, and there is no gs:// folder for its rows: no --temp_location"
            yield _unset(what, step.name, "data.bigquery.temp_location=gs://my-bucket/temp")


def push_destination(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Pushed models outlive the container that pushes them, and TFX can write where they go.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    for step in job.walk():
        name, directory = step.name, pushed_folder(job, step)
        beside_the_root = directory.startswith(f"{os.path.dirname(job.root)}/") and "://" not in job.root
        # A root that is no bucket is told already, and the folder follows it.
        if directory and not beside_the_root and not _is_seen(directory, job):
            unable = "TensorFlow cannot write to" if "://" in directory else "is gone with the container"
            yield _unset(
                f"{name} pushes to {directory}, which {unable}",
                name,
                f"{job.dialect}.push_directory=gs://my-bucket/serving",
            )


def _is_seen(path: str, job: CompiledJob) -> bool:
    """Whether TFX can open a path in a container: TensorFlow knows gs://, and neither s3:// nor minio://."""
    if path.startswith(("gs://", "/gcs/")):  # Vertex AI mounts buckets below /gcs
        return True
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in _volumes(job))


def _volumes(job: CompiledJob) -> set[str]:
    executors = job.platform.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    return {mount["mountPath"] for pod in executors.values() for mount in pod.get("pvcMount", ())}


def _unset(what: str, where: str, example: str, doing: str = "set") -> JobFinding:
    key, _, value = example.partition("=")
    return JobFinding("unset", "before submit", what, where, f"{doing} {key}, for instance {value}")
