"""A run's page: why it ended so comes first; its graph, its times, its configuration; what is gone is said."""

import json
import os
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from looked_at_runs import LookedAtRuns
from past_runs import GRAPH, NOW, WHY, refused_by_data, report
from tensorboard.summary import Writer

from millrace.base.errors import Failure
from millrace.base.outcomes import State
from millrace.base.plain_values import flat
from millrace.console.drawing import graph
from millrace.console.page import NotFound, PageRequest
from millrace.console.pages.log import view as log_view
from millrace.console.pages.run import SettingChange
from millrace.console.pages.run import view as run_view
from millrace.console.report import report as report_of
from millrace.metadata import stage_graph
from millrace.metadata.provenance import Provenance
from millrace.metadata.run_details import StageDetail
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.metadata.run_summaries import run_summaries


def run_ids(config) -> list[str]:
    """The four runs: done, blocked, killed, failed."""
    return [run.run_id for run in run_summaries(config)]


def request(config, run_id: str, **query: str) -> PageRequest:
    return PageRequest(config, NOW, {"run": run_id}, query)


def test_a_blocked_run_says_why_before_anything_else(four, console):
    run_id = run_ids(four)[1]
    shown = run_view(request(four, run_id))
    assert shown.headline.startswith("Evaluator: AUC 0.6 is below 0.7") and shown.remedy == "fix the model"
    assert [one.verdict for one in shown.failed_rows] == ["fail"] and not shown.passed_rows
    text = console(four).ask(f"/runs/{run_id}").text
    places = [
        text.index(words) for words in ("AUC 0.6 is below", "fix the model", "gate report", "<h2>Stages", "<h2>Config")
    ]
    assert places == sorted(places)
    assert "<script>alert" not in text and WHY not in text and "\\x1b[31m" in text


def test_a_run_takes_from_the_first_stages_beginning_to_the_last_ones_end(four):
    shown = run_view(request(four, run_ids(four)[0]))
    ends = [one.began + one.seconds for one in shown.times if one.began is not None and one.seconds]
    assert (
        len(ends) > 1
        and shown.whole == pytest.approx(max(ends))
        and shown.whole > max(one.began for one in shown.times if one.began is not None)
    )


def test_what_the_data_gate_found_is_a_table_and_what_an_earlier_release_laid_out_stays_as_it_is(past, config, console):
    stages = {"ExampleGen": State.DONE, "StatisticsGen": State.DONE}
    run_id = past.add(stages, 3, refused_by_data())
    shown = run_view(request(config, run_id))
    assert [(one.feature, one.split, one.rows) for one in shown.blocked] == [("company", "train, eval", 24)]
    assert [one.reason for one in shown.warnings] == ["SCHEMA_NEW_COLUMN"] and shown.more == ""
    text = console(config).ask(f"/runs/{run_id}").text
    words = ("DataGate: 1 finding", "<td>ENUM_TYPE_UNEXPECTED", "fix the data", "/schema/proposals", "DataGate warned")
    places = [text.index(one) for one in words]
    assert places == sorted(places) and "<script>alert" not in text
    old = replace(refused_by_data(), what=f"{refused_by_data().what}\n\nfeature  split", findings=())
    text = console(config).ask(f"/runs/{past.add(stages, 3, old)}").text
    assert '<pre class="words table">feature  split</pre>' in text and "/schema/proposals" in text


@pytest.mark.parametrize(
    "which, words",
    [
        (0, "done"),
        (2, "The run was killed while StatisticsGen was running; its process did not say how it ended"),
        (2, "millrace runs repeat"),
        (3, "ExampleGen: no space left"),
        (3, "make room"),
    ],
)
def test_each_way_to_end_has_its_words(four, console, which, words):
    assert words in console(four).ask(f"/runs/{run_ids(four)[which]}").text


def test_a_killed_runs_stage_is_not_said_to_run(four):
    stages = {one.stage: one.state for one in run_view(request(four, run_ids(four)[2])).run.stages}
    assert stages["ExampleGen"] == "done" and stages["StatisticsGen"] != "done"


def test_the_graph_is_told_from_the_artifacts_that_were_read(four):
    shown = run_view(request(four, run_ids(four)[0]))
    assert shown.upstream == {stage: upstream for stage, (upstream, _, _) in GRAPH.items()}
    assert shown.before == "" and shown.changes is None and len(shown.times) == len(GRAPH)


def test_the_graph_that_a_run_wrote_down_goes_before(past, config):
    run_id = run_ids(config)[0]
    stage_graph.record(Path(config.root) / "logs" / run_id, {"Transform": ["DataGate"], "Trainer": ["Elsewhere"]})
    shown = run_view(request(config, run_id))
    assert shown.upstream["Transform"] == ("DataGate",) and shown.upstream["Trainer"] == ()


def test_layers_stand_behind_what_they_wait_for_and_sources_stand_close():
    upstream = {"a": (), "b": ("a",), "c": ("b", "a", "late"), "late": ()}
    assert stage_graph.layers(upstream, upstream) == [["a"], ["b", "late"], ["c"]]
    assert stage_graph.without_detours(upstream)["c"] == ("b", "late")


def test_a_picture_of_stages_with_hostile_names_is_text():
    name = "<script>alert(1)</script>" + "أ" * 200 + '"\x1b'
    picture = str(graph([StageDetail(name, State.FAILED), StageDetail("Ok", State.DONE, seconds=1.0)], {"Ok": (name,)}))
    assert "<script" not in picture and picture.count("<rect") == 2 and picture.count('class="edge"') == 1
    assert "\x1b" not in picture and "style=" not in picture


def test_a_judge_that_did_its_work_and_said_no_is_drawn_so():
    stages = [StageDetail("Evaluator", State.DONE, seconds=2.0), StageDetail("Pusher", State.DONE, seconds=1.0)]
    picture = str(graph(stages, {}, ["Evaluator"]))
    assert 'class="node not-blessed"' in picture and 'class="node done"' in picture
    assert "Evaluator: done, 2.0 s, not blessed" in picture and "Pusher: done, 1.0 s<" in picture


def test_what_differs_in_the_configuration_is_told_with_who_said_so(past, config):
    _write_provenance(config, 2, {"training": {"steps": 100, "seed": 1}, "name": "taxi"})
    _write_provenance(config, 3, {"training": {"steps": 300, "seed": 1}, "extra": None}, ("training.steps=300",))
    shown = run_view(request(config, run_ids(config)[3]))
    changes = {one.key: (one.before, one.after, one.by) for one in shown.changes}
    # A key without a value is one that the other run's release did not have.
    assert changes == {"training.steps": ("100", "300", "--set"), "name": ("taxi", "–", "the file")}


def test_a_value_that_the_run_before_was_given_is_not_said_to_be_the_files(past, config):
    """After a trial of one span the next run said "By the file" of both."""
    trial = {"data": {"span": 1}, "push": {"trial": True}}
    _write_provenance(config, 2, trial, ("data.span=1", "push.trial=true"))
    _write_provenance(config, 3, {"data": {"span": None}, "push": {"trial": False}})
    changes = run_view(request(config, run_ids(config)[3])).changes
    assert {one.key: one.by for one in changes} == {"data.span": "--set before"}


def test_a_value_that_set_named_within_a_list_is_not_said_to_be_the_files(past, config):
    for which, least in ((2, 0.92), (3, 0.97)):
        values = {"evaluation": {"thresholds": [{"metric": "AUC", "at_least": least}], "metrics": ["AUC"]}}
        _write_provenance(config, which, values, ("evaluation.thresholds.0.at_least=0.97",) if which == 3 else ())
    [change] = run_view(request(config, run_ids(config)[3])).changes
    assert change == SettingChange("evaluation.thresholds.0.at_least", "0.92", "0.97", by="--set")
    _write_provenance(config, 3, {"evaluation": {"thresholds": [], "metrics": ["AUC"]}}, ("evaluation={}",))
    changes = run_view(request(config, run_ids(config)[3])).changes
    assert {one.key for one in changes if one.by == "--set"} == {one.key for one in changes}


def _write_provenance(config, which: int, values: dict, overrides: tuple[str, ...] = ()) -> None:

    folder = Path(config.root) / "logs" / run_ids(config)[which]
    (folder / "provenance.json").write_text(json.dumps(asdict(Provenance(values, overrides))))


def test_a_key_without_a_value_does_not_differ_from_none(past, config):
    _write_provenance(
        config, 1, {"evaluation": {"thresholds": [{"metric": "AUC"}, {"metric": "F1", "at_least": None}]}}
    )
    _write_provenance(config, 2, {"evaluation": {"thresholds": [{"metric": "AUC"}]}})
    changes = run_view(request(config, run_ids(config)[2])).changes
    assert [(one.key, one.before, one.after) for one in changes] == [("evaluation.thresholds.1.metric", "F1", "–")]


def test_a_configuration_is_flat():
    assert flat({"a": {"b": 1, "c": {}}, "d": [1, {"x": None, "y": 2}], "e": None, "f": True}) == {
        "a.b": "1",
        "a.c": "{}",
        "d.0": "1",
        "d.1.x": "",
        "d.1.y": "2",
        "e": "",
        "f": "true",
    }


def test_artifacts_that_are_gone_are_named_and_the_rest_is_shown(past, config, console):
    shutil.rmtree(Path(config.root) / "artifacts")
    running, run_id = console(config), run_ids(config)[0]
    answer = running.ask(f"/runs/{run_id}")
    assert answer.status == 200 and "folders of artifacts are" in answer.text and running.faults == []
    assert len(running.ask(f"/runs/{run_id}?format=json").json["gone"]) == len(GRAPH)


def test_a_gate_report_that_is_cut_is_not_shown_and_ends_nothing(past, config, console):
    for file in Path(config.root).rglob("gate_report.json"):
        file.write_text('{"version": 1, "blessed"')
    running = console(config)
    assert running.ask(f"/runs/{run_ids(config)[0]}").status == 200 and running.faults == []


def test_a_run_whose_folder_is_gone_is_shown_from_ml_metadata(past, config, console):
    run_id = run_ids(config)[0]
    shutil.rmtree(Path(config.root) / "logs" / run_id)
    running = console(config)
    text = running.ask(f"/runs/{run_id}").text
    assert "Trainer" in text and "The folder of this run is gone" in text
    assert running.ask(f"/runs/{run_id}/log").status == 404


def test_a_run_of_another_pipeline_and_one_that_never_was_are_not_shown(past, config, console):
    running = console(config)
    for name in ("20000101-000000", "..", "%2e%2e", "..%2f..%2fetc", "<b>"):
        assert running.ask(f"/runs/{name}").status == 404, name
        assert running.ask(f"/runs/{name}/log").status == 404, name


def test_a_log_shows_its_end_and_what_is_searched_for(past, config):
    run_id = past.add({}, 1, Failure("x", "", "", 1), log=[f"line {number}" for number in range(900)])
    assert log_view(request(config, run_id)).lines[-1] == "line 899"
    assert len(log_view(request(config, run_id)).lines) == 400
    assert log_view(request(config, run_id, lines="5", q="97")).lines == ("line 897",)


def test_a_log_that_is_a_link_to_elsewhere_is_not_read(past, config, tmp_path):
    run_id = run_ids(config)[0]
    (tmp_path / "secret").write_text("not for you\n")
    log = Path(config.root) / "logs" / run_id / "run.log"
    log.unlink()
    os.symlink(tmp_path / "secret", log)
    assert log_view(request(config, run_id)).lines == ()
    assert "not for you" not in str(run_view(request(config, run_id)))


def test_a_run_that_goes_on_is_asked_for_again(past, config, console):
    with new_run(Path(config.root) / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        folder.journal.record("ExampleGen", State.RUNNING)
        folder.journal.record("Trainer", State.WAITING)
        folder.log.write_text("step 1\n")
        running = console(config)
        text = running.ask(f"/runs/{folder.run_id}").text
        assert 'hx-trigger="every 2s"' in text and "running" in text and "step 1" in text
        assert 'hx-trigger="every 2s"' in running.ask("/").text
    assert 'hx-trigger="every 2s"' not in running.ask(f"/runs/{folder.run_id}").text


def test_a_training_that_goes_on_is_drawn_as_it_grows(past, config, console):
    with new_run(Path(config.root) / "logs", RunRequest("conf/taxi.yaml", pipeline="taxi")) as folder:
        folder.journal.record("Trainer", State.RUNNING)
        execution = past.begin(folder.run_id, "Trainer")
        assert run_view(request(config, folder.run_id)).curves == ()
        writer = Writer(str(Path(config.root) / f"artifacts/Trainer/model_run/{execution}/train"))
        for step, loss in enumerate((0.9, 0.4)):
            writer.add_scalar("epoch_loss", loss, step)
            writer.flush()
        [group] = run_view(request(config, folder.run_id)).curves
        assert group.metric == "loss" and [value for _, value in group.series[0][1]] == pytest.approx([0.9, 0.4])
        assert "The training so far" in console(config).ask(f"/runs/{folder.run_id}").text
        writer.close()


def test_a_killed_runs_curves_are_on_its_models_page_and_in_its_report(config, console):
    """A run that was killed while its model was judged has trained one, which nothing has measured yet."""
    curves = {split: {"loss": [0.9, 0.5]} for split in ("train", "validation")}
    run_id = LookedAtRuns(Path(config.root)).add({"train": {"fare": [1.0]}}, curves=curves, exit_code=None)
    running, mailed = console(config), report_of(config, run_id, NOW)
    page = running.ask(f"/runs/{run_id}").text
    assert "Its process is gone" in page and f'href="/models/{run_id}"' in page
    for text in (running.ask(f"/models/{run_id}").text, mailed):
        assert "<h2>Training</h2>" in text and "<figcaption>loss</figcaption>" in text
    assert running.faults == []


def test_a_run_that_is_not_there_is_not_found(four):
    with pytest.raises(NotFound, match="there is no run nothing of taxi"):
        run_view(request(four, "nothing"))


def test_the_stages_are_a_table_to_take_away(four, console):
    text = console(four).ask(f"/runs/{run_ids(four)[0]}?format=csv").text
    assert text.splitlines()[0] == "stage,state,started,seconds,why" and re.search("^Trainer,done,", text, re.M)


def test_a_report_without_a_baseline_shows_its_rows(past, config):
    past.add(gate=report(0.95), started=NOW)
    shown = run_view(request(config, run_ids(config)[-1]))
    assert [one.value for one in shown.passed_rows] == [0.95]


def test_settings_and_artifacts_of_the_newest_run_are_found(past, config, console):
    past.add(gate=report(0.95), started=NOW)
    _write_provenance(config, 4, {"training": {"steps": 777, "<b>": 1}})
    running = console(config)
    [hit] = running.ask("/search?q=steps+777&format=json").json["hits"]
    assert (hit["kind"], hit["name"]) == ("setting", "training.steps")
    page, _, place = hit["address"].partition("#")
    assert f'id="{place}"' in running.ask(page).text
    kinds = [hit["kind"] for hit in running.ask("/search?q=transform_graph&format=json").json["hits"]]
    assert kinds == ["artifact"] and running.faults == []


def test_an_address_that_a_person_would_type_leads_where_it_means(four, console):
    running, ids = console(four), run_ids(four)
    [pushed] = [row["node"]["id"] for row in running.ask(f"/lineage/run/{ids[0]}?format=json").json["start"]]
    leads = {
        "/data": "/data/latest",
        "/lineage": "/lineage/run/last",
        "/runs/last": f"/runs/{ids[-1]}",
        "/runs/last~2": f"/runs/{ids[-3]}",
        "/lineage/run/last~3": f"/lineage/run/{ids[0]}",
        "/lineage/last~3": f"/lineage/run/{ids[0]}",
        "/lineage/1001": f"/lineage/artifact/{pushed}",
        "/lineage/run/1001": f"/lineage/artifact/{pushed}",
        "/lineage/version/1001": f"/lineage/artifact/{pushed}",
        "/runs/last~1/log?lines=5": f"/runs/{ids[-2]}/log?lines=5",
        "/compare?runs=last,last~2&sort=x": f"/compare?runs={ids[-1]}%2C{ids[-3]}&sort=x",
        "/models/last": f"/models/{ids[1]}",
        "/models/1001": f"/models/{ids[0]}",
        "/models/last?format=json": f"/models/{ids[1]}?format=json",
    }
    for typed, place in leads.items():
        answer = running.ask(typed)
        assert (answer.status, answer.headers.get("location")) == (303, place), typed
    beside = running.ask(f"/models/{ids[1]}?against=1001&format=json").json
    assert beside["against"] == ids[0]
    for nowhere in ("/runs/last~9", "/runs/last~9/log", "/lineage/last~9", "/compare?runs=last,last~9", "/lineage/999"):
        assert "millrace runs lists them" in running.ask(nowhere).text, nowhere
    assert running.faults == []


def test_a_page_of_all_runs_notices_that_one_begins(four, console):
    running = console(four)
    for path in ("/", "/runs"):
        assert 'hx-trigger="every 10s"' in running.ask(path).text
    assert "every 10s" not in running.ask("/runs?after=2").text, "what was scrolled to is not taken away"
