"""A file that is no compiled job as it should be: told with the place, and never by a traceback."""

import copy
import json

import pytest
from click.testing import CliRunner
from golden_cases import CASES, GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_job import small_job

from millrace.base.errors import BadInput
from millrace.cli.cloud.check import check_command
from millrace.jobspec.checks import check
from millrace.jobspec.job import load

SMALL = small_job().to_document()[0]
ODD = st.sampled_from([None, "", [], {}, 0, -1, 1.5, True, "x", ["a"], {"a": None}, "{{$.inputs.parameters['x']}}"])


def places(value, path=()):
    """The path of every key and item."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from places(below, (*path, key))


CONTAINER = ("pipelineSpec", "deploymentSpec", "executors", "exec-comp-learner", "container")
PLACES = sorted(places(SMALL), key=str)


def changed(path, value):
    document = copy.deepcopy(SMALL)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return document


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
