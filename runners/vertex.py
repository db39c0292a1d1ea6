"""Sends the pipeline to Vertex AI: `python -m runners.vertex`, with the options of `millrace submit`.

Two steps, and what is yours goes between them: TFX's compiler makes a document of the graph, and a client sends it.
"""

from millrace.cli.running.project_runner import main
from millrace.cloud.remote.jobs import Service
from millrace.cloud.services import CloudRunner
from millrace.config.config import Config
from millrace.jobspec.job import CompiledJob


def compiled(config: Config) -> CompiledJob:
    """The graph as a PipelineJob: `create_pipeline`, TFX's compiler, and what `vertex:` says of machines."""
    from millrace.cloud.vertex.compile import compile_job  # with TensorFlow, once the configuration is checked

    return compile_job(config)


def connect(config: Config) -> Service:
    """Vertex AI Pipelines in the configured project and region; what `millrace check` refuses is not sent."""
    from millrace.cloud.vertex.service import VertexService

    return VertexService(config.vertex)


if __name__ == "__main__":
    main(("submit", "--runner", "vertex"), CloudRunner(compiled, connect))
