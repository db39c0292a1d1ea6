"""One run, whole, and a list of runs: what is told of each, at a price that the number of runs does not raise."""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from recorded_runs import RecordedRuns, four_stages

from millrace.base.errors import Failure
from millrace.base.outcomes import State
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, MeasuredSlice, Row
from millrace.components.judges import JUDGES
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.metadata import provenance, run_details
from millrace.metadata.artifact_files import plain_properties
from millrace.metadata.evaluations import by_slice
from millrace.metadata.journal import FILE_NAME, Journal
from millrace.metadata.provenance import Provenance
from millrace.metadata.recovery import close_abandoned
from millrace.metadata.run_details import log_tail, run_detail
from millrace.metadata.run_folder import LOG_FILE, RunRequest, new_run
from millrace.metadata.run_summaries import SUMMARY_FILE, Runs, run_summaries


@pytest.fixture
def recorded(tmp_path) -> RecordedRuns:
    return RecordedRuns(tmp_path / "taxi")


def runs_of(recorded: RecordedRuns) -> Runs:
    return Runs(load("conf/taxi.yaml", [f"root={recorded.root}"]))


def detail(recorded: RecordedRuns, run_id: str):
    told = run_detail(runs_of(recorded), run_id, now=2000.0)
    assert told is not None
    json.dumps(asdict(told))
    return told


def test_each_stage_says_which_of_its_inputs_changed(recorded):
    recorded.begin("20310101-000001")
    first = four_stages(recorded, "20310101-000001", custom_config='{"training": {"steps": 100}, "code_digest": "aa"}')
    recorded.begin("20310101-000002")
    unchanged = {"ExampleGen": first["ExampleGen"]}
    four_stages(
        recorded,
        "20310101-000002",
        unchanged,
        custom_config='{"training": {"steps": 200}, "code_digest": "bb"}',
    )
    told = detail(recorded, "20310101-000002")
    examples, trainer, evaluator = (told.stage(name) for name in ("ExampleGen", "Trainer", "Evaluator"))
    assert (examples.state, examples.why, examples.changes) == ("cached", "nothing changed since 20310101-000001", ())
    assert examples.compared_with == "", "nobody looks for what served it"
    assert trainer.why == "since 20310101-000001: the code behind it changed; training.steps: 100 -> 200"
    assert [(change.kind, change.name) for change in trainer.changes] == [
        ("code", "code_digest"),
        ("parameter", "training.steps"),
    ]
    assert evaluator.why == "since 20310101-000001: model is another one, of Trainer"
    assert trainer.compared_with == "20310101-000001"
    assert told.output("ExampleGen", "examples").made_by == "20310101-000001"
    assert told.output("Trainer", "model").made_by == "20310101-000002"


def test_the_execution_before_may_be_some_runs_ago_and_one_that_failed_is_none(recorded):
    recorded.begin("20310101-000001")
    four_stages(recorded, "20310101-000001", steps=1)
    recorded.begin("20310101-000002", to_stage="ExampleGen")
    recorded.stage("20310101-000002", "ExampleGen", {}, {"examples": "Examples"})
    recorded.begin("20310101-000003", exit_code=1)
    recorded.stage("20310101-000003", "Trainer", {}, state=mlmd.Execution.FAILED, steps=9)
    recorded.begin("20310101-000004", runner="rehearsal")
    four_stages(recorded, "20310101-000004", steps=7)
    recorded.begin("20310101-000005")
    four_stages(recorded, "20310101-000005", steps=2)
    trainer = detail(recorded, "20310101-000005").stage("Trainer")
    assert trainer.compared_with == "20310101-000001"
    assert "steps: 1 -> 2" in trainer.why


def test_what_was_asked_for_explains_what_nothing_else_does(recorded):
    for number, request in enumerate(({}, {"cache": False}, {"from_stage": "ExampleGen"}), start=1):
        recorded.begin(f"20310101-00000{number}", **request)
        recorded.stage(f"20310101-00000{number}", "ExampleGen", {}, {"examples": "Examples"}, span=1)
    first, second, third = (detail(recorded, f"20310101-00000{number}").stage("ExampleGen") for number in (1, 2, 3))
    assert first.why == "it had not run before"
    assert second.why == "--no-cache was given"
    assert third.why == "--from ExampleGen was given"
    assert [one.compared_with for one in (first, second, third)] == [""] * 3, "the cache was not asked"


def wrote_down(folder: Path, **configuration: object) -> None:
    (folder / provenance.FILE).write_text(json.dumps(asdict(Provenance(configuration))))


def test_a_stage_is_compared_with_the_execution_that_came_nearest_to_serving_it(recorded):
    """The one before it, of another trial, was not what it lacked; and a parameter hid that the model was new."""
    first = {}
    for number, bound, trial in ((1, 92, 0), (2, 97, 1), (3, 92, 1)):
        run_id = f"20310101-00000{number}"
        thresholds = {"thresholds": [{"metric": "AUC", "at_least": bound / 100}]}
        wrote_down(recorded.begin(run_id), evaluation=thresholds, push={"trial": bool(trial)}, model={"l2": number})
        served = {"ExampleGen": first["ExampleGen"], "Trainer": first["Trainer"]} if first else {}
        made = four_stages(recorded, run_id, served, lower_bound=0)
        first = first or made
        judged = {"model": [made["Trainer"]["model"]]}
        recorded.stage(
            run_id, "Judge", judged, {"x": "Verdict"}, eval_config=f'{{"a": {{"bound": {bound}}}}}', trial=trial
        )
    judge = detail(recorded, "20310101-000003").stage("Judge")
    assert (judge.compared_with, judge.why) == ("20310101-000001", "since 20310101-000001: trial: 0 -> 1")
    recorded.begin("20310101-000004")
    made = four_stages(recorded, "20310101-000004", {"ExampleGen": first["ExampleGen"]}, lower_bound=5)
    judged = {"model": [made["Trainer"]["model"]]}
    recorded.stage("20310101-000004", "Judge", judged, {"x": "Verdict"}, eval_config='{"a": {"bound": 97}}', trial=0)
    judge = detail(recorded, "20310101-000004").stage("Judge")
    assert judge.why == "since 20310101-000001: model is another one, of Trainer; eval_config.a.bound: 92 -> 97"


def test_a_parameter_is_told_by_the_key_of_the_configuration_once(recorded):
    before, after = recorded.begin("20310101-000001"), recorded.begin("20310101-000002")
    for folder, steps in ((before, 100), (after, 200)):
        wrote_down(folder, training={"steps": steps}, data={"pattern": str(steps)}, model={"units": [steps, 1]})
        packed = json.dumps({"training": {"steps": steps}, "model": {"units": [steps, 1]}})
        four_stages(recorded, folder.name, custom_config=packed, train_args=json.dumps({"num_steps": steps}))
    why = "model.units.0: 100 -> 200; training.steps: 100 -> 200"
    trainer = detail(recorded, after.name).stage("Trainer")
    assert trainer.why.endswith(f"; {why}") and trainer.why.startswith("since 20310101-000001: examples is another one")


def test_the_folder_of_a_worktree_is_no_difference(recorded):
    for number, project in ((1, "/srv/shop"), (2, "/srv/shop/runs/repeats/20310101-000001")):
        recorded.begin(f"20310101-00000{number}", config_file=f"{project}/conf/shop.yaml")
        files = {"schema_file": f"{project}/schema/shop.pbtxt", "threads": number}
        recorded.stage(f"20310101-00000{number}", "DataGate", {}, {"report": "Report"}, **files)
    assert detail(recorded, "20310101-000002").stage("DataGate").why == "since 20310101-000001: threads: 1 -> 2"


def test_only_what_follows_the_stage_of_from_ran_for_that(recorded):
    recorded.begin("20310101-000001")
    four_stages(recorded, "20310101-000001", steps=1)
    recorded.begin("20310101-000002", from_stage="Evaluator")
    four_stages(recorded, "20310101-000002", steps=2)
    told = {one.stage: one.why for one in detail(recorded, "20310101-000002").stages}
    assert told["Evaluator"] == told["Pusher"] == "--from Evaluator was given"
    assert told["Trainer"].endswith("; steps: 1 -> 2")


def test_of_a_stage_that_begins_nothing_is_told_before_it_is_known(recorded):
    recorded.begin("20310101-000001")
    four_stages(recorded, "20310101-000001")
    Journal(recorded.begin("20310101-000002", exit_code=None)).record("ExampleGen", State.RUNNING)
    assert detail(recorded, "20310101-000002").stage("ExampleGen").why == ""


def test_a_summary_is_kept_when_the_run_has_ended_and_follows_its_root(recorded, tmp_path):
    folder = recorded.begin("20310101-000001")
    pushed = four_stages(recorded, "20310101-000001")["Pusher"]["pushed_model"]
    recorded.note(pushed, pushed=1, pushed_destination=str(recorded.root / "serving" / "taxi" / "17"))
    killed = recorded.begin("20310101-000002", exit_code=None)
    before = run_summaries(runs_of(recorded).config)
    assert [one.state for one in before] == ["done", "killed"]
    assert (folder / SUMMARY_FILE).exists() and not (killed / SUMMARY_FILE).exists()
    moved = tmp_path / "moved"
    recorded.root.rename(moved)
    done, _ = run_summaries(load("conf/taxi.yaml", [f"root={moved}"]))
    assert done.pushed_to == str(moved / "serving" / "taxi" / "17")


def test_a_kept_summary_of_another_pipeline_or_version_is_not_taken(recorded):
    folder = recorded.begin("20310101-000001")
    four_stages(recorded, "20310101-000001")
    [listed] = run_summaries(runs_of(recorded).config)
    other = load("conf/taxi.yaml", [f"root={recorded.root}", "name=other"])
    assert run_summaries(other) == []
    (folder / SUMMARY_FILE).write_text('{"pipeline": "taxi", "summary": {"run_id": "of a later version"}}')
    assert run_summaries(runs_of(recorded).config) == [listed]


def judged(recorded, *, verdict="pass", blessed=1, infra=None):
    """A run that was evaluated: two thresholds overall, one on a slice, and a slice that none names."""
    run_id = "20310101-000001"
    recorded.begin(run_id)
    made = recorded.stage(run_id, "Evaluator", {}, {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"})
    recorded.note(made["blessing"], blessed=blessed, reason="AUC is 0.9", **({} if blessed else {"remedy": "learn"}))
    rows = (
        Row(metric="AUC", slice="hour=3", examples=7, value=0.8, threshold="at least 0.7", verdict=verdict),
        Row(metric="AUC", slice="overall", examples=50, value=0.9, threshold="at least 0.7", verdict="pass"),
        Row(metric="Recall", slice="overall", threshold="at least 0.5", verdict="not judged"),
    )
    measured = (MeasuredSlice(slice="hour=4", examples=9, metrics={"auc": 0.6}),)
    report = GateReport(blessed=bool(blessed), reason="", examples=50, metrics={"auc": 0.9}, rows=rows, slices=measured)
    (Path(made["evaluation"].uri) / JSON_NAME).write_text(report.model_dump_json())
    if infra is not None:
        blessing = recorded.stage(run_id, "InfraValidator", {}, {"blessing": "InfraBlessing"})["blessing"]
        recorded.note(blessing, blessed=infra)
    return run_id


def test_each_slice_has_its_own_thresholds_and_what_missed_one_comes_after_overall(recorded):
    told = detail(recorded, judged(recorded, verdict="fail"))
    slices = by_slice(told.metrics)
    assert [(name, of["AUC"].examples, of["AUC"].threshold, of["AUC"].missed) for name, of in slices.items()] == [
        ("overall", 50, "at least 0.7", ()),
        ("hour=3", 7, "at least 0.7", ("at least 0.7",)),
        ("hour=4", 9, "", ()),
    ]
    assert [of["AUC"].value for of in slices.values()] == [0.9, 0.8, 0.6]
    assert slices["overall"]["Recall"].verdict == "not judged"
    assert Path(told.gate_report, JSON_NAME).is_file() and told.data_report == ""


def test_the_judges_say_why_and_what_to_do(recorded):
    told = detail(recorded, judged(recorded, blessed=0, infra=0))
    evaluator, infra = told.verdicts
    assert (evaluator.stage, evaluator.blessed, evaluator.reason, evaluator.remedy) == (
        "Evaluator", False, "AUC is 0.9", "learn",
    )  # fmt: skip
    assert (infra.stage, infra.blessed, infra.remedy) == ("InfraValidator", False, JUDGES[1].remedy)


def test_of_a_good_verdict_there_is_nothing_to_do(recorded):
    told = detail(recorded, judged(recorded))
    assert [(one.stage, one.blessed, one.remedy) for one in told.verdicts] == [("Evaluator", True, "")]
    assert (told.failure, told.remedy) == (None, "")
    [listed] = run_summaries(runs_of(recorded).config)
    assert listed.metrics == {"auc": 0.9} and listed.judged == {"AUC": 0.9}
    assert (listed.blessed, listed.infra_blessed, listed.pushed_to, listed.seconds) == (True, None, "", 10.0)


def test_what_to_do_next_depends_on_how_the_run_ended(recorded):
    def failed(number, exit_code, failure=None):
        folder = recorded.begin(f"20310101-00000{number}", exit_code=exit_code)
        if failure:
            Journal(folder).record("Trainer", State.FAILED, failure=failure)
        return detail(recorded, folder.name), folder

    told, _ = failed(1, 2, Failure("no column", "features", "take it out", 2))
    assert (told.remedy, told.failure.what) == ("take it out", "no column")
    told, folder = failed(2, 1, Failure("it broke", "", "", 1))
    assert told.remedy.startswith("the traceback is at the end of ") and str(folder) in told.remedy
    for number, code in ((3, 130), (4, None)):
        assert failed(number, code)[0].remedy == "millrace run --resume goes on where it stopped"
    recorded.begin("20310101-000005", resumes="20310101-000004")
    resumed = detail(recorded, "20310101-000004").remedy
    assert resumed == "millrace runs repeat 20310101-000004 runs it again; what it finished is in the cache"


def test_a_log_is_there_or_is_not(recorded):
    folder = recorded.begin("20310101-000001")
    four_stages(recorded, "20310101-000001")
    assert (detail(recorded, folder.name).log, detail(recorded, folder.name).log_tail) == ("", ())
    (folder / "run.log").write_text("".join(f"line {n}\n" for n in range(10_000)))
    told = detail(recorded, folder.name)
    assert told.log == str(folder / "run.log") and told.folder == str(folder)
    assert told.log_tail[-1] == "line 9999" and told.log_tail[0] == f"line {10_000 - len(told.log_tail)}"
    assert log_tail(folder / "run.log", 2) == ("line 9998", "line 9999")


def test_a_log_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("key")
    (tmp_path / "run.log").symlink_to(tmp_path / "secret")
    assert log_tail(tmp_path / "run.log") == ()


def test_of_a_large_log_only_the_end_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(run_details, "_LOG_BYTES", 10)
    (tmp_path / "run.log").write_bytes("much before\néé\nlast\n".encode())
    assert log_tail(tmp_path / "run.log") == ("éé", "last")
    monkeypatch.setattr(run_details, "_LOG_BYTES", 9)
    assert log_tail(tmp_path / "run.log") == ("\ufffdé", "last")


def test_an_output_says_where_it_is_what_it_is_and_what_is_noted_of_it(recorded):
    recorded.begin("20310101-000001")
    examples = recorded.stage("20310101-000001", "ExampleGen", {}, {"examples": "Examples"})["examples"]
    recorded.note(examples, span=3, files="[]", digest="ab", tfx_version="1.16", name="rows")
    output = detail(recorded, "20310101-000001").output("ExampleGen", "examples")
    assert output.properties == {"name": "rows", "span": 3}
    assert (output.type, output.path, output.there) == ("Examples", examples.uri, True)
    shutil.rmtree(examples.uri)
    told = detail(recorded, "20310101-000001")
    assert not told.output("ExampleGen", "examples").there
    assert told.output("ExampleGen", "model") is None and told.output("Trainer", "model") is None


def test_what_tfx_packs_as_a_struct_is_not_shown():
    artifact = mlmd.Artifact()
    artifact.custom_properties["split"].string_value = "mlmd-struct::CgA="
    artifact.custom_properties["share"].double_value = 0.5
    artifact.properties["version"].int_value = 0
    artifact.properties["packed"].struct_value.fields["a"].number_value = 1
    assert plain_properties(artifact) == {"share": 0.5, "version": 0}


def test_a_stage_that_a_run_did_not_reach_is_skipped_once_it_has_ended(recorded):
    folder = recorded.begin("20310101-000001", exit_code=1)
    for stage in ("ExampleGen", "Trainer"):
        Journal(folder).record(stage, State.WAITING)
    recorded.stage("20310101-000001", "ExampleGen", {}, {"examples": "Examples"})
    told = detail(recorded, "20310101-000001")
    trainer = told.stage("Trainer")
    assert (trainer.state, trainer.why, trainer.started, trainer.execution) == ("skipped", "", "", 0)
    assert told.stage("ExampleGen").execution > 0


@pytest.mark.parametrize(("exit_code", "word"), [(None, "killed"), (130, "interrupted")])
def test_a_stage_ends_with_its_run_and_so_do_its_seconds(recorded, exit_code, word):
    """A killed run's stages were running for ever, and their seconds went on."""
    folder = recorded.begin("20310101-000001", exit_code=exit_code)
    recorded.stage("20310101-000001", "Trainer", state=mlmd.Execution.RUNNING)
    Journal(folder).record("Pusher", State.WAITING)
    began = Journal(folder).events()[0].at
    (folder / LOG_FILE).write_text("what libraries said")
    for file in (folder / LOG_FILE, folder / FILE_NAME):
        os.utime(file, (began + 7, began + 7))
    for now in (began + 8, began + 900):
        trainer, pusher = run_detail(runs_of(recorded), "20310101-000001", now).stages
        assert (trainer.state, trainer.seconds) == (word, pytest.approx(7, abs=0.01))
        assert (pusher.state, pusher.seconds) == ("skipped", None)


@pytest.mark.parametrize(("exit_code", "word"), [(None, "killed"), (130, "interrupted")])
def test_every_stage_that_ran_when_its_run_ended_is_named_before_the_next_run_marks_them_and_after(
    recorded, exit_code, word
):
    recorded.begin("20310101-000001", exit_code=exit_code)
    recorded.stage("20310101-000001", "Trainer", {}, {"model": "Model"})
    for stage in ("InfraValidator", "Evaluator"):
        recorded.stage("20310101-000001", stage, state=mlmd.Execution.RUNNING)
    why = f"the run was {word} while InfraValidator and Evaluator were running"
    assert runs_of(recorded).summary("20310101-000001").reason == why
    close_abandoned(recorded.store, layout(runs_of(recorded).config))
    assert runs_of(recorded).summary("20310101-000001").reason == why


def test_a_living_run_takes_the_time_since_it_began(recorded):
    with new_run(recorded.root / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi"), started=1000.0) as folder:
        folder.journal.record("ExampleGen", State.RUNNING)
        summary = Runs(runs_of(recorded).config, clock=lambda: 1058.0).summary(folder.run_id)
        [stage] = run_detail(runs_of(recorded), folder.run_id, now=1.0).stages
    assert (summary.state, summary.seconds) == ("running", 58.0)
    assert stage.seconds == 0.0, "what began after the clock was read"


def queries(monkeypatch: pytest.MonkeyPatch, work: Any) -> int:
    """How many times work asks ML Metadata."""
    asked = []
    call = MetadataStore._call

    def counted(self: MetadataStore, name: str, *others: Any) -> Any:
        asked.append(name)
        return call(self, name, *others)

    with monkeypatch.context() as patched:
        patched.setattr(MetadataStore, "_call", counted)
        work()
    return len(asked)


def test_many_runs_cost_no_more_queries_than_few(recorded, monkeypatch):
    """Every context that had ever been made was asked for: two thousand queries for a list of twenty."""
    for number in range(10, 42):
        recorded.begin(f"20310101-0000{number}")
        four_stages(recorded, f"20310101-0000{number}")

    def measured() -> tuple[int, int, int]:
        config = runs_of(recorded).config
        newest = run_summaries(config, last=1)[0].run_id
        for folder in (recorded.root / "logs").iterdir():
            (folder / SUMMARY_FILE).unlink(missing_ok=True)
        return (
            queries(monkeypatch, lambda: run_summaries(config, last=3)),
            queries(monkeypatch, lambda: run_summaries(config, last=3)),
            queries(monkeypatch, lambda: run_detail(Runs(config), newest, now=0.0)),
        )

    few = measured()
    for number in range(42, 60):
        recorded.begin(f"20310101-0000{number}")
        four_stages(recorded, f"20310101-0000{number}")
    many = measured()
    assert many == few
    assert few[1] == 0, "what is kept asks for nothing"
