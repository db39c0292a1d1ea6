"""Where both environments push to Vertex AI a version is copied there, by Google's client, and the alias moves last."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fake_model_registry import FakeModelRegistry
from granting_vertex import PROMOTES, GrantingModels
from registered_versions import pushed
from two_environments import THURSDAY, approved, judged, side

from millrace.access.grants import PROMOTER
from millrace.access.promotion import promotion_needs
from millrace.base.errors import BadInput, GateRefused, MillraceError
from millrace.cli.main import millrace
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.vertex.model_copy import ModelCopies
from millrace.promotion import promoting
from millrace.promotion.side import Side
from millrace.promotion.vertex import COPIED, COPYING, DESCRIBED
from millrace.registry.registry import Registry
from millrace.registry.vertex import FOLLOWS

FROM = "projects/our-staging/locations/us-central1/models/taxi"
TO = "projects/our-prod/locations/europe-west4/models/taxi"
ENDPOINT = "projects/our-prod/locations/europe-west4/endpoints/7"
KEY = "projects/our-prod/locations/europe-west4/keyRings/r/cryptoKeys/k"
IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"
EVALUATION = {
    "displayName": "Evaluator",
    "metricsSchemaUri": "gs://s/c.yaml",
    "metrics": {"auRoc": 0.9},
    "metadata": {"metrics": {"auc": 0.9}, "blessed": True, "reason": "good", "slices": [{"hour": 3.0}, None]},
}


@pytest.fixture
def service() -> Iterator[FakeModelRegistry]:
    """Staging's model with two versions, each evaluated; prod has none."""
    aliases: list[list[str]] = [["default"], ["champion"]]
    versions = [
        {"name": FROM, "displayName": "taxi", "versionId": str(place + 1), "versionAliases": names,
         "labels": {"team": "tips"}, "containerSpec": {"imageUri": IMAGE}}
        for place, names in enumerate(aliases)
    ]  # fmt: skip
    evaluations = [(f"{FROM}@{number}", EVALUATION) for number in (1, 2)]
    with FakeModelRegistry(models={FROM: versions}, evaluations=evaluations) as fake:
        yield fake


def overlays(url: str, prod: str = f"encryption_key: {KEY}") -> None:
    """Both environments push to Vertex AI, each in its own project and region."""
    folder = Path("conf/environments")
    reached = f"vertex: {{api_endpoint: '{url}', request_seconds: 5, labels: {{tier: gold}}}}\n"
    pushes = "push: {{vertex: {{project: {}, region: {}, endpoint: tips, image: '{}'{}}}}}\n"
    staging = pushes.format("our-staging", "us-central1", IMAGE, "")
    (folder / "staging.yaml").write_text("registry: {approval: manual}\n" + reached + staging)
    takes = pushes.format("our-prod", "europe-west4", IMAGE, f", {prod}" if prod else "")
    (folder / "prod.yaml").write_text("promotion: {after: staging}\n" + reached + takes)


@pytest.fixture
def sides(here: Path, service: FakeModelRegistry) -> tuple[Side, Side]:
    """Version 11 is staging's second in Vertex AI; Ada has approved it, and Bob has opened prod."""
    overlays(service.url)
    return approved(11, vertex=f"{FROM}@2")


def vertex(source: Side, target: Side) -> ModelCopies:
    there = target.config.push.vertex
    assert there
    project = (source.config.push.vertex or there).project
    return ModelCopies(source.config.vertex, project, there, target.config.vertex, look_seconds=0.01, borne_seconds=5)


def promote(sides: tuple[Side, Side], name: str = "11") -> promoting.PromotionPlan:
    return promoting.promote(*sides, name, "better at night", "bob@desk", THURSDAY, vertex(*sides))


def kinds(side: Side) -> list[str]:
    return [one.kind for one in side.registry.events()]


def test_the_version_is_copied_whole_and_the_alias_moves_last(
    sides: tuple[Side, Side], service: FakeModelRegistry
) -> None:
    done = promote(sides)
    [copy] = service.models[TO]
    assert copy["originalModelInfo"] == {"model": f"{FROM}@2"} and copy["encryptionSpec"] == {"kmsKeyName": KEY}
    labels = {"team": "tips", "tier": "gold", "millrace_version": "11", "millrace_from": "staging"}
    assert copy["labels"] == {**labels, "millrace_commit": "c0ffee"}
    assert copy["versionDescription"] == f"version 11, promoted from staging: {FROM}@2"
    [*_, (of, evaluation)] = service.evaluations
    assert of == f"{TO}@1" and len(service.evaluations) == 3
    assert {name: evaluation[name] for name in EVALUATION} == EVALUATION
    assert service.aliases(TO) == {"default": "1", "champion": "1"} and service.aliases(FROM)["champion"] == "2"
    *_, last = [one for one in service.requests if one.method != "GET"]
    assert last.path.endswith(":mergeVersionAliases")
    assert any("there is no endpoint tips" in one for one in done.followed)
    steps = [COPYING, COPIED, DESCRIBED, "registered", "imported", "promoted from staging"]
    assert kinds(sides[1]) == [*steps, "approved", "alias moved", FOLLOWS]
    there = sides[1].registry.version("champion")
    assert there.facts.vertex == f"{TO}@1"
    taken_in = sides[1].registry.events(11)[2]
    assert (taken_in.details["vertex"], taken_in.details["vertex_of"]) == (f"{TO}@1", f"{FROM}@2")


def test_the_next_is_the_models_next_version_and_back_goes_the_alias_with_the_traffic(
    sides: tuple[Side, Side], service: FakeModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(sides[0], 12, vertex=f"{FROM}@1")
    sides[0].registry.approve(sides[0].registry.version("12"), "reviewed")
    promote(sides)
    deployed = [{"id": f"d{one}", "model": TO, "modelVersionId": str(one)} for one in (1, 2)]
    service.endpoints[ENDPOINT] = {
        "name": ENDPOINT, "displayName": "tips", "deployedModels": deployed, "trafficSplit": {"d1": 100}
    }  # fmt: skip
    promote(sides, "12")
    assert service.sent("POST", ":copy")[-1].body["parentModel"] == TO
    assert service.aliases(TO) == {"default": "2", "champion": "2"}
    assert service.endpoints[ENDPOINT]["trafficSplit"] == {"d2": 100}
    # InfraValidator's server is tried elsewhere.
    monkeypatch.setattr(
        promoting, "roll_back", lambda registry, to, because, section: registry.roll_back(to, because, expected=12)
    )
    asked = len(service.sent("POST", ":copy"))
    assert promote(sides).going_back and len(service.sent("POST", ":copy")) == asked
    assert service.aliases(TO) == {"default": "1", "champion": "1"}
    assert service.endpoints[ENDPOINT]["trafficSplit"] == {"d1": 100}


def test_a_plan_asks_and_changes_nothing(sides: tuple[Side, Side], service: FakeModelRegistry) -> None:
    planned = promoting.plan(*sides, "11", "bob@desk", THURSDAY, vertex(*sides)).copy
    assert planned and (planned.of, planned.model, planned.new, planned.there) == (f"{FROM}@2", TO, True, "")
    assert (planned.evaluations, planned.key, planned.named) == (1, KEY, "")
    assert {one.method for one in service.requests} == {"GET"} and kinds(sides[1]) == []


class Killed(KeyboardInterrupt):
    """Of the process."""


@pytest.mark.parametrize("step", ["goes_on", "end", "describe", "named", "follow"])
def test_what_was_killed_after_a_step_goes_on_and_copies_nothing_twice(
    sides: tuple[Side, Side], service: FakeModelRegistry, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ModelCopies, "end" if step == "goes_on" else step, killed)
        with pytest.raises(Killed):
            promote(sides)
    if step == "goes_on":
        # The service has ended meanwhile what it had begun.
        vertex(*sides).end(str(sides[1].registry.events()[0].details["operation"]))
    promote(sides)
    assert len(service.sent("POST", ":copy")) == 1 and len(service.models[TO]) == 1
    assert len(service.evaluations) == 3
    assert service.aliases(TO)["champion"] == "1"
    found = kinds(sides[1])
    assert found[:3] == [COPYING, COPIED, DESCRIBED] and found[-2:] == ["alias moved", FOLLOWS]
    assert found.count(COPIED) == found.count("imported") == found.count("alias moved") == 1
    with pytest.raises(GateRefused, match="once: it is champion in prod already"):
        promote(sides)


def test_a_candidate_that_vertex_ai_has_not_followed_is_finished_by_the_same_command(
    sides: tuple[Side, Side], service: FakeModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod = Path("conf/environments/prod.yaml")
    prod.write_text(prod.read_text() + "registry: {approval: candidate}\n")
    source, target = sides[0], side("prod", "bob@desk")
    judged(source, 12, vertex=f"{FROM}@1")
    source.registry.approve(source.registry.version("12"), "reviewed")
    promote((source, target))

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ModelCopies, "follow", killed)
        with pytest.raises(Killed):
            promote((source, target), "12")
    assert "candidate" not in service.aliases(TO)
    promote((source, target), "12")
    assert service.aliases(TO) == {"default": "1", "champion": "1", "candidate": "2"}
    assert len(service.sent("POST", ":copy")) == 2 and kinds(target).count("imported") == 2


@pytest.mark.parametrize(
    ("original", "is_it"),
    [
        ("projects/123456/locations/us-central1/models/taxi@2", True),
        ("projects/123456/locations/us-central1/models/taxi@1", False),
        ("projects/123456/locations/europe-west4/models/taxi@2", False),
        ("projects/a-third/locations/us-central1/models/taxi@2", False),
    ],
)
def test_a_copy_is_known_by_its_origin_whether_its_project_is_written_by_number_or_by_id(
    sides: tuple[Side, Side], service: FakeModelRegistry, original: str, is_it: bool
) -> None:
    """The command given again made a second copy."""
    service.fail("PATCH", "/models/taxi@1", 500)
    with pytest.raises(MillraceError):
        promote(sides)
    [copy] = service.models[TO]
    copy["originalModelInfo"]["model"] = original
    service_again, version = vertex(*sides), sides[0].registry.version("11")
    assert bool(service_again.plan(version, "champion", "").there) == is_it
    copy["labels"]["millrace_version"] = "12"
    assert not service_again.plan(version, "champion", "").there, "that of another version"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", ":copy", 503),
        ("GET", "/operations/", 500),
        ("PATCH", "/models/taxi@1", 500),
        ("POST", "evaluations:import", 503),
        ("POST", ":mergeVersionAliases", 503),
    ],
)
def test_an_answer_that_got_lost_is_looked_for_by_the_same_command(
    sides: tuple[Side, Side], service: FakeModelRegistry, method: str, path: str, status: int
) -> None:
    service.looks = 0
    service.fail(method, path, status, after=True)
    if "/operations/" in path:
        promote(sides)
    else:
        with pytest.raises(MillraceError) as failed:
            promote(sides)
        assert failed.value.remedy and failed.value.where and failed.value.exit_code == 1
        if path == ":copy":
            # Nobody knows the operation; the service ends it by itself.
            [name] = service.copies
            vertex(*sides).end(name)
        promote(sides)
    assert len(service.models[TO]) == 1 and len(service.evaluations) == 3
    assert service.aliases(TO)["champion"] == "1" and kinds(sides[1])[-1] == FOLLOWS


@pytest.mark.parametrize(
    ("status", "words", "code", "remedy"),
    [
        (9, "The key is disabled.", 2, "fix what the service names"),
        (7, "The agent may not export it.", 2, "millrace iam --env ENV names all that a promotion takes"),
        (13, "Internal error.", 1, "try again in some minutes"),
    ],
)
def test_a_copy_that_fails_half_way_is_told_and_begun_anew(
    sides: tuple[Side, Side], service: FakeModelRegistry, status: int, words: str, code: int, remedy: str
) -> None:
    service.failing = {"code": status, "message": words}
    with pytest.raises(MillraceError, match=words) as failed:
        promote(sides)
    assert failed.value.exit_code == code and "our-prod" in (failed.value.where or "")
    assert remedy in (failed.value.remedy or "")
    assert sides[1].registry.versions() == () and TO not in service.models
    promote(sides)
    assert [one["versionId"] for one in service.models[TO]] == ["1"]
    assert kinds(sides[1]).count(COPYING) == 2 and service.aliases(TO)["champion"] == "1"


def test_what_the_service_does_not_have_or_allow_is_told_and_nothing_is_begun(
    sides: tuple[Side, Side], service: FakeModelRegistry
) -> None:
    service.fail("GET", "/models/taxi@2$", 403, message="denied")
    with pytest.raises(MillraceError, match="denied") as failed:
        promote(sides)
    assert failed.value.exit_code == 2
    assert "roles/aiplatform.viewer on projects/our-staging" in (failed.value.remedy or "")
    service.models[FROM].pop()
    with pytest.raises(BadInput, match=f"version 11 is gone in Vertex AI, where it was {FROM}@2"):
        promote(sides)
    service.models[FROM].append({**service.models[FROM][0], "versionId": "2", "versionAliases": []})
    service.fail("POST", ":copy", 403, message="models.export denied")
    with pytest.raises(MillraceError, match="export denied") as failed:
        promote(sides)
    assert "millrace iam" in (failed.value.remedy or "")
    service.models[FROM][1]["containerSpec"] = {"imageUri": "docker.io/somebody/serves:1"}
    with pytest.raises(MillraceError, match="somebody/serves:1 cannot be copied") as failed:
        promote(sides)
    assert failed.value.exit_code == 2
    assert kinds(sides[1]) == [] and TO not in service.models


def test_an_alias_that_somebody_moved_there_meanwhile_is_not_overruled(
    sides: tuple[Side, Side], service: FakeModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve = Registry.approve

    def slow(registry: Registry, version: Any, because: str) -> None:
        approve(registry, version, because)
        service.models[TO].append({**service.models[TO][0], "versionId": "2", "versionAliases": ["champion"]})

    monkeypatch.setattr(Registry, "approve", slow)
    with pytest.raises(BadInput, match=f"champion was moved in Vertex AI from no version to {TO}@2 in the meantime"):
        promote(sides)
    assert sides[1].registry.aliases() == {} and service.aliases(TO)["champion"] == "2"


@pytest.mark.parametrize(
    ("prod", "name", "words"),
    [
        (
            f"encryption_key: {KEY.replace('europe-west4', 'us-east1')}",
            f"{FROM}@2",
            "the key is in us-east1, and the copy",
        ),
        ("", "", "version 11 is not there to be copied: staging did not push it there"),
    ],
)
def test_what_cannot_be_copied_is_refused_before_the_service_is_asked(
    here: Path, service: FakeModelRegistry, prod: str, name: str, words: str
) -> None:
    overlays(service.url, prod)
    with pytest.raises(BadInput, match=words):
        promote(approved(11, vertex=name))
    assert service.requests == [] and side("prod").registry.events() == ()


def test_one_model_for_both_environments_is_refused(here: Path, service: FakeModelRegistry) -> None:
    overlays(service.url)
    prod = Path("conf/environments/prod.yaml")
    one_place = prod.read_text().replace("our-prod", "our-staging").replace("europe-west4", "us-central1")
    prod.write_text(one_place.replace("endpoint: tips", "endpoint: others").partition(", encryption_key")[0] + "}}\n")
    with pytest.raises(BadInput, match="push to one model of Vertex AI, in our-staging, us-central1"):
        promote(approved(11, vertex=f"{FROM}@2"))


def test_what_was_taken_in_without_a_copy_is_neither_promoted_nor_gone_back_to(
    sides: tuple[Side, Side], service: FakeModelRegistry
) -> None:
    source, target = sides
    target.registry.take_in([pushed(Path(target.config.root), 11)])
    with pytest.raises(BadInput, match="prod has version 11 already, taken in without a copy in Vertex AI"):
        promote(sides)
    judged(source, 12, vertex=f"{FROM}@1")
    source.registry.approve(source.registry.version("12"), "reviewed")
    promote(sides, "12")
    with pytest.raises(BadInput, match="version 11 was never in Vertex AI, from which prod serves"):
        promote(sides)
    assert target.registry.version("champion").number == 12 and service.aliases(TO)["champion"] == "1"


def test_a_registered_copy_that_somebody_deleted_is_not_made_again(
    sides: tuple[Side, Side], service: FakeModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ModelCopies, "named", killed)
        with pytest.raises(Killed):
            promote(sides)
    del service.models[TO]
    with pytest.raises(BadInput, match=f"version 11 was copied to {TO}@1, and is not there any more"):
        promote(sides)
    assert len(service.sent("POST", ":copy")) == 1


def step_that_breaks(sides: tuple[Side, Side], service: FakeModelRegistry, granted: set[Any]) -> str:
    """The first step of a promotion in Vertex AI that somebody may not make; empty where all are made."""
    endpoint = {"name": ENDPOINT, "displayName": "tips", "trafficSplit": {}}
    endpoint["deployedModels"] = [{"id": "d1", "model": TO, "modelVersionId": "1"}]
    fake = GrantingModels(
        models={FROM: service.models[FROM]}, evaluations=[*service.evaluations], endpoints={ENDPOINT: endpoint}
    )
    fake.granted = granted
    step = ""
    with fake:
        overlays(fake.url)
        source, target = side("staging"), side("prod", "bob@desk")
        copies, version = vertex(source, target), source.registry.version("11")
        try:
            step = "plan"
            planned = copies.plan(version, "champion", "")
            step = "copy"
            name = copies.end(copies.begin(planned))
            step = "describe"
            copies.describe(name, planned, version, "staging")
            step = "follow"
            _, run, facts = pushed(Path(target.config.root), 11)
            target.registry.take_in([(11, run, replace(facts, vertex=name))])
            copies.follow(target.registry, "champion")
            assert fake.endpoints[ENDPOINT]["trafficSplit"] == {"d1": 100}
        except ServiceFailure as failure:
            if failure.status != 403:
                raise
            return step
    return ""


def test_the_least_roles_are_enough_and_without_any_one_a_step_breaks(
    sides: tuple[Side, Side], service: FakeModelRegistry
) -> None:
    image = "europe-west4-docker.pkg.dev/our-images/serving/tf:1"
    for model in service.models[FROM]:
        model["containerSpec"] = {"imageUri": image}
    here, there = (one.config.push.vertex for one in sides)
    assert here and there and PROMOTES == PROMOTER
    grants = list(promotion_needs(here.model_copy(update={"image": image}), there))
    assert step_that_breaks(sides, service, {one.key for one in grants}) == ""
    broken = {
        gone.role: step_that_breaks(sides, service, {one.key for one in grants if one is not gone}) for gone in grants
    }
    assert broken == {
        "roles/aiplatform.user": "plan",
        "roles/aiplatform.viewer": "plan",
        "roles/aiplatform.serviceAgent": "copy",
        "roles/cloudkms.cryptoKeyEncrypterDecrypter": "copy",
        "roles/artifactregistry.reader": "copy",
    }
    # Of one project's two regions no agent exports from another.
    same = promotion_needs(here.model_copy(update={"project": "our-prod"}), there)
    assert {one.role for one in same} == {"roles/aiplatform.user", "roles/cloudkms.cryptoKeyEncrypterDecrypter"}


def said(*words: str, code: int = 0) -> str:
    """What `millrace` says, spaces and line breaks alike."""
    done = CliRunner().invoke(millrace, [*words])
    error = done.exception
    assert (getattr(error, "exit_code", done.exit_code) if error else 0) == code, (done.output, error)
    return " ".join(f"{done.output} {error if code else ''}".split())


def test_the_commands_say_what_would_be_done_and_what_was(sides: tuple[Side, Side], service: FakeModelRegistry) -> None:
    service.looks = 0
    dry = said("promote", "11", "--to", "prod", "--dry-run")
    assert f"would copy {FROM}@2 to the new model {TO} with its labels, 1 evaluation and {KEY}" in dry
    assert "last, make the copy champion in Vertex AI" in dry and service.sent("POST", "") == []
    assert json.loads(said("promote", "11", "--to", "prod", "--dry-run", "--json"))["vertex"]["model"] == TO
    service.fail("POST", ":mergeVersionAliases", 503)
    words = ("promote", "11", "--to", "prod", "--because", "better")
    assert "champion has moved here, and Vertex AI has not followed" in said(*words, code=1)
    assert "would make it champion there too, and nothing else" in said("promote", "11", "--to", "prod", "--dry-run")
    assert "Vertex AI: champion is taxi@1" in said(*words)
    assert "once: it is champion in prod already" in said(*words, code=3)
    assert f"Vertex AI: {TO}@1" in said("models", "show", "champion", "--env", "prod")
    job = Path(__file__).parents[1] / "jobspec/golden/taxi-vertex.json"
    roles = said("iam", "--env", "prod", "--job", str(job), "--set", "vertex.project=our-prod")
    assert "whoever promotes roles/aiplatform.user on projects/our-prod" in roles
    assert "roles/aiplatform.serviceAgent on projects/our-staging" in roles
    # Only the environment that it comes from pushes there.
    folder = Path("conf/environments")
    judged(sides[0], 12, vertex=f"{FROM}@1")
    sides[0].registry.approve(sides[0].registry.version("12"), "reviewed")
    (folder / "prod.yaml").write_text("promotion: {after: staging}\n")
    done = said("promote", "12", "--to", "prod", "--because", "better")
    assert "Vertex AI: nothing is copied, since prod does not push there" in done
    assert side("prod").registry.version("12").facts.vertex == ""
