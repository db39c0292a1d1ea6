"""Compiles a configured pipeline to a bare pipeline spec for open-source Kubeflow Pipelines v2.

What its backend (kubeflow/pipelines 7b70c7b) does not do is done another way: no resolver, so the champion is the
newest pushed model (`millrace.components.champion`); no pre-cache check, so a task before ExampleGen looks at the data.
"""

from typing import Any

from millrace.cloud.kubeflow.data_task import split_pre_cache_check
from millrace.components import stage_ids
from millrace.config.cloud_sections import KubeflowDeployment
from millrace.config.config import Config
from millrace.config.platform import KUBEFLOW, deployed
from millrace.jobspec import edit
from millrace.jobspec.custom_job import UNSET_IMAGE
from millrace.jobspec.expected_code import expect_code
from millrace.jobspec.job import CompiledJob
from millrace.jobspec.parameters import add_runtime_parameters
from millrace.jobspec.settings import apply_stage_settings

# Its schema is the only one that the backend reads.
SCHEMA_VERSION = "2.1"


def compile_job(config: Config) -> CompiledJob:
    """Compiles a pipeline for Kubeflow Pipelines v2, without network and without credentials.

    Args:
        config: the configuration as it was read; its section `kubeflow` holds over the rest.

    Returns:
        The job, in the dialect "kubeflow".

    Raises:
        BadInput: something that the job needs is not installed, or a stage is named that is not there.
    """
    # TensorFlow and TFX come in here.
    from millrace.jobspec.project_pipeline import build_pipeline
    from millrace.jobspec.tfx_compiler import compile_pipeline

    here = deployed(config, KUBEFLOW)
    compiled = compile_pipeline(
        build_pipeline(here, KUBEFLOW),
        image=here.kubeflow.image or UNSET_IMAGE,
        display_name=here.name,
        schema_version=SCHEMA_VERSION,
    )
    job = CompiledJob(spec={**compiled.spec, "defaultPipelineRoot": compiled.root}, dialect="kubeflow")
    add_runtime_parameters(job, here)
    looking = split_pre_cache_check(job)
    _tell_the_service(job)
    expect_code(job)
    apply_stage_settings(
        job,
        here.kubeflow,
        "kubeflow",
        never_cached=frozenset({stage_ids.LATEST_BLESSED_MODEL, stage_ids.BASE_MODEL, *looking}),
    )
    job.platform.update(_platform(job, here.kubeflow))
    return job


def _tell_the_service(job: CompiledJob) -> None:
    for stage in job.tasks:
        runs = edit.container(job, stage)
        if "millrace.container" in runs.get("command", ()):
            runs["args"] = ["--service", "kubeflow", *runs["args"]]


def _platform(job: CompiledJob, kubeflow: KubeflowDeployment) -> dict[str, Any]:
    """What Kubernetes adds to every task's pod: kubernetes_executor_config.proto of KFP.

    The names are said twice, as older and as newer backends read them; kfp's own SDK does the same.
    """
    pod: dict[str, Any] = {
        "pvcMount": [
            {"constant": claim, "pvcNameParameter": _constant(claim), "mountPath": folder}
            for claim, folder in sorted(kubeflow.volumes.items())
        ],
        "secretAsEnv": [
            {
                "secretName": name,
                "secretNameParameter": _constant(name),
                "keyToEnv": [{"secretKey": key, "envVar": variable} for key, variable in sorted(keys.items())],
            }
            for name, keys in sorted(kubeflow.secrets.items())
        ],
        "imagePullSecret": [
            {"secretName": name, "secretNameParameter": _constant(name)} for name in kubeflow.image_pull_secrets
        ],
    }
    pod = {key: value for key, value in pod.items() if value}
    labels = [label for label, executor in sorted(job.executors.items()) if "container" in executor]
    return {"kubernetes": {"deploymentSpec": {"executors": dict.fromkeys(labels, pod)}}} if pod else {}


def _constant(value: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}
