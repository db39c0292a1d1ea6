"""The service's own rules, as a rehearsal applies them: retries and their waits, and when the cache is asked."""

import pytest

from millrace.base.errors import BadInput
from millrace.rehearsal import retries
from millrace.rehearsal.artifacts import Artifact
from millrace.rehearsal.caching import cache_key, is_cacheable
from millrace.rehearsal.retries import ALWAYS, failing_tries, seconds


def test_a_task_without_a_policy_is_tried_once():
    assert retries.of({}) == retries.of({"retryPolicy": {}}) == retries.Retries(0, 0.0, 2.0, 3600.0)


def test_each_wait_grows_by_the_factor_up_to_the_longest():
    policy = {
        "maxRetryCount": 4, "backoffDuration": "30s", "backoffFactor": 3, "backoffMaxDuration": {"seconds": 600}
    }  # fmt: skip
    read = retries.of({"retryPolicy": policy})
    assert read.count == 4 and [read.wait(retry) for retry in range(4)] == [30, 90, 270, 600]
    assert retries.of({"retryPolicy": {"backoffDuration": "1s", "backoffFactor": 0}}).wait(3) == 8, "0 is not said"


@pytest.mark.parametrize(
    ("duration", "value"),
    [("30s", 30), ("1.5s", 1.5), (2, 2), ({"seconds": 3, "nanos": 250_000_000}, 3.25), ({}, 0)],
)
def test_a_duration_is_read_in_each_of_its_forms(duration, value):
    assert seconds(duration) == value


def test_which_tries_fail_is_read_from_what_a_person_wrote():
    assert failing_tries(["Trainer", "Evaluator:2", "a:b:3"]) == {"Trainer": ALWAYS, "Evaluator": 2, "a:b": 3}
    for wrong in ("", "Trainer:\n1"):
        with pytest.raises(BadInput, match="expected TASK or TASK:TRIES"):
            failing_tries([wrong])


def key(**changes):
    artifact = Artifact(id=1, name="n1", type={"schemaTitle": "tfx.Examples"}, uri="/a")
    given = {
        "pipeline": "taxi", "task": "Trainer", "component": {"outputDefinitions": {"artifacts": {"model": {}}}},
        "container": {"image": "i@sha256:1", "command": ["python"], "args": ["-m", "x"], "env": [], "resources": {}},
        "parameters": {"steps": 400}, "inputs": {"examples": [artifact]},
    }  # fmt: skip
    return cache_key(**{**given, **changes})


CONTAINER = {"image": "i@sha256:1", "command": ["python"], "args": ["-m", "x"], "env": [], "resources": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"pipeline": "shop"},
        {"task": "Tuner"},
        {"component": {"outputDefinitions": {"artifacts": {}}}},
        {"container": {**CONTAINER, "image": "i@sha256:2"}},
        {"container": {**CONTAINER, "command": ["sh"]}},
        {"container": {**CONTAINER, "args": ["-m", "y"]}},
        {"container": {**CONTAINER, "env": [{"name": "A", "value": "1"}]}},
        {"parameters": {"steps": 500}},
        {"parameters": {}},
        {"inputs": {"examples": [Artifact(id=1, name="n2", type={"schemaTitle": "tfx.Examples"}, uri="/a")]}},
        {"inputs": {}},
    ],
)
def test_whatever_the_service_compares_is_another_key(changes):
    assert key(**changes) != key() == key()


def test_a_machine_s_size_and_where_an_artifact_lies_are_not_compared():
    assert key(container={**CONTAINER, "resources": {"cpuLimit": 8}}) == key()
    moved = Artifact(id=1, name="n1", type={"schemaTitle": "tfx.Examples"}, uri="/elsewhere")
    assert key(inputs={"examples": [moved]}) == key()


@pytest.mark.parametrize(
    ("task", "asked"),
    [({}, False), ({"cachingOptions": {}}, False), ({"cachingOptions": {"enableCache": True}}, True)],
)
def test_the_cache_is_asked_only_where_the_task_says_so(task, asked):
    assert is_cacheable(task) is asked
