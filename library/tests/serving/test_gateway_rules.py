"""Envoy's figures at a port of their own, and Prometheus's rules, which ask for what a running Envoy shows there."""

import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_rules import FOLDER, NEEDS_PROMTOOL, labels_of, promtool, require_shown, rules_of

from millrace.base.errors import BadInput
from millrace.serving.envoy_config import Traffic
from millrace.serving.gateway import Gateway

FILE = "gateway.rules.yaml"
RULES = rules_of(FILE)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def measured(envoy, listener, servers, tmp_path):
    """A gateway that shows its figures, and the address where it does."""
    port = free_port()
    upstreams, log = [servers[1].upstream, servers[2].upstream], tmp_path / "envoy.log"
    traffic = Traffic({1: 9_000, 2: 1_000}, {2: 100})
    with Gateway(envoy, replace(listener, metrics_port=port), upstreams, traffic, log) as running:
        yield running, f"http://127.0.0.1:{port}"


def test_each_rule_asks_for_what_a_running_envoy_shows(measured, servers):
    gateway, address = measured
    servers[1].status = 500
    for _ in range(20):
        httpx.post(f"http://127.0.0.1:{gateway.port}/v1/models/taxi:predict", content=b"{}")
    page = httpx.get(f"{address}/metrics")
    assert page.status_code == 200
    shown = labels_of(page.text)
    for rule in RULES:
        require_shown(rule, shown, RULES)
    failed = 'envoy_http_downstream_rq_xx{envoy_response_code_class="5",envoy_http_conn_manager_prefix="gateway"} '
    assert int(page.text.partition(failed)[2].splitlines()[0]) >= 10


def test_nothing_else_of_the_administration_is_at_that_port(measured):
    gateway, address = measured
    for path in (
        "/",
        "/stats/prometheus",
        "/metrics/",
        "/metrics/../config_dump",
        "/runtime",
        "/metrics%2f..%2fruntime",
    ):
        assert httpx.get(address + path).status_code == 404, path
    for path in ("/metrics", "/runtime_modify?weight.2-rest=10000", "/quitquitquit"):
        assert httpx.post(address + path).status_code == 404, path
    assert gateway.weights() == {1: 9_000, 2: 1_000} and gateway.exit_code() is None


def test_a_port_that_is_taken_is_told_by_its_key(envoy, listener, servers, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"cannot listen at 127.0.0.1:{port}") as caught:
            Gateway(
                envoy,
                replace(listener, metrics_port=port),
                [servers[1].upstream],
                Traffic({1: 10_000}),
                tmp_path / "log",
            )
    assert caught.value.where == "rollout.metrics_port"


@NEEDS_PROMTOOL
@pytest.mark.parametrize("command", [["check", "rules", str(FOLDER / FILE)], ["test", "rules", "rules_on_series.yaml"]])
def test_promtool_reads_the_rules_and_they_say_of_series_what_they_should(command):
    result = promtool(*command, folder=Path(__file__).parent)
    assert result.returncode == 0, result.stdout + result.stderr
