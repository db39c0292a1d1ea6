"""How a run ended, told from what ML Metadata and the run's folder know."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from past_runs import four_runs
from recorded_runs import RecordedRuns, four_stages

from millrace.base.errors import BadInput, Failure
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.metadata.records import RunRecord, StageRecord, verdict
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_names import named
from millrace.metadata.run_summaries import Runs, run_summaries, state_of
from millrace.rehearsal.lineage import RehearsalRecord


def recorded(state):
    """A run of one stage that ML Metadata remembers in a state."""
    return RunRecord("20300131-120000", {"Trainer": StageRecord("Trainer", 1, State(state), 0, 1, "", {})})


@pytest.mark.parametrize(
    "state, code, said",
    [
        ("done", 0, "done"),
        ("cached", 0, "cached"),
        ("failed", 1, "failed"),
        ("done", 1, "failed"),
        ("failed", 3, "blocked"),
        ("done", 3, "blocked"),
        ("running", 130, "interrupted"),
        ("running", None, "killed"),
    ],
)
def test_the_folder_knows_how_a_run_ended(tmp_path, state, code, said):
    with new_run(tmp_path, RunRequest("conf/mine.yaml")) as folder:
        assert state_of(recorded(state), folder) == "running", "also between two stages"
        if code is not None:
            folder.finish(code)
    assert state_of(recorded(state), folder) == said


def test_a_run_that_was_refused_before_its_first_stage_is_one(tmp_path):
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    request = RunRequest("conf/taxi.yaml", pipeline="taxi")
    why = Failure("its files hold no rows", "data.path", "name a folder with rows", 2)
    with new_run(tmp_path / "logs", request) as folder:
        folder.finish(2, why)
    with new_run(tmp_path / "logs", RunRequest("conf/other.yaml", pipeline="other")) as other:
        other.finish(2, why)
    [summary] = run_summaries(config)
    assert (summary.run_id, summary.state) == (folder.run_id, "bad input")
    assert summary.reason == "data.path: its files hold no rows"


@pytest.mark.parametrize(
    ("mark", "blessed"), [({"blessed": 1}, True), ({"blessed": 0}, False), ({"trial_blessed": 1}, True)]
)
def test_the_verdict_of_a_rehearsed_trial_is_under_its_own_name(mark, blessed):
    artifact = metadata_store_pb2.Artifact()
    for name, value in mark.items():
        artifact.custom_properties[name].int_value = value
    run = RunRecord("r", {"Evaluator": StageRecord("Evaluator", 1, State.DONE, 0, 1, "", {"blessing": [artifact]})})
    assert verdict(run, "Evaluator").blessed is blessed


def test_without_a_folder_ml_metadata_is_believed():
    assert state_of(recorded("done"), None) == "done"
    assert state_of(recorded("running"), None) == "killed"


def remembered(root: Path, run_id: str) -> None:
    """Has ML Metadata remember that a Pusher of a run of taxi pushed."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.db")
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    lineage = RehearsalRecord(MetadataStore(connection), "taxi", run_id)
    schema = {"schemaTitle": "tfx.PushedModel"}
    model = lineage.new_artifact(schema, uri=str(root / "artifacts" / "Pusher"))
    number = lineage.begin("Pusher", "tfx.components.pusher.executor.Executor", {}, {})
    destination = str(root / "rehearsal" / "pushed" / "1795656619")
    made = replace(model, metadata={"pushed": 1, "pushed_destination": destination})
    lineage.end("Pusher", number, {"pushed_model": [made]})


@pytest.mark.parametrize("keeps_folder", [True, False])
def test_a_rehearsal_is_one_and_has_not_pushed_as_a_run_does(tmp_path, keeps_folder):
    """It was listed as `done ... pushed 1795656619`, exactly like a run."""
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    with new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", runner="rehearsal")) as folder:
        remembered(tmp_path, folder.run_id)
        folder.finish(0)
    if not keeps_folder:
        with new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")):
            pass
        shutil.rmtree(folder.path)
    summary = next(one for one in run_summaries(config) if one.run_id == folder.run_id)
    assert (summary.state, summary.rehearsal, summary.pushed_to) == ("done", True, "")


def test_a_run_takes_as_long_as_it_said_itself(tmp_path):
    """`run` said `done in 58.3 s`, `runs` 42.6: the latter began with the first stage."""
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    for ended in (1058.3, None):
        with new_run(tmp_path / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi"), started=1000.0) as folder:
            remembered(tmp_path, folder.run_id)
            folder.finish(0, ended=ended)
    values = json.loads((folder.path / "run.json").read_text())
    del values["ended"]
    (folder.path / "run.json").write_text(json.dumps(values))
    new, old = run_summaries(config)
    assert (new.rehearsal, new.pushed_to != "") == (False, True)
    assert new.seconds == pytest.approx(58.3)
    assert old.seconds < 42, "between its first and its last change in ML Metadata, as before"


def test_while_the_store_is_away_nothing_is_made_or_written_down_and_then_all_is_known_again(tmp_path, caplog):
    root = tmp_path / "root"
    four_runs(root)
    config = load("conf/taxi.yaml", [f"root={root}"])
    before = run_summaries(config)
    for summary in root.glob("logs/*/summary.json"):
        summary.unlink()
    (root / "metadata.db").rename(root / "kept.db")
    assert [run.metrics for run in run_summaries(config)] == [{}] * 4
    assert "metadata.db is gone" in caplog.text
    assert not (root / "metadata.db").exists(), "to look makes no store"
    assert not list(root.glob("logs/*/summary.json"))
    (root / "kept.db").rename(root / "metadata.db")
    assert run_summaries(config) == before


def test_a_store_whose_runs_have_no_folders_is_asked_all_the_same(tmp_path):
    four_runs(tmp_path / "root")
    config = load("conf/taxi.yaml", [f"root={tmp_path}/root"])
    ids = [run.run_id for run in run_summaries(config)]
    shutil.rmtree(tmp_path / "root/logs")
    assert [run.run_id for run in run_summaries(config)] == ids


@pytest.mark.parametrize("name", ["last~" + "9" * 30, "last~99"])
def test_no_run_is_so_far_back(tmp_path, name):
    four_runs(tmp_path / "root")
    with pytest.raises(BadInput, match="there is no run"):
        named(Runs(load("conf/taxi.yaml", [f"root={tmp_path}/root"])), name)


def test_before_the_first_run_there_is_none_and_nothing_is_made(tmp_path):
    config = load("conf/taxi.yaml", [f"root={tmp_path / 'root'}"])
    runs = Runs(config)
    assert (runs.store, runs.record("20300131-120000"), runs.summary("20300131-120000")) == (None, None, None)
    assert run_summaries(config) == [] == list(runs.ids())
    assert not (tmp_path / "root").exists()


def test_the_newest_that_are_wanted_are_listed_in_the_order_in_which_they_began(tmp_path):
    recorded = RecordedRuns(tmp_path)
    for number, code in ((1, 0), (2, 1), (3, 0), (4, 0)):
        recorded.begin(f"20310101-00000{number}", exit_code=code)
        four_stages(recorded, f"20310101-00000{number}")
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])

    def listed(**given):
        return [one.run_id[-1] for one in run_summaries(config, **given)]

    assert listed() == ["1", "2", "3", "4"]
    assert listed(last=2) == ["3", "4"]
    assert listed(last=0) == []
    assert listed(last=3, wanted=lambda one: one.run_id[-1] != "3") == ["1", "2", "4"]


def test_a_rehearsal_pushes_nothing_that_is_told(tmp_path):
    recorded = RecordedRuns(tmp_path)
    for number, runner in ((1, "local"), (2, "rehearsal")):
        recorded.begin(f"20310101-00000{number}", runner=runner)
        pushed = four_stages(recorded, f"20310101-00000{number}")["Pusher"]["pushed_model"]
        recorded.note(pushed, pushed=1, pushed_destination="/elsewhere/17")
    local, rehearsal = run_summaries(load("conf/taxi.yaml", [f"root={tmp_path}"]))
    assert (local.pushed_to, local.rehearsal) == ("/elsewhere/17", False)
    assert (rehearsal.pushed_to, rehearsal.rehearsal) == ("", True)
    runs = Runs(load("conf/taxi.yaml", [f"root={tmp_path}"]))
    assert [runs.is_rehearsal(one) for one in (local.run_id, rehearsal.run_id, "gone")] == [False, True, False]
