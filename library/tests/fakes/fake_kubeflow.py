"""Stands for Kubeflow Pipelines (REST v2beta1), with the rules of its backend that its client does not know.

The rules are those of kubeflow/pipelines' `backend/src/apiserver`: schema 2.1.0, no `resolver` executors, every
parameter with a value, an experiment that is there, six fields in a cron expression.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_service import FakeService, Refused, Request, now

from millrace.catalog.cron import cron_problem
from millrace.jobspec.graphs import in_order
from millrace.jobspec.job import from_documents

API = "/apis/v2beta1"
# gRPC's number of an HTTP status, as the gateway writes it.
CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 503: 14}
OVER = ("SUCCEEDED", "FAILED", "CANCELED")


@dataclass
class FakeKubeflow(FakeService):
    """Kubeflow Pipelines in one process.

    Args:
        multi_user: whether it wants namespaces.
        outcomes: the final state of a task, by its name, where it is not SUCCEEDED.
    """

    multi_user: bool = False
    outcomes: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recurring: dict[str, dict[str, Any]] = field(default_factory=dict)

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {
            ("GET", f"{API}/healthz"): lambda request: {"multi_user": self.multi_user},
            ("GET", f"{API}/experiments"): self._list_experiments,
            ("POST", f"{API}/experiments"): self._create_experiment,
            ("POST", f"{API}/runs"): self._create_run,
            ("GET", f"{API}/runs"): self._list_runs,
            ("GET", f"{API}/runs/([^/:]+)"): self._get_run,
            ("POST", f"{API}/runs/([^/:]+):terminate"): self._terminate,
            ("POST", f"{API}/recurringruns"): self._create_recurring,
            ("GET", f"{API}/recurringruns"): self._list_recurring,
            ("POST", f"{API}/recurringruns/([^/:]+):(enable|disable)"): self._switch_recurring,
            ("DELETE", f"{API}/recurringruns/([^/:]+)"): self._delete_recurring,
        }

    def error(self, status: int, message: str) -> Any:
        return {"error": message, "code": CODES.get(status, 2), "message": message, "details": []}

    def _create_experiment(self, request: Request) -> Any:
        name = request.body.get("display_name", "")
        if any(one["display_name"] == name for one in self.experiments.values()):
            raise Refused(409, f"Experiment {name} already exists.")
        if bool(request.body.get("namespace")) != self.multi_user:
            raise Refused(400, "Invalid input error: the namespace must be given in multi-user mode, and only there.")
        made = {"experiment_id": str(uuid.uuid4()), "display_name": name, "created_at": now()}
        self.experiments[made["experiment_id"]] = made
        return made

    def _list_experiments(self, request: Request) -> Any:
        return _page(request, "experiments", _filtered(request, list(self.experiments.values())))

    def _create_run(self, request: Request) -> Any:
        body = request.body
        if body.get("experiment_id") not in self.experiments:
            raise Refused(404, f"Experiment {body.get('experiment_id')} not found.")
        if not body.get("display_name"):
            raise Refused(400, "Invalid input error: The run name is empty.")
        require_valid_spec(body)
        run = {**body, "run_id": str(uuid.uuid4()), "created_at": now(), "state": "PENDING"}
        run["run_details"] = {"task_details": []}
        self.runs[run["run_id"]] = run
        return run

    def _run(self, name: str) -> dict[str, Any]:
        if name not in self.runs:
            raise Refused(404, f"Run {name} not found.")
        return self.runs[name]

    def _get_run(self, request: Request, name: str) -> Any:
        run = self._run(name)
        if run["state"] not in OVER:
            self._advance(run)
        return run

    def _list_runs(self, request: Request) -> Any:
        runs = _filtered(request, list(self.runs.values()))
        experiment = request.query.get("experiment_id")
        runs = [run for run in runs if experiment in (None, run["experiment_id"])]
        return _page(request, "runs", sorted(runs, key=lambda run: run["created_at"], reverse=True))

    def _terminate(self, request: Request, name: str) -> Any:
        run = self._run(name)
        if run["state"] in OVER:
            raise Refused(400, f"Failed to terminate the run: it is {run['state']}.")
        run |= {"state": "CANCELED", "finished_at": now()}
        return {}

    def _advance(self, run: dict[str, Any]) -> None:
        """One look: what runs is done, and the next begins."""
        details = run["run_details"]["task_details"]
        order = list(in_order(run["pipeline_spec"]["root"]["dag"]["tasks"]))
        for detail in details:
            if detail["state"] == "RUNNING" and detail["display_name"] in order:
                self._finish(run, detail)
        done = [one for one in details if one["display_name"] in order]
        if run["state"] in OVER:
            return
        if len(done) == len(order):
            run |= {"state": "SUCCEEDED", "finished_at": now()}
            return
        if not details:
            run["state"] = "RUNNING"
            details += [{"task_id": "0", "display_name": name, "state": "RUNNING"} for name in ("root", "root-driver")]
        name = order[len(done)]
        times = {"create_time": now(), "start_time": now()}
        details.append({"task_id": str(len(details)), "display_name": name, "state": "RUNNING", **times})

    def _finish(self, run: dict[str, Any], detail: dict[str, Any]) -> None:
        state = self.outcomes.get(detail["display_name"], "SUCCEEDED")
        detail |= {"state": state, "end_time": now()}
        if state == "FAILED":
            detail["error"] = {"code": 13, "message": "main: Error (exit code 1)"}
            detail["child_tasks"] = [{"pod_name": f"small-{detail['task_id']}-impl"}]
            run |= {"state": "FAILED", "finished_at": now(), "error": {"code": 13, "message": "a task failed"}}

    def _create_recurring(self, request: Request) -> Any:
        body = request.body
        if body.get("experiment_id") not in self.experiments:
            raise Refused(404, f"Experiment {body.get('experiment_id')} not found.")
        cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
        if len(cron.split()) != 6 or "=" in cron or cron_problem(cron):
            raise Refused(400, f"Schedule cron is not a supported format: {cron!r}")
        if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
            raise Refused(400, "The max concurrency of the recurring run is out of range: 1 to 10.")
        require_valid_spec(body)
        made = {**body, "recurring_run_id": str(uuid.uuid4()), "created_at": now(), "status": "ENABLED"}
        self.recurring[made["recurring_run_id"]] = made
        return made

    def _list_recurring(self, request: Request) -> Any:
        return _page(request, "recurringRuns", list(self.recurring.values())[::-1])

    def _switch_recurring(self, request: Request, name: str, mode: str) -> Any:
        if name not in self.recurring:
            raise Refused(404, f"Recurring run {name} not found.")
        self.recurring[name]["status"] = f"{mode.upper()}D"
        return {}

    def _delete_recurring(self, request: Request, name: str) -> Any:
        if self.recurring.pop(name, None) is None:
            raise Refused(404, f"Recurring run {name} not found.")
        return {}


def _filtered(request: Request, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = json.loads(request.query.get("filter") or "{}")
    for predicate in wanted.get("predicates", []):
        if predicate["operation"] not in (1, "EQUALS"):
            raise Refused(400, f"Invalid filter: {wanted}")
        items = [one for one in items if one.get(predicate["key"]) == predicate["stringValue"]]
    return items


def _page(request: Request, key: str, items: list[Any]) -> Any:
    size = int(request.query.get("page_size") or 20)
    start = int(request.query.get("page_token") or 0)
    after = {"next_page_token": str(start + size)} if start + size < len(items) else {}
    return {key: items[start : start + size], **after}


def require_valid_spec(body: dict[str, Any]) -> None:
    """Refuses what the backend refuses of a run or a recurring run."""
    spec = body.get("pipeline_spec", {})
    job = from_documents([spec.get("pipeline_spec", spec)])
    if job.schema_version != "2.1.0":
        raise Refused(400, f"Invalid input error: only schema version 2.1.0 is supported, got {job.schema_version!r}.")
    resolvers = [label for label, executor in job.executors.items() if "resolver" in executor]
    if resolvers:
        raise Refused(400, f"Not implemented: resolver executors ({', '.join(resolvers)}).")
    given = body.get("runtime_config", {}).get("parameters", {})
    missing = sorted(
        name
        for name, said in job.parameters.items()
        if name not in {**job.effective_values, **given} and not said.optional
    )
    if missing:
        raise Refused(400, f"Invalid input error: missing required input parameter(s): {', '.join(missing)}.")
    unknown = sorted(set(given) - set(job.parameters))
    if unknown:
        raise Refused(400, f"Invalid input error: unexpected input parameter(s): {', '.join(unknown)}.")
