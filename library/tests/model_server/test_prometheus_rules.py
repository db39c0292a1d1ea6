"""Prometheus's rules ask for what the server really shows, and say what is wrong and nothing of what is well."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from google.rpc import code_pb2
from prometheus_client.parser import text_string_to_metric_families

from millrace.model_server.metrics import Metrics

CHECKOUT = Path(__file__).parents[3]
FILE = CHECKOUT / "deploy" / "prometheus" / "model_server.rules.yaml"
RULES = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
NEEDS_PROMTOOL = pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's prometheus is not installed")


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
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_each_rule_asks_for_what_the_server_shows(rule, shown):
    # What Prometheus itself adds.
    known = {**shown, "up": set(), **{one["record"]: set() for one in RULES if "record" in one}}
    bare = re.sub(r"\{[^}]*\}|\b(by|on|group_left) \([^)]*\)|\[\w+\]|offset \w+", " ", rule["expr"])
    names = set(re.findall(r"\b[a-z_][\w:]*(?![\w:]|\s*\()", bare)) - {"and", "or", "unless"}
    assert names and names <= set(known), "no such metric"
    labels = {one for text in re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]) for one in text.split(", ")}
    labels |= set(re.findall(r"(\w+)=~?\"", rule["expr"]))
    labels |= set(re.findall(r"\$labels\.(\w+)", str(rule.get("annotations", ""))))
    of_metrics = set().union(*shown.values(), {"job", "instance"})
    assert labels <= of_metrics, "no such label"
    for codes in re.findall(r"code=~?\"([^\"]*)\"", rule["expr"]):
        assert set(codes.split("|")) <= set(code_pb2.Code.keys()), "no such status"


@NEEDS_PROMTOOL
@pytest.mark.parametrize("command", [["check", "rules", str(FILE)], ["test", "rules", "rules_on_series.yaml"]])
def test_promtool_reads_the_rules_and_they_say_of_series_what_they_should(command):
    result = subprocess.run(["promtool", *command], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
