"""Prometheus's rules ask for what the server really shows, and say what is wrong and nothing of what is well."""

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.rpc import code_pb2
from prometheus_rules import FOLDER, NEEDS_PROMTOOL, labels_of, named, promtool, require_shown, rules_of

from millrace.model_server.metrics import Metrics

FILE = "model_server.rules.yaml"
RULES = rules_of(FILE)


class ServedModels:
    """A server's models, one of which has a log that lost a request."""

    def names(self) -> list[str]:
        return ["taxi"]

    def available(self, name: str) -> list[int]:
        return [3]

    def request_log(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(written=1, dropped=Counter(disk=1))


@pytest.fixture(scope="module")
def shown() -> dict[str, set[str]]:
    """The labels of each series that the server shows, as it writes them."""
    metrics = Metrics(ServedModels())
    metrics.observe("taxi", "3", "REST", "Predict", "OK", 0.01)
    return labels_of(metrics.text().decode())


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_each_rule_asks_for_what_the_server_shows(rule, shown):
    require_shown(rule, shown, RULES)
    for codes in re.findall(r"code=~?\"([^\"]*)\"", rule["expr"]):
        assert set(codes.split("|")) <= set(code_pb2.Code.keys()), "no such status"


@NEEDS_PROMTOOL
@pytest.mark.parametrize("command", [["check", "rules", str(FOLDER / FILE)], ["test", "rules", "rules_on_series.yaml"]])
def test_promtool_reads_the_rules_and_they_say_of_series_what_they_should(command):
    result = promtool(*command, folder=Path(__file__).parent)
    assert result.returncode == 0, result.stdout + result.stderr
