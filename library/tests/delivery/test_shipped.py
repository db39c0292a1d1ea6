"""What ran in an environment, as its service tells: which jobs are promotions, of what, and what led to the present."""

import base64
import re
from dataclasses import replace
from typing import Any, Optional

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from release_keys import pem

from millrace.base.outcomes import State
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.remote.jobs import JobState, RemoteJob, RemoteTask
from millrace.config.promotion_section import PromotionPolicy
from millrace.delivery.approval import Approval, Approvals, signer
from millrace.delivery.release_rules import approved, at_rest, came_from
from millrace.delivery.shipped import (
    ENVIRONMENT,
    NUMBER,
    in_place,
    is_promotions_id,
    job_id,
    label_of,
    labels,
    line,
    next_number,
    shipped,
)
from millrace.release.bundle import Manifest

IMAGE = "europe-docker.pkg.dev/a-project/images/millrace@sha256:" + "0" * 64


class Jobs:
    """A service that knows jobs, and tells of them as Vertex AI does: in a list without their tasks."""

    def __init__(self, *jobs: RemoteJob) -> None:
        self.known = {job.name: job for job in jobs}

    def labelled(self, pipeline: str, label: str, value: str) -> list[RemoteJob]:
        return [replace(job, tasks=()) for job in self.known.values() if job.labels.get(label) == value]

    def job(self, name: str) -> RemoteJob:
        if name not in self.known:
            raise ServiceFailure("there is no such job", where="here", remedy="", status=404)
        return self.known[name]


def manifest(environment: str = "staging", commit: str = "a", overrides: tuple[str, ...] = ()) -> Manifest:
    made = {"pipeline": "taxi", "environment": environment, "commit": commit * 40, "library": "0.2.0"}
    return Manifest(**made, images=(IMAGE,), overrides=overrides, files={})


def job(number: int, of: Manifest, release: str = "a", blocked: bool = False, name: str = "") -> RemoteJob:
    task = RemoteTask("Pusher", State.SKIPPED if blocked else State.DONE, blocked=blocked)
    name = name or job_id("taxi", of.environment, number)
    said = labels(of, release * 64, number)
    return RemoteJob(name, "taxi", name, JobState.DONE, 1.0, 1.0, 2.0, "", (task,), labels=said)


def rules(jobs: Any, of: Manifest) -> dict[str, tuple[bool, str]]:
    return {one.name: (one.holds, one.words) for one in came_from(jobs, "staging", "prod", of)}


def test_a_job_that_only_says_that_it_was_a_promotion_opens_nothing() -> None:
    production = manifest("prod")
    assert rules(Jobs(job(1, manifest())), production)["order"][0]
    for forged in ("a-job-of-my-own", "taxi-staging-release-2", "taxi-prod-release-1"):
        jobs: Any = Jobs(job(1, manifest(), name=forged))
        assert shipped(jobs, "taxi", "staging") == [], forged
        assert not rules(jobs, production)["order"][0]
    unnumbered = job(1, manifest())
    for number in ("", "x", "²"):
        jobs = Jobs(replace(unnumbered, labels={**unnumbered.labels, NUMBER: number}))
        assert shipped(jobs, "taxi", "staging") == []


def test_the_next_number_is_one_that_no_job_of_another_kind_has() -> None:
    of = manifest()
    mine, first, second = (job(number, of) for number in (1, 2, 3))
    strangers = (
        replace(first, labels={}),
        replace(first, labels={**first.labels, NUMBER: "7"}),
        replace(first, labels={**first.labels, ENVIRONMENT: "prod"}),
        # taxi in the environment a-b, and taxi-a in b, have the same ids.
        replace(first, pipeline="taxi-staging"),
    )
    for stranger in strangers:
        jobs: Any = Jobs(mine, stranger)
        assert next_number(jobs, "taxi", "staging", [mine_of(jobs)]) == 3, stranger
        jobs = Jobs(mine, stranger, second)
        assert next_number(jobs, "taxi", "staging", [mine_of(jobs)]) == 3, "what is a promotion is not stepped over"
    jobs = Jobs(mine)
    assert next_number(jobs, "taxi", "staging", []) == 1, "two people at once mean the same number"
    assert next_number(jobs, "taxi", "staging", [mine_of(jobs)]) == 2


def test_a_service_that_does_not_answer_gives_no_number() -> None:
    class Silent(Jobs):
        def job(self, name: str) -> RemoteJob:
            raise ServiceFailure("failed within", where="here", remedy="", status=503)

    jobs: Any = Silent()
    with pytest.raises(ServiceFailure, match="failed within"):
        next_number(jobs, "taxi", "staging", [])


def mine_of(jobs: Any) -> Any:
    return shipped(jobs, "taxi", "staging")[0]


@pytest.mark.parametrize("pipeline", ["taxi", "2019-taxi", "t" * 90])
def test_an_id_is_a_promotions_if_a_promotion_of_that_pipeline_could_have_it(pipeline: str) -> None:
    for environment in ("prod", "Prod_2", "e" * 60):
        assert is_promotions_id(pipeline, job_id(pipeline, environment, 12))
    stem = job_id(pipeline, "prod", 1).removesuffix("1")
    for name in (stem, f"{stem}x", f"{stem}1-again", f"other-{stem}1", f"{pipeline}-20261127-1a2b"):
        assert not is_promotions_id(pipeline, name), name


@pytest.mark.parametrize(
    ("tried", "words"),
    [
        (manifest(commit="b"), "no release of commit aaaaaaaaaaaa"),
        (manifest(overrides=("data_gate.enabled=false",)), "taxi-staging-release-1 in staging .* other --set values"),
        (manifest().model_copy(update={"images": (IMAGE[:-1] + "1",)}), "no release of commit aaaaaaaaaaaa"),
    ],
)
def test_what_staging_tried_is_what_production_runs(tried: Manifest, words: str) -> None:
    jobs = Jobs(job(1, tried))
    asked = rules(jobs, manifest("prod"))
    assert set(asked) == {"order"} and not asked["order"][0]
    assert re.search(words, asked["order"][1])


def test_the_same_values_match_and_the_image_is_compared_as_an_image() -> None:
    gate, image = "data_gate.enabled=false", f"vertex.image={IMAGE}"
    for tried, wanted in (((gate,), (gate,)), ((image,), ()), ((image, gate), (gate, image))):
        assert rules(Jobs(job(1, manifest(overrides=tried))), manifest("prod", overrides=wanted))["order"][0]


def test_what_a_gate_stopped_led_nowhere() -> None:
    """Back to the first was tried and stopped; the second is still what the third came after."""
    of = manifest()
    there = [job(1, of, "a"), job(2, of, "b"), job(3, of, "a", blocked=True), job(4, of, "c")]
    jobs: Any = Jobs(*there, job(5, of, "d", blocked=True))
    every = shipped(jobs, "taxi", "staging")
    current: Optional[Any] = in_place(jobs, every)
    assert current and current.number == 4
    assert [one.release[0] for one in line(jobs, every)] == ["a", "b", "c"]
    gone_back: Any = Jobs(*there[:2], job(3, of, "a"), job(4, of, "c"))
    assert [one.release[0] for one in line(gone_back, shipped(gone_back, "taxi", "staging"))] == ["a", "c"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stage.eu", "stage-eu"), ("Prod", "prod"), ("тест", "прод"), ("a_b", "a-b"),
        ("production-of-europe-and-the-rest-one", "production-of-europe-and-the-rest-two"),
    ],
)  # fmt: skip
def test_environments_that_a_label_cannot_tell_apart_share_no_promotions(one: str, other: str) -> None:
    """What had been promoted to the one was at the other, so that a promotion there was a roll-back."""
    assert label_of(one) != label_of(other) and job_id("taxi", one, 1) != job_id("taxi", other, 1)
    for name in (one, other):
        assert re.fullmatch("[a-z0-9_-]{1,63}", label_of(name))
        assert re.fullmatch("taxi-[a-z0-9-]{1,30}-release-1", job_id("taxi", name, 1))
        assert is_promotions_id("taxi", job_id("taxi", name, 1))
    assert job_id("p" * 75 + "a", one, 1) != job_id("p" * 75 + "b", one, 1)
    assert (label_of("prod"), job_id("taxi", "prod", 7)) == ("prod", "taxi-prod-release-7")


def test_a_promotion_that_goes_on_stands_in_the_way_also_when_a_later_one_is_over() -> None:
    of = manifest()
    working = replace(job(1, of), state=JobState.RUNNING)
    jobs: Any = Jobs(working, job(2, of, "b"))
    told = {one.name: one for one in at_rest(shipped(jobs, "taxi", "staging"), None, "c" * 64, "staging")}
    assert not told["alone"].holds and working.name in told["alone"].words


@pytest.mark.parametrize("change", ["release", "who", "because", "at"])
def test_all_that_an_approval_says_is_signed(change: str) -> None:
    secret = Ed25519PrivateKey.generate()
    given = Approval(release="a", who="ann@desk", because="seen", at="2026-11-27T12:00:00+00:00")
    given = given.model_copy(update={"signature": base64.b64encode(secret.sign(given.signed_text)).decode()})
    approvers = {"ann": pem(secret, private=False).decode().splitlines()[1]}
    assert signer(given, approvers) == "ann"
    assert signer(given.model_copy(update={change: "another"}), approvers) == ""


@pytest.mark.parametrize(
    ("approver", "key", "promoter", "holds"),
    [
        ("bob@desk", "", "bob@desk", False),
        ("bob@desk", "", "bob@laptop", False),
        ("bob@desk", "", "ann@desk", True),
        # By a key: neither who owns it, nor the user who held it.
        ("bob@desk", "ann", "ann@laptop", False),
        ("bob@desk", "ann", "bob@laptop", False),
        ("bob@desk", "ann", "cyd@desk", True),
        # However a name is written.
        ("bob@desk", "", "Bob@laptop", False),
        ("bob@desk", "Ann", "ann@laptop", False),
    ],
)
def test_a_second_person_is_another_user_on_whichever_machine(
    approver: str, key: str, promoter: str, holds: bool
) -> None:
    secret = Ed25519PrivateKey.generate()
    given = Approval(release="a", who=approver, because="seen", at="")
    given = given.model_copy(update={"signature": base64.b64encode(secret.sign(given.signed_text)).decode()})
    approvers = {key: pem(secret, private=False).decode().splitlines()[1]} if key else {}
    policy = PromotionPolicy(after="staging", approval="second person", approvers=approvers)
    rule = approved(policy, "prod", Approvals((given,)), promoter)
    assert rule.holds == holds, rule.words
    assert ("nothing proves" in rule.words) == holds, "the name of who promotes is advisory, and the plan says so"


@pytest.mark.parametrize("name", ["", " anna", "anna\n"])
def test_an_approver_is_called_as_a_user_is(name: str) -> None:
    line = pem(Ed25519PrivateKey.generate(), private=False).decode().splitlines()[1]
    with pytest.raises(ValidationError, match="should match pattern"):
        PromotionPolicy(approvers={name: line})
