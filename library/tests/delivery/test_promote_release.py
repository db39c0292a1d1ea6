"""`millrace promote FILE`: what an environment asks of a release, and that its job is sent once, as it was built."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fake_metadata import FakeMetadata
from fake_vertex import FakeVertex
from granting_vertex import PROMOTES, GrantingVertex
from release_keys import pem
from small_job import IMAGE, small_job

from millrace.access.grants import SUBMITTER, Grant
from millrace.access.needs import needs
from millrace.access.promotion import promotion_of
from millrace.base.errors import BadInput, GateRefused, MillraceError
from millrace.cli.main import main
from millrace.cloud.prepared_job import Progress
from millrace.cloud.services import connect
from millrace.config.loading import load
from millrace.config.paths import registry_file
from millrace.cost.prices import OWN_TABLE
from millrace.delivery import shipping
from millrace.delivery.approval import approvals
from millrace.delivery.record import ENDED, SENT
from millrace.delivery.shipped import ENVIRONMENT, NUMBER
from millrace.project import project
from millrace.registry.event_log import EventLog
from millrace.registry.events import Event
from millrace.release.bundle import JOB, Manifest, Release, digest, file_name
from millrace.release.signing import SUFFIX, public_key, signature
from millrace.release.verify import verified

ROOT = Path(__file__).resolve().parents[3]
WHY = ("--because", "seen for a week")
QUIET = Progress(say=lambda line: None, show=lambda findings: None)


def _manifest(environment: str, commit: str = "a") -> dict[str, Any]:
    made = {"pipeline": "small", "environment": environment, "commit": commit * 40, "library": "0.2.0"}
    return {**made, "images": (IMAGE,)}


@dataclass
class Delivered:
    """A project with a staging and a production on one stand-in, and what its commands say."""

    folder: Path
    vertex: FakeVertex
    key: Ed25519PrivateKey
    run: Callable[..., tuple[int, str]]

    def release(self, environment: str, commit: str = "a", **changes: Any) -> Path:
        """A signed release of a small job."""
        job = replace(small_job(), runtime={**small_job().runtime, "parameterValues": {"steps": 20}})
        contents = {JOB: job.to_text().encode()}
        made = _manifest(environment, commit) | {"files": {name: digest(one) for name, one in contents.items()}}
        release = Release(Manifest(**{**made, **changes}), contents)
        file = self.folder / file_name(release)
        file.write_bytes(release.to_bytes())
        file.with_name(file.name + SUFFIX).write_text(signature(release.to_bytes(), self.key))
        return file

    def promote(self, file: Path, to: str, *more: str) -> tuple[int, str]:
        words = more if "--dry-run" in more else (*WHY, "--every", "0.05", *more)
        return self.run("promote", str(file), "--to", to, *words)

    def approve(self, file: Path, *more: str) -> None:
        assert self.run("release", "approve", str(file), "--because", "looked at it", *more)[0] == 0

    def ask(self, to: str, **policy: Any) -> None:
        """Changes what an environment asks."""
        overlay = self.folder / "conf/environments" / f"{to}.yaml"
        said = yaml.safe_load(overlay.read_text())
        said["promotion"] = {**said["promotion"], **policy}
        overlay.write_text(yaml.safe_dump(said))

    def events(self, environment: str) -> list[Event]:
        """What the registry of an environment says."""
        log = EventLog(registry_file(load("conf/small.yaml", [f"environment={environment}"])), "small", lambda: 0.0)
        with closing(log):
            return list(log.events())

    def run_out(self, environment: str, job: str) -> None:
        """Lets a job come to its end, with nobody looking on."""
        service: Any = connect(load("conf/small.yaml", [f"environment={environment}"]), "vertex")
        while not service.job(job).is_over:
            pass

    def sent(self) -> list[str]:
        return [job["name"].rsplit("/", 1)[-1] for job in self.vertex.jobs.values()]


@pytest.fixture
def delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Iterator[Delivered]:
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "schema", folder / "schema")
    (folder / "conf/environments").mkdir(parents=True)
    shutil.copy(ROOT / "setup.py", folder)
    text = (ROOT / "conf/taxi.yaml").read_text().replace("name: taxi", "name: small")
    (folder / "conf/small.yaml").write_text(text)
    (folder / "conf/default").write_text("small.yaml\n")
    monkeypatch.setattr(project, "enter", lambda found: None)
    monkeypatch.chdir(folder)
    key = Ed25519PrivateKey.generate()
    (folder / "release.pub").write_bytes(pem(key, private=False))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["millrace", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, "".join(capsys.readouterr())

    with FakeMetadata() as vertex:
        for name, promotion in (("staging", {"after": "dev", "releases_after": ""}), ("prod", {"after": "staging"})):
            said = {"project": f"a-{name}", "api_endpoint": vertex.url, "root": f"gs://a-bucket/{name}"}
            overlay = {"promotion": promotion, "vertex": {**said, "data_path": "gs://a-bucket/data", "image": IMAGE}}
            (folder / f"conf/environments/{name}.yaml").write_text(yaml.safe_dump(overlay))
        yield Delivered(folder, vertex, key, run)


def test_a_release_goes_to_staging_then_to_production_and_back_to_the_one_before(delivered: Delivered) -> None:
    first = [delivered.release(name, "a") for name in ("staging", "prod")]
    second = [delivered.release(name, "b") for name in ("staging", "prod")]
    for staged, produced in (first, second):
        code, said = delivered.promote(staged, "staging")
        assert code == 0, said
        delivered.approve(produced)
        code, said = delivered.promote(produced, "prod", "--dry-run")
        assert code == 0 and "every gate was content" in said, said
        code, said = delivered.promote(produced, "prod")
        assert code == 0, said
    shown = [f"small-{name}-release-{number}" for number in (1, 2) for name in ("staging", "prod")]
    assert delivered.sent() == shown
    job = delivered.vertex.jobs["projects/a-prod/locations/us-central1/pipelineJobs/small-prod-release-1"]
    assert job["labels"]["team"] == "trips" and job["labels"]["millrace_commit"] == "a" * 40
    assert job["runtimeConfig"]["parameterValues"] == {"steps": 20}, "as it was built"

    # Back, although nobody may promote now: of a roll-back that is not asked.
    delivered.ask("prod", approval="second person", freezes=[{"begins": "* * * * *", "hours": 24}])
    code, said = delivered.promote(first[1], "prod", "--dry-run")
    assert code == 0 and "a roll-back" in said, said
    code, said = delivered.promote(first[1], "prod")
    assert code == 0 and delivered.sent()[-1] == "small-prod-release-3", said
    # The later one again is no roll-back.
    code, said = delivered.promote(second[1], "prod")
    assert code == 3 and "freeze: prod is frozen" in said and "a second person must" in said, said

    events = delivered.events("prod")
    assert [one.kind for one in events] == [SENT, ENDED] * 3
    assert {one.because for one in events if one.kind == SENT} == {"seen for a week"}
    assert [one.details["going_back"] for one in events if one.kind == SENT] == [False, False, True]


def test_what_staging_has_gone_back_from_does_not_go_on_until_it_is_there_again(delivered: Delivered) -> None:
    first, second, third = (
        [delivered.release(name, commit) for name in ("staging", "prod")] for commit in ("a", "b", "c")
    )
    for staged, _ in (first, second):
        assert delivered.promote(staged, "staging")[0] == 0
    delivered.approve(first[1])
    code, said = delivered.promote(first[1], "prod", "--dry-run")
    assert code == 0, f"that a later one came after it is no reason: {said}"
    assert delivered.promote(first[0], "staging")[0] == 0, "a roll-back"
    delivered.approve(second[1])
    code, said = delivered.promote(second[1], "prod")
    words = " ".join(said.split())
    assert code == 3 and "staging has gone back from it to release" in words, said
    assert "small-staging-release-3: promote it to staging again first" in words and "gates:" not in words, said
    assert delivered.promote(first[1], "prod", "--dry-run")[0] == 0, "which staging is at"
    assert delivered.promote(third[0], "staging")[0] == 0
    assert delivered.promote(second[1], "prod", "--dry-run")[0] == 3, "nor by one that came after"
    assert delivered.promote(second[0], "staging")[0] == 0
    code, said = delivered.promote(second[1], "prod")
    assert code == 0 and delivered.sent()[-1] == "small-prod-release-1", said


def test_out_of_order_without_an_approval_twice_and_for_another_environment_sends_nothing(delivered: Delivered) -> None:
    staged, produced = delivered.release("staging"), delivered.release("prod")
    code, said = delivered.promote(produced, "prod")
    assert code == 3, said
    assert "order: no release of commit aaaaaaaaaaaa with the same image has been promoted to staging" in said
    assert "approval: nobody has approved this release" in said, "all reasons at once"
    assert f"remedy: millrace release approve {produced} --because WHY\n" in said
    assert delivered.sent() == []
    code, said = delivered.promote(staged, "prod")
    assert code == 2 and "built for staging, and not for prod" in said, said

    assert delivered.promote(staged, "staging")[0] == 0
    code, said = delivered.promote(staged, "staging")
    assert code == 3 and "once: staging is at this release already: small-staging-release-1" in said, said
    assert "remedy: nothing is left to do" in said
    # The same commit with another image was not tried in staging.
    other = delivered.release("prod", images=(IMAGE[:-1] + "1",))
    delivered.approve(other)
    code, said = delivered.promote(other, "prod")
    assert code == 3 and "order: no release of commit" in said and "approval" not in said, said
    assert delivered.sent() == ["small-staging-release-1"]


def test_a_changed_byte_or_a_missing_signature_sends_nothing(delivered: Delivered) -> None:
    file = delivered.release("staging")
    data = file.read_bytes()
    file.write_bytes(data.replace(b'"steps": 20', b'"steps": 21'))
    code, said = delivered.promote(file, "staging")
    assert code == 3 and "job.json was changed" in said, said
    file.write_bytes(data)
    (delivered.folder / "release.pub").write_bytes(pem(Ed25519PrivateKey.generate(), private=False))
    code, said = delivered.promote(file, "staging")
    assert code == 3 and "the signature is not of this key" in said, said
    (delivered.folder / "release.pub").unlink()
    code, said = delivered.promote(file, "staging")
    assert code == 2 and "there is no public key" in said, said
    assert delivered.vertex.requests == []


def test_what_a_gate_stopped_in_staging_does_not_go_on_and_may_be_tried_again_there(delivered: Delivered) -> None:
    staged, produced = delivered.release("staging"), delivered.release("prod")
    delivered.approve(produced)
    delivered.vertex.outcomes = {"Pusher": "NOT_TRIGGERED"}
    code, said = delivered.promote(staged, "staging")
    assert code == 3, said
    code, said = delivered.promote(produced, "prod")
    assert code == 3 and "gates: small-staging-release-1: blocked, Pusher said no" in said, said
    delivered.vertex.outcomes = {}
    assert delivered.promote(staged, "staging")[0] == 0
    assert delivered.promote(produced, "prod")[0] == 0
    assert delivered.sent() == ["small-staging-release-1", "small-staging-release-2", "small-prod-release-1"]


def test_of_two_people_at_once_one_is_told(delivered: Delivered) -> None:
    """Each saw that nothing else was going on; the service starts one job of the number that both mean."""
    config = load("conf/small.yaml", ["environment=staging"])
    service: Any = connect(config, "vertex")
    key = public_key(delivered.folder / "release.pub")
    both = [shipping.signed(delivered.release("staging", one), key) for one in "ab"]
    plans = [shipping.plan(one, None, service, config, "somebody", 0.0) for one in both]
    assert plans[0].job == plans[1].job
    shipping.send(plans[0], service, config, QUIET)
    with pytest.raises(GateRefused, match="somebody else has sent small-staging-release-1 to staging at this moment"):
        shipping.send(plans[1], service, config, QUIET)
    # The answer got lost, and the job that is there is not ours.
    delivered.vertex.fail("POST", "pipelineJobs", 503)
    service._pauses = (0.01,)
    with pytest.raises(MillraceError, match="somebody else"):
        shipping.send(plans[1], service, config, QUIET)
    code, said = delivered.promote(both[1].file, "staging")
    assert code == 3, said
    assert f"alone: release {both[0].digest[:12]} is being promoted to staging: small-staging-release-1" in said
    assert "remedy: millrace jobs show --env staging small-staging-release-1" in said
    assert len(delivered.sent()) == 1


def test_a_number_that_a_job_of_somebodys_own_has_is_stepped_over(delivered: Delivered) -> None:
    parent = "projects/a-staging/locations/us-central1"
    body = json.loads(small_job().to_text())
    delivered.vertex.add(parent, "small-staging-release-1", body)
    # Labelled as a promotion to another environment, and as that of another number.
    for number, said in ((2, ("prod", "2")), (3, ("staging", "7"))):
        forged = dict(zip((ENVIRONMENT, NUMBER), said, strict=True))
        delivered.vertex.add(parent, f"small-staging-release-{number}", {**body, "labels": forged})
    file = delivered.release("staging")
    code, words = delivered.promote(file, "staging", "--dry-run")
    assert code == 0 and "as small-staging-release-4" in words, words
    code, words = delivered.promote(file, "staging")
    assert code == 0, words
    events = delivered.events("staging")
    assert [(one.kind, one.details["job"]) for one in events] == [
        (SENT, "small-staging-release-4"),
        (ENDED, "small-staging-release-4"),
    ]
    code, words = delivered.promote(delivered.release("staging", "b"), "staging")
    assert code == 0 and delivered.sent()[-1] == "small-staging-release-5", words


def test_no_job_is_submitted_by_the_id_of_a_promotion(delivered: Delivered) -> None:
    (delivered.folder / "job.json").write_text(small_job().to_text())
    for name in ("small-staging-release-1", "small-any-other-release-12"):
        code, said = delivered.run("submit", "job.json", "--env", "staging", "--job-id", name)
        assert code == 2 and f"{name} is what a promotion calls its job" in said, said
    assert delivered.vertex.requests == []


def test_an_approval_counts_when_who_signed_it_may_approve(delivered: Delivered, monkeypatch: Any) -> None:
    staged, produced = delivered.release("staging"), delivered.release("prod")
    assert delivered.promote(staged, "staging")[0] == 0
    anna = Ed25519PrivateKey.generate()
    monkeypatch.setenv("ANNAS_KEY", pem(anna, private=True).decode())
    line = pem(anna, private=False).decode().splitlines()[1]
    delivered.ask("prod", approvers={"anna": line}, approval="second person")
    delivered.approve(produced)
    code, said = delivered.promote(produced, "prod", "--dry-run")
    assert code == 3 and "nobody who promotion.approvers names (anna) has approved" in " ".join(said.split()), said
    delivered.approve(produced, "--key-env", "ANNAS_KEY")
    lines = produced.with_name(produced.name + ".approvals").read_text().splitlines()
    # What she signed for another release, or with other words, is no approval of this one.
    for forged in ({"because": "all of it"}, {"release": "0" * 64}, {"signature": "bm8="}):
        text = json.dumps({**json.loads(lines[1]), **forged})
        produced.with_name(produced.name + ".approvals").write_text(text + "\n")
        assert delivered.promote(produced, "prod", "--dry-run")[0] == 3, forged
    # She signed on this machine as this user: a second person, who is another user, may promote it.
    another = json.dumps({**json.loads(lines[1])})
    produced.with_name(produced.name + ".approvals").write_text(another + "\n")
    code, said = delivered.promote(produced, "prod", "--dry-run")
    assert code == 3 and "a second person must" in said, said
    monkeypatch.setattr("millrace.cli.cloud.promote_release.this_person", lambda: "ben@elsewhere")
    code, said = delivered.promote(produced, "prod")
    assert code == 0, said


def test_no_policy_is_changed_by_what_a_release_was_built_with(delivered: Delivered) -> None:
    assert delivered.promote(delivered.release("staging"), "staging")[0] == 0
    loose = delivered.release("prod", overrides=("promotion.approval=any", "vertex.project=a-prod"))
    code, said = delivered.promote(loose, "prod", "--dry-run")
    assert code == 3 and "nobody has approved this release" in said, said
    # Nor is what was not tried with these values taken for what was.
    assert "compiled with --set promotion.approval=any --set vertex.project=a-prod" in said, said
    assert "was compiled with other --set values" in " ".join(said.split()), said
    code, said = delivered.run("promote", str(loose), "--to", "prod", "--set", "promotion.approval=any", *WHY)
    assert code == 2 and "takes no --set" in said, said
    code, said = delivered.run("promote", str(loose), "--to", "prod", "--env", "dev", *WHY)
    assert code == 2, said


def test_a_promoted_job_stands_in_the_experiment_of_its_environment(delivered: Delivered) -> None:
    overlay = delivered.folder / "conf/environments/staging.yaml"
    said = yaml.safe_load(overlay.read_text())
    said["vertex"]["experiment"] = "tips"
    overlay.write_text(yaml.safe_dump(said))
    code, told = delivered.promote(delivered.release("staging"), "staging")
    assert code == 0 and "experiment: tips\n" in told, told


def test_nothing_is_said_of_a_job_that_goes_on_and_the_next_command_says_how_it_ended(
    delivered: Delivered, monkeypatch: Any
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    file = delivered.release("staging")
    with monkeypatch.context() as patched:
        patched.setattr("millrace.cli.cloud.submit.follow", interrupted)
        code, said = delivered.promote(file, "staging")
    assert code == 130 and "the job goes on" in said, said
    assert [one.kind for one in delivered.events("staging")] == [SENT]
    assert delivered.promote(file, "staging")[0] == 3, "it runs still"
    assert [one.kind for one in delivered.events("staging")] == [SENT]
    delivered.run_out("staging", "small-staging-release-1")
    assert delivered.promote(file, "staging", "--dry-run")[0] == 3
    assert [one.kind for one in delivered.events("staging")] == [SENT], "a dry run changes nothing"
    for _ in range(2):
        assert delivered.promote(file, "staging")[0] == 3
    assert [one.kind for one in delivered.events("staging")] == [SENT, ENDED], "once"
    assert delivered.events("staging")[1].details["exit_code"] == 0


def test_who_was_killed_before_it_was_recorded_is_recorded_by_the_next_command(
    delivered: Delivered, monkeypatch: Any
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    first, second = delivered.release("staging"), delivered.release("staging", "b")
    with monkeypatch.context() as patched:
        patched.setattr("millrace.delivery.record.sent", killed)
        delivered.promote(first, "staging")
    assert delivered.sent() == ["small-staging-release-1"] and delivered.events("staging") == []
    assert delivered.promote(first, "staging")[0] == 3
    [found] = delivered.events("staging")
    assert (found.kind, found.because, found.details["job"]) == (SENT, "seen for a week", "small-staging-release-1")
    # Of another release nobody knows why.
    delivered.run_out("staging", "small-staging-release-1")
    with monkeypatch.context() as patched:
        patched.setattr("millrace.delivery.record.sent", killed)
        delivered.promote(second, "staging")
    assert delivered.promote(delivered.release("staging", "c"), "staging")[0] == 3
    events = delivered.events("staging")
    assert [one.kind for one in events] == [SENT, ENDED, SENT]
    assert "why is not known here" in events[2].because and events[2].details["commit"] == "b" * 40


def test_what_is_no_release_or_no_key_is_told_without_a_traceback(delivered: Delivered) -> None:
    without = Release(Manifest(**_manifest("staging"), files={}), {})
    file = delivered.folder / "without.release.tar"
    file.write_bytes(without.to_bytes())
    file.with_name(file.name + SUFFIX).write_text(signature(without.to_bytes(), delivered.key))
    for arguments, words in (
        (("promote", "/missing.release.tar", "--to", "prod", "--dry-run"), "/missing.release.tar: there is no such"),
        (("promote", "missing.release", "--to", "prod", "--dry-run"), "missing.release: there is no such"),
        (("release", "verify", str(file), "--public-key", "missing.pub"), "missing.pub: there is no such key"),
        (("release", "approve", str(file), "--because", "x", "--key", "missing.pem"), "missing.pem: there is no such"),
        (("promote", str(file), "--to", "staging", "--dry-run"), "there is no job.json in it"),
    ):
        code, said = delivered.run(*arguments)
        assert code == 2 and words in said and "remedy:" in said and "Traceback" not in said, said


def test_the_release_that_was_verified_is_the_one_that_is_approved(delivered: Delivered, monkeypatch: Any) -> None:
    file = delivered.release("staging")
    key = public_key(delivered.folder / "release.pub")
    whole = digest(file.read_bytes()).sha256

    def swapped(path: Path) -> Release:
        release = verified(path, key)
        path.write_bytes(b"another one")
        return release

    monkeypatch.setattr(shipping, "verified", lambda path, key: swapped(path))
    assert shipping.signed(file, key).digest == whole


def test_an_approval_that_was_cut_counts_for_nothing_and_spoils_none(delivered: Delivered) -> None:
    staged, produced = delivered.release("staging"), delivered.release("prod")
    assert delivered.promote(staged, "staging")[0] == 0
    delivered.approve(produced)
    place = produced.with_name(produced.name + ".approvals")
    whole = place.read_bytes()
    # Cut within a letter of two bytes, too.
    place.write_bytes(whole[:-20] + "é".encode()[:1])
    assert delivered.promote(produced, "prod", "--dry-run")[0] == 3
    delivered.approve(produced)
    read = approvals(produced, digest(produced.read_bytes()).sha256)
    assert len(read.given) == 1 and read.strange == (1,)
    code, said = delivered.promote(produced, "prod", "--dry-run")
    assert code == 0 and "(line 1 of the file beside it is no approval, and counts for nothing)" in said, said
    assert len(whole.splitlines()) == 1


def test_an_approval_of_another_release_counts_for_nothing(delivered: Delivered) -> None:
    staged, produced, other = delivered.release("staging"), delivered.release("prod"), delivered.release("prod", "b")
    assert delivered.promote(staged, "staging")[0] == 0
    delivered.approve(other)
    shutil.copy(other.with_name(other.name + ".approvals"), produced.with_name(produced.name + ".approvals"))
    code, said = delivered.promote(produced, "prod", "--dry-run")
    assert code == 3 and "approval: nobody has approved this release" in said, said
    assert approvals(produced, digest(produced.read_bytes()).sha256).strange == ()


def test_a_budget_is_a_rule_which_a_way_back_is_not_asked(delivered: Delivered) -> None:
    """A table of prices that is old stood in the way of a roll-back, and a dry run knew of no budget."""
    first, second = delivered.release("staging"), delivered.release("staging", "b")
    for one in (first, second):
        assert delivered.promote(one, "staging")[0] == 0
    overlay = delivered.folder / "conf/environments/staging.yaml"
    said = yaml.safe_load(overlay.read_text())
    old = yaml.safe_load(OWN_TABLE.read_text()) | {"date": "2020-01-08"}
    (delivered.folder / "old.yaml").write_text(yaml.safe_dump(old))
    said["vertex"]["cost"] = {"budget": 0.01}
    overlay.write_text(yaml.safe_dump(said))
    third = delivered.release("staging", "c")
    for more in (("--dry-run",), ()):
        code, words = delivered.promote(third, "staging", *more)
        assert code == 3 and "budget: the run would cost about $0.03" in " ".join(words.split()), words
    said["vertex"]["cost"] = {"budget": 50, "prices": "../../old.yaml"}
    overlay.write_text(yaml.safe_dump(said))
    for more in (("--dry-run",), ()):
        code, words = delivered.promote(third, "staging", *more)
        assert code == 2 and "the price table is of 2020-01-08" in " ".join(words.split()), words
    sent = len(delivered.sent())
    for more in (("--dry-run",), ()):
        code, words = delivered.promote(first, "staging", *more)
        assert code == 0, words
    assert len(delivered.sent()) == sent + 1


def test_what_cannot_be_a_file_of_approvals_is_no_missing_approval(delivered: Delivered) -> None:
    """Could not judge is not no: a folder in its place, or a link to itself, is told."""
    produced = delivered.release("prod")
    place = produced.with_name(produced.name + ".approvals")
    place.mkdir()
    with pytest.raises(BadInput, match="it is a folder and no file"):
        approvals(produced, "0")
    place.rmdir()
    place.symlink_to(place)
    with pytest.raises(BadInput, match="cannot be read"):
        approvals(produced, "0")


@pytest.mark.parametrize(
    "line", ['{"release": "x"}', "{}", "null", "[]", '"yes"', "7", "{" * 9_999, '"\\ud800"'], ids=lambda line: line[:8]
)
def test_a_line_that_is_no_approval_counts_for_nothing_and_is_told(delivered: Delivered, line: str) -> None:
    """Whoever may write beside a release cannot end its promotion, and lets nothing through."""
    staged, produced = delivered.release("staging"), delivered.release("prod")
    assert delivered.promote(staged, "staging")[0] == 0
    place = produced.with_name(produced.name + ".approvals")
    place.write_text(f"{line}\n")
    code, said = delivered.promote(produced, "prod", "--dry-run")
    told = "nobody has approved this release (line 1 of the file beside it is no approval, and counts for nothing)"
    assert code == 3 and told in " ".join(said.split()), said
    delivered.approve(produced)
    place.write_bytes(place.read_bytes() + f"{line}\n".encode())
    code, said = delivered.promote(produced, "prod", "--dry-run")
    told = "looked at it (lines 1, 3 of the file beside it are no approvals, and count for nothing)"
    assert code == 0 and told in " ".join(said.split()), said


def test_a_promotion_takes_just_the_roles_that_iam_names_for_it(delivered: Delivered) -> None:
    """What ran in staging was read with no role that anything had named."""
    files = {name: delivered.release(name) for name in ("staging", "prod")}
    delivered.approve(files["prod"])
    with GrantingVertex(person=PROMOTES) as vertex:
        for name in files:
            overlay = delivered.folder / f"conf/environments/{name}.yaml"
            overlay.write_text(overlay.read_text().replace(delivered.vertex.url, vertex.url))
        configs = {name: load("conf/small.yaml", [f"environment={name}"]) for name in files}
        of_tasks = [one for config in configs.values() for one in needs(small_job(), config)]

        def may(*grants: Grant) -> None:
            runs = {one.key for one in of_tasks if one.account != SUBMITTER}
            vertex.granted = {one.key for one in grants} | runs

        may(*promotion_of(configs["staging"]))
        assert delivered.promote(files["staging"], "staging")[0] == 0
        wanted = promotion_of(configs["prod"])
        assert [one.role for one in wanted] == [
            "roles/aiplatform.user",
            "roles/iam.serviceAccountUser",
            "roles/aiplatform.viewer",
        ]
        for gone in wanted:
            may(*(one for one in wanted if one is not gone))
            code, said = delivered.promote(files["prod"], "prod")
            assert code == 2 and "denied" in said and "remedy:" in said, (gone, said)
        may(*wanted)
        code, said = delivered.promote(files["prod"], "prod")
        assert code == 0, said
        assert sum("/a-prod/" in job for job in vertex.jobs) == 1
