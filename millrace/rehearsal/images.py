"""Which of a job's images is the project's own, that has a stand-in here; of any other nobody knows what is in it."""

from collections.abc import Mapping
from typing import Any

from millrace.jobspec.job import CompiledJob

# What only tasks of TFX and of Millrace have among their words.
_OF_TFX = ("--executor_class_path", "millrace.container", "tfx.orchestration.kubeflow.v2")


def is_own(job: CompiledJob, image: str) -> bool:
    """Whether an image is the project's own.

    In a job with tasks of TFX it is theirs. A job that KFP's SDK compiled has none, and any other is taken for one of
    ours.

    Args:
        job: the job.
        image: as a task names it.
    """
    containers = [executor.get("container", {}) for executor in job.executors.values()]
    own = {container.get("image", "") for container in containers if _is_of_tfx(container)}
    if own:
        return image in own
    return not str(job.spec.get("sdkVersion", "")).startswith("kfp")


def _is_of_tfx(container: Mapping[str, Any]) -> bool:
    hook = container.get("lifecycle", {}).get("preCacheCheck", {})
    words = [word for part in (container, hook) for key in ("command", "args") for word in part.get(key, ())]
    return any(isinstance(word, str) and word.startswith(_OF_TFX) for word in words)
