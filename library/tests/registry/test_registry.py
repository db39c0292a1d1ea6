"""Versions, their states and the aliases that name them, what servers are told, and what is refused."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from registered_versions import pushed, registry_of
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from millrace.base import event_file
from millrace.base.errors import BadInput, is_disk_full
from millrace.registry.pushed_model import checksum, file_checksums


def served(root, model="taxi") -> tuple[list[int], dict[str, int]]:
    """What a server that reads the file loads, and by which labels."""
    config = text_format.Parse((root / "serving" / f"{model}.config").read_text(), ModelServerConfig())
    [entry] = config.model_config_list.config
    assert (entry.name, entry.base_path) == (model, str(root / "serving" / model))
    return list(entry.model_version_policy.specific.versions), dict(entry.version_labels)


def numbers(registry) -> dict[str, int]:
    return {name: version.number for name, version in registry.aliases().items()}


def test_what_both_judges_blessed_is_approved_and_becomes_champion(tmp_path):
    with registry_of(tmp_path) as registry:
        [first] = registry.take_in([pushed(tmp_path, 11)])
        assert (first.state.value, first.aliases, first.run) == ("approved", ("champion",), "run-11")
        registry.take_in([pushed(tmp_path, 12), pushed(tmp_path, 13)])
        assert numbers(registry) == {"champion": 13}
        told = [(one.kind, one.version, one.alias) for one in registry.events()]
        assert told[:3] == [("registered", 11, ""), ("approved", 11, ""), ("alias moved", 11, "champion")]
        assert told.count(("alias moved", 12, "champion")) == 0, "nobody was served version 12"
        assert {one.who for one in registry.events() if one.kind != "registered"} == {"automatic"}
    assert served(tmp_path) == ([11, 13], {"champion": 13}), "the one to go back to is loaded"


def test_where_approval_is_manual_nothing_is_served_before_a_person_says_so(tmp_path):
    with registry_of(tmp_path, "manual") as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        assert version.state.value == "registered" and numbers(registry) == {}
        with pytest.raises(BadInput, match="not approved, and a champion must be") as refused:
            registry.move("champion", version, "I like it")
        assert "millrace models approve 11" in refused.value.remedy
        registry.move("candidate", version, "look at it")
        registry.approve(version, "reviewed with the desk")
        registry.move("champion", version, "it is the first")
        assert numbers(registry) == {"candidate": 11, "champion": 11}
        last = registry.events()[-1]
        assert (last.who, last.because, last.run, last.at) == (
            "ada@desk", "it is the first", "run-11", "2027-01-15T08:00:04+00:00"
        )  # fmt: skip
    assert served(tmp_path) == ([11], {"candidate": 11, "champion": 11})


def test_where_a_push_is_to_be_rolled_out_it_becomes_candidate_beside_the_first_champion(tmp_path):
    with registry_of(tmp_path, "candidate") as registry:
        registry.take_in([pushed(tmp_path, 11)])
        assert numbers(registry) == {"champion": 11}, "there is nothing to roll out over"
        registry.take_in([pushed(tmp_path, 12)])
        assert numbers(registry) == {"champion": 11, "candidate": 12}
        assert registry.version("12").state.value == "approved"
        registry.take_in([pushed(tmp_path, 13)])
        assert numbers(registry) == {"champion": 11, "candidate": 13}
        assert served(tmp_path) == ([11, 13], {"champion": 11, "candidate": 13})
        registry.move("champion", registry.version("candidate"), "rolled out")
        assert numbers(registry) == {"champion": 13}, "a champion is no candidate"
        assert [(one.kind, one.who) for one in registry.events()[-2:]] == [
            ("alias moved", "ada@desk"), ("alias removed", "automatic")
        ]  # fmt: skip


def test_without_a_champion_the_next_command_is_named(tmp_path):
    with registry_of(tmp_path, "manual") as registry:
        with pytest.raises(BadInput, match="no version of taxi is champion") as refused:
            registry.champion()
        assert refused.value.remedy == "millrace run pushes the first version"
        registry.take_in([pushed(tmp_path, 11), pushed(tmp_path, 12, trial=True)])
        with pytest.raises(BadInput) as refused:
            registry.champion()
        alias = "millrace models alias champion 11 --because WHY"
        assert refused.value.remedy == f"millrace models approve 11 --because WHY, then {alias}"
        registry.approve(registry.version("11"), "reviewed")
        with pytest.raises(BadInput) as refused:
            registry.champion()
        assert refused.value.remedy == alias
        registry.move("champion", registry.version("11"), "it is the first")
        assert registry.champion().number == 11


def test_a_trial_is_registered_and_never_served(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11, trial=True)])
        assert version.trial and numbers(registry) == {} and not registry.served_file.exists()
        with pytest.raises(BadInput, match="a trial's, and lies where no server looks"):
            registry.move("candidate", version, "try it")
        for decide in (registry.approve, registry.reject):
            with pytest.raises(BadInput, match="a trial's, and lies where no server looks"):
                decide(version, "try it")
        assert [one.kind for one in registry.events()] == ["registered"]
        registry.take_in([pushed(tmp_path, 10)])
        assert numbers(registry) == {"champion": 10}, "a trial is no newer version than what may be served"


def test_what_was_pushed_is_registered_once(tmp_path):
    with registry_of(tmp_path) as registry, registry_of(tmp_path) as other:
        registry.take_in([pushed(tmp_path, 11)])
        assert other.take_in([pushed(tmp_path, 11)]) == () == registry.take_in([pushed(tmp_path, 11)])
        assert [one.kind for one in registry.events()] == ["registered", "approved", "alias moved"]


def test_a_roll_back_stays_until_something_new_is_pushed(tmp_path):
    with registry_of(tmp_path) as registry:
        for number in (11, 12, 13):
            registry.take_in([pushed(tmp_path, number)])
        registry.roll_back(registry.version("12"), "slow", expected=13)
        assert served(tmp_path) == ([11, 12], {"champion": 12}), "a request without a label gets the highest loaded"
        registry.take_in([pushed(tmp_path, 13)])
        registry.take_in([pushed(tmp_path, 9)])
        assert numbers(registry) == {"champion": 12}, "13 is known, and 9 is no newer one"
        assert registry.champions() == (11, 12) and registry.before_champion().number == 11
        registry.take_in([pushed(tmp_path, 14)])
        assert numbers(registry) == {"champion": 14} and registry.before_champion().number == 12
        registry.roll_back(registry.version("9"), "the oldest", expected=14)
        assert registry.champions() == (11, 12, 9) and served(tmp_path)[0] == [9]
        assert registry.before_champion().number == 12


def again(found: tuple, number: int) -> tuple:
    """The same model, pushed under another number, as a run does whose Evaluator had to judge it again."""
    _, run, facts = found
    folder = Path(facts.folder).with_name(str(number))
    shutil.copytree(facts.folder, folder)
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "millrace.json").write_text(f"run {number}")
    files = file_checksums(folder)
    return number, run, replace(facts, folder=str(folder), files=files, checksum=checksum(files))


@pytest.mark.parametrize("decision", ["rolled back from", "rejected"])
def test_a_model_that_a_person_refused_comes_back_under_no_other_number(tmp_path, decision):
    with registry_of(tmp_path) as registry:
        bad = pushed(tmp_path, 12)
        registry.take_in([pushed(tmp_path, 11)])
        registry.take_in([bad])
        registry.roll_back(registry.version("11"), "slow", expected=12)
        if decision == "rejected":
            registry.reject(registry.version("12"), "slow")
        [version] = registry.take_in([again(bad, 13)])
        assert (version.state.value, version.aliases) == ("registered", ()) and numbers(registry) == {"champion": 11}
        if decision == "rolled back from":
            registry.move("champion", registry.version("12"), "it was the network")
            [version] = registry.take_in([again(bad, 14)])
            assert version.aliases == ("champion",), "it is not refused any more"


def test_to_go_back_passes_over_what_was_rejected_or_is_gone(tmp_path):
    with registry_of(tmp_path) as registry:
        for number in (11, 12, 13, 14):
            registry.take_in([pushed(tmp_path, number)])
        registry.reject(registry.version("13"), "unfair to cash payers")
        shutil.rmtree(tmp_path / "serving" / "taxi" / "12")
        assert registry.before_champion().number == 11
        registry.write_served_file()
        assert served(tmp_path) == ([11, 14], {"champion": 14})
        shutil.rmtree(tmp_path / "serving" / "taxi" / "14")
        registry.write_served_file()
        config = text_format.Parse(registry.served_file.read_text(), ModelServerConfig())
        assert not config.model_config_list.config, "a server would wait for what is not there"


def test_two_people_do_not_undo_each_other_unseen(tmp_path):
    with registry_of(tmp_path) as mine, registry_of(tmp_path, who="bob@bench") as yours:
        for number in (11, 12, 13):
            mine.take_in([pushed(tmp_path, number)])
        yours.roll_back(yours.version("12"), "errors", expected=13)
        with pytest.raises(BadInput, match="moved from version 13 to 12 in the meantime by bob@bench: errors"):
            mine.roll_back(mine.version("11"), "slow", expected=13)
        assert numbers(mine) == {"champion": 12}


@pytest.mark.parametrize("alias", ["", "12", "-x", "a b", "a/b", "ä", "x" * 64])
def test_a_name_that_could_be_mistaken_is_no_alias(tmp_path, alias):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        with pytest.raises(BadInput, match="can be no alias"):
            registry.move(alias, version, "why not")


def test_what_may_not_be_decided_is_refused_and_nothing_changes(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, 11)])
        registry.take_in([pushed(tmp_path, 12)])
        old, new = registry.version("11"), registry.version("champion")
        before = registry.events()
        for refused, words in (
            (lambda: registry.version("chmpion"), r"no alias chmpion of taxi; did you mean champion\?"),
            (lambda: registry.version("13"), "no version and no alias 13"),
            (lambda: registry.reject(new, "bad"), "version 12 is champion"),
            (lambda: registry.approve(old, "good"), "approved already: both judges blessed it"),
            (lambda: registry.move("champion", new, "again"), "version 12 is champion already"),
            (lambda: registry.remove("champion", "none"), "moved and not removed"),
            (lambda: registry.remove("chmpion", "none"), "no alias chmpion"),
            (lambda: registry.remove("candidat", "none"), "no alias candidat"),
        ):
            with pytest.raises(BadInput, match=words):
                refused()
        assert registry.events() == before
        registry.reject(old, "unfair")
        with pytest.raises(BadInput, match=r"version 11 was rejected: unfair \(ada@desk"):
            registry.move("shadow", old, "try it")
        registry.approve(old, "measured again")
        registry.move("shadow", old, "try it")
        registry.remove("shadow", "tried")
        assert numbers(registry) == {"champion": 12}


def test_events_are_never_changed_or_deleted_not_even_in_the_file(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, 11)])
    file = sqlite3.connect(tmp_path / "registry.db")
    for statement in ("UPDATE event SET who = 'nobody'", "DELETE FROM event", "REPLACE INTO event SELECT * FROM event"):
        with pytest.raises(sqlite3.IntegrityError):
            file.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="registered once"):
        file.execute(
            "INSERT INTO event SELECT 99, at, model, kind, version, alias, because, who, run, details FROM event WHERE "
            "kind = 'registered'"
        )
    file.close()


def test_other_rooms_add_events_of_their_own_kinds(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        event = registry.record("rollout step", version, "no error in 10 min", {"weight": 10})
        assert registry.events(11)[-1] == event and event.details == {"weight": 10} and event.id == 4
        assert registry.record("gateway started", None, "", {}).version is None
        assert numbers(registry) == {"champion": 11}


def test_a_root_that_is_moved_keeps_its_registry_and_several_pipelines_share_it(tmp_path):
    root = tmp_path / "before"
    with registry_of(root) as registry, registry_of(root, model="shop") as shop:
        registry.take_in([pushed(root, 11)])
        shop.take_in([pushed(root, 11, "shop"), pushed(root, 12, "shop")])
    root = root.rename(tmp_path / "after")
    with registry_of(root) as registry, registry_of(root, model="shop") as shop:
        [version] = registry.versions()
        assert version.folder == root / "serving" / "taxi" / "11" and version.there
        registry.write_served_file()
        assert served(root) == ([11], {"champion": 11})
        assert numbers(shop) == {"champion": 12}


def test_a_disk_that_is_full_is_told_as_such_and_changes_nothing(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        database = registry._log._events._database
        database.execute(f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}")
        before = registry.events()
        with pytest.raises(OSError, match="No space left") as full:
            registry.record("a long story", version, "x", {"text": "x" * 100_000})
        assert is_disk_full(full.value) and registry.events() == before
        registry.move("other", version, "a short one fits")


def test_who_waits_too_long_for_another_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "_LOCK_SECONDS", 0.05)
    with registry_of(tmp_path) as registry, registry_of(tmp_path) as other:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        with registry._log.change(), pytest.raises(BadInput, match="another process holds the registry's file"):
            other.move("candidate", version, "look at it")
        other.move("candidate", version, "look at it")


def test_a_file_that_is_none_of_a_registry_or_of_a_later_one_is_told(tmp_path):
    (tmp_path / "registry.db").write_text("no database")
    with pytest.raises(BadInput, match="the registry cannot be used: file is not a database"):
        registry_of(tmp_path)
    (tmp_path / "registry.db").unlink()
    registry_of(tmp_path).close()
    file = sqlite3.connect(tmp_path / "registry.db")
    file.execute("PRAGMA user_version = 7")
    file.close()
    with pytest.raises(BadInput, match="made by a later Millrace: its tables are of version 7"):
        registry_of(tmp_path)
