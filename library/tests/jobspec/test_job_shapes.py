"""A file that is no compiled job as it should be: told with the place, and never by a traceback."""

import copy
import json
from datetime import date

import pytest
import yaml
from click.testing import CliRunner
from golden_cases import CASES, GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_job import small_job

from millrace.access.needs import accounts, needs, unlisted
from millrace.access.stores import stores
from millrace.base.errors import BadInput
from millrace.cli.cloud.check import check_command
from millrace.config.loading import load as load_config
from millrace.cost.prices import load_prices
from millrace.cost.resources import endpoint_rent, rents
from millrace.jobspec.checks import RULES, check
from millrace.jobspec.job import from_documents, load
from millrace.jobspec.named_images import named_images
from millrace.jobspec.rules.encryption import keyed_resources

EVERYTHING = json.loads((GOLDEN / "everything-vertex.json").read_text())
SMALL = small_job().to_document()[0]
ODD = st.sampled_from([None, "", [], {}, 0, -1, 1.5, True, "x", ["a"], {"a": None}, "{{$.inputs.parameters['x']}}"])


def places(value, path=()):
    """The path of every key and item."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from places(below, (*path, key))


CONTAINER = ("pipelineSpec", "deploymentSpec", "executors", "exec-comp-learner", "container")
PRICES = load_prices(None, date(2026, 11, 26))
# Those of the code take seconds, and look into no such place.
OF_TASKS = [rule for rule in RULES if not rule.__module__.endswith(".code")]
PLACES = sorted(places(SMALL), key=str)


def changed(path, value, document=SMALL):
    document = copy.deepcopy(document)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return document


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    return load_config("conf/taxi.yaml", [*CASES["everything-vertex.json"], f"root={root}"])


@pytest.fixture(scope="module", autouse=True)
def parser_of_conditions():
    """Imports the parser of conditions, which changes Python's recursion limit: hypothesis watches that."""
    check(small_job())


@pytest.mark.parametrize("case", CASES)
def test_our_own_jobs_are_well_shaped(case):
    assert load(GOLDEN / case).name == "taxi"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            ("pipelineSpec", "components", "comp-learner"),
            "y",
            "components.comp-learner is text, and a mapping is needed",
        ),
        (
            ("pipelineSpec", "deploymentSpec", "executors", "exec-comp-learner", "container", "image"),
            [],
            "image is a list",
        ),
        (
            ("pipelineSpec", "deploymentSpec", "executors", "exec-comp-learner", "container", "args", 0),
            5,
            "args[0] is 5",
        ),
        (("pipelineSpec", "root", "dag", "tasks", "Learner", "inputs"), [], "tasks.Learner.inputs is a list"),
        (("runtimeConfig",), "x", "runtimeConfig is text"),
        ((*CONTAINER, "resources"), {"memoryLimit": "x"}, "resources.memoryLimit is 'x', and a number that is not"),
        ((*CONTAINER, "resources"), {"cpuLimit": -4}, "resources.cpuLimit is -4, and a number that is not negative"),
        ((*CONTAINER, "resources"), {"accelerator": {"count": "NaN"}}, "resources.accelerator.count is 'NaN'"),
    ],
)
def test_the_place_and_the_kind_are_named(tmp_path, path, value, words):
    file = tmp_path / "job.json"
    file.write_text(json.dumps(changed(path, value)))
    with pytest.raises(BadInput) as refusal:
        load(file)
    assert words in refusal.value.what
    assert CliRunner().invoke(check_command, [str(file)]).exit_code != 0


@pytest.mark.parametrize(
    "text", ["[" * 5000, "{" * 5000, "root: 2026-02-31", "{"], ids=["nested", "braces", "day", "cut"]
)
def test_what_cannot_be_parsed_is_bad_input(tmp_path, text):
    (tmp_path / "job.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"neither JSON nor YAML|no compiled job"):
        load(tmp_path / "job.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"zz: {'[' * 120}{']' * 120}\n", "nested more than 100 deep"),
        ("zz: &a [*a]\n", "nested more than 100 deep"),
        ("z: {1: x}\n", "the key 1 is no text, and needs quotes"),
        (
            "z0: &z0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"z{n + 1}: &z{n + 1} [{', '.join([f'*z{n}'] * 10)}]\n" for n in range(8)),
            "it has more than 1,000,000 values",
        ),
        ("---\n{platforms: {}}\n---\nmore: text\n", "it has 3 documents, and such a job has 2 at most"),
    ],
    ids=["deep", "holds itself", "number as key", "aliases of aliases", "third document"],
)
def test_yaml_that_would_never_end_or_loses_something_is_refused(tmp_path, text, words):
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump(SMALL["pipelineSpec"]) + text)
    ended = CliRunner().invoke(check_command, [str(file)])
    assert isinstance(ended.exception, BadInput) and words in str(ended.exception)


def test_a_line_of_dashes_at_the_end_is_no_document(tmp_path):
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(SMALL["pipelineSpec"], explicit_start=True) + "---\n")
    assert load(tmp_path / "job.yaml").dialect == "kubeflow"


def test_json_as_deep_as_no_reader_goes_is_refused():
    deep = json.loads("[" * 600 + "]" * 600)
    with pytest.raises(BadInput, match="nested more than 100 deep"):
        from_documents([changed(("pipelineSpec", "zz"), deep)])


@pytest.mark.parametrize("depth", [600, 50_000])
def test_a_parameter_whose_json_is_too_deep_to_read_is_refused(depth):
    path, _ = in_text("Trainer", "custom_config")
    with pytest.raises(BadInput, match=r"Trainer\.custom_config: it is nested more than 100 deep"):
        from_documents([changed(path, '{"a":' * depth + "1" + "}" * depth, EVERYTHING)])


def nested(levels, copies):
    """A job of graphs in graphs, each of which holds the next one some times."""
    document = copy.deepcopy(SMALL)
    components = document["pipelineSpec"]["components"]
    for level in range(levels):
        below = f"comp-{level + 1}" if level + 1 < levels else "comp-learner"
        tasks = {f"t{n}": {"componentRef": {"name": below}} for n in range(copies)}
        components[f"comp-{level}"] = {"dag": {"tasks": tasks}}
    document["pipelineSpec"]["root"]["dag"]["tasks"]["whole"] = {"componentRef": {"name": "comp-0"}}
    return document


@pytest.mark.parametrize(
    ("levels", "copies", "words"),
    [(1000, 1, "nested more than 100 deep"), (40, 2, "makes 2,199,023,255,")],
)
def test_graphs_that_no_one_could_walk_are_refused(levels, copies, words):
    with pytest.raises(BadInput, match=words):
        from_documents([nested(levels, copies)])


def test_graphs_in_graphs_are_walked():
    assert sum(step.name == "t1" for step in from_documents([nested(5, 2)]).walk()) == 31


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"accelerator": {"resourceType": "NVIDIA_TESLA_T4", "resourceCount": "500m"}}, "resourceCount is '500m'"),
        ({"accelerator": {"resourceType": "NVIDIA_TESLA_T4", "resourceCount": "9" * 400}}, "resourceCount is '999"),
        ({"resourceCpuLimit": "9" * 400}, "resourceCpuLimit is '999"),
    ],
)
def test_what_is_no_quantity_has_no_price_and_is_told(resources, words):
    path = ("pipelineSpec", "deploymentSpec", "executors", "Trainer_executor", "container", "resources")
    job = from_documents([changed(path, resources, EVERYTHING)])
    with pytest.raises(BadInput) as refused:
        rents(job, "us-central1", PRICES)
    assert words in refused.value.what and "which is no quantity" in refused.value.what
    assert [one for one in check(job) if one.rule == "machine" and words in one.what]


def test_an_accelerator_of_which_there_are_none_is_none():
    path = ("pipelineSpec", "deploymentSpec", "executors", "Trainer_executor", "container", "resources")
    asked = {"cpuLimit": 4.0, "accelerator": {"resourceType": "NVIDIA_TESLA_T4", "resourceCount": "0"}}
    step = rents(from_documents([changed(path, asked, EVERYTHING)]), "us-central1", PRICES)["Trainer"][0]
    assert step.what == "e2-highcpu-4"


@pytest.mark.parametrize("option", ["num_workers", "max_num_workers", "disk_size_gb"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_numbers_of_hundreds_of_digits_are_none(option, digits):
    document = copy.deepcopy(EVERYTHING)
    container = document["pipelineSpec"]["deploymentSpec"]["executors"]["Transform_executor"]["container"]
    container["args"] += [f"--{option}={'9' * digits}"]
    job = from_documents([document])
    with pytest.raises(BadInput, match=f"--{option} is '999"):
        rents(job, "us-central1", PRICES)
    assert [one for one in check(job) if f"--{option} is" in one.what]


def test_a_key_without_a_value_is_not_there(tmp_path):
    file = tmp_path / "job.json"
    file.write_text(json.dumps(changed(("pipelineSpec", "root", "dag", "tasks", "Reader", "cachingOptions"), None)))
    assert "cachingOptions" not in load(file).tasks["Reader"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), ODD)
def test_whatever_stands_in_a_job_it_is_refused_or_checked(tmp_path, path, value):
    file = tmp_path / "job.json"
    file.write_text(json.dumps(changed(path, value)))
    try:
        job = load(file)
    except BadInput:
        return
    assert all(finding.what and finding.where for finding in check(job))


def in_text(task, name):
    """Where the JSON of a task's parameter is, and what it says."""
    path = ("pipelineSpec", "root", "dag", "tasks", task, "inputs", "parameters", name, "runtimeValue", "constant")
    node = EVERYTHING
    for key in path:
        node = node[key]
    return path, json.loads(node)


TEXTS = [in_text("Trainer", "custom_config"), in_text("Pusher", "custom_config"), in_text("Pusher", "push_destination")]
IN_TEXTS = [(path, values, place) for path, values in TEXTS for place in sorted(places(values), key=str)]
IN_JOB = sorted(places(EVERYTHING), key=str)


def with_text(path, values, place, value):
    return changed(path, json.dumps(changed(place, value, values)), EVERYTHING)


def whatever_reads_it(document, config):
    """What `iam`, `cost`, `deploy vars` and `check` read of a job's file; true where it was refused."""
    try:
        job = from_documents([document])
        needs(job, config)
        accounts(job, config)
        list(stores(job, config))
        list(keyed_resources(job))
        list(named_images(job))
        unlisted(job)
        rents(job, "us-central1", PRICES)
        endpoint_rent(job, "us-central1", PRICES)
        for rule in OF_TASKS:
            list(rule(job, config))
    except BadInput:
        return True
    return False


def test_each_kind_of_reader_takes_the_job_as_it_is(config):
    assert not whatever_reads_it(EVERYTHING, config)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(IN_JOB), ODD)
def test_whatever_stands_in_a_large_job_no_reader_breaks(config, path, value):
    whatever_reads_it(changed(path, value, EVERYTHING), config)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(IN_TEXTS), ODD)
def test_whatever_stands_in_a_parameters_json_no_reader_breaks(config, where, value):
    whatever_reads_it(with_text(*where, value), config)


@pytest.mark.parametrize(
    ("task", "place", "value", "words"),
    [
        ("Trainer", ("ai_platform_training_args", "job_spec", "worker_pool_specs", 0), 0, "worker_pool_specs[0] is 0"),
        ("Trainer", ("ai_platform_training_args", "encryption_spec"), 0, "Trainer.custom_config.ai_platform_training_"),
        (
            "Pusher",
            ("ai_platform_serving_args", "max_replica_count"),
            -3,
            "max_replica_count is -3, and a whole number",
        ),
    ],
)
def test_what_is_odd_in_a_parameters_json_is_refused_by_its_place(config, task, place, value, words):
    with pytest.raises(BadInput) as refused:
        from_documents([with_text(*in_text(task, "custom_config"), place, value)])
    assert words in refused.value.what


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tasks", "CuratedSchema", "retryPolicy", "maxRetryCount"), []),
        (("tasks", "CuratedSchema", "retryPolicy", "maxRetryCount"), "x"),
    ],
)
def test_what_no_retry_is_is_refused(path, value):
    with pytest.raises(BadInput, match="maxRetryCount is"):
        from_documents([changed(("pipelineSpec", "root", "dag", *path), value, EVERYTHING)])


def test_a_secret_without_a_name_takes_no_role(config):
    container = ("pipelineSpec", "deploymentSpec", "executors", "Trainer_executor", "container")
    args = [*EVERYTHING["pipelineSpec"]["deploymentSpec"]["executors"]["Trainer_executor"]["container"]["args"]]
    assert not whatever_reads_it(changed((*container, "args"), ["--secret", "x", *args], EVERYTHING), config)


def test_a_value_that_is_given_later_goes_through_the_same_door():
    document = copy.deepcopy(EVERYTHING)
    root = document["pipelineSpec"]["root"]
    root["inputDefinitions"]["parameters"]["settings"] = {"parameterType": "STRING"}
    given = root["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]
    given["custom_config"] = {"componentInputParameter": "settings"}
    job = from_documents([document])
    with pytest.raises(BadInput, match=r"Trainer\.custom_config\.ai_platform_training_args is 0"):
        job.with_values({"settings": json.dumps({"ai_platform_training_args": 0})})


def test_dataflows_key_is_known_however_the_option_is_written():
    keys = []
    for words in (["--dataflow_kms_key=K", "--region=R"], ["--dataflow_kms_key", "K", "--region", "R"]):
        document = copy.deepcopy(EVERYTHING)
        container = document["pipelineSpec"]["deploymentSpec"]["executors"]["Transform_executor"]["container"]
        container["args"] += words
        found = {one.name: one for one in keyed_resources(from_documents([document]))}
        keys.append(found["the Dataflow job of Transform"])
    assert keys[0] == keys[1] and (keys[0].key, keys[0].region) == ("K", "R")


def test_a_component_that_holds_itself_is_refused_with_the_way_around(tmp_path):
    document = copy.deepcopy(SMALL)
    for name, below in (
        ("comp-learner", "comp-pusher"),
        ("comp-pusher", "comp-learner"),
        ("comp-reader", "comp-pusher"),
    ):
        document["pipelineSpec"]["components"][name]["dag"] = {"tasks": {"in": {"componentRef": {"name": below}}}}
    file = tmp_path / "job.json"
    file.write_text(json.dumps(document))
    with pytest.raises(BadInput, match="holds itself: comp-learner > comp-pusher > comp-learner"):
        load(file)
    assert CliRunner().invoke(check_command, [str(file)]).exit_code != 0
