"""Every rollout of a pipeline, by what the controller has told the registry: listed, and shown by its number."""

import json

import pytest
from click.testing import CliRunner

from millrace.cli.main import millrace
from millrace.registry.intake import open_registry
from millrace.serving import rollouts, state
from millrace.serving.controller import Controller
from millrace.serving.recorded_rollouts import recorded_rollouts
from millrace.serving.state import GatewayStatus, Order


def command(config, *words, code=0):
    done = CliRunner().invoke(millrace, ["rollout", *words, "-c", "conf/taxi.yaml", "--set", f"root={config.root}"])
    assert getattr(done.exception, "exit_code", 0) == code, (done.exception, done.output)
    return str(done.exception) if code else done.stdout


@pytest.fixture
def three(config):
    """One that a person ended, one that a crash sent back, and one that goes on."""
    places = rollouts.places_of(config)
    with open_registry(config) as registry:
        controller = Controller(places, registry)
        rollouts.start(config, "12", "canary", "it is better")
        controller.look()
        state.give_order(places, Order("abort", "not today", "ann@desk"))
        controller.look()
        rollouts.start(config, "12", "blue-green", "today")
        controller.look()
        state.write_gateway(places, GatewayStatus(1, "127.0.0.1", 80, ended={12: 1}))
        controller.look()
        rollouts.start(config, "12", "shadow", "to look at it")
        controller.look()
    return config


def test_each_is_told_with_its_decisions_though_the_gateway_s_folder_has_the_last_alone(three):
    first, second, third = recorded_rollouts(three)
    assert [(one.number, one.policy, one.status) for one in (first, second, third)] == [
        (1, "canary", "aborted"), (2, "blue-green", "back"), (3, "shadow", "running"),
    ]  # fmt: skip
    assert (first.candidate, first.champion) == (12, 11)
    told = [(one.action, one.weight, one.reason) for one in first.decisions]
    assert told == [("start", 100, "it is better"), ("abort", 0, "not today")]
    assert first.decisions[-1].who == "ann@desk"
    assert [one.action for one in second.decisions] == ["start", "back"]
    assert state.read_rollout(rollouts.places_of(three)).id == third.id


def test_they_are_listed_and_one_is_shown_by_its_number(three):
    lines = command(three, "list").splitlines()
    assert [line.split()[0] for line in lines] == ["rollout", "1", "2", "3"]
    assert " ".join(lines[2].split()).endswith("12 11 blue-green back its server ended by itself")
    assert "rollout 1: version 12 over 11 by canary: aborted" in command(three, "show", "1")
    assert "rollout 3: version 12 over 11 by shadow: running" in command(three, "show")
    assert json.loads(command(three, "show", "2", "--json"))["decisions"][0]["reason"] == "today"
    assert [one["status"] for one in json.loads(command(three, "list", "--json"))] == ["aborted", "back", "running"]
    assert "there is no rollout 4: there are 3, from 1 on" in command(three, "show", "4", code=2)


def test_before_the_first_the_command_that_starts_one_is_named(config):
    assert "no rollout yet: millrace rollout start VERSION --because WHY" in command(config, "list")
    assert command(config, "list", "--json").strip() == "[]"
    assert "there was none yet" in command(config, "show", code=2)
