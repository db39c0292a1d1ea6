"""Who may be served, and who never: each rule of the registry with the case that alone tells whether it holds."""

from dataclasses import replace
from pathlib import Path

import pytest
from registered_versions import pushed, registry_of

from millrace.base.errors import BadInput
from millrace.registry.pushed_model import about, checksum, signatures
from millrace.registry.story import served_times


def loaded(registry) -> list[str]:
    """The versions that servers load, as the file has them."""
    return [line.split()[-1] for line in registry.served_file.read_text().splitlines() if " versions: " in line]


def test_of_several_that_come_at_once_the_newest_is_champion_in_whatever_order_they_come(tmp_path):
    with registry_of(tmp_path) as registry:
        new = registry.take_in([pushed(tmp_path, number) for number in (13, 11, 12)])
        assert [one.number for one in new] == [11, 12, 13] and registry.version("champion").number == 13
        assert [one.version for one in registry.events() if one.kind == "registered"] == [11, 12, 13]


def test_what_comes_while_a_newer_one_waits_for_a_person_is_no_champion(tmp_path):
    with registry_of(tmp_path, "manual") as registry:
        registry.take_in([pushed(tmp_path, 12)])
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        assert version.state.value == "approved" and registry.aliases() == {}


def test_what_is_gone_gets_no_alias_and_nothing_is_written_down(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        version, events = registry.version("11"), registry.events()
        (version.folder / "saved_model.pb").unlink()
        for decide in (
            lambda: registry.move("champion", version, "x"),
            lambda: registry.move("candidate", version, "x"),
            lambda: registry.roll_back(version, "x", expected=12),
        ):
            with pytest.raises(BadInput, match="version 11 is not there any more") as refused:
                decide()
            assert "millrace models import" in refused.value.remedy
        assert registry.events() == events


def test_what_an_alias_names_is_not_rejected_and_the_remedy_frees_it(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        registry.move("shadow", registry.version("11"), "look")
        registry.move("another", registry.version("12"), "look")
        with pytest.raises(BadInput, match="version 12 is champion and another") as refused:
            registry.reject(registry.version("12"), "bad")
        assert refused.value.remedy == "millrace models rollback"
        with pytest.raises(BadInput, match="version 11 is shadow") as refused:
            registry.reject(registry.version("11"), "bad")
        assert refused.value.remedy == "millrace models alias shadow --remove"
        assert {one.state.value for one in registry.versions()} == {"approved"}


def test_the_reason_that_is_given_is_that_of_the_last_decision(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        version = registry.version("11")
        registry.reject(version, "unfair")
        registry.approve(version, "measured again")
        registry.reject(version, "slow")
        with pytest.raises(BadInput, match=r"version 11 was rejected: slow \(ada@desk"):
            registry.move("candidate", version, "x")
        with pytest.raises(BadInput, match="version 11 is rejected already: slow"):
            registry.reject(version, "x")
        registry.approve(version, "quick now")
        with pytest.raises(BadInput, match="version 11 is approved already: quick now"):
            registry.approve(version, "x")


def test_a_trial_is_not_decided_about_and_nothing_to_serve_or_to_go_back_to(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, 10, trial=True), pushed(tmp_path, 11)])
        trial, events = registry.version("10"), registry.events()
        for decide in (registry.approve, registry.reject):
            with pytest.raises(BadInput, match="version 10 is a trial's"):
                decide(trial, "it looks as it looks")
        assert registry.events() == events and registry.before_champion() is None and loaded(registry) == ["11"]


def test_what_was_never_approved_is_nothing_to_go_back_to(tmp_path):
    with registry_of(tmp_path, "manual") as registry:
        registry.take_in([pushed(tmp_path, number) for number in (10, 11, 12)])
        for number in ("10", "12"):
            registry.approve(registry.version(number), "reviewed")
        registry.move("champion", registry.version("12"), "best")
        assert registry.before_champion().number == 10 and loaded(registry) == ["10", "12"]


def test_a_version_beside_the_root_is_not_written_as_if_it_were_in_it(tmp_path):
    root = tmp_path / "taxi"
    number, run, facts = pushed(tmp_path / "taxi2", 11)
    inside = pushed(root, 12)
    report = root / "reports" / "12"
    with registry_of(root) as registry:
        registry.take_in([(number, run, facts), (*inside[:2], replace(inside[2], gate_report=str(report)))])
    root.rename(tmp_path / "moved")
    with registry_of(tmp_path / "moved") as registry:
        beside, moved = registry.versions()
        assert beside.folder == Path(facts.folder) and beside.there and beside.facts.gate_report == ""
        assert moved.there and moved.facts.gate_report == str(tmp_path / "moved" / "reports" / "12")


def test_two_pipelines_that_share_a_file_decide_apart(tmp_path):
    with registry_of(tmp_path) as taxi, registry_of(tmp_path, model="shop") as shop:
        taxi.take_in([pushed(tmp_path, number) for number in (11, 12)])
        shop.take_in([pushed(tmp_path, number, "shop") for number in (11, 12)])
        shop.reject(shop.version("11"), "unfair")
        shop.move("candidate", shop.version("12"), "look")
        assert taxi.version("11").state.value == "approved" and [*taxi.aliases()] == ["champion"]
        assert {one.kind for one in taxi.events()} == {"registered", "approved", "alias moved"}
        assert {one.kind for one in taxi.events(11)} == {"registered", "approved"}
        assert taxi.events(alias="candidate") == () and taxi.before_champion().number == 11
        assert shop.before_champion() is None


def test_a_file_for_servers_that_cannot_be_written_is_told_and_made_up_for(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        registry.served_file.unlink()
        registry.served_file.mkdir()
        with pytest.raises(BadInput, match="the registry has changed, and servers do not know"):
            registry.move("candidate", registry.version("11"), "look")
        registry.served_file.rmdir()
        registry.write_served_file()
        assert 'key: "candidate"' in registry.served_file.read_text() and loaded(registry) == ["11", "12"]


def test_a_file_that_says_so_already_is_not_written_again(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, 11)])
        before = registry.served_file.stat()
        registry.write_served_file()
        assert registry.served_file.stat().st_ino == before.st_ino, "a server would load anew"


def test_who_polls_the_folder_is_told_of_a_number_above_the_champion_s(tmp_path):
    with registry_of(tmp_path) as registry:
        assert registry.above_champion() is None, "there is no folder"
        registry.take_in([pushed(tmp_path, number) for number in (9, 10)])
        assert registry.above_champion() is None
        registry.roll_back(registry.version("9"), "slow", expected=10)
        (Path(registry.serving) / "notes").mkdir()
        assert registry.above_champion() == 10


def test_a_version_that_two_take_in_at_once_is_imported_once(tmp_path):
    number, run, facts = pushed(tmp_path, 11)
    with registry_of(tmp_path) as registry, registry_of(tmp_path, who="bob@bench") as other:
        registry.take_in_imported(number, run, facts, "from the other site", {"file": "a.tar"})
        other.take_in_imported(number, run, facts, "again", {})
        first, second = registry.events()
        assert (first.kind, second.kind, second.because) == ("registered", "imported", "from the other site")
        assert (second.who, second.run, second.details) == ("ada@desk", "run-11", {"file": "a.tar"})


def test_what_moves_an_alias_is_written_by_the_registry_alone(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        for kind in ("approved", "rejected", "alias moved", "alias removed", "rolled back", "registered"):
            with pytest.raises(AssertionError, match=kind):
                registry.record(kind, version, "x", {})


def test_an_event_says_who_moved_an_alias_from_where_and_why(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        registry.move("candidate", registry.version("11"), "look", who="the rule")
        registry.move("candidate", registry.version("12"), "look at this one")
        registry.remove("candidate", "seen")
        told = [(one.kind, one.version, one.who, one.details) for one in registry.events(alias="candidate")]
        assert told == [
            ("alias moved", 11, "the rule", {"from": None}),
            ("alias moved", 12, "ada@desk", {"from": 11}),
            ("alias removed", None, "ada@desk", {"from": 12}),
        ]
        assert 'key: "candidate"' not in registry.served_file.read_text()


def test_a_version_s_times_are_those_in_which_an_alias_named_it_and_no_other(tmp_path):
    with registry_of(tmp_path) as registry:
        registry.take_in([pushed(tmp_path, number) for number in (11, 12)])
        for number, why in (("11", "look"), ("12", "look at this one"), ("11", "back again")):
            registry.move("candidate", registry.version(number), why)
        registry.remove("candidate", "seen")
        registry.roll_back(registry.version("11"), "slow", expected=12)
        registry.record("rollout step", registry.version("11"), "no error", {})
        at = {one.because: one.at for one in registry.events() if one.alias}
        times = [
            [
                (one.alias, one.because, one.since, one.ended_because, one.until)
                for one in served_times(registry.events(), number)
            ]
            for number in (11, 12)
        ]
    newest = "it is the newest that was pushed"
    assert times[0] == [
        ("candidate", "look", at["look"], "look at this one", at["look at this one"]),
        ("candidate", "back again", at["back again"], "seen", at["seen"]),
        ("champion", "slow", at["slow"], "", ""),
    ]
    assert times[1] == [
        ("champion", newest, at[newest], "slow", at["slow"]),
        ("candidate", "look at this one", at["look at this one"], "back again", at["back again"]),
    ]


def test_champion_is_the_first_of_a_version_s_aliases(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        for alias in ("z", "a"):
            registry.move(alias, version, "x")
        assert registry.version("11").aliases == ("champion", "a", "z")


def test_the_checksum_of_a_version_is_what_sha256sum_prints_of_its_own_lines():
    # printf '%s  a\n%s  b/c\n' $one $one | sha256sum
    one = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    both = "d36375e9f261d3d82df30b7457045fa654e2a50c51f6c4b7fad290413dccfbe3"
    assert checksum({"b/c": one, "a": one}) == both != checksum({"b/d": one, "a": one})


def test_a_file_that_is_no_saved_model_has_no_signatures(tmp_path):
    assert signatures(tmp_path) == {}
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff no graph")
    assert signatures(tmp_path) == {}


@pytest.mark.parametrize("content", [None, b"\xff", b"{", b"[1]"])
def test_a_model_that_says_nothing_of_itself_that_can_be_read_says_nothing(tmp_path, content):
    (tmp_path / "assets.extra").mkdir()
    if content is not None:
        (tmp_path / "assets.extra" / "millrace.json").write_bytes(content)
    assert about(tmp_path) == {}
