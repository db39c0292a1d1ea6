"""Where the data of a job is on this machine: the service reads it from a bucket, and here is none."""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.config.platform import PLATFORMS
from millrace.jobspec.job import CompiledJob, Dialect
from millrace.rehearsal.cloud_folder import SCHEME, CloudFolder
from millrace.rehearsal.labels import labels_of


def data_elsewhere(config: Config, service: Dialect, named: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Folders of this machine that stand for paths of buckets, `data.path` for the service's `data_path` among them.

    Args:
        config: the configuration.
        service: where the job would run.
        named: what a person has named with `--gs`; it holds before all else.
        folder: holds the buckets of rehearsals (`CloudFolder.folder`); what has been put there is taken from there.
    """
    path = (PLATFORMS[service].section(config).data_path or "").rstrip("/")
    if not path.startswith(SCHEME) or not os.path.isdir(config.data.path):
        return dict(named)
    there = CloudFolder(folder, named).local(path)
    is_given = os.path.exists(there) or Path(there).parts[: len(folder.parts)] != folder.parts
    return dict(named) if is_given else {**named, path: Path(config.data.path)}


def require_data(
    job: CompiledJob, clouds: CloudFolder, hides: Callable[[str], bool], given: Collection[str] = ()
) -> None:
    """Refuses a rehearsal whose data is nowhere on this machine, or out of its tasks' sight, before ExampleGen looks.

    Args:
        job: the job, with the values of its parameters.
        clouds: where the buckets are.
        hides: says of a path of this machine whether tasks do not see it.
        given: the labels of tasks whose outputs are given, so that they, and what is within them, read nothing.

    Raises:
        BadInput: nothing stands for the path of a bucket that a task reads, or the sandbox hides a folder from it.
    """
    labels = labels_of(job)
    for step, place in zip(job.walk(), labels, strict=True):
        name, path = labels[place], job.value(step, "input_base")
        # A graph hands on what a task in it reads.
        if not isinstance(path, str) or job.graph(step.task):
            continue
        if any(labels[place[:depth]] in given for depth in range(1, len(place) + 1)):
            continue
        here = clouds.local(path)
        if not path.startswith(SCHEME) and os.path.exists(path) and hides(path):
            instead = "gs://my-bucket/data"
            # Millrace's own jobs have the parameter; in another job the path is written out.
            how = f"--param data_path={instead}" if "data_path" in job.parameters else f"{instead} in the job, and"
            raise BadInput(
                f"it reads {path}, which the sandbox hides: no container would see this machine's folders",
                where=name,
                remedy=f"{how} --gs {instead}={path} takes it for a bucket's folder; or "
                f"--output {name}.examples=FOLDER gives what the task would make of it",
            )
        if path.startswith(SCHEME) and not os.path.exists(here):
            raise BadInput(
                f"{name} reads {path}, and nothing stands for it on this machine",
                where=name,
                remedy=f"--gs {path}=FOLDER takes it from a folder; or put the data into {here}",
            )
