"""A deployment's settings of stages, laid over a compiled job that was read from its file."""

import pytest
from golden_cases import CONFIG, GOLDEN, KUBEFLOW, VERTEX

from millrace.base.errors import BadInput, ConfigError
from millrace.config.loading import load
from millrace.jobspec import edit
from millrace.jobspec.custom_job import custom_job
from millrace.jobspec.job import load as load_job
from millrace.jobspec.settings import apply_stage_settings


def laid_over(*settings, never_cached=frozenset()):
    job = load_job(GOLDEN / "taxi-kubeflow.yaml")
    apply_stage_settings(job, load(CONFIG, (*KUBEFLOW, *settings)).kubeflow, "kubeflow", never_cached)
    return job


def test_a_stage_that_the_pipeline_lacks_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="the pipeline has no stage Trainr that runs in a container") as refused:
        laid_over("kubeflow.stages.Trainr={cpu: 1}")
    assert refused.value.where == "kubeflow.stages"
    assert "name one of: " in refused.value.remedy and "did you mean Trainer?" in refused.value.remedy


def test_each_stage_gets_what_it_asks_for_and_nothing_else():
    job = laid_over(
        "kubeflow.defaults={memory_gb: 2}",
        "kubeflow.stages.Trainer={accelerator: nvidia.com/gpu, retries: 3, retry_seconds: 30}",
        "kubeflow.stages.Evaluator={cpu: 1.5, timeout_minutes: 2, retries: 1}",
    )
    assert edit.container(job, "Transform")["resources"] == {"memoryLimit": 2.0}
    gpu = {"memoryLimit": 2.0, "accelerator": {"type": "nvidia.com/gpu", "count": "1"}}
    assert edit.container(job, "Trainer")["resources"] == gpu
    assert edit.container(job, "Evaluator")["resources"] == {"cpuLimit": 1.5, "memoryLimit": 2.0}
    assert edit.container(job, "Evaluator")["args"][-2:] == ["--timeout_seconds", "120"]
    retries = {name: task.get("retryPolicy") for name, task in job.tasks.items()}
    assert retries.pop("Trainer") == {
        "maxRetryCount": 3, "backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": "3600s",
    }  # fmt: skip
    assert retries.pop("Evaluator") == {"maxRetryCount": 1, "backoffFactor": 2.0, "backoffMaxDuration": "3600s"}
    assert not any(retries.values())


def test_a_task_that_looks_outside_is_never_cached():
    job = laid_over(never_cached=frozenset({"Pusher"}))
    cached = {
        name: task["cachingOptions"]["enableCache"] for name, task in job.tasks.items() if edit.container(job, name)
    }
    assert cached.pop("Pusher") is False
    assert any(cached.values())


def test_a_program_of_another_kind_is_ended_by_timeout():
    job = load_job(GOLDEN / "everything-kubeflow.yaml")
    [stage] = [name for name in job.tasks if name == "ModelArchive"]
    before = list(edit.container(job, stage)["command"])
    edit.set_timeout(job, stage, 3)
    assert edit.container(job, stage)["command"] == ["timeout", "180", *before]


def test_variables_of_one_name_are_replaced_and_others_stay():
    job = load_job(GOLDEN / "taxi-kubeflow.yaml")
    edit.set_environment(job, "Trainer", {"LEVEL": "INFO", "A": "1"})
    edit.set_environment(job, "Trainer", {"LEVEL": "DEBUG"})
    env = {one["name"]: one["value"] for one in edit.container(job, "Trainer")["env"]}
    assert (env["A"], env["LEVEL"]) == ("1", "DEBUG")
    names = [one["name"] for one in edit.container(job, "Trainer")["env"]]
    assert len(names) == len(set(names))


def test_a_job_that_cannot_be_written_is_bad_input():
    with pytest.raises(BadInput, match="cannot be written") as refused:
        load_job(GOLDEN / "taxi-vertex.json").save("/proc/millrace/job.json")
    assert "-o" in refused.value.remedy


def test_a_chief_alone_has_no_second_pool():
    told = load(CONFIG, (*VERTEX, "vertex.trainer={machine_type: n1-standard-8, workers: 1}"))
    job = custom_job(told.name, told.vertex, told.vertex.trainer)
    [chief] = job["job_spec"]["worker_pool_specs"]
    assert (chief["replica_count"], chief["machine_spec"]) == (1, {"machine_type": "n1-standard-8"})
    told = load(CONFIG, (*VERTEX, "vertex.trainer={machine_type: n1-standard-8, workers: 2, timeout_minutes: 60}"))
    job = custom_job(told.name, told.vertex, told.vertex.trainer)
    assert [pool["replica_count"] for pool in job["job_spec"]["worker_pool_specs"]] == [1, 1]
    assert job["job_spec"]["scheduling"] == {"timeout": {"seconds": 3600}}
