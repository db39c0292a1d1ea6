"""Every container image that a compiled job names: of its tasks, of what these start, and of what serves afterwards."""

from collections.abc import Iterator

from millrace.jobspec.dataflow import asks_for_dataflow, image_of_workers, options_of
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.vertex_resources import custom_jobs, endpoint


def named_images(job: CompiledJob) -> Iterator[tuple[str, str]]:
    """The images, each as often as it is named.

    Args:
        job: of ours or of TFX alone.

    Yields:
        The key of a configuration under which it stands, and its name.
    """
    for step in job.walk():
        if image := job.executor(step.task).get("container", {}).get("image"):
            yield f"{job.dialect}.image", image
        options = options_of(job, step)
        if asks_for_dataflow(options) and (image := image_of_workers(options)):
            yield f"{job.dialect}.image", image
        for custom in custom_jobs(job, step):
            yield from ((f"{job.dialect}.image", pool.image) for pool in custom.pools if pool.image)
        served = endpoint(job, step)
        if served and served.image:
            yield "push.vertex.image", served.image
