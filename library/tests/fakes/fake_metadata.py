"""Stands for Vertex ML Metadata and TensorBoard (REST v1) beside Vertex AI Pipelines: experiments, lineage, curves.

What it enforces is said by the resources' reference (`Context`, `Artifact`, `Event`, `TensorboardRun`); the filters are
those that the client's `Experiment` sends. A job gets its context when its first task begins, as the service gives it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_service import Refused, Request
from fake_vertex import LABEL_KEY, LABEL_VALUE, PARENT, FakeVertex

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
SERIES = "SCALAR"
_STORE = rf"{PARENT}/metadataStores/default"
_BOARD = r"/v1/(projects/[^/]+/locations/[^/]+/tensorboards/\d+)"
_TYPE = "type.googleapis.com/google.cloud.aiplatform.v1."
_MOST_POINTS = 10_000


@dataclass
class FakeMetadata(FakeVertex):
    """Contexts, artifacts and executions by their resource names; TensorBoard's resources in one dictionary."""

    has_store: bool = False
    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, set[str]] = field(default_factory=dict)
    boards: set[str] = field(default_factory=set)
    of_boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        kinds = {"contexts": self.contexts, "artifacts": self.artifacts, "executions": self.executions}
        of_metadata: dict[tuple[str, str], Callable[..., Any]] = {
            ("GET", _STORE): self._store,
            ("POST", rf"{PARENT}/metadataStores"): self._make_store,
            ("POST", rf"{_STORE}/contexts"): self._make_context,
            ("POST", rf"{_STORE}/artifacts"): self._make_artifact,
            ("PATCH", rf"/v1/({_name('contexts')})"): self._change_context,
            ("POST", rf"/v1/({_name('contexts')}):addContextChildren"): self._add_children,
            ("POST", rf"/v1/({_name('contexts')}):addContextArtifactsAndExecutions"): self._add_members,
            ("GET", rf"/v1/({_name('contexts')}):queryContextLineageSubgraph"): self._subgraph,
        }
        for kind, known in kinds.items():
            of_metadata["GET", rf"/v1/({_name(kind)})"] = self._getter(kind, known)
            of_metadata["GET", rf"{_STORE}/{kind}"] = self._lister(kind, known)
        return {**super().routes(), **of_metadata, **self._of_boards()}

    def _of_boards(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {
            ("GET", _BOARD): self._board,
            ("POST", rf"{_BOARD}/(experiments)"): self._make_of_board,
            ("POST", rf"{_BOARD}/(experiments/[^/:]+/runs)"): self._make_of_board,
            ("GET", rf"{_BOARD}/(experiments/[^/:]+)"): self._of_board,
            ("GET", rf"{_BOARD}/(experiments/[^/:]+/runs/[^/:]+)"): self._of_board,
            ("GET", rf"{_BOARD}/(experiments/[^/:]+/runs/[^/:]+)/timeSeries"): self._list_series,
            ("POST", rf"{_BOARD}/experiments/[^/:]+:batchCreate"): self._make_series,
            ("POST", rf"{_BOARD}/(experiments/[^/:]+/runs/[^/:]+):write"): self._write,
            ("GET", rf"{_BOARD}:batchRead"): self._read,
        }

    def _store(self, request: Request, parent: str) -> Any:
        if not self.has_store:
            raise Refused(404, "The MetadataStore default does not exist.")
        return {"name": f"{parent}/metadataStores/default"}

    def _make_store(self, request: Request, parent: str) -> Any:
        _require(request.query.get("metadataStoreId") == "default", "only the default store is made here")
        self.has_store = True
        answer = {"@type": f"{_TYPE}MetadataStore", "name": f"{parent}/metadataStores/default"}
        return {"name": f"{parent}/metadataStores/default/operations/1", "done": True, "response": answer}

    def _make_context(self, request: Request, parent: str) -> Any:
        return self._make(self.contexts, f"{parent}/metadataStores/default/contexts", "contextId", request)

    def _make_artifact(self, request: Request, parent: str) -> Any:
        return self._make(self.artifacts, f"{parent}/metadataStores/default/artifacts", "artifactId", request)

    def _make(self, known: dict[str, Any], place: str, key: str, request: Request) -> Any:
        number, body = request.query.get(key, ""), request.body or {}
        if not self.has_store:
            raise Refused(404, "The MetadataStore default does not exist.")
        _require(ID.fullmatch(number), f"Invalid {key} {number!r}.")
        _require(bool(body.get("schemaTitle")) == bool(body.get("schemaVersion")), "schema_title wants its version.")
        _require_labels(body)
        name = f"{place}/{number}"
        if name in known:
            raise Refused(409, f"{name} already exists.")
        known[name] = {**body, "name": name}
        return known[name]

    def _getter(self, kind: str, known: dict[str, Any]) -> Callable[..., Any]:
        def get(request: Request, name: str) -> Any:
            if name not in known:
                raise Refused(404, f"The {kind[:-1]} {name} does not exist.")
            return known[name]

        return get

    def _lister(self, kind: str, known: dict[str, Any]) -> Callable[..., Any]:
        def listed(request: Request, parent: str) -> Any:
            return {kind: [one for one in known.values() if self._fits(one, request.query.get("filter", ""))]}

        return listed

    def _fits(self, one: dict[str, Any], asked: str) -> bool:
        titles = re.findall(r'schema_title="([^"]+)"', asked)
        parents = re.findall(r'parent_contexts:"([^"]+)"', asked)
        within = re.findall(r'in_context\("([^"]+)"\)', asked)
        left = re.sub(r'schema_title="[^"]+"|parent_contexts:"[^"]+"|in_context\("[^"]+"\)', "", asked)
        _require(not re.sub(r"[()\s]|AND|OR", "", left), f"Invalid filter: {asked}")
        return (
            (not titles or one.get("schemaTitle") in titles)
            and all(parent in one.get("parentContexts", []) for parent in parents)
            and all(one["name"] in self.members.get(context, ()) for context in within)
        )

    def _change_context(self, request: Request, name: str) -> Any:
        known = self._known_context(name)
        fields = request.query.get("updateMask", "").split(",")
        _require(set(fields) <= {"metadata", "labels", "description"}, f"Invalid update mask: {fields}")
        _require_labels(request.body)
        known.update({key: request.body.get(key, {}) for key in fields})
        return known

    def _known_context(self, name: str) -> dict[str, Any]:
        if name not in self.contexts:
            raise Refused(404, f"The Context {name} does not exist.")
        return self.contexts[name]

    def _add_children(self, request: Request, name: str) -> Any:
        self._known_context(name)
        for child in request.body["childContexts"]:
            parents = self._known_context(child).setdefault("parentContexts", [])
            if name not in parents:
                parents.append(name)
        return {}

    def _add_members(self, request: Request, name: str) -> Any:
        self._known_context(name)
        for one in (*request.body.get("artifacts", []), *request.body.get("executions", [])):
            if one not in self.artifacts and one not in self.executions:
                raise Refused(404, f"{one} does not exist.")
            self.members.setdefault(name, set()).add(one)
        return {}

    def _subgraph(self, request: Request, name: str) -> Any:
        self._known_context(name)
        within = self.members.get(name, set())
        return {
            "artifacts": [one for key, one in self.artifacts.items() if key in within],
            "executions": [one for key, one in self.executions.items() if key in within],
            "events": [one for one in self.events if one["execution"] in within],
        }

    def _begin(self, job: dict[str, Any], task: str) -> None:
        super()._begin(job, task)
        parent, number = job["name"].split("/pipelineJobs/")
        store = f"{parent}/metadataStores/default"
        name = f"{store}/contexts/{number}"
        if name not in self.contexts:
            self.has_store = True
            self.contexts[name] = {
                "name": name,
                "displayName": number,
                "schemaTitle": "system.PipelineRun",
                "schemaVersion": "0.0.1",
            }
            values = job["runtimeConfig"].get("parameterValues", {})
            self._put_execution(
                name,
                f"{store}/executions/{number}-dag",
                {
                    "displayName": number,
                    "schemaTitle": "system.Run",
                    "state": "RUNNING",
                    "metadata": {f"input:{key}": value for key, value in values.items()},
                },
            )
        job["jobDetail"]["pipelineRunContext"] = self.contexts[name]
        execution = f"{store}/executions/{number}-{task.lower()}"
        self._put_execution(name, execution, {"displayName": task, "schemaTitle": "system.ContainerExecution"})
        job["jobDetail"]["taskDetails"][-1]["execution"] = self.executions[execution]

    def _put_execution(self, context: str, name: str, body: dict[str, Any]) -> None:
        self.executions[name] = {"name": name, "schemaVersion": "0.0.1", **body}
        self.members.setdefault(context, set()).add(name)

    def _finish(self, job: dict[str, Any], task: str, state: str, error: str = "") -> None:
        """As the service does: what a task made is in the job's details, and in the metadata's graph."""
        super()._finish(job, task, state, error)
        parent, number = job["name"].split("/pipelineJobs/")
        store = f"{parent}/metadataStores/default"
        context = f"{store}/contexts/{number}"
        detail = next(one for one in job["jobDetail"]["taskDetails"] if one["taskName"] == task)
        made = {key: self._recorded(store, listed) for key, listed in self.outputs.get(task, {}).items()}
        read = self._read_by(job, task)
        detail |= {"outputs": made, "inputs": read}
        execution = f"{store}/executions/{number}-{task.lower()}"
        # An execution has states of its own, other than a task's.
        self.executions[execution]["state"] = {"SUCCEEDED": "COMPLETE", "NOT_TRIGGERED": "CANCELLED"}.get(state, state)
        for kind, listed in (("INPUT", read), ("OUTPUT", made)):
            for artifact in (one["name"] for artifacts in listed.values() for one in artifacts["artifacts"]):
                self.members[context].add(artifact)
                self.events.append({"artifact": artifact, "execution": execution, "type": kind})

    def _recorded(self, store: str, listed: dict[str, Any]) -> dict[str, Any]:
        kept = []
        for artifact in listed["artifacts"]:
            number = re.sub(r"[^a-z0-9]+", "-", artifact.get("uri", "").lower()).strip("-")[-100:].strip("-")
            name = artifact.get("name") or f"{store}/artifacts/{number or len(self.artifacts)}"
            self.artifacts[name] = {"schemaVersion": "0.0.1", "state": "LIVE", **artifact, "name": name}
            kept.append(self.artifacts[name])
        return {"artifacts": kept}

    def _read_by(self, job: dict[str, Any], task: str) -> dict[str, Any]:
        """What a task read of tasks before it, as its spec says."""
        spec = job["pipelineSpec"]["root"]["dag"]["tasks"][task]
        done = {one["taskName"]: one for one in job["jobDetail"]["taskDetails"]}
        read = {}
        for key, said in spec.get("inputs", {}).get("artifacts", {}).items():
            source = said["taskOutputArtifact"]
            made = done.get(source["producerTask"], {}).get("outputs", {}).get(source["outputArtifactKey"])
            read |= {key: made} if made else {}
        return read

    def _board(self, request: Request, board: str) -> Any:
        self._require_board(board)
        return {"name": board, "displayName": "curves"}

    def _require_board(self, board: str) -> None:
        if board not in self.boards:
            raise Refused(404, f"The Tensorboard {board} does not exist.")

    def _make_of_board(self, request: Request, board: str, below: str) -> Any:
        self._require_board(board)
        number = request.query.get("tensorboardRunId") or request.query.get("tensorboardExperimentId") or ""
        _require(ID.fullmatch(number), f"Invalid id {number!r}.")
        name = f"{board}/{below}/{number}"
        parent = name.rsplit("/", 2)[0]
        if parent != board and parent not in self.of_boards:
            raise Refused(404, f"{parent} does not exist.")
        if name in self.of_boards:
            raise Refused(409, f"{name} already exists.")
        self.of_boards[name] = {**request.body, "name": name}
        return self.of_boards[name]

    def _of_board(self, request: Request, board: str, below: str) -> Any:
        if f"{board}/{below}" not in self.of_boards:
            raise Refused(404, f"{board}/{below} does not exist.")
        return self.of_boards[f"{board}/{below}"]

    def _list_series(self, request: Request, board: str, run: str) -> Any:
        made = [one for name, one in self.of_boards.items() if name.startswith(f"{board}/{run}/timeSeries/")]
        return {"tensorboardTimeSeries": made}

    def _make_series(self, request: Request, board: str) -> Any:
        made = []
        for asked in request.body["requests"]:
            _require(asked["parent"] in self.of_boards, f"{asked['parent']} does not exist.")
            described = asked["tensorboardTimeSeries"]
            there = [one for one in self.of_boards.values() if one["name"].startswith(f"{asked['parent']}/timeSeries/")]
            _require(described["displayName"] not in [one["displayName"] for one in there], "such a series exists")
            name = f"{asked['parent']}/timeSeries/{len(self.of_boards)}"
            self.of_boards[name] = {**described, "name": name}
            made.append(self.of_boards[name])
        return {"tensorboardTimeSeries": made}

    def _write(self, request: Request, board: str, run: str) -> Any:
        data = request.body["timeSeriesData"]
        _require(sum(len(one["values"]) for one in data) <= _MOST_POINTS, "too many points in one request")
        for one in data:
            name = f"{board}/{run}/timeSeries/{one['tensorboardTimeSeriesId']}"
            _require(name in self.of_boards, f"{name} does not exist.")
            self.points.setdefault(name, {}).update({int(point.get("step", 0)): point for point in one["values"]})
        return {}

    def _read(self, request: Request, board: str) -> Any:
        asked = {one.rsplit("/", 1)[-1] for one in request.repeated["timeSeries"]}
        written = {name.rsplit("/", 1)[-1]: list(points.values()) for name, points in self.points.items()}
        data = [
            {"tensorboardTimeSeriesId": number, "valueType": SERIES, "values": values}
            for number, values in written.items()
            if number in asked
        ]
        return {"timeSeriesData": data}


def _name(kind: str) -> str:
    return rf"projects/[^/]+/locations/[^/]+/metadataStores/default/{kind}/[^/:]+"


def _require(holds: object, message: str) -> None:
    if not holds:
        raise Refused(400, message)


def _require_labels(body: dict[str, Any]) -> None:
    for key, value in body.get("labels", {}).items():
        _require(LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value), f"Invalid label {key!r}: {value!r}.")
