"""What goes of old runs, what stays and why, and that a clean-up which is interrupted leaves nothing to be served."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd
from recorded_runs import RecordedRuns, four_stages

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.config.loading import load
from millrace.metadata import cleaning, records
from millrace.metadata.cleaning import clean, plan
from millrace.metadata.run_details import run_detail
from millrace.metadata.run_folder import RunFolder, RunRequest, new_run
from millrace.metadata.run_summaries import Runs, run_summaries

NOW = 10_000.0


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    """Five runs, each with data and a model of its own."""
    recorded = RecordedRuns(tmp_path / "taxi")
    for number in range(1, 6):
        recorded.begin(f"20310101-00000{number}")
        recorded.made = getattr(recorded, "made", {})
        recorded.made[number] = four_stages(recorded, f"20310101-00000{number}")
    return recorded


def runs_of(recorded: RecordedRuns) -> Runs:
    return Runs(load("conf/taxi.yaml", [f"root={recorded.root}"]))


def planned(recorded: RecordedRuns, keep: int = 1, older_than: float = 0.0):
    chosen = plan(runs_of(recorded), keep, older_than, NOW)
    json.dumps(asdict(chosen))
    return {run.run_id[-1]: run for run in chosen.runs}


def pushed(recorded: RecordedRuns, number: int, version: str, below: str = "serving") -> Path:
    folder = recorded.root / below / "taxi" / version
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph")
    recorded.note(recorded.made[number]["Pusher"]["pushed_model"], pushed=1, pushed_destination=str(folder))
    return folder


def files(recorded: RecordedRuns) -> set[str]:
    return {str(one.relative_to(recorded.root)) for one in recorded.root.rglob("*") if one.name == "file"}


def test_old_runs_go_whole_and_a_plan_deletes_nothing(recorded):
    (recorded.root / "logs" / ".taxi.place").write_text("a run of this machine writes it, and it is no run")
    before = files(recorded)
    told = planned(recorded, keep=2)
    assert sorted(told) == ["1", "2", "3"]
    assert all(len(run.goes) == 4 and not run.stays and run.bytes > 0 for run in told.values())
    assert files(recorded) == before
    runs = runs_of(recorded)
    clean(runs, plan(runs, 2, 0.0, NOW))
    assert len(files(recorded)) == 8
    assert planned(recorded, keep=2) == {}


def test_a_run_that_was_cleaned_is_listed_where_it_stood_with_what_it_scored(recorded):
    """Half of what was kept of it was deleted: it came back as another, before all others, with other times."""
    pushed(recorded, 2, "18", below="trials")
    (recorded.root / "logs" / "20310101-000002" / "run.log").write_text("what libraries said")
    before = run_summaries(runs_of(recorded).config)
    runs = runs_of(recorded)
    clean(runs, plan(runs, 2, 0.0, NOW))
    after = run_summaries(runs_of(recorded).config)
    assert [replace(one, cleaned=False) for one in after] == before
    assert [one.result for one in after] == ["cleaned", "cleaned", "cleaned", "", ""]
    shown = run_detail(runs_of(recorded), "20310101-000002", NOW)
    assert [stage.stage for stage in shown.stages] == ["ExampleGen", "Trainer", "Evaluator", "Pusher"]
    assert shown.log == "" and shown.request is not None


def test_what_can_be_served_stays_with_all_that_it_was_made_from(recorded):
    folder = pushed(recorded, 1, "17")
    one, two = planned(recorded)["1"], planned(recorded)["2"]
    assert one.goes == () and one.paths == ()
    reasons = {Path(stays.path).parts[-3]: stays.reason for stays in one.stays}
    assert reasons["Pusher"] == "it is version 17, which can be served"
    assert reasons["ExampleGen"] == "version 17, which can be served, was made from it"
    assert len(two.goes) == 4
    shutil.rmtree(folder)
    assert len(planned(recorded)["1"].goes) == 4, "a version that was taken away holds nothing"


def test_the_latest_blessed_model_stays_where_the_root_was_moved(recorded, tmp_path):
    """Its blessing was looked for where it had been, and went: the next run had nothing to be compared with."""
    recorded.note(recorded.made[2]["Evaluator"]["blessing"], blessed=1)
    recorded.root = recorded.root.rename(tmp_path / "moved")
    stays = {one.path.split("/")[-3]: one.reason for one in planned(recorded)["2"].stays}
    assert stays["Evaluator"] == "it is the latest blessing" and "Trainer" in stays


def test_the_latest_blessed_model_stays_and_a_trial_is_none(recorded):
    for number, properties in ((2, {"blessed": 1}), (3, {"blessed": 1}), (4, {"blessed": 1, "trial": 1})):
        recorded.note(recorded.made[number]["Evaluator"]["blessing"], **properties)
    told = planned(recorded)
    assert {number for number, run in told.items() if run.stays} == {"3"}
    for number, digest in ((1, "a"), (2, "b"), (3, "b")):
        recorded.note(recorded.made[number]["Evaluator"]["blessing"], blessed=1, statistics_digest=digest)
    told = planned(recorded)
    assert {number for number, run in told.items() if run.stays} == {"1", "3"}, "other data than the champion's"
    places = {Path(one.path).parts[-3] for one in told["3"].stays}
    assert places == {"Evaluator", "Trainer", "ExampleGen"}
    assert len(told["3"].goes) == 1, "its push was not made, and nothing was made from it"


def test_what_was_made_together_stays_together(recorded):
    """The cache serves an execution's outputs together: without one of them none would be served."""
    evaluation = recorded.stage(
        "20310101-000001", "Evaluator", {}, {"blessing": "ModelBlessing", "evaluation": "Report"}
    )
    recorded.note(evaluation["blessing"], blessed=1)
    reasons = {Path(one.path).parts[-2]: one.reason for one in planned(recorded)["1"].stays}
    assert reasons == {"blessing": "it is the latest blessing", "evaluation": "it was made together with what stays"}


def test_what_a_kept_run_took_from_the_cache_stays(recorded):
    recorded.begin("20310101-000006")
    four_stages(recorded, "20310101-000006", {"ExampleGen": recorded.made[1]["ExampleGen"]})
    told = planned(recorded)
    [stays] = told["1"].stays
    assert Path(stays.path).parts[-3] == "ExampleGen" and stays.reason == "run 20310101-000006 made or used it"
    assert len(told["1"].goes) == 3


def test_young_and_living_runs_stay(recorded):
    assert planned(recorded, older_than=NOW) == {}
    assert sorted(planned(recorded, older_than=NOW - 1003.5)) == ["1", "2", "3"]


def test_nothing_goes_while_a_run_goes_on_which_may_take_it_from_the_cache(recorded):
    before = files(recorded)
    with (
        new_run(recorded.root / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder,
        pytest.raises(BadInput, match="a run goes on") as raised,
    ):
        clean(runs_of(recorded), plan(runs_of(recorded), 1, 0.0, NOW))
    assert raised.value.where == folder.run_id and files(recorded) == before


def test_a_trials_model_goes_with_its_run(recorded):
    folder = pushed(recorded, 2, "18", below="trials")
    assert str(folder) in planned(recorded)["2"].paths
    runs = runs_of(recorded)
    clean(runs, plan(runs, 1, 0.0, NOW))
    assert not folder.exists()


@pytest.mark.parametrize("steps", range(6))
def test_an_interrupted_clean_up_leaves_nothing_to_serve_and_is_finished_by_the_next(recorded, monkeypatch, steps):
    left = [steps]

    def interrupted(path, ignore_errors=False):
        left[0] -= 1
        if left[0] < 0:
            # Half of it is gone.
            next(one for one in Path(path).rglob("*") if one.is_file()).unlink()
            raise KeyboardInterrupt
        shutil.rmtree(path)

    runs = runs_of(recorded)
    with monkeypatch.context() as patched:
        patched.setattr(cleaning.shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            clean(runs, plan(runs, 1, 0.0, NOW))
    live = [one for one in recorded.store.get_artifacts() if one.state == mlmd.Artifact.LIVE]
    assert all((Path(artifact.uri) / "file").exists() for artifact in live), "what is live is whole"
    runs = runs_of(recorded)
    clean(runs, plan(runs, 1, 0.0, NOW))
    assert len(files(recorded)) == 4
    assert [one.run_id[-1] for one in run_summaries(runs_of(recorded).config) if not one.cleaned] == ["5"]
    assert planned(recorded) == {}


def test_nothing_outside_of_the_root_is_ever_deleted(recorded, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    artifact = recorded.made[1]["ExampleGen"]["examples"]
    artifact.uri = f"{elsewhere}/artifacts/ExampleGen/examples/1"
    recorded.store.put_artifacts([artifact])
    Path(artifact.uri).mkdir(parents=True)
    assert artifact.uri not in planned(recorded)["1"].paths


def test_a_cleaned_run_whose_folder_somebody_deletes_too_is_listed_no_more(recorded):
    clean(runs_of(recorded), plan(runs_of(recorded), 2, 0.0, NOW))
    shutil.rmtree(recorded.root / "logs" / "20310101-000002")
    shutil.rmtree(recorded.root / "logs" / "20310101-000004")
    assert [one.run_id[-1] for one in run_summaries(runs_of(recorded).config)] == ["4", "1", "3", "5"]


def test_what_cannot_be_deleted_is_said_and_tried_again(recorded, monkeypatch):
    real = shutil.rmtree
    stubborn = next(path for path in planned(recorded)["1"].paths if "Trainer" in path)
    monkeypatch.setattr(shutil, "rmtree", lambda path, **how: None if str(path) == stubborn else real(path, **how))
    with pytest.raises(BadInput, match="could not be deleted") as raised:
        clean(runs_of(recorded), plan(runs_of(recorded), 1, 0.0, NOW))
    assert raised.value.where == stubborn and Path(stubborn).exists()
    monkeypatch.undo()
    assert stubborn in planned(recorded)["1"].paths
    clean(runs_of(recorded), plan(runs_of(recorded), 1, 0.0, NOW))
    assert not Path(stubborn).exists()


def test_of_two_clean_ups_one_does_the_work(recorded):
    with (
        cleaning._alone(recorded.root / "cleaning.lock"),
        pytest.raises(BadInput, match="another clean-up goes on"),
    ):
        clean(runs_of(recorded), plan(runs_of(recorded), 1, 0.0, NOW))


def test_what_ml_metadata_does_not_know_any_more_stays(recorded):
    """Its file was set aside: of all runs before then the logs went, and they were listed as cleaned."""
    for folder in (recorded.root / "logs").iterdir():
        RunFolder(folder).journal.record("ExampleGen", State.DONE)
        (folder / "run.log").write_text("what libraries said")
    (recorded.root / "metadata.db").rename(recorded.root / "metadata.db.damaged")
    with pytest.raises(BadInput, match="ML Metadata's file is gone"):
        planned(recorded)
    records.open_store(runs_of(recorded).config)
    told = planned(recorded)
    assert all(not run.paths and not run.goes and not run.bytes for run in told.values())
    assert {stays.reason for run in told.values() for stays in run.stays} == {"ML Metadata does not know what it made"}
