"""A version goes to the next environment whole, by that one's policy, once, or nothing changes."""

import fcntl
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from registered_versions import pushed
from two_environments import PROD, SATURDAY, THURSDAY, approved, judged, side

from millrace.base.errors import BadInput, GateRefused
from millrace.cli.main import millrace
from millrace.components.evaluator.gate_report import JSON_NAME
from millrace.config.environments import option
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.metadata import provenance
from millrace.metadata.run_summaries import Runs
from millrace.promotion import evidence, promoting
from millrace.promotion.side import Side
from millrace.registry.card import model_card, to_markdown
from millrace.registry.card_texts import CardTexts
from millrace.registry.pushed_model import file_checksums
from millrace.registry.registry import Registry, this_person


def promote(source: Side, target: Side, name: str, now: float = THURSDAY) -> promoting.PromotionPlan:
    return promoting.promote(source, target, name, "better at night", "bob@desk", now)


def state(*sides: Side) -> tuple[Any, ...]:
    """All that a refusal must leave as it is."""
    roots = [Path(layout(one.config).root) for one in sides]
    files = [one for root in roots for one in sorted(root.rglob("*")) if ".db" not in one.name]
    files = [one for one in files if one.suffix != ".lock"]
    return [one.registry.events() for one in sides], files


def test_a_version_goes_whole_with_its_report_card_and_lineage(here: Path) -> None:
    source, target = approved(11)
    made_from = Path(source.registry.version("11").facts.gate_report) / provenance.FILE
    made_from.write_text('{"command": "run"}')
    done = promote(source, target, "11")
    assert (done.alias, done.before, done.going_back) == ("champion", None, False)
    there, was = target.registry.version("champion"), source.registry.version("11")
    assert there.number == 11 and there.checksum == was.checksum
    assert file_checksums(there.folder) == was.facts.files and there.folder != was.folder
    assert (there.facts.commit, there.facts.judged, there.run) == ("c0ffee", {"AUC": 0.9}, "run-11")
    kinds = ["registered", "imported", "promoted from staging", "approved", "alias moved"]
    assert [one.kind for one in target.registry.events(11)] == kinds, "the alias last"
    assert {(one.who, one.because) for one in target.registry.events(11)[1:]} == {("bob@desk", "better at night")}
    last = source.registry.events(11)[-1]
    assert (last.kind, last.who, last.details["alias"]) == ("promoted to prod", "bob@desk", "champion")
    # The environment that it came from may be gone.
    shutil.rmtree(layout(source.config).root)
    card = to_markdown(model_card(Runs(target.config), there, target.registry.events(11), CardTexts()))
    assert "trip_start_hour:3" in card and "0.875" in card
    brought = Path(there.facts.gate_report)
    assert {one.name for one in brought.iterdir()} == {JSON_NAME, "card.html", "lineage.json", provenance.FILE}
    assert (brought / provenance.FILE).read_text() == '{"command": "run"}'
    lineage = json.loads((brought / "lineage.json").read_text())
    assert (lineage["environment"], lineage["commit"], lineage["run"]) == ("staging", "c0ffee", "run-11")
    assert [one["kind"] for one in lineage["events"]] == ["registered", "approved"]


def overlay(text: str) -> Callable[[], None]:
    return lambda: Path("conf/environments/prod.yaml").write_text(PROD + text)


def test_each_rule_says_no_by_itself_and_nothing_changes(here: Path) -> None:
    source, target = approved(11)
    judged(source, 12)
    judged(source, 13, verdicts={"Evaluator": True, "InfraValidator": False})
    judged(source, 14, verdicts={})
    judged(source, 15)
    (source.registry.version("15").folder / "saved_model.pb").write_text("another")
    judged(source, 16)
    for number in (13, 14, 15, 16):
        source.registry.approve(source.registry.version(str(number)), "reviewed")
    source.registry.reject(source.registry.version("16"), "unfair")
    judged(source, 17, trial=True)
    dev = Side(load("conf/taxi.yaml", [option("dev")]), source.registry)
    before = state(source, target)
    for origin, number, who, now, words in (
        (dev, "11", "bob@desk", THURSDAY, "order: prod comes after staging, not after dev"),
        (source, "13", "bob@desk", THURSDAY, "gates: InfraValidator did not bless it"),
        (source, "14", "bob@desk", THURSDAY, "gates: the registry knows no verdict of the Evaluator"),
        (source, "12", "bob@desk", THURSDAY, "approval: nobody has approved it in staging"),
        (source, "17", "bob@desk", THURSDAY, "approval: it is a trial's, and nothing serves it"),
        (source, "16", "bob@desk", THURSDAY, r"approval: it was rejected in staging: unfair \(ada@desk\)"),
        (source, "11", "ada@desk", THURSDAY, "approval: ada@desk has approved it, and may not promote it too"),
        (source, "11", "ada@laptop", THURSDAY, "approval: ada@desk has approved it, and may not promote it too"),
        (source, "15", "bob@desk", THURSDAY, "files: it is not whole: .*saved_model.pb has another content"),
        (source, "11", "bob@desk", SATURDAY, "freeze: prod is frozen until 2026-11-30 07:00 UTC: nobody is there"),
    ):
        with pytest.raises(GateRefused, match=f"prod does not take version {number}: {words}") as refused:
            promoting.promote(origin, target, number, "why not", who, now)
        assert refused.value.exit_code == 3 and ";" not in refused.value.what, "one reason, this one"
    assert state(source, target) == before


def test_all_reasons_are_told_at_once(here: Path) -> None:
    source, target = side("staging"), side("prod")
    judged(source, 11, verdicts={})
    plan = promoting.plan(source, target, "11", "bob@desk", SATURDAY)
    assert [one.split(":")[0] for one in plan.refusals] == ["gates", "approval", "freeze"]
    assert [one.name for one in plan.rules if one.holds] == ["order", "files", "once"]


def test_what_a_rule_has_approved_waits_for_a_person_where_one_is_asked_for(here: Path) -> None:
    Path("conf/environments/staging.yaml").write_text("registry: {approval: automatic}\n")
    source = side("staging")
    judged(source, 11)
    asked = {}
    for approval in ("any", "person", "second person"):
        Path("conf/environments/prod.yaml").write_text(f"promotion: {{after: staging, approval: {approval}}}")
        asked[approval] = promoting.plan(source, side("prod"), "champion", "bob@desk", THURSDAY).refusals
    assert asked["any"] == () and asked["person"] == asked["second person"]
    assert "a person must: set it to manual" in asked["person"][0]


def test_once_only_and_not_over_a_rejection(here: Path) -> None:
    source, target = approved(11)
    promote(source, target, "11")
    before = state(source, target)
    with pytest.raises(GateRefused, match=r"once: it is champion in prod already: better at night \(bob@desk\)"):
        promote(source, target, "11")
    assert state(source, target) == before
    judged(source, 12)
    source.registry.approve(source.registry.version("12"), "reviewed")
    promote(source, target, "12")
    target.registry.reject(target.registry.version("11"), "unfair")
    with pytest.raises(BadInput, match="version 11 was rejected: unfair"):
        promote(source, target, "11")


def test_another_version_of_that_number_stays(here: Path) -> None:
    source, target = approved(11)
    number, run, facts = pushed(Path(layout(target.config).root), 11)
    target.registry.take_in([(number, run, replace(facts, checksum="0" * 64))])
    before = state(source, target)
    with pytest.raises(GateRefused, match="once: another version 11 is registered in prod"):
        promote(source, target, "11")
    assert state(source, target) == before


def test_of_two_people_at_once_the_second_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = approved(11)
    lock = Path(layout(target.config).root) / "taxi.promotion.lock"
    with open(lock, "ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BadInput, match="somebody else is promoting to prod at this moment"):
            promote(source, target, "11")
        assert target.registry.versions() == ()
    promote(source, target, "11")
    # Who moves the alias by another command meanwhile is not overruled.
    for number in (12, 13):
        judged(source, number)
        source.registry.approve(source.registry.version(str(number)), "reviewed")
    promote(source, target, "12")
    approve = Registry.approve

    def slow(registry: Registry, version: Any, because: str) -> None:
        approve(registry, version, because)
        other = side("prod", "cyd@desk").registry
        other.move("champion", other.version("11"), "it burns")

    monkeypatch.setattr(Registry, "approve", slow)
    with pytest.raises(BadInput, match="from version 12 to 11 in the meantime by cyd@desk: it burns"):
        promote(source, target, "13")
    assert target.registry.version("champion").number == 11
    assert source.registry.events(13)[-1].kind == "approved", "nothing says that it was promoted"


@pytest.mark.parametrize("step", ["take_in_imported", "record", "approve", "move"])
def test_a_promotion_that_was_killed_is_finished_by_the_same_command(
    here: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    source, target = approved(11)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Registry, step, killed)
        with pytest.raises(KeyboardInterrupt):
            promote(source, target, "11")
    assert target.registry.aliases() == {}
    promote(source, target, "11")
    there = target.registry.version("champion")
    assert file_checksums(there.folder) == there.facts.files
    kinds = [one.kind for one in target.registry.events()]
    assert kinds[:2] == ["registered", "imported"] and kinds[-1] == "alias moved"
    assert kinds.count("approved") == kinds.count("imported") == kinds.count("promoted from staging") == 1


def test_each_promotion_says_once_that_a_version_was_taken_in(here: Path) -> None:
    """One that is promoted again, after it was gone back from, is so by a second promotion."""
    source, target = approved(11)
    promote(source, target, "11")
    judged(source, 12)
    source.registry.approve(source.registry.version("12"), "reviewed")
    promote(source, target, "12")
    target.registry.roll_back(target.registry.version("11"), "it burns", expected=12)
    promote(source, target, "12")
    assert [one.kind for one in target.registry.events(12)].count("promoted from staging") == 2


def test_what_killed_writes_have_left_is_deleted_by_the_next_promotion(here: Path) -> None:
    Path("conf/environments/prod.yaml").write_text("promotion: {after: staging}\n")
    source, target = approved(11)
    serving = Path(target.registry.serving)
    left = [
        evidence.folder(target, source.registry.version("11")) / ".card.html.0123456789ab.part",
        serving.with_name(".taxi.config.0123456789ab.part"),
        serving / ".11.0123456789ab.part/variables/variables.index",
    ]
    kept = [serving / ".12.of-a-person.part", serving / "12.0123456789ab.part"]
    for file in (*left, *kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half")
    promoting.promote(source, target, "11", "better at night", "bob@desk", time.time() + 23 * 3600)
    assert not left[0].exists(), "who promotes is alone there"
    assert all(file.exists() for file in (*left[1:], *kept)), "somebody may be writing it"
    judged(source, 12)
    source.registry.approve(source.registry.version("12"), "reviewed")
    promoting.promote(source, target, "12", "better at night", "bob@desk", time.time() + 25 * 3600)
    assert not any(file.exists() for file in left) and all(file.exists() for file in kept)


def test_one_that_was_killed_when_all_but_its_record_was_done_gets_that(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = approved(11)
    with monkeypatch.context() as patched:

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        patched.setattr(promoting, "_record_sent_on", killed)
        with pytest.raises(KeyboardInterrupt):
            promote(source, target, "11")
    before = target.registry.events(11)
    assert target.registry.version("champion").number == 11
    told = CliRunner().invoke(millrace, ["promote", "11", "--to", "prod", "--dry-run"])
    assert told.exit_code == 0 and "would record there that it was promoted to prod" in told.output, told.output
    assert promote(source, target, "11").only_record
    last = source.registry.events(11)[-1]
    assert (last.kind, last.details["alias"]) == ("promoted to prod", "champion")
    assert target.registry.events(11) == before
    with pytest.raises(GateRefused, match="once: it is champion in prod already"):
        promote(source, target, "11")


def test_beside_a_champion_it_is_a_candidate_where_a_rollout_is_to_follow(here: Path) -> None:
    overlay("registry: {approval: candidate}\n")()
    source, target = approved(11)
    assert promote(source, target, "11").alias == "champion", "there is nothing to roll out over"
    judged(source, 12)
    source.registry.approve(source.registry.version("12"), "reviewed")
    assert promote(source, target, "12").alias == "candidate"
    assert {name: one.number for name, one in target.registry.aliases().items()} == {"champion": 11, "candidate": 12}
    with pytest.raises(GateRefused, match="once: it is candidate in prod already"):
        promote(source, target, "12")


def test_from_the_second_environment_to_the_third_it_brings_the_same(here: Path) -> None:
    Path("conf/environments/staging.yaml").write_text("promotion: {after: dev, approval: any}\n")
    dev, staging, prod = side("dev"), side("staging"), side("prod", "bob@desk")
    judged(dev, 11)
    promoting.promote(dev, staging, "champion", "try it", "ada@desk", THURSDAY)
    shutil.rmtree(layout(dev.config).root)
    promote(staging, prod, "champion")
    there = prod.registry.version("champion")
    assert there.facts.verdicts == {"Evaluator": True, "InfraValidator": True}
    assert (Path(there.facts.gate_report) / JSON_NAME).is_file() and there.facts.gate_report.startswith(
        layout(prod.config).root
    )


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(millrace, ["promote", *arguments], catch_exceptions=True)
    error = done.exception
    found = getattr(error, "exit_code", done.exit_code) if error else 0
    assert found == code, (found, done.output, error)
    return done


def test_the_command_says_what_would_happen_and_then_does_it(here: Path) -> None:
    source = side("staging")
    judged(source, 11)
    Path("conf/environments/prod.yaml").write_text("promotion: {after: staging}\n")
    refused = run("11", "--to", "prod", "--dry-run", code=3)
    assert "approval" in refused.output and "would bring" not in refused.output
    assert "approval: nobody has approved it" in str(refused.exception)
    source.registry.approve(source.registry.version("11"), "reviewed")
    dry = run("11", "--to", "prod", "--dry-run")
    assert "make it champion there" in dry.output and "nothing has changed" in dry.output
    assert side("prod").registry.events() == ()
    assert "--because" in str(run("11", "--to", "prod", code=2).output)
    done = json.loads(run("11", "--to", "prod", "--because", "better", "--json").output)
    assert (done["done"], done["from"], done["to"], done["alias"]) == (True, "staging", "prod", "champion")
    champion = side("prod").registry.version("champion")
    assert champion.number == 11
    assert {one.who for one in side("prod").registry.events(11)} == {this_person()}
    assert "once: it is champion in prod already" in str(run("11", "--to", "prod", "--because", "x", code=3).exception)


@pytest.mark.parametrize(
    ("overlaid", "arguments", "words"),
    [
        ("", ["11", "--to", "prod"], "nothing says what prod comes after"),
        ("promotion: {after: staging}", ["12", "--to", "prod"], "there is no version and no alias 12 of taxi"),
        ("promotion: {after: staging}", ["11", "--to", "prdo"], "no environment prdo; did you mean prod?"),
        ("promotion: {after: stagin}", ["11", "--to", "prod"], "no environment stagin; did you mean staging?"),
        ("promotion: {after: prod}", ["11", "--to", "prod"], "it is this environment itself"),
        ("promotion: {after: staging}", ["11", "--to", "prod", "--env", "prod"], "cannot be promoted to prod"),
        ("promotion: {after: staging}", ["11", "--to", "prod", "--set", "promotion.approval=any"], "takes no --set"),
        ("promotion: {after: staging}\npush: {directory: gs://b/m}", ["11", "--to", "prod"], "serves from a bucket"),
    ],
)
def test_what_cannot_be_promoted_is_told(here: Path, overlaid: str, arguments: list[str], words: str) -> None:
    source = side("staging")
    judged(source, 11)
    source.registry.approve(source.registry.version("11"), "reviewed")
    Path("conf/environments/prod.yaml").write_text(overlaid)
    assert words in str(run(*arguments, "--because", "x", code=2).exception)
    assert source.registry.events()[-1].kind == "approved"


@pytest.mark.slow
def test_the_same_command_the_other_way_goes_back(here: Path, two_versions: Any) -> None:
    Path("conf/environments/staging.yaml").write_text(f"root: {layout(two_versions).root}\n")
    Path("conf/environments/prod.yaml").write_text("promotion: {after: staging, approval: any}\n")
    # What the runs of that root judged, by the Evaluator alone, is in its ML Metadata.
    for number in ("11", "12"):
        run(number, "--to", "prod", "--because", "better")
    with closing(sqlite3.connect(layout(load("conf/taxi.yaml", [option("prod")])).local / "registry.db")) as file:
        assert file.execute("SELECT version FROM alias WHERE name = 'champion'").fetchall() == [(12,)]
    # No rule is asked of a roll-back: it burns on a Saturday too.
    every_minute = "[{begins: '* * * * *', hours: 1}]"
    Path("conf/environments/prod.yaml").write_text(f"promotion: {{after: staging, freezes: {every_minute}}}\n")
    assert "a roll-back" in run("11", "--to", "prod", "--dry-run").output
    done = run("11", "--to", "prod", "--because", "it says no to everybody")
    assert "champion is 11, was 12" in done.output
    prod = side("prod").registry
    assert prod.version("champion").number == 11 and prod.events(alias="champion")[-1].kind == "rolled back"
    # Forward again is a promotion again, and asks.
    assert "freeze: " in str(run("12", "--to", "prod", "--because", "again", code=3).exception)
