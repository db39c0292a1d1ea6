"""A job whose tasks are in a graph within the graph, as TFX makes one: it stores, needs, costs and breaks the same."""

import copy
import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from golden_cases import CASES, GOLDEN

from millrace.access.needs import accounts, needs
from millrace.access.stores import stores
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.cost.prices import load_prices
from millrace.cost.resources import rents
from millrace.jobspec.checks import RULES
from millrace.jobspec.job import CompiledJob, from_documents
from millrace.jobspec.rules.encryption import keyed_resources

Change = Callable[[dict[str, Any]], Any]
# Those of the code take seconds, and look at no task's place.
OF_TASKS = [rule for rule in RULES if not rule.__module__.endswith(".code")]


def sound(document: dict[str, Any]) -> None:
    """As it was compiled."""


def keyless(document: dict[str, Any]) -> None:
    del document["encryptionSpec"]


def out_of_sight(document: dict[str, Any]) -> None:
    document["runtimeConfig"]["parameterValues"] = {"data_path": "/home/me/data", "thresholds": [{"metric": "AOC"}]}


def pushed_here(document: dict[str, Any]) -> None:
    parameters = document["pipelineSpec"]["root"]["dag"]["tasks"]["Pusher"]["inputs"]["parameters"]
    folder = {"filesystem": {"base_directory": "/home/me/served"}}
    parameters["push_destination"]["runtimeValue"]["constant"] = json.dumps(folder)


def small(document: dict[str, Any]) -> None:
    document["pipelineSpec"]["deploymentSpec"]["executors"]["Trainer_executor"]["container"]["resources"] = {}


def flat_and_nested(change: Change) -> tuple[CompiledJob, CompiledJob]:
    flat = json.loads((GOLDEN / "everything-vertex.json").read_text())
    # It hears of tasks beside it.
    del flat["pipelineSpec"]["root"]["dag"]["tasks"]["FailureNotice"]
    change(flat)
    nested = copy.deepcopy(flat)
    root, name = nested["pipelineSpec"]["root"], "_tfx_dag"
    declared = root["inputDefinitions"]["parameters"]
    # Within a graph a value may have another name.
    renamed = re.sub(r'("componentInputParameter": ")', r"\1within-", json.dumps(root["dag"]))
    known = {f"within-{one}": copy.deepcopy(spec) for one, spec in declared.items()}
    nested["pipelineSpec"]["components"][name] = {
        "dag": json.loads(renamed),
        "inputDefinitions": {"parameters": known},
    }
    given = {"parameters": {f"within-{one}": {"componentInputParameter": one} for one in declared}}
    root["dag"] = {"tasks": {name: {"taskInfo": {"name": name}, "componentRef": {"name": name}, "inputs": given}}}
    return from_documents([flat]), from_documents([nested])


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    root = tmp_path_factory.mktemp("root")
    return load("conf/taxi.yaml", [*CASES["everything-vertex.json"], f"root={root}"])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (keyless, "encryption-key"),
        (out_of_sight, "unset"),
        (out_of_sight, "parameter-value"),
        (pushed_here, "unset"),
        (small, "asked-for-but-absent"),
    ],
)
def test_the_rules_find_the_same(change: Change, rule: str, config: Config) -> None:
    jobs = flat_and_nested(change)
    flat, nested = ([(one.rule, one.what) for each in OF_TASKS for one in each(job, config)] for job in jobs)
    assert flat == nested and rule in {broken for broken, _ in nested}


def test_keys_stores_roles_and_costs_are_the_same(config: Config) -> None:
    flat, nested = flat_and_nested(sound)
    assert [one.name for one in keyed_resources(nested)] == [
        "the pipeline job",
        "the Dataflow job of ExampleGen",
        "the Dataflow job of StatisticsGen",
        "the Dataflow job of Transform",
        "the custom job of Trainer",
        "the Dataflow job of Evaluator",
        "the endpoint of Pusher",
    ]
    assert list(keyed_resources(nested)) == list(keyed_resources(flat))
    assert stores(nested, config) == stores(flat, config)
    assert needs(nested, config) == needs(flat, config)
    assert accounts(nested, config) == accounts(flat, config)
    prices = load_prices(None, date(2026, 9, 8))
    assert rents(nested, "us-central1", prices) == rents(flat, "us-central1", prices)
