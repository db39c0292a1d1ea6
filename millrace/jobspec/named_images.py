"""Every container image that a compiled job names: of its tasks, of what these start, and of what serves afterwards."""

from collections.abc import Iterator

from millrace.jobspec.dataflow import beam_options
from millrace.jobspec.job import CompiledJob


def named_images(job: CompiledJob) -> Iterator[tuple[str, str]]:
    """The images, each as often as it is named.

    Args:
        job: of ours or of TFX alone.

    Yields:
        The key of a configuration under which it stands, and its name.
    """
    for step in job.walk():
        container = job.executor(step.task).get("container", {})
        if image := container.get("image"):
            yield f"{job.dialect}.image", str(image)
        options = beam_options(container.get("args", ()))
        if options.get("runner") == "DataflowRunner" and (image := options.get("sdk_container_image")):
            yield f"{job.dialect}.image", image
        custom = job.json_value(step, "custom_config")
        training = custom.get("ai_platform_training_args") or {}
        for pool in (training.get("job_spec") or {}).get("worker_pool_specs") or ():
            if image := pool.get("container_spec", {}).get("image_uri"):
                yield f"{job.dialect}.image", str(image)
        if image := custom.get("ai_platform_vertex_container_image_uri"):
            yield "push.vertex.image", str(image)
