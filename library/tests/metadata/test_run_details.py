"""One run, whole, and a list of runs: what is told of each, at a price that the number of runs does not raise."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from recorded_runs import RecordedRuns, four_stages

from millrace.config.loading import load
from millrace.metadata.run_details import run_detail
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
    assert trainer.why == "the code behind it changed; training.steps: 100 -> 200"
    assert [(change.kind, change.name) for change in trainer.changes] == [
        ("code", "code_digest"),
        ("parameter", "training.steps"),
    ]
    assert evaluator.why == "model is another one, of Trainer"
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
    for number in range(1, 5):
        recorded.begin(f"20310101-00000{number}")
        four_stages(recorded, f"20310101-00000{number}")

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
    for number in range(10, 40):
        recorded.begin(f"20310101-0000{number}")
        four_stages(recorded, f"20310101-0000{number}")
    many = measured()
    assert many == few
    assert few[1] == 0, "what is kept asks for nothing"
