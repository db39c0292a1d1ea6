"""Stands for Vertex AI's models, versions, endpoints (REST v1) and monitors, as far as a push asks for them.

An alias belongs to one version of a model at a time: given to another, it leaves the first
(https://cloud.google.com/vertex-ai/docs/model-registry/model-alias). A deployed model is a version.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_monitors import FakeMonitors
from fake_service import Refused, Request

PARENT = r"/v1/(projects/[^/]+/locations/[^/]+)"
ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
# The reference does not say which images are "third-party" ones; taken for that: any of another registry than Google's.
GOOGLES = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/.+")
_TYPE = "type.googleapis.com/google.cloud.aiplatform.v1."


@dataclass
class FakeModelRegistry(FakeMonitors):
    """Models by their resource name, each with its versions, the first at place 0.

    Args:
        models: the versions of each.
        endpoints: by their resource names.
        evaluations: the version, and the evaluation, of each.
        looks: how often a copy is asked for before it is done.
        failing: what the next copy ends with, a `google.rpc.Status`; it is made nevertheless where that is empty.
        copies: what is still being copied, by the operation's name: how many looks are left, and what then is done.
    """

    models: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluations: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    looks: int = 2
    failing: dict[str, Any] = field(default_factory=dict)
    copies: dict[str, tuple[int, Callable[[], dict[str, Any]]]] = field(default_factory=dict)

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {
            ("POST", f"{PARENT}/models:upload"): self._upload,
            ("POST", f"{PARENT}/models:copy"): self._copy,
            ("GET", f"{PARENT}/models/[^/]+/operations/([^/:]+)"): self._look,
            ("GET", f"{PARENT}/models/([^/:]+)"): self._model,
            ("PATCH", f"{PARENT}/models/([^/:]+)"): self._describe,
            ("GET", f"{PARENT}/models/([^/:]+)/evaluations"): self._list_evaluations,
            ("POST", f"{PARENT}/models/([^/:]+):mergeVersionAliases"): self._merge,
            ("GET", f"{PARENT}/models/([^/:]+):listVersions"): self._versions,
            ("POST", f"{PARENT}/models/([^/:]+)/evaluations:import"): self._evaluate,
            ("GET", f"{PARENT}/endpoints"): self._list_endpoints,
            ("POST", f"{PARENT}/endpoints"): self._create_endpoint,
            ("GET", f"{PARENT}/endpoints/([^/:]+)"): self._endpoint,
            ("POST", f"{PARENT}/endpoints/([^/:]+):deployModel"): self._deploy,
            ("PATCH", f"{PARENT}/endpoints/([^/:]+)"): self._split,
            **self.monitor_routes(),
        }

    def has_version(self, model: str, version: str) -> bool:
        return any(one["versionId"] == version for one in self.models.get(model, []))

    def aliases(self, name: str) -> dict[str, str]:
        """The version of each alias of a model."""
        return {alias: one["versionId"] for one in self.models[name] for alias in one["versionAliases"]}

    def _upload(self, request: Request, parent: str) -> Any:
        body = request.body
        name, identity = body.get("parentModel", ""), body.get("modelId", "")
        if name and name not in self.models:
            raise Refused(404, f"The Model {name} does not exist.")
        if not name:
            if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", identity):
                raise Refused(400, f"Invalid model id {identity!r}.")
            name = f"{parent}/models/{identity}"
            if name in self.models:
                raise Refused(409, f"The Model {name} exists.")
        versions = self.models.setdefault(name, [])
        model = {**body["model"], "name": name, "versionId": str(len(versions) + 1)}
        model["supportedDeploymentResourcesTypes"] = ["DEDICATED_RESOURCES"]
        wanted = model.get("versionAliases", [])
        model["versionAliases"] = []
        versions.append(model)
        self._give(name, model, wanted if len(versions) > 1 else {*wanted, "default"})
        return self._done(parent, "UploadModelResponse", {"model": name, "modelVersionId": model["versionId"]})

    def _copy(self, request: Request, parent: str) -> Any:
        """https://cloud.google.com/vertex-ai/docs/model-registry/copy-model"""
        body = request.body
        where, _, asked = body["sourceModel"].partition("/models/")
        source = self._model(request, where, asked)
        name, identity, region = body.get("parentModel", ""), body.get("modelId", ""), parent.rsplit("/", 1)[1]
        key = body.get("encryptionSpec", {}).get("kmsKeyName", "")
        found = KEY.fullmatch(key)
        if key and (not found or found[1] != region):
            raise Refused(400, f"The CMEK key {key} is not in {region}.")
        image = source.get("containerSpec", {}).get("imageUri", "")
        if where.split("/")[1] != parent.split("/")[1] and image and not GOOGLES.fullmatch(image):
            raise Refused(400, f"A model with the container image {image} cannot be copied to another project.")
        if bool(name) == bool(identity) or (name and name not in self.models):
            raise Refused(404 if name else 400, f"The Model {name} does not exist.")
        name = name or f"{parent}/models/{identity}"
        if identity and name in self.models:
            raise Refused(409, f"The Model {name} exists.")
        operation = f"{name}/operations/{len(self.requests)}"
        kept = ("displayName", "labels", "containerSpec", "explanationSpec", "supportedDeploymentResourcesTypes")
        made = {one: source[one] for one in kept if one in source}
        made |= {"originalModelInfo": {"model": f"{source['name']}@{source['versionId']}"}}
        made |= {"encryptionSpec": {"kmsKeyName": key}} if key else {}
        failing, self.failing = self.failing, {}

        def done() -> dict[str, Any]:
            if failing:
                return {"error": failing}
            versions = self.models.setdefault(name, [])
            aliases = [] if versions else ["default"]
            number = str(len(versions) + 1)
            versions.append({**made, "name": name, "versionId": number, "versionAliases": aliases})
            return {"response": {"@type": f"{_TYPE}CopyModelResponse", "model": name, "modelVersionId": number}}

        self.copies[operation] = (self.looks, done)
        return {"name": operation}

    def _look(self, request: Request, parent: str, asked: str) -> Any:
        name = request.path.removeprefix("/v1/")
        if name not in self.copies:
            raise Refused(404, f"The Operation {name} does not exist.")
        left, done = self.copies[name]
        if left:
            self.copies[name] = (left - 1, done)
            return {"name": name}
        answer = done()
        self.copies[name] = (0, lambda: answer)
        return {"name": name, "done": True, **answer}

    def _describe(self, request: Request, parent: str, asked: str) -> Any:
        model, fields = self._model(request, parent, asked), request.query["updateMask"].split(",")
        if "@" not in asked or not set(fields) <= {"labels", "versionDescription"}:
            raise Refused(400, f"{fields} cannot be changed of {asked}.")
        for label in request.body.get("labels", {}).items():
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62} [a-z0-9_-]{0,63}", " ".join(label)):
                raise Refused(400, f"Invalid label {label}.")
        model |= {one: request.body[one] for one in fields}
        return model

    def _list_evaluations(self, request: Request, parent: str, asked: str) -> Any:
        model = self._model(request, parent, asked)
        name = f"{model['name']}@{model['versionId']}"
        return {"modelEvaluations": [body for of, body in self.evaluations if of == name]}

    def _versions(self, request: Request, parent: str, name: str) -> Any:
        if f"{parent}/models/{name}" not in self.models:
            raise Refused(404, f"The Model {name} does not exist.")
        return {"models": self.models[f"{parent}/models/{name}"]}

    def _evaluate(self, request: Request, parent: str, asked: str) -> Any:
        model = self._model(request, parent, asked)
        self.evaluations.append((f"{model['name']}@{model['versionId']}", request.body["modelEvaluation"]))
        return {**request.body["modelEvaluation"], "name": f"{model['name']}/evaluations/{len(self.evaluations)}"}

    def _give(self, name: str, model: dict[str, Any], aliases: Any) -> None:
        for alias in aliases:
            if alias.startswith("-"):
                model["versionAliases"] = [other for other in model["versionAliases"] if other != alias[1:]]
                continue
            if not ALIAS.fullmatch(alias):
                raise Refused(400, f"Invalid version alias {alias!r}.")
            for one in self.models[name]:
                one["versionAliases"] = [other for other in one["versionAliases"] if other != alias]
            model["versionAliases"].append(alias)

    def _model(self, request: Request, parent: str, asked: str) -> Any:
        name, _, version = asked.partition("@")
        versions = self.models.get(f"{parent}/models/{name}", [])
        for model in versions:
            if (version or "default") in (model["versionId"], *model["versionAliases"]):
                return model
        raise Refused(404, f"The Model {asked} does not exist.")

    def _merge(self, request: Request, parent: str, asked: str) -> Any:
        model = self._model(request, parent, asked)
        self._give(model["name"], model, request.body["versionAliases"])
        return model

    def _list_endpoints(self, request: Request, parent: str) -> Any:
        wanted = re.fullmatch(r'display_name="([^"]*)"', request.query.get("filter", ""))
        assert wanted, request.query
        return {"endpoints": [one for one in self.endpoints.values() if one["displayName"] == wanted[1]]}

    def _create_endpoint(self, request: Request, parent: str) -> Any:
        name = f"{parent}/endpoints/{1000 + len(self.endpoints)}"
        self.endpoints[name] = {**request.body, "name": name, "deployedModels": []}
        return self._done(parent, "Endpoint", self.endpoints[name])

    def _endpoint(self, request: Request, parent: str, asked: str) -> Any:
        return self.endpoints[f"{parent}/endpoints/{asked}"]

    def _deploy(self, request: Request, parent: str, asked: str) -> Any:
        endpoint = self.endpoints[f"{parent}/endpoints/{asked}"]
        split = request.body.get("trafficSplit", {})
        if split and sum(split.values()) != 100:
            raise Refused(400, f"The traffic split {split} is not 100.")
        deployed = {**request.body["deployedModel"], "id": str(len(endpoint["deployedModels"]) + 1)}
        endpoint["deployedModels"].append(deployed)
        endpoint["trafficSplit"] = {deployed["id"] if key == "0" else key: share for key, share in split.items()}
        return self._done(parent, "DeployModelResponse", {"deployedModel": deployed})

    def _split(self, request: Request, parent: str, asked: str) -> Any:
        mask = request.query["updateMask"]
        if mask == "predictRequestResponseLoggingConfig":
            endpoint = self.endpoints[f"{parent}/endpoints/{asked}"]
            endpoint[mask] = request.body[mask]
            return endpoint
        if mask != "trafficSplit":
            raise Refused(400, f"{mask} cannot be changed.")
        endpoint, split = self.endpoints[f"{parent}/endpoints/{asked}"], request.body["trafficSplit"]
        deployed = {one["id"] for one in endpoint["deployedModels"]}
        if sum(split.values()) != 100 or not split.keys() <= deployed:
            raise Refused(400, f"The traffic split {split} is not 100 of {sorted(deployed)}.")
        endpoint["trafficSplit"] = split
        return endpoint

    def _done(self, parent: str, kind: str, answer: dict[str, Any]) -> Any:
        operation = f"{parent}/operations/{len(self.requests)}"
        return {"name": operation, "done": True, "response": {"@type": f"{_TYPE}{kind}", **answer}}
