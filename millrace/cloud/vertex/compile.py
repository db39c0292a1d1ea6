"""Compiles a configured pipeline to a PipelineJob for Vertex AI: whole, so that nothing but the project is left to say.

The document's fields are those of the REST resource projects.locations.pipelineJobs.
"""

from typing import Any

from millrace.config.cloud_sections import VertexDeployment
from millrace.config.config import Config
from millrace.config.paths import layout
from millrace.config.platform import VERTEX, deployed
from millrace.jobspec import edit
from millrace.jobspec.custom_job import UNSET_IMAGE
from millrace.jobspec.expected_code import expect_code
from millrace.jobspec.failure_notice import FAILURE_NOTICE, add_failure_notice
from millrace.jobspec.job import CompiledJob, Spec
from millrace.jobspec.parameters import add_runtime_parameters
from millrace.jobspec.runtime_inputs import SECRET
from millrace.jobspec.settings import apply_stage_settings

FAILURE_POLICIES = {"slow": "PIPELINE_FAILURE_POLICY_FAIL_SLOW", "fast": "PIPELINE_FAILURE_POLICY_FAIL_FAST"}


def compile_job(config: Config) -> CompiledJob:
    """Compiles a pipeline for Vertex AI, without network and without credentials.

    Args:
        config: the configuration as it was read; its section `vertex` holds over the rest.

    Returns:
        The job.

    Raises:
        BadInput: something that the job needs is not installed, or a stage is named that is not there.
    """
    # TensorFlow and TFX come in here.
    from millrace.jobspec.project_pipeline import build_pipeline
    from millrace.jobspec.tfx_compiler import compile_pipeline

    here = deployed(config, VERTEX)
    job = compile_pipeline(
        build_pipeline(here, VERTEX),
        image=here.vertex.image or UNSET_IMAGE,
        display_name=here.vertex.display_name or here.name,
        schema_version=here.vertex.schema_version,
    )
    add_runtime_parameters(job, here)
    _resolve_runtime_span(job)
    add_failure_notice(job, here, here.vertex.image or UNSET_IMAGE)
    _give_secrets(job, here.vertex)
    expect_code(job)
    apply_stage_settings(job, here.vertex, "vertex", never_cached=frozenset({FAILURE_NOTICE}))
    _add_settings(job, here.vertex)
    return job


def of_template(spec: Spec, config: Config, file: str) -> CompiledJob:
    """The job of a pipeline spec that has none: what a spec does not say is the configuration's.

    Args:
        spec: the pipeline spec.
        config: the configuration as it was read; its section `vertex` holds over the rest.
        file: where the spec was read, for messages.

    Returns:
        The job, without labels of TFX's: those tell of the compiler.
    """
    here = deployed(config, VERTEX)
    name = str(spec.get("pipelineInfo", {}).get("name", ""))
    job = CompiledJob(
        spec=spec,
        runtime={"gcsOutputDirectory": layout(here).artifacts},
        display_name=(here.vertex.display_name if name == here.name else "") or name,
        file=file,
    )
    _add_settings(job, here.vertex)
    return job


def _add_settings(job: CompiledJob, vertex: VertexDeployment) -> None:
    """Puts in what holds for the whole job, and stands beside its spec."""
    job.runtime["failurePolicy"] = FAILURE_POLICIES[vertex.failure_policy]
    job.labels.update(vertex.labels)
    job.settings.update(_settings(vertex))


def _settings(vertex: VertexDeployment) -> dict[str, Any]:
    settings = {
        "encryptionSpec": {"kmsKeyName": vertex.encryption_key} if vertex.encryption_key else None,
        "serviceAccount": vertex.service_account,
        "network": vertex.network,
        "reservedIpRanges": list(vertex.reserved_ip_ranges),
    }
    return {key: value for key, value in settings.items() if value}


def _give_secrets(job: CompiledJob, vertex: VertexDeployment) -> None:
    """Names the secrets that our entry point reads: the service has no word for them in a task."""
    words = [word for name, version in sorted(vertex.secrets.items()) for word in (SECRET, f"{name}={version}")]
    for stage in job.tasks:
        runs = edit.container(job, stage)
        if any(word.startswith("millrace.container") for word in runs.get("command", ())):
            runs["args"] = [*runs["args"], *words]


def _resolve_runtime_span(job: CompiledJob) -> None:
    """Has the pre-cache check of file-based ExampleGens go through our entry point, which knows `span`."""
    for stage in job.tasks:
        check = edit.container(job, stage).get("lifecycle", {}).get("preCacheCheck")
        if check:
            check["command"] = list(edit.container(job, stage)["command"])
            check["args"] = ["--step", "resolve_input", *check["args"]]
