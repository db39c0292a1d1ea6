"""The rules for compiled jobs: each finds what it is for, and finds nothing in a job that is sound."""

import copy
import json

import pytest
from golden_cases import CASES, CONFIG, GOLDEN, KEY

from millrace.config.loading import load as load_config
from millrace.jobspec.checks import check
from millrace.jobspec.findings import refusing
from millrace.jobspec.job import from_documents
from millrace.jobspec.job import load as load_job

VERTEX, KUBEFLOW = "everything-vertex.json", "everything-kubeflow.yaml"


def findings(change=None, case=VERTEX, overrides=(), with_config=True):
    """What is found in a golden job after a change to its documents."""
    documents = copy.deepcopy(load_job(GOLDEN / case).to_document())
    if change:
        change(*documents)
    config = load_config(CONFIG, [*CASES[case], *overrides]) if with_config else None
    return [found for found in check(from_documents(documents), config) if found.severity != "warning"]


def only(found, rule):
    assert {finding.rule for finding in found} == {rule}
    assert all(finding.remedy and finding.where for finding in found)
    return " / ".join(finding.what for finding in found)


@pytest.mark.parametrize("case", CASES)
def test_a_sound_job_has_nothing_to_fix(case):
    assert findings(case=case) == []
    assert findings(case=case, with_config=False) == []


@pytest.mark.parametrize("case", CASES)
def test_a_job_of_the_version_before_is_told_once_with_what_to_do(case):
    documents = load_job(GOLDEN / case).to_document()
    earlier = json.loads(json.dumps(documents).replace('"millrace.container"', '"runners.container"'))
    found = [finding for finding in check(from_documents(earlier)) if finding.severity == "error"]
    assert "Millrace 0.1" in only(found, "version") and len(found) == 1
    assert found[0].remedy.startswith("compile it again: millrace compile")


def task(job, name):
    return job["pipelineSpec"]["root"]["dag"]["tasks"][name]


def container(job, name):
    return job["pipelineSpec"]["deploymentSpec"]["executors"][f"{name}_executor"]["container"]


def rename(job):
    job["pipelineSpec"]["pipelineInfo"]["name"] = "Taxi_Tips"


def label_in_capitals(job):
    job["labels"].update({"Team": "x", "size": "X" * 70, "goog-x": "y"})


def label_of_a_promotion(job):
    job["labels"]["millrace_promotion"] = "1"


def long_display_name(job):
    job["displayName"] = "x" * 129


def network_by_project_id(job):
    job["network"] = "projects/my-project/global/networks/inside"


def ranges_of_no_network(job):
    del job["network"]


def run_as_a_person(job):
    job["serviceAccount"] = "ada@example.org"


def root_on_s3(job):
    job["runtimeConfig"]["gcsOutputDirectory"] = "s3://bucket/root"


def bucket_in_capitals(job):
    job["runtimeConfig"]["gcsOutputDirectory"] = "gs://My_Bucket/root"


def forget_a_default(job):
    declared = job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]["training_steps"]
    del declared["defaultValue"], declared["isOptional"]


def steps_in_words(job):
    job["runtimeConfig"]["parameterValues"] = {"training_steps": "many"}


def value_for_nothing(job):
    job["runtimeConfig"]["parameterValues"] = {"steps": 3}


def undeclared_parameter(job):
    del job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]["span"]


def lost_component(job):
    del job["pipelineSpec"]["components"]["SchemaGen"]


def lost_executor(job):
    del job["pipelineSpec"]["deploymentSpec"]["executors"]["SchemaGen_executor"]


def lost_producer(job):
    task(job, "Evaluator")["inputs"]["artifacts"]["model"]["taskOutputArtifact"]["producerTask"] = "Trainer_task"


def lost_output(job):
    task(job, "Evaluator")["inputs"]["artifacts"]["model"]["taskOutputArtifact"]["outputArtifactKey"] = "modle"


def lost_input(job):
    del task(job, "Evaluator")["inputs"]["artifacts"]["examples"]


def circle(job):
    task(job, "ExampleGen")["dependentTasks"] = ["Pusher"]


def name_executor(job, path):
    args = container(job, "SchemaGen")["args"]
    args[args.index("--executor_class_path") + 1] = path


def executor_in_a_script(job):
    name_executor(job, "__main__.Executor")


def executor_of_nobody(job):
    name_executor(job, "tfx.components.schema_gen.executor.Exekutor")


def executor_that_is_not_shipped(job):
    name_executor(job, "bootstrap.machine.Machine")


def function_of_nobody(job):
    task(job, "Transform")["inputs"]["parameters"]["preprocessing_fn"]["runtimeValue"]["constant"] = "models.nix.fn"


def command_of_nobody(job):
    container(job, "SchemaGen")["command"] = ["python", "-m", "runners.contaner"]


def type_of_nobody(job):
    outputs = job["pipelineSpec"]["components"]["DataGate"]["outputDefinitions"]["artifacts"]
    outputs["report"]["artifactType"] = {"schemaTitle": "nobody.Report"}


def long_schema(job):
    task(job, "CuratedSchema")["inputs"]["parameters"]["schema_text"]["runtimeValue"]["constant"] = "x" * 131_000


def long_command(job):
    container(job, "ModelArchive")["command"].append("ü" * 70_000)


def image_by_tag(job):
    container(job, "Trainer")["image"] = "gcr.io/my-project/millrace:latest"


def quote_in_a_condition(job):
    task(job, "Pusher")["triggerPolicy"] = {"condition": "inputs.artifacts['model_blessing'].value == 'it's'"}


def backslash_in_a_condition(job):
    task(job, "Pusher")["triggerPolicy"] = {"condition": r"inputs.artifacts['model'].uri == 'C:\data'"}


def condition_on_nothing(job):
    task(job, "Pusher")["triggerPolicy"] = {"condition": "inputs.parameters['metric'] > 0.9"}


@pytest.mark.parametrize(
    ("change", "rule", "words"),
    [
        (rename, "pipeline-name", "'Taxi_Tips'"),
        (label_in_capitals, "label", "'Team' is refused / the value"),
        (label_of_a_promotion, "label", "'millrace_promotion' is Millrace's own"),
        (long_display_name, "display-name", "129 characters"),
        (network_by_project_id, "network", "projects/my-project/global/networks/inside is refused"),
        (ranges_of_no_network, "network", "in no network"),
        (run_as_a_person, "service-account", "ada@example.org is no service account"),
        (root_on_s3, "root-scheme", "s3://bucket/root cannot be used"),
        (bucket_in_capitals, "root-scheme", "no valid bucket"),
        (forget_a_default, "parameter-without-value", "training_steps has neither"),
        (steps_in_words, "parameter-type", "'many' is no NUMBER_INTEGER"),
        (value_for_nothing, "parameter-unknown", "given for steps"),
        (undeclared_parameter, "dangling", "from 'span', which the job does not declare"),
        (lost_component, "dangling", "names the component SchemaGen"),
        (lost_executor, "dangling", "names the executor SchemaGen_executor"),
        (lost_producer, "dangling", "takes from Trainer_task, which is not a task"),
        (lost_output, "dangling", "takes 'modle' from Trainer"),
        (lost_input, "dangling", "declares the input 'examples', and nothing is given"),
        (circle, "circle", "wait for each other"),
        (executor_in_a_script, "code", "defined in a script"),
        (executor_of_nobody, "code", "not defined in tfx.components.schema_gen.executor"),
        (executor_that_is_not_shipped, "code", "which setup.py does not ship"),
        (function_of_nobody, "code", "models.nix.fn of Transform cannot be found"),
        (command_of_nobody, "code", "the module runners.contaner"),
        (type_of_nobody, "code", "nobody.Report"),
        (long_schema, "argument-too-long", "Linux takes 131,071"),
        (long_command, "argument-too-long", "ModelArchive takes about 140,0"),
        (image_by_tag, "image-without-digest", "millrace:latest is not named by its digest"),
        (quote_in_a_condition, "condition", "no CEL: it breaks at column"),
        (backslash_in_a_condition, "condition", r"there is no escape \d"),
        (condition_on_nothing, "condition", "'metric', which is none of its parameters"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_mistake_is_found_and_nothing_else(change, rule, words):
    assert words in only(findings(change, with_config=False), rule)


def without(*path):
    def change(job, *_):
        node = job
        for part in path[:-1]:
            node = node[part]
        del node[path[-1]]

    return change


def executor(name, *path):
    return without("pipelineSpec", "deploymentSpec", "executors", f"{name}_executor", "container", *path)


def in_task(name, *path):
    return without("pipelineSpec", "root", "dag", "tasks", name, *path)


def cached_again(job):
    task(job, "Trainer")["cachingOptions"] = {"enableCache": True}


def never_ending(job):
    del container(job, "Trainer")["args"][-2:]


def another_network(job):
    job["network"] = "projects/12345/global/networks/another"


def without_labels(job):
    del job["labels"]["team"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        # TFX's compiler drops these of file-based ExampleGens (tensorflow/tfx #6146).
        (executor("ExampleGen", "resources"), "8 processors of ExampleGen"),
        (executor("ExampleGen", "resources", "accelerator"), "the accelerator NVIDIA_TESLA_T4 of ExampleGen"),
        (cached_again, "caching switched off of Trainer"),
        (in_task("Trainer", "retryPolicy"), "3 retries of Trainer"),
        (never_ending, "the timeout of 90 minutes of Trainer"),
        (executor("ModelArchive", "command", 0), "the timeout of 10 minutes of ModelArchive"),
        (executor("Trainer", "env"), "the environment variable LEVEL of Trainer"),
        (without("serviceAccount"), "millrace@my-project"),
        (another_network, "networks/inside"),
        (without("reservedIpRanges"), "inside-range"),
        (without("runtimeConfig", "failurePolicy"), "'fast'"),
        (without_labels, "'team': 'tips'"),
    ],
)
def test_what_is_asked_for_and_absent_is_found(change, words):
    assert words in only(findings(change), "asked-for-but-absent")


def test_settings_of_a_stage_that_is_not_there_are_found():
    found = findings(overrides=["vertex.stages.Trainr={cpu: 2}"])
    assert "the settings of Trainr" in only(found, "asked-for-but-absent")


def test_a_key_on_one_resource_and_not_on_another_is_found():
    found = findings(without("encryptionSpec"), with_config=False)
    assert (
        only(found, "encryption-key")
        == "the pipeline job has no encryption key, and another resource of the job has one"
    )
    pusher = load_config(CONFIG, CASES[VERTEX]).push.vertex
    assert pusher.encryption_key == KEY


def test_a_key_in_another_region_is_found():
    found = findings(overrides=["vertex.region=europe-west6"])
    assert (
        only(found, "encryption-key")
        == "the encryption key of the pipeline job is in us-central1, and that is in europe-west6"
    )


def endpoint_in(region, key):
    def change(job):
        said = task(job, "Pusher")["inputs"]["parameters"]["custom_config"]["runtimeValue"]
        custom_config = {**json.loads(said["constant"]), "ai_platform_vertex_region": region}
        said["constant"] = json.dumps({**custom_config, "millrace_encryption_key": key})

    return change


def test_an_endpoint_may_be_in_a_region_of_its_own_with_a_key_of_that_region():
    there = KEY.replace("us-central1", "europe-west4")
    assert findings(endpoint_in("europe-west4", there)) == []
    assert "of the endpoint of Pusher is in us-central1, and that is in europe-west4" in only(
        findings(endpoint_in("europe-west4", KEY), with_config=False), "encryption-key"
    )


@pytest.mark.parametrize(
    ("case", "unset", "words"),
    [
        ("taxi-vertex.json", ["vertex.project=null"], "no Google Cloud project is set"),
        ("taxi-kubeflow.yaml", ["kubeflow.host=null"], "no Kubeflow Pipelines server is set"),
    ],
)
def test_what_only_a_submission_needs_does_not_hinder_a_rehearsal(case, unset, words):
    found = findings(case=case, overrides=unset)
    assert only(found, "unset") == words
    assert refusing(found, submitting=True) == found
    assert refusing(found, submitting=False) == []


def test_folders_of_this_machine_are_found():
    def local(job):
        job["runtimeConfig"]["gcsOutputDirectory"] = "/home/me/runs/artifacts"
        job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]["data_path"]["defaultValue"] = "/home/me/data"

    assert only(findings(local, "taxi-vertex.json"), "unset").count("/home/me") == 2


def test_a_folder_on_no_volume_is_found():
    def unmounted(spec, platforms):
        for pod in platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
            del pod["pvcMount"]

    assert "/mnt/millrace/data, which no container can open" in only(findings(unmounted, KUBEFLOW), "unset")


@pytest.mark.parametrize(
    ("volume", "seen"), [("/mnt/millrace", True), ("/mnt/mill", False), ("/mnt/millrace/d", False)]
)
def test_a_folder_is_on_a_volume_and_not_beside_one_of_a_name_that_begins_alike(volume, seen):
    def mounted(spec, platforms):
        text = json.dumps(platforms).replace('"mountPath": "/mnt/millrace"', f'"mountPath": "{volume}"')
        assert text != json.dumps(platforms) or seen
        platforms.update(json.loads(text))

    what = " / ".join(finding.what for finding in findings(mounted, KUBEFLOW))
    assert ("/mnt/millrace/data, which no container can open" not in what) == seen


def test_a_job_for_vertex_is_not_for_kubeflow():
    job = load_job(GOLDEN / "taxi-vertex.json")
    found = check(from_documents([job.spec]))
    words = " / ".join(finding.what for finding in found if finding.rule == "kubeflow")
    assert "refuses resolvers" in words and "pre-cache check" in words


def test_what_is_done_another_way_there_is_said():
    config = load_config(CONFIG, [*CASES[VERTEX], "infra_validation.platform=docker"])
    found = check(load_job(GOLDEN / VERTEX), config)
    assert {finding.rule for finding in found} == {"infra-validation", "one-worker", "beam-image"}
    assert refusing(found, submitting=True) == []


@pytest.mark.slow
def test_a_job_of_tfx_alone_is_checked_too(tmp_path):
    """Its default image has no digest, its root is here, its code is TFX's; a condition's text is not escaped."""
    import tfx.v1 as tfx
    from tfx.dsl.experimental.conditionals.conditional import Cond

    examples = tfx.components.CsvExampleGen(input_base=str(tmp_path))
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    with Cond(examples.outputs["examples"].future()[0].property("split_names") == "it's"):
        schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"])
    pipeline = tfx.dsl.Pipeline("stock", str(tmp_path / "root"), components=[examples, statistics, schema])
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(), str(tmp_path), "job.json"
    )
    runner.run(pipeline)
    found = check(load_job(tmp_path / "job.json"))
    assert {(finding.rule, finding.severity) for finding in found} == {
        ("condition", "error"),
        ("unset", "before submit"),
        ("image-without-digest", "before submit"),
    }
