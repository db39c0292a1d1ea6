"""A policy as the requests of a service that splits traffic itself, and what that service cannot keep of it.

Vertex AI: `endpoints.deployModel` and `endpoints.patch` with `trafficSplit`
(https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/deployModel). KServe: an
InferenceService with `canaryTrafficPercent` (https://kserve.github.io/website/latest/modelserving/v1beta1/rollout/canary).
Neither has a controller that judges, so a plan says when each step is due, and whoever sends it looks in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from millrace.base.errors import BadInput
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.rollout_section import AnyPolicy, Bandit, BlueGreen, Canary, Shadow, Step
from millrace.serving.decision import steps_of

# DeployedModel.id: one to ten digits.
_ID_DIGITS = 10


@dataclass(frozen=True)
class PlannedStep:
    """One thing to send.

    Args:
        after_minutes: since the first.
        what: for people: `10 %`, `back`.
        document: a request to Vertex AI as `method`, `path` and `body`; of KServe the InferenceService to apply.
    """

    after_minutes: float
    what: str
    document: dict[str, Any]


@dataclass(frozen=True)
class ServicePlan:
    """What to send, one after the other.

    Args:
        steps: up to all of the traffic.
        back: what takes it all back, at any time.
        not_kept: what the policy says and the service does not do.
    """

    steps: tuple[PlannedStep, ...]
    back: PlannedStep
    not_kept: tuple[str, ...]


def vertex_plan(
    policy: AnyPolicy, endpoint: VertexEndpoint, endpoint_id: str, model: str, champion: int, candidate: int
) -> ServicePlan:
    """A policy as requests to Vertex AI.

    Args:
        policy: as the configuration has it.
        endpoint: the section `push.vertex`.
        endpoint_id: the endpoint's id, which is not its display name.
        model: the candidate's resource name.
        champion: the number of the version that is deployed, under that id.
        candidate: the number of the version that is to be.

    Raises:
        BadInput: the service can do nothing of the policy.
    """
    percents = _percents(policy, "Vertex AI")
    parent = f"projects/{endpoint.project}/locations/{endpoint.region}/endpoints/{endpoint_id}"
    machine: dict[str, Any] = {"machineType": endpoint.machine_type}
    if endpoint.accelerator:
        machine |= {"acceleratorType": endpoint.accelerator, "acceleratorCount": endpoint.accelerators or 1}
    deployed = {
        "id": _deployed_id(candidate),
        "model": model,
        "displayName": str(candidate),
        "dedicatedResources": {
            "machineSpec": machine,
            "minReplicaCount": endpoint.min_replicas,
            "maxReplicaCount": endpoint.max_replicas,
        },
        **({"serviceAccount": endpoint.service_account} if endpoint.service_account else {}),
    }

    def split(percent: int) -> dict[str, Any]:
        shares = {_deployed_id(champion): 100 - percent, _deployed_id(candidate): percent}
        return {
            "method": "PATCH",
            "path": f"/v1/{parent}?updateMask=trafficSplit",
            "body": {"trafficSplit": {name: share for name, share in shares.items() if share}},
        }

    first = percents[0][1]
    # In this request alone, 0 stands for the model that it deploys.
    shares = {_deployed_id(champion): 100 - first, "0": first}
    begin = {
        "method": "POST",
        "path": f"/v1/{parent}:deployModel",
        "body": {
            "deployedModel": deployed,
            "trafficSplit": {name: share for name, share in shares.items() if share},
        },
    }
    documents = [begin, *(split(percent) for _, percent in percents[1:])]
    return ServicePlan(
        _planned(percents, documents),
        PlannedStep(0, "back", split(0)),
        (
            f"the champion must be deployed under the id {_deployed_id(champion)}, as this deploys the candidate",
            *_not_kept(policy, "Vertex AI"),
        ),
    )


def kserve_plan(policy: AnyPolicy, name: str, namespace: str, storage_uri: str, champion_uri: str) -> ServicePlan:
    """A policy as InferenceServices.

    Args:
        policy: as the configuration has it.
        name: of the InferenceService.
        namespace: of it; empty for kubectl's own.
        storage_uri: of a folder that holds the candidate's numbered folder and no other.
        champion_uri: the same of the champion.

    Raises:
        BadInput: the service can do nothing of the policy.
    """

    def service(uri: str, percent: Optional[int]) -> dict[str, Any]:
        predictor: dict[str, Any] = {"model": {"modelFormat": {"name": "tensorflow"}, "storageUri": uri}}
        if percent is not None:
            predictor["canaryTrafficPercent"] = percent
        return {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
            "spec": {"predictor": predictor},
        }

    percents = _percents(policy, "KServe")
    documents = [service(storage_uri, percent if percent < 100 else None) for _, percent in percents]
    only = "KServe splits in its serverless mode alone: with RawDeployment all users get the candidate at once"
    return ServicePlan(
        _planned(percents, documents),
        PlannedStep(0, "back", service(champion_uri, None)),
        (only, *_not_kept(policy, "KServe")),
    )


def _percents(policy: AnyPolicy, service: str) -> list[tuple[float, int]]:
    """When which share is due, in whole percent; all of it at the end."""
    if isinstance(policy, Shadow):
        raise BadInput(f"{service} mirrors no requests, so a shadow sees none", remedy="compile a canary")
    if isinstance(policy, Bandit):
        raise BadInput(f"{service} does not follow labels, and a bandit does nothing else", remedy="compile an ab")
    steps: Sequence[Step] = [step for step in steps_of(policy) if step.percent]
    due, at = [], sum(step.minutes for step in steps_of(policy) if not step.percent)
    for step in steps:
        due.append((at, max(1, round(step.percent))))
        at += step.minutes
    return due if due[-1][1] == 100 else [*due, (at, 100)]


def _planned(percents: Sequence[tuple[float, int]], documents: Sequence[dict[str, Any]]) -> tuple[PlannedStep, ...]:
    return tuple(
        PlannedStep(at, f"{percent} %", document) for (at, percent), document in zip(percents, documents, strict=True)
    )


def _not_kept(policy: AnyPolicy, service: str) -> tuple[str, ...]:
    steps = steps_of(policy)
    kept = [f"users do not stay with a version: {service} draws each request by itself"]
    if isinstance(policy, (Canary, BlueGreen)):
        kept.append("nothing is judged, and nothing goes back by itself: look before each step, and send `back`")
    else:
        kept.append("nothing is judged, and nobody decides which is better: the last step is sent by hand")
    if any(step.mirror for step in steps):
        kept.append(f"steps that mirror send nothing: {service} has no mirror")
    kept += [
        f"{step.percent:g} % becomes {max(1, round(step.percent))} %: {service} takes whole percent"
        for step in steps
        if step.percent and step.percent != max(1, round(step.percent))
    ]
    if any(step.requests for step in steps):
        kept.append("steps end by time alone, however few requests came")
    return tuple(kept)


def _deployed_id(version: int) -> str:
    return str(version)[-_ID_DIGITS:]
