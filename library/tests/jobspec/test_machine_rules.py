"""Rules on machines, engines and schedules of compiled jobs: the shapes that a service does not have."""

import copy
import json

import pytest
from golden_cases import CASES, CONFIG, GOLDEN

from millrace.config.loading import load as load_config
from millrace.jobspec.checks import check
from millrace.jobspec.dataflow import beam_options
from millrace.jobspec.job import from_documents
from millrace.jobspec.job import load as load_job

VERTEX, KUBEFLOW = "everything-vertex.json", "everything-kubeflow.yaml"


def findings(rule, change=None, case=VERTEX, overrides=None):
    """What one rule says of a golden job after a change of its documents: severity and words."""
    documents = copy.deepcopy(load_job(GOLDEN / case).to_document())
    if change:
        change(*documents)
    config = None if overrides is None else load_config(CONFIG, [*CASES[case], *overrides])
    found = [finding for finding in check(from_documents(documents), config) if finding.rule == rule]
    return [(finding.severity, f"{finding.what} ({finding.where})") for finding in found]


def asks_for(**resources):
    def change(spec, *_):
        spec = spec.get("pipelineSpec", spec)
        spec["deploymentSpec"]["executors"]["Trainer_executor"]["container"]["resources"] = resources

    return change


def custom_config_of(stage, change_values):
    def change(job):
        said = job["pipelineSpec"]["root"]["dag"]["tasks"][stage]["inputs"]["parameters"]["custom_config"]
        values = json.loads(said["runtimeValue"]["constant"])
        change_values(values)
        said["runtimeValue"]["constant"] = json.dumps(values)

    return change


def pool(**machine):
    def change(values):
        for one in values["ai_platform_training_args"]["job_spec"]["worker_pool_specs"]:
            one["machine_spec"] = machine

    return custom_config_of("Trainer", change)


def endpoint(**machine):
    return custom_config_of("Pusher", lambda values: values["ai_platform_serving_args"].update(machine))


def beam_option(before, after):
    def change(job):
        text = json.dumps(job["pipelineSpec"])
        assert before in text
        job["pipelineSpec"] = json.loads(text.replace(before, after))

    return change


def component_of_google(**machine):
    """A task that hands the pools of a custom job on as a parameter, as google-cloud-pipeline-components has it."""

    def change(job):
        given = job["pipelineSpec"]["root"]["dag"]["tasks"]["SchemaGen"]["inputs"]["parameters"]
        given["worker_pool_specs"] = {"runtimeValue": {"constant": [{"machine_spec": machine}]}}

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (component_of_google(machine_type="n1-standrad-8"), "did you mean n1-standard-8? (SchemaGen, custom job)"),
        (asks_for(cpuLimit=1000.0), "1000 processors are asked for, and a step gets 96 at most (Trainer)"),
        (asks_for(memoryLimit=5000.0), "5000 GB of memory are asked for"),
        (asks_for(resourceCpuLimit="1000"), "1000 processors"),
        (asks_for(resourceMemoryLimit="5T"), "5000 GB of memory"),
        (asks_for(resourceMemoryLimit="600Gi"), "644.245 GB of memory"),
        (asks_for(accelerator={"type": "NVIDIA_T4", "count": "1"}), "did you mean NVIDIA_TESLA_T4?"),
        (asks_for(accelerator={"type": "NVIDIA_TESLA_T4", "count": "3"}), "no machine has 3 of NVIDIA_TESLA_T4"),
        (asks_for(accelerator={"resourceType": "nvidia.com/gpu", "resourceCount": "1"}), "a resource of Kubernetes"),
        (pool(machine_type="n1-standrad-8"), "did you mean n1-standard-8? (Trainer, custom job)"),
        (
            pool(machine_type="n1-standard-8", accelerator_type="NVIDIA_L4", accelerator_count=1),
            "NVIDIA_L4 does not go with the machine type n1-standard-8",
        ),
        (endpoint(machine_type="e2-standrad-4"), "did you mean e2-standard-4? (Pusher, endpoint)"),
        (
            custom_config_of("Pusher", lambda values: values.update(ai_platform_vertex_region="us-centrall1")),
            "did you mean us-central1?",
        ),
        (beam_option("--region=us-central1", "--region=us-centrall1"), "did you mean us-central1?"),
        (
            beam_option(
                '"--region=us-central1"', '"--region=us-central1", "--subnetwork=regions/asia-east1/subnetworks/s"'
            ),
            "the subnetwork is in asia-east1, and the Dataflow workers are in us-central1",
        ),
        (
            beam_option('"--region=us-central1"', '"--region=us-central1", "--worker_machine_type=n1-standrad-1"'),
            "did you mean n1-standard-1?",
        ),
    ],
)
def test_a_machine_that_there_is_not_is_found(change, words):
    found = findings("machine", change)
    assert words in found[0][1]
    assert {severity for severity, _ in found} == {"before submit"}


@pytest.mark.parametrize(
    "change",
    [
        asks_for(resourceCpuLimit="500m", resourceMemoryLimit="512Mi"),
        asks_for(resourceCpuLimit="96", resourceMemoryLimit="624G"),
        asks_for(resourceCpuLimit="{{$.inputs.parameters['cpus']}}"),
        pool(machine_type="g2-standard-8", accelerator_type="NVIDIA_L4", accelerator_count=1),
        endpoint(machine_type="n1-standard-2"),
        component_of_google(machine_type="{{$.inputs.parameters['machine']}}"),
    ],
)
def test_a_machine_that_there_is_is_taken(change):
    assert findings("machine", change) == []


def test_a_machine_newer_than_the_tables_is_a_warning_that_names_their_date():
    [(severity, words)] = findings("machine", asks_for(accelerator={"type": "NVIDIA_R300", "count": "1"}))
    assert severity == "warning" and "NVIDIA_R300 is not known here (table of 20" in words


def test_a_limit_that_is_a_parameter_is_read():
    def change(job):
        asks_for(resourceCpuLimit="{{$.inputs.parameters['training_cpus']}}")(job)
        given = job["pipelineSpec"]["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]
        given["training_cpus"] = {"runtimeValue": {"constant": "1000"}}

    assert "1000 processors" in findings("machine", change)[0][1]


def test_kubeflow_takes_resources_of_kubernetes():
    assert findings("machine", case=KUBEFLOW) == []
    [(severity, words)] = findings("machine", asks_for(accelerator={"type": "NVIDIA_L4", "count": "1"}), KUBEFLOW)
    assert severity == "warning" and "NVIDIA_L4 is no resource of Kubernetes" in words


def test_a_region_that_may_be_new_is_a_warning():
    found = findings("machine", overrides=["vertex.region=us-west9"])
    assert [severity for severity, _ in found] == ["warning"] and "us-west9 is not known here" in found[0][1]


def test_an_engine_on_the_task_s_own_machine_is_found():
    for server in ("localhost:8099", "127.0.0.1:8099", "[::1]:8099"):
        found = findings("beam-engine", beam_option("--runner=DataflowRunner", f"--job_endpoint={server}"))
        assert [severity for severity, _ in found] == ["before submit"]
        assert f"the Beam engine at {server} would be on the machine of the task itself" in found[0][1]
    assert findings("beam-engine", beam_option('"--runner=DataflowRunner"', '"--flink_master", "localhost:8081"'))
    assert not findings("beam-engine", beam_option("--runner=DataflowRunner", "--job_endpoint=flink:8099"))


def test_the_tasks_that_work_with_beam_are_named_together_and_no_other() -> None:
    """Every task of a compiled job is given the options, a Trainer too, which has no use for them."""
    beam = "(ExampleGen, StatisticsGen, Transform, Evaluator)"
    [(_, words)] = findings("machine", beam_option("--region=us-central1", "--region=us-centrall1"))
    assert words.endswith(beam)
    [(_, words)] = findings("machine", beam_option('"--region=us-central1"', '"--region", "us-centrall1"'))
    assert words.endswith(beam), "an option and its value may be two words"
    [(_, words)] = findings("beam-engine", beam_option("--runner=DataflowRunner", "--flink_master=localhost:8081"))
    assert words.endswith(beam)
    renamed = beam_option("--region=us-central1", "--region=us-centrall1")

    def of_others(job):
        renamed(job)
        tasks = job["pipelineSpec"]["root"]["dag"]["tasks"]
        for name in ("ExampleGen", "StatisticsGen", "Transform", "Evaluator"):
            tasks[f"my-{name.lower()}"] = tasks.pop(name)

    [(_, words)] = findings("machine", of_others)
    assert "my-examplegen" in words, "where none is known to work with Beam, each that is told is named"


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (["--runner=DataflowRunner", "--region", "r"], {"runner": "DataflowRunner", "region": "r"}),
        (["--region=a", "--region", "b"], {"region": "b"}),
        (["--a", "--b=c=d", "--e"], {"b": "c=d"}),
        (["x=y", "--a", "x=y"], {"a": "x=y"}),
        ([], {}),
    ],
)
def test_beams_options_are_read_as_one_word_or_two(args, options) -> None:
    assert beam_options(args) == options


def test_workers_with_the_image_of_the_stages_are_found():
    [(severity, words)] = findings("beam-image")
    assert severity == "warning" and "has not Beam's /opt/apache/beam/boot" in words
    assert not findings("beam-image", beam_option("--sdk_container_image=", "--sdk_container_image=another/"))


def test_a_schedule_that_is_over_is_found():
    over = "vertex.schedule={cron: 0 4 * * *, end: '2020-01-01T00:00:00Z'}"
    [(severity, words)] = findings("schedule", overrides=[over])
    assert severity == "warning" and "ended at 2020-01-01T00:00:00+00:00" in words
    assert not findings("schedule", overrides=["vertex.schedule={cron: 0 4 * * *, end: '2999-01-01T00:00:00Z'}"])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([{"metric": "AUCC", "at_least": 0.7}], "a threshold names AUCC, which is not among the metrics"),
        ([{"metric": "AUCC"}], "set at_least, at_most or worse_by_at_most"),
        ([{"metric": "AUC", "at_leest": 0.7}], "Extra inputs are not permitted"),
        ([], "at least 1 item"),
        ("AUC > 0.7", "no list of thresholds"),
    ],
)
def test_thresholds_that_the_evaluator_would_refuse_are_found(value, words):
    def change(job):
        job["runtimeConfig"]["parameterValues"] = {"thresholds": value}

    [(severity, found)] = findings("parameter-value", change, "taxi-vertex.json")
    assert severity == "error" and words in found


def test_thresholds_of_metrics_that_are_measured_are_taken():
    def change(job):
        job["runtimeConfig"]["parameterValues"] = {"thresholds": [{"metric": "AUC", "at_least": 0.6}]}

    assert not findings("parameter-value", change, "taxi-vertex.json")


def without_option(name):
    def change(job):
        for executor in job["pipelineSpec"]["deploymentSpec"]["executors"].values():
            args = executor.get("container", {}).get("args", [])
            while name in args:
                at = args.index(name)
                del args[at : at + 2]

    return change


def test_a_variable_that_a_component_reads_and_nobody_sets_is_found():
    assert findings("environment") == findings("environment", case=KUBEFLOW) == []
    [(severity, words)] = findings("environment", without_option("--secret"))
    assert severity == "before submit"
    assert words.startswith("a task reads the environment variable HOOK, and the job does not set it (")
    assert set(words[words.index("(") + 1 : -1].split(", ")) == {"Notifier", "FailureNotice"}

    def no_platform(spec, platforms):
        platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"] = {}

    assert "environment variable HOOK" in findings("environment", no_platform, KUBEFLOW)[0][1]


def test_a_variable_of_the_container_itself_is_one():
    def change(job):
        without_option("--secret")(job)
        executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
        for name in ("Notifier", "FailureNotice"):
            executors[f"{name}_executor"]["container"]["env"] = [{"name": "HOOK", "value": "https://example.org/x"}]

    assert findings("environment", change) == []
