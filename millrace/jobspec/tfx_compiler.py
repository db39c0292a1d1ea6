"""TFX's own compiler for Vertex AI and Kubeflow Pipelines v2, called with neither network nor credentials."""

from tfx.orchestration.pipeline import Pipeline

from millrace.base.errors import BadInput
from millrace.jobspec.artifact_types import require_compilable
from millrace.jobspec.job import CompiledJob, from_documents

# In place of TFX's entry point, to which it hands over; see millrace/container.
COMMAND = ("python", "-m", "millrace.container")


def compile_pipeline(pipeline: Pipeline, *, image: str, display_name: str, schema_version: str) -> CompiledJob:
    """Compiles a pipeline with TFX's `KubeflowV2DagRunner`.

    Args:
        pipeline: the graph. Its code is named by dotted paths: a `module_file` would be packed into the pipeline root.
        image: the container image of every stage.
        display_name: what a person calls the job.
        schema_version: of the pipeline spec, 2.1 or 2.0.

    Returns:
        The PipelineJob as TFX makes it.

    Raises:
        BadInput: the package with the format of compiled jobs is not installed, or an artifact type is refused.
    """
    require_compilable(pipeline)
    try:
        from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
    except ImportError as error:
        raise BadInput(
            f"the format of compiled jobs is not installed: {error}",
            remedy="make setup; or, in an environment of your own, pip install kfp-pipeline-spec",
        ) from error
    if schema_version == "2.0":
        _write_out_booleans(pipeline)
    settings = KubeflowV2DagRunnerConfig(
        display_name=display_name,
        default_image=image,
        default_commands=list(COMMAND),
        use_pipeline_spec_2_1=schema_version == "2.1",
    )
    return from_documents([KubeflowV2DagRunner(settings).run(pipeline, write_out=False)])


def _write_out_booleans(pipeline: Pipeline) -> None:
    # Schema 2.0 has no booleans, and TFX sets them as integers, which protobuf 6 refuses.
    for component in pipeline.components:
        for name, value in component.exec_properties.items():
            if isinstance(value, bool):
                component.exec_properties[name] = int(value)
