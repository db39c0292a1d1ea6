"""Stands for Vertex AI's model monitors and their schedules (REST v1beta1), as far as a push asks for them.

What arrives is read by the client's own messages: a field that they do not know is refused, as the service does. That a
monitor's key stays, and that a schedule keeps its kind of request, is what the reference of each says.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_service import FakeGoogleService, Refused, Request
from google.cloud.aiplatform_v1beta1 import types
from google.protobuf import json_format

from millrace.catalog.cron import cron_problem

PARENT = r"/v1beta1/(projects/[^/]+/locations/[^/]+)"
KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
_REQUEST = "createModelMonitoringJobRequest"
_TYPE = "type.googleapis.com/"


@dataclass
class FakeMonitors(FakeGoogleService):
    """Monitors and schedules by their resource names.

    Args:
        monitors: as they were made and changed.
        schedules: of monitors, and what a test puts beside them.
    """

    monitors: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)

    def monitor_routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        """Those of `routes()` that are about monitors."""
        return {
            ("GET", f"{PARENT}/modelMonitors"): self._list_monitors,
            ("POST", f"{PARENT}/modelMonitors"): self._create_monitor,
            ("PATCH", f"{PARENT}/modelMonitors/([^/:]+)"): self._change_monitor,
            ("GET", f"{PARENT}/schedules"): self._list_monitoring,
            ("POST", f"{PARENT}/schedules"): self._create_monitoring,
            ("PATCH", f"{PARENT}/schedules/([^/:]+)"): self._change_monitoring,
            ("DELETE", f"{PARENT}/schedules/([^/:]+)"): self._delete_monitoring,
        }

    def has_version(self, model: str, version: str) -> bool:
        """Whether there is such a version to watch."""
        raise NotImplementedError

    def _list_monitors(self, request: Request, parent: str) -> Any:
        return {"modelMonitors": [one for name, one in self.monitors.items() if name.startswith(f"{parent}/")]}

    def _create_monitor(self, request: Request, parent: str) -> Any:
        body = known(types.ModelMonitor, request.body)
        key = body.get("encryptionSpec", {}).get("kmsKeyName", "")
        found = KEY.fullmatch(key)
        if key and (not found or found[1] != parent.rsplit("/", 1)[1]):
            raise Refused(400, f"The CMEK key {key} is not in the monitor's region.")
        self._require_target(body)
        name = f"{parent}/modelMonitors/{3000 + len(self.monitors)}"
        self.monitors[name] = {**body, "name": name}
        return _done(parent, "ModelMonitor", self.monitors[name])

    def _change_monitor(self, request: Request, parent: str, asked: str) -> Any:
        monitor = self._there(self.monitors, f"{parent}/modelMonitors/{asked}")
        body, fields = known(types.ModelMonitor, request.body), request.query["updateMask"].split(",")
        if set(fields) - {"modelMonitoringTarget", "modelMonitoringSchema", "displayName"}:
            raise Refused(400, f"{fields} cannot be changed.")
        self._require_target(body)
        monitor |= {one: body[one] for one in fields}
        return _done(parent, "ModelMonitor", monitor)

    def _require_target(self, body: dict[str, Any]) -> None:
        target = body.get("modelMonitoringTarget", {}).get("vertexModel", {})
        if not self.has_version(target.get("model", ""), target.get("modelVersionId", "")):
            raise Refused(404, f"The Model {target} does not exist.")

    def _list_monitoring(self, request: Request, parent: str) -> Any:
        if request.query.get("filter") != "create_model_monitoring_job_request:*":
            raise Refused(400, f"Invalid filter: {request.query.get('filter')}")
        return {"schedules": [one for one in self.schedules.values() if _REQUEST in one]}

    def _create_monitoring(self, request: Request, parent: str) -> Any:
        body = self._schedule(request)
        name = f"{parent}/schedules/{4000 + len(self.requests)}"
        self.schedules[name] = {**body, "name": name, "state": "ACTIVE"}
        return self.schedules[name]

    def _change_monitoring(self, request: Request, parent: str, asked: str) -> Any:
        schedule = self._there(self.schedules, f"{parent}/schedules/{asked}")
        body, fields = self._schedule(request), request.query["updateMask"].split(",")
        if set(fields) - {"cron", _REQUEST, "displayName"}:
            raise Refused(400, f"Invalid update mask: {fields}")
        schedule |= {one: body[one] for one in fields}
        return schedule

    def _delete_monitoring(self, request: Request, parent: str, asked: str) -> Any:
        self._there(self.schedules, f"{parent}/schedules/{asked}")
        del self.schedules[f"{parent}/schedules/{asked}"]
        answer = {"@type": f"{_TYPE}google.protobuf.Empty"}
        return {"name": f"{parent}/operations/1", "done": True, "response": answer}

    def _schedule(self, request: Request) -> dict[str, Any]:
        body = known(types.Schedule, request.body)
        if cron_problem(body.get("cron", "")) or int(body.get("maxConcurrentRunCount", 0)) < 1:
            raise Refused(400, "cron and max_concurrent_run_count are required.")
        self._there(self.monitors, body.get(_REQUEST, {}).get("parent", ""))
        return body

    def _there(self, which: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
        if name not in which:
            raise Refused(404, f"{name} does not exist.")
        return which[name]


def known(kind: Any, body: dict[str, Any]) -> dict[str, Any]:
    """The body, where the message knows each of its fields.

    Args:
        kind: the message.
        body: what arrived.
    """
    try:
        json_format.ParseDict(body, kind.pb(kind()))
    except json_format.ParseError as error:
        raise Refused(400, f"Invalid JSON payload received. {error}") from error
    return body


def _done(parent: str, kind: str, answer: dict[str, Any]) -> Any:
    made = {"@type": f"{_TYPE}google.cloud.aiplatform.v1beta1.{kind}", **answer}
    return {"name": f"{answer['name']}/operations/1", "done": True, "response": made}
