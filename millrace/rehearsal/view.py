"""What a task sees of this machine: its own places, its inputs, the buckets, its environment, and a slim system."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.jobspec.job import CompiledJob
from millrace.rehearsal.cloud_folder import CloudFolder
from millrace.rehearsal.environment import Environment

# Where the services show buckets as folders: Vertex AI the first, Kubeflow's launcher all.
_MOUNTED = {"/gcs": "gs", "/minio": "minio", "/s3": "s3"}
# What Kubernetes puts into a container: kubernetes_executor_config.proto of kfp-kubernetes.
_NAMES = """
secretAsEnv secretAsVolume configMapAsEnv configMapAsVolume fieldPathAsEnv podMetadata pvcMount emptyDirMounts
genericEphemeralVolume securityContext enabledSharedMemory
"""
_OF_KUBERNETES = frozenset(_NAMES.split())
# What the audit hook lets Python see of the system.
_SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share", "/etc", "/proc", "/sys", "/dev", "/usr/local/lib")


@dataclass(frozen=True)
class TaskPlaces:
    """A task's own folders on this machine, which no other task sees.

    Args:
        folder: holds the others.
    """

    folder: Path

    @property
    def cwd(self) -> Path:
        """The working directory and home, empty at the beginning."""
        return self.folder / "cwd"

    @property
    def temporary(self) -> Path:
        """What the task has for /tmp."""
        return self.folder / "tmp"

    @property
    def root(self) -> Path:
        """Where its tree is put together."""
        return self.folder / "root"

    def make(self) -> None:
        """Makes the folders."""
        for folder in (self.cwd, self.temporary, self.temporary / "var", self.root):
            folder.mkdir(parents=True, exist_ok=True)


def volumes(job: CompiledJob) -> list[Path]:
    """The folders of this machine that stand for volumes which a Kubeflow job mounts; those that are there.

    Args:
        job: the job.
    """
    executors = job.platform.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    mounts = [mount for pod in executors.values() for mount in pod.get("pvcMount", ())]
    return [place for mount in mounts if (place := Path(mount.get("mountPath", ""))).is_absolute() and place.is_dir()]


def given_by_kubernetes(job: CompiledJob, executor: str) -> list[str]:
    """What a Kubeflow job asks Kubernetes to give a task and no rehearsal gives: secrets, labels, volumes and the like.

    Args:
        job: the job.
        executor: the label of the task's executor.

    Returns:
        The keys of the platform's document, for instance `secretAsEnv`. Volumes that stand on this machine are not
        among them.
    """
    executors = job.platform.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    asked = executors.get(executor, {})
    there = {str(place) for place in volumes(job)}
    has_volumes = all(mount.get("mountPath") in there for mount in asked.get("pvcMount", ()))
    return [key for key in asked if key in _OF_KUBERNETES and not (key == "pvcMount" and has_volumes)]


def view_of(
    places: TaskPlaces,
    environment: Environment,
    clouds: CloudFolder,
    writable: Iterable[Path],
    readable: Iterable[str],
) -> dict[str, Any]:
    """What a task sees, as `mount_namespace.enter` takes it.

    Args:
        places: the task's own folders.
        environment: where it runs.
        clouds: where the buckets are.
        writable: what else it may write to: the pipeline's root, what is pushed, volumes.
        readable: paths of its inputs.
    """
    interpreter = environment.interpreter
    prefix = str(interpreter.prefix)
    # A Python of the system: its library is seen already, its program alone is not.
    python = [f"{prefix}/lib"] if prefix in ("/usr", "/usr/local") else [prefix]
    read = [str(environment.folder), str(interpreter.executable), *python, *map(str, interpreter.site)]
    read += environment.variables(places.cwd).get("LD_LIBRARY_PATH", "").split(":")
    buckets = {at: clouds.folder / name for at, name in _MOUNTED.items() if (clouds.folder / name).is_dir()}
    data = [place.resolve() for place in clouds.elsewhere.values()]
    # A folder of data may be one of links, to where the data really are.
    linked = [entry.resolve() for place in data if place.is_dir() for entry in place.iterdir() if entry.is_symlink()]
    write = [places.folder, *buckets.values(), *data, *writable]
    return {
        "root": str(places.root),
        "programs": str(environment.programs),
        "read": _there([*read, *map(str, linked), *readable]),
        "write": _there(map(str, write)),
        "at": {
            "/tmp": str(places.temporary),
            "/var/tmp": str(places.temporary / "var"),
            **{at: str(place) for at, place in buckets.items()},
        },
    }


def as_audited(view: Mapping[str, Any]) -> str:
    """The same for the audit hook.

    Args:
        view: as `view_of` makes it.
    """
    return json.dumps(_seen(view))


def hides(view: Mapping[str, Any], path: str) -> bool:
    """Whether a path of this machine is one that a task does not see.

    Args:
        view: as `view_of` makes it.
        path: an absolute path, as the task names it.
    """
    return not any(path == place or path.startswith(f"{place}/") for place in _seen(view))


def _seen(view: Mapping[str, Any]) -> list[str]:
    return [*view["read"], *view["write"], *_SYSTEM, view["programs"]]


def _there(paths: Iterable[str]) -> list[str]:
    return [path for path in dict.fromkeys(paths) if path.startswith("/") and path != "/" and Path(path).exists()]
