"""Sends the pipeline to Kubeflow Pipelines: `python -m runners.kubeflow`, with the options of `millrace submit`.

Two steps, and what is yours goes between them: TFX's compiler makes a document of the graph, and a client sends it.
"""

from millrace.cli.running.project_runner import main
from millrace.cloud.remote.jobs import Service
from millrace.cloud.services import CloudRunner
from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob


def compiled(config: Config) -> CompiledJob:
    """The graph as a pipeline spec: `create_pipeline`, TFX's compiler, and what `kubeflow:` says of pods."""
    from millrace.cloud.kubeflow.compile import compile_job  # with TensorFlow, once the configuration is checked

    return compile_job(config)


def connect(config: Config) -> Service:
    """The configured installation; what `millrace check` refuses is not sent."""
    from millrace.cloud.kubeflow.service import KubeflowService

    return KubeflowService(config.kubeflow, config.name)


if __name__ == "__main__":
    main(("submit", "--runner", "kubeflow"), CloudRunner(compiled, connect))
