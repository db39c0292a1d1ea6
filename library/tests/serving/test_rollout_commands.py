"""The commands of `millrace rollout` and `millrace labels`, as a person types them: rehearse, start, refuse."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from millrace.cli.main import millrace
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.serving import state
from millrace.serving.rollouts import places_of


@pytest.fixture
def command(two_versions):
    """Runs one; gives what it prints, of one that is refused what it says."""

    def run(*arguments: str, code: int = 0) -> str:
        root = ["--set", f"root={layout(two_versions).root}"]
        done = CliRunner().invoke(millrace, [*arguments, *root, "-c", "conf/taxi.yaml"])
        assert getattr(done.exception, "exit_code", 0) == code, (done.exception, done.output)
        return str(done.exception) if code else done.stdout

    return run


@pytest.mark.slow
def test_a_rehearsal_foretells_and_a_rollout_waits_for_its_gateway(command, two_versions):
    """Both versions are asked for real; a shadow of two that decide differently goes back."""
    command("models", "list")
    foretold = json.loads(command("rollout", "rehearse", "11", "--per-hour", "60000", "--json"))
    assert foretold["rehearsed"]["ends"] == "promote" and foretold["an_hour"] == [60000]
    assert [hour["percent"] for hour in foretold["rehearsed"]["hours"]] == [10, 50, 100]
    printed = command("rollout", "rehearse", "11", "--per-hour", "60000")
    assert (
        "promote in hour 3" in printed
        and "1 % of the users for 30 minutes sees 0.5 points more of failures than allowed in" in printed
    )
    shadow = "rollout.policies={p: {kind: shadow, minutes: 5, requests: 50, judged: {disagreement: {at_most: 0.05}}}}"
    differing = json.loads(
        command("rollout", "rehearse", "11", "--per-hour", "600", "--policy", "p", "--json", "--set", shadow)
    )
    assert differing["rehearsed"]["ends"] == "back" and "disagreement" in differing["rehearsed"]["reason"]
    assert "no whole hour of traffic" in command("rollout", "rehearse", "11", code=2)

    uris = ("--storage-uri", "gs://b/new", "--champion-uri", "gs://b/old")
    assert "no version and no alias 12345" in command("rollout", "compile", "12345", "--for", "kserve", *uris, code=2)
    vertex = ("--for", "vertex", "--endpoint", "1", "--model", "projects/p/locations/l/models/m@2")
    assert "push: {vertex: {project: P, region: R, endpoint: NAME" in command(
        "rollout", "compile", "11", *vertex, code=2
    )

    assert "no rollout runs" in command("rollout", "abort", "--because", "x", code=2)
    assert "version 12 is champion already" in command("rollout", "start", "12", "--because", "x", code=2)
    assert "did you mean canary?" in command("rollout", "start", "11", "--policy", "canry", "--because", "x", code=2)
    asked = command("rollout", "start", "11", "--because", "it decides better")
    assert asked.startswith("version 11 over 12 by canary\nit waits for the gateway: millrace rollout gateway")
    assert "has not taken it yet" in command("rollout", "start", "11", "--because", "again", code=2)
    status = command("rollout", "status")
    assert "gateway: not running" in status and "waits for the gateway: start" in status
    order = state.read_order(places_of(load("conf/taxi.yaml", [f"root={layout(two_versions).root}"])))
    assert (order.state.progress.champion, order.state.progress.candidate) == (12, 11)

    labels = Path(layout(two_versions).root) / "labels.csv"
    labels.write_text("request_id,big_tipper\nx,1\n")
    assert "1 of 1 requests are not in the gateway's access log" in command("labels", "add", str(labels), code=2)
