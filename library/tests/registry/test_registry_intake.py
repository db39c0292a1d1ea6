"""What ML Metadata says was pushed becomes a version, once, wherever the run that pushed it was stopped."""

import shutil
import time
from pathlib import Path

import pytest
from recorded_runs import RecordedRuns, four_stages

from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.metadata.artifact_files import pushed_folder
from millrace.metadata.cleaning import plan
from millrace.metadata.run_summaries import Runs
from millrace.registry.intake import open_registry, register_pushed, up_to_date
from millrace.registry.pushed_model import checksum, damage


def test_a_version_is_what_its_run_recorded_of_it(two_versions):
    [first, second] = register_pushed(two_versions).new
    facts = first.facts
    assert (first.number, first.run, first.span, first.state.value) == (11, "20310101-000001", 3, "approved")
    assert (facts.fingerprint, facts.judged, facts.verdicts) == (
        "num_files:1", {"AUC": pytest.approx(0.9195)}, {"Evaluator": True}
    )  # fmt: skip
    assert Path(facts.gate_report).is_dir() and facts.bytes > 1000 and facts.checksum == checksum(facts.files)
    [signature] = first.signatures.values()
    assert (signature.inputs, signature.outputs) == (
        {"examples": "string[?]"}, {"label": "string[?]", "probabilities": "float32[?]"}
    )  # fmt: skip
    assert second.aliases == ("champion",) and first.checksum != second.checksum
    artifact = Runs(two_versions).store.get_artifacts_by_id([first.artifact])[0]
    assert pushed_folder(artifact).name == "11"


def test_a_run_that_is_served_from_the_cache_registers_nothing_and_moves_nothing(two_versions):
    register_pushed(two_versions)
    with open_registry(two_versions) as registry:
        registry.roll_back(registry.version("11"), "slow", expected=12)
        events = registry.events()
    recorded = RecordedRuns(Path(layout(two_versions).root))
    [known] = [one for one in recorded.store.get_artifacts_by_type("PushedModel") if pushed_folder(one).name == "12"]
    recorded.begin("20310101-000003")
    four_stages(recorded, "20310101-000003", {"Pusher": {"pushed_model": known}})
    assert register_pushed(two_versions).new == ()
    with open_registry(two_versions) as registry:
        assert registry.events() == events and registry.version("champion").number == 11


def test_what_is_gone_rehearsed_or_elsewhere_is_no_version(tmp_path):
    recorded = RecordedRuns(tmp_path / "taxi")
    for number, properties in ((1, {}), (2, {"rehearsed": 1}), (3, {}), (4, {"pushed": 0})):
        run_id = f"20310101-00000{number}"
        recorded.begin(run_id)
        made = four_stages(recorded, run_id)
        folder = (tmp_path / "elsewhere" if number == 3 else recorded.root / "serving" / "taxi") / str(number)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text("graph")
        note = {"pushed": 1, "pushed_destination": str(folder), **properties}
        recorded.note(made["Pusher"]["pushed_model"], **note)
    shutil.rmtree(recorded.root / "serving" / "taxi" / "1")
    config = load("conf/taxi.yaml", [f"root={recorded.root}"])
    assert register_pushed(config).new == ()


def test_a_trial_is_registered_as_one_and_a_model_of_two_runs_is_the_first_s(tmp_path):
    recorded = RecordedRuns(tmp_path / "taxi")
    config = load("conf/taxi.yaml", [f"root={recorded.root}"])
    here = layout(config)
    for number, place in ((1, here.trials), (2, here.serving)):
        run_id = f"20310101-00000{number}"
        recorded.begin(run_id)
        folder = Path(place) / str(number)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text("graph")
        model = four_stages(recorded, run_id)["Pusher"]["pushed_model"]
        model = recorded.note(model, pushed=1, pushed_destination=str(folder))
    recorded.begin("20310101-000003")
    # What the cache served is the same artifact; a push of the same folder is another.
    again = four_stages(recorded, "20310101-000003")["Pusher"]["pushed_model"]
    recorded.note(again, pushed=1, pushed_destination=str(folder))
    trial, served = register_pushed(config).new
    assert (trial.number, trial.trial, trial.state.value, trial.aliases) == (1, True, "registered", ())
    assert (served.trial, served.aliases, served.run, served.artifact) == (
        False, ("champion",), "20310101-000002", model.id
    )  # fmt: skip
    assert register_pushed(config).new == ()


def test_a_registry_that_cannot_be_used_does_not_change_how_a_run_ended(two_versions):
    Path(layout(two_versions).registry_file).write_text("no database")
    registered = register_pushed(two_versions)
    assert registered.new == () and "the registry cannot be used" in registered.trouble


def test_a_file_of_a_version_that_is_gone_changed_or_added_is_named(two_versions):
    register_pushed(two_versions)
    with open_registry(two_versions) as registry:
        version = registry.version("11")
    assert damage(version) == ""
    file = version.folder / "variables" / "variables.index"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert damage(version) == f"{file} has another content than when it was registered", "of the same size"
    file.unlink()
    assert damage(version) == f"{file} is gone"
    file.write_bytes(content)
    (version.folder / "more").touch()
    assert damage(version) == f"{version.folder / 'more'} was not there when it was registered"
    shutil.rmtree(version.folder)
    assert damage(version) == f"{version.folder} is gone"


def test_a_clean_up_keeps_what_an_alias_names(two_versions):
    with open_registry(two_versions) as registry:
        up_to_date(registry, Runs(two_versions))
        registry.move("fallback", registry.version("11"), "the one we trust")
    plans = plan(Runs(two_versions), 1, 0.0, 1e10).runs
    assert [one.goes for one in plans] == [()] and "version 11" in plans[0].stays[0].reason


def test_what_a_killed_write_has_left_is_deleted_at_the_next_push(two_versions):
    with open_registry(two_versions) as registry:
        left = Path(registry.serving).with_name(".taxi.config.0123456789ab.part")
    left.write_text("half")
    register_pushed(two_versions)
    assert left.exists(), "somebody may be writing it"
    register_pushed(two_versions, clock=lambda: time.time() + 25 * 3600)
    assert not left.exists()
