"""Compiling for a service: what is checked here, how a failure is told, and what each service is told of its own."""

import dataclasses

import pytest

from millrace.base.errors import BadInput, MillraceError
from millrace.cloud.compile import compile_for, compiled_file
from millrace.cloud.kubeflow.data_task import split_pre_cache_check
from millrace.config.loading import load
from millrace.jobspec import edit
from millrace.jobspec.job import CompiledJob

IMAGE = f"europe-docker.pkg.dev/my-project/images/millrace@sha256:{'0' * 64}"
VERTEX = ("vertex.project=my-project", "vertex.root=gs://my-bucket/m", "vertex.data_path=gs://my-bucket/d",
          f"vertex.image={IMAGE}")  # fmt: skip
KUBEFLOW = ("kubeflow.root=minio://bucket/root", "kubeflow.data_path=/mnt/data", f"kubeflow.image={IMAGE}",
            "kubeflow.volumes={claim-b: /mnt/data, claim-a: /mnt/serving}",
            "kubeflow.push_directory=/mnt/serving")  # fmt: skip
JOB = CompiledJob(spec={}, dialect="vertex")


def config(*settings):
    return load("conf/taxi.yaml", settings)


def test_a_job_has_a_file_of_its_own_for_each_service(tmp_path):
    here = config(f"root={tmp_path}")
    assert compiled_file(here, "vertex") == tmp_path / "compiled" / "taxi-vertex.json"
    assert compiled_file(here, "kubeflow") == tmp_path / "compiled" / "taxi-kubeflow.yaml"


def test_a_compiler_of_ones_own_gets_the_configuration_as_it_was_read():
    seen = []
    given = config(*VERTEX)
    assert compile_for(given, "vertex", lambda read: seen.append(read) or JOB) is JOB
    assert seen == [given]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ValueError("no such component"), MillraceError, "ValueError: no such component"),
        (BadInput("there is no stage", where="code"), BadInput, "there is no stage"),
        (MillraceError("TFX gave up"), MillraceError, "TFX gave up"),
    ],
)
def test_a_failure_of_the_compiler_is_told_by_its_kind(error, kind, words):
    def fails(read):
        raise error

    with pytest.raises(MillraceError) as failure:
        compile_for(config(*VERTEX), "vertex", fails)
    assert type(failure.value) is kind and failure.value.what == words


def test_what_a_user_caused_below_is_bad_input():
    def fails(read):
        raise RuntimeError("in TFX") from BadInput("the schema fits nothing", where="schema.file", remedy="fix it")

    with pytest.raises(BadInput, match="the schema fits nothing") as failure:
        compile_for(config(*VERTEX), "vertex", fails)
    assert (failure.value.where, failure.value.remedy) == ("schema.file", "fix it")


def test_data_that_only_the_service_sees_is_not_looked_for_here(tmp_path):
    here = f"data.path={tmp_path}"
    assert compile_for(config(*VERTEX, here), "vertex", lambda read: JOB) is JOB
    assert compile_for(config(*KUBEFLOW, here), "kubeflow", lambda read: JOB) is JOB
    without = [setting for setting in VERTEX if "data_path" not in setting]
    with pytest.raises(BadInput, match="no data file matches"):
        compile_for(config(*without, here), "vertex", lambda read: JOB)


def test_a_query_may_get_its_project_later():
    query = "data={format: bigquery, query: SELECT 1}"
    assert compile_for(config(*KUBEFLOW, query), "kubeflow", lambda read: JOB) is JOB


@pytest.fixture(scope="module")
def for_vertex():
    return compile_for(
        config(*VERTEX, "vertex.secrets={HOOK: projects/p/secrets/hook/versions/3}", "notify={webhook_env: HOOK}",
               "vertex.failure_policy=fast", "vertex.labels={team: tips}", "vertex.service_account=a@b.iam"),
        "vertex",
    )  # fmt: skip


@pytest.fixture(scope="module")
def for_kubeflow():
    return compile_for(
        config(*KUBEFLOW, "kubeflow.secrets={hook: {url: HOOK, a: A}}", "kubeflow.image_pull_secrets=[registry]"),
        "kubeflow",
    )


def containers(job):
    return {stage: runs for stage in job.tasks if (runs := edit.container(job, stage))}


def test_vertex_ai_is_told_what_stands_beside_the_graph(for_vertex):
    assert for_vertex.root == "gs://my-bucket/m/artifacts"
    assert for_vertex.runtime["failurePolicy"] == "PIPELINE_FAILURE_POLICY_FAIL_FAST"
    assert for_vertex.labels["team"] == "tips"
    assert for_vertex.settings == {"serviceAccount": "a@b.iam"}
    assert (for_vertex.display_name, for_vertex.dialect) == ("taxi", "vertex")


def test_on_vertex_ai_secrets_are_named_to_our_own_command_in_every_task(for_vertex):
    stages = containers(for_vertex)
    assert {runs["image"] for runs in stages.values()} == {IMAGE}
    for stage, runs in stages.items():
        assert runs["args"][-2:] == ["--secret", "HOOK=projects/p/secrets/hook/versions/3"] or "timeout" in str(runs), (
            stage
        )
    assert "FailureNotice" in "".join(for_vertex.tasks) or any("notice" in stage.lower() for stage in stages)


def test_on_vertex_ai_the_data_is_looked_at_before_the_cache_by_our_own_command(for_vertex):
    check = containers(for_vertex)["ExampleGen"]["lifecycle"]["preCacheCheck"]
    assert check["command"] == ["python", "-m", "millrace.container"]
    assert check["args"][:2] == ["--step", "resolve_input"]


def test_on_kubeflow_a_task_looks_at_the_data_in_every_run(for_kubeflow):
    stages = containers(for_kubeflow)
    looking = stages["ExampleGen-data"]
    assert looking["args"][:4] == ["--service", "kubeflow", "--step", "resolve_input"]
    assert "lifecycle" not in stages["ExampleGen"]
    assert for_kubeflow.tasks["ExampleGen-data"]["cachingOptions"]["enableCache"] is False
    assert for_kubeflow.tasks["ExampleGen"]["dependentTasks"] == ["ExampleGen-data"]
    given = for_kubeflow.tasks["ExampleGen"]["inputs"]["parameters"]
    for key in ("span", "version", "input_fingerprint", "input_config"):
        assert given[key]["taskOutputParameter"] == {"producerTask": "ExampleGen-data", "outputParameterKey": key}
    assert not {"range_config", "runtime_span"} & set(given)
    assert "input_base" in for_kubeflow.tasks["ExampleGen-data"]["inputs"]["parameters"]


def test_on_kubeflow_every_task_of_ours_is_told_the_service(for_kubeflow):
    ours = [runs for runs in containers(for_kubeflow).values() if "millrace.container" in runs["command"]]
    assert len(ours) > 8 and all(runs["args"][:2] == ["--service", "kubeflow"] for runs in ours)
    assert for_kubeflow.root == "minio://bucket/root/artifacts"


def test_on_kubeflow_every_pod_gets_volumes_secrets_and_the_right_to_its_image(for_kubeflow):
    pods = for_kubeflow.platform["kubernetes"]["deploymentSpec"]["executors"]
    assert set(pods) == {label for label, executor in for_kubeflow.executors.items() if "container" in executor}
    for pod in pods.values():
        assert [(mount["constant"], mount["mountPath"]) for mount in pod["pvcMount"]] == [
            ("claim-a", "/mnt/serving"), ("claim-b", "/mnt/data"),
        ]  # fmt: skip
        [secret] = pod["secretAsEnv"]
        assert secret["secretName"] == secret["secretNameParameter"]["runtimeValue"]["constant"] == "hook"
        assert [(one["secretKey"], one["envVar"]) for one in secret["keyToEnv"]] == [("a", "A"), ("url", "HOOK")]
        assert [one["secretName"] for one in pod["imagePullSecret"]] == ["registry"]


def test_a_job_without_such_a_check_is_left_as_it_is(for_kubeflow):
    again = dataclasses.replace(for_kubeflow)
    assert split_pre_cache_check(again) == []
