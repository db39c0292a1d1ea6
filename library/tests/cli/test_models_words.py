"""What a person may do next with a version, as commands that can be typed as they stand."""

import pytest
from registered_versions import pushed, registry_of

from millrace.cli.version_words import next_steps

BY_DEGREES = "next, to serve it by degrees: millrace rollout start {} --because WHY -c own.yaml"
AT_ONCE = "or to all at once: millrace models alias champion 12 --because WHY -c own.yaml"


@pytest.mark.parametrize(
    ("approval", "first", "second"),
    [
        ("automatic", [], []),
        ("candidate", [], [BY_DEGREES.format("candidate"), AT_ONCE]),
        (
            "manual",
            ["next: millrace models approve 11 --because WHY -c own.yaml"],
            ["next: millrace models approve 12 --because WHY -c own.yaml"],
        ),
    ],
)
def test_each_way_of_approval_leads_on(tmp_path, approval, first, second):
    with registry_of(tmp_path, approval) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        assert next_steps(version, None, " -c own.yaml") == first
        [version] = registry.take_in([pushed(tmp_path, 12)])
        assert next_steps(version, 11, " -c own.yaml") == second
        [trial] = registry.take_in([pushed(tmp_path, 13, trial=True)])
        assert next_steps(trial, 11, " -c own.yaml") == []


def test_what_is_approved_is_served_at_once_only_where_nothing_is(tmp_path):
    with registry_of(tmp_path, "manual") as registry:
        registry.take_in([pushed(tmp_path, 12)])
        registry.approve(registry.version("12"), "reviewed")
        version = registry.version("12")
        serve = "millrace models alias champion 12 --because WHY -c own.yaml"
        assert next_steps(version, None, " -c own.yaml") == [f"next: {serve}"]
        assert next_steps(version, 11, " -c own.yaml") == [BY_DEGREES.format(12), AT_ONCE]
        registry.reject(version, "unfair")
        assert next_steps(registry.version("12"), 11, " -c own.yaml") == []
