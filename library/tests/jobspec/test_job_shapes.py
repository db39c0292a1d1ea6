"""A file that is no compiled job as it should be: told with the place, and never by a traceback."""

import copy
import json
from datetime import date

import pytest
from click.testing import CliRunner
from golden_cases import CASES, GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_job import small_job

from millrace.access.needs import accounts, needs, unread_queries
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
        unread_queries(job)
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
