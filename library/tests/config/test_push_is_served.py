"""A version with a number above the time: a push under it would be reported, and never served."""

from pathlib import Path

import pytest

from millrace.base.errors import BadInput
from millrace.config.checks import require_push_is_served
from millrace.config.loading import load
from millrace.execution.run import LocalRun, run
from millrace.metadata.run_folder import RunRequest, new_run

NOW = 1795664946.5


@pytest.fixture
def served(tmp_path) -> Path:
    folder = tmp_path / "serving" / "taxi"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def config(tmp_path):
    return load("conf/taxi.yaml", [f"root={tmp_path}"])


@pytest.mark.parametrize("name", ["1999999999", "1795664947", "01999999999", "20261126120000", "9" * 18])
def test_a_version_above_the_time_is_refused_with_what_to_do(config, served, name):
    (served / "1795664946").mkdir()
    require_push_is_served(config, NOW)
    (served / name).mkdir()
    with pytest.raises(BadInput) as refusal:
        require_push_is_served(config, NOW)
    assert refusal.value.where == str(served)
    assert f"its version {int(name)} would still be served after a push" in refusal.value.what
    assert "now 1795664946" in refusal.value.what and f"move {served / name} away" in refusal.value.remedy


@pytest.mark.parametrize("name", ["1795664946", "1999999999-beta", "v1999999999", "9" * 19, "9" * 20, "\u0661" * 11])
def test_what_no_server_takes_for_a_higher_version_is_none(config, served, name):
    (served / name).mkdir()
    (served / "1999999998").write_text("a file")
    require_push_is_served(config, NOW)


def test_only_where_this_run_pushes_counts(config, served, tmp_path):
    (served / "1999999999").mkdir()
    require_push_is_served(load("conf/taxi.yaml", [f"root={tmp_path}", "push.trial=true"]), NOW)
    require_push_is_served(load("conf/taxi.yaml", [f"root={tmp_path}", "push.directory=gs://bucket/models"]), NOW)
    require_push_is_served(load("conf/taxi.yaml", [f"root={tmp_path / 'new'}"]), NOW)


@pytest.mark.parametrize(("to_stage", "code"), [("", 2), ("Pusher", 2)])
def test_a_run_says_it_before_its_first_stage(config, served, tmp_path, to_stage, code):
    (served / "1999999999").mkdir()
    request = RunRequest("conf/taxi.yaml", from_stage="Pusher", to_stage=to_stage, pipeline="taxi")
    with new_run(tmp_path / "logs", request) as folder:
        outcome = run(config, folder, lambda stages: None, runner=LocalRun(lambda graph, folder: None))
    assert (outcome.exit_code, folder.exit_code(), folder.journal.events()) == (code, code, [])
    assert "1999999999 would still be served" in outcome.failure.what
