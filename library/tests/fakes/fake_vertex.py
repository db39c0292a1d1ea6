"""Stands for Vertex AI Pipelines (REST v1) and for the one question to Cloud Storage that Millrace asks.

It enforces what the service enforces and its client does not. The rules are those of the resources' reference
(`PipelineJob`, `Schedule`), of the label and bucket name requirements of Google Cloud, and of its machines.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

from fake_service import FakeGoogleService, Refused, Request, now

from millrace.catalog.cron import cron_problem
from millrace.catalog.machines import step_objections
from millrace.catalog.regions import region_objections
from millrace.jobspec.graphs import in_order
from millrace.jobspec.job import from_documents

PARENT = r"/v1/(projects/[^/]+/locations/[^/]+)"
JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+\.gserviceaccount\.com")
NETWORK = re.compile(r"projects/\d+/global/networks/[a-z][a-z0-9-]{0,62}")
KEY = re.compile(r"projects/[^/]+/locations/([^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
TEMPLATE = re.compile(r"https://[a-z0-9-]+-kfp\.pkg\.dev/[^/]+/[^/]+/[^/]+/sha256:[0-9a-f]{64}")
CRON = re.compile(r"((CRON_)?TZ=\S+ )?(\S+ ){4}\S+")
OVER = ("PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED")

# Told of each task of a job as it goes: its name, its state in Vertex's words, and an error.
Tell = Callable[[str, str, str], None]


@dataclass
class FakeVertex(FakeGoogleService):
    """Vertex AI in one process.

    Args:
        buckets: the buckets that there are.
        outcomes: the final state of a task, by its name, where it is not SUCCEEDED.
        codes: what the container of a failed task exits with, by the task's name, where it is not 1.
        outputs: what a task puts out, by its name: lists of artifacts by key, as in `PipelineTaskDetail.outputs`.
        work: does a job's work in a thread of its own; without it a job advances a little each time it is looked at.
            It gets the job as it was received and whom to tell, and returns whether the job succeeded.
        models: the versions that batch predictions may name.
        predict: does a batch prediction's work: gets the job, and returns the folder of its answers; a ValueError is
            why it failed. Without it a prediction never ends.
    """

    buckets: set[str] = field(default_factory=lambda: {"a-bucket"})
    outcomes: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    work: Optional[Callable[[dict[str, Any], Tell], bool]] = None
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    made_schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    predict: Optional[Callable[[dict[str, Any]], str]] = None
    predictions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {
            ("POST", f"{PARENT}/pipelineJobs"): self._create,
            ("GET", f"{PARENT}/pipelineJobs"): self._list,
            ("GET", f"{PARENT}/pipelineJobs/([^/:]+)"): self._get,
            ("POST", f"{PARENT}/pipelineJobs/([^/:]+):cancel"): self._cancel,
            ("POST", f"{PARENT}/schedules"): self._create_schedule,
            ("GET", f"{PARENT}/schedules"): self._list_schedules,
            ("PATCH", f"{PARENT}/schedules/([^/:]+)"): self._change_schedule,
            ("POST", f"{PARENT}/schedules/([^/:]+):pause"): self._pause_schedule,
            ("POST", f"{PARENT}/schedules/([^/:]+):resume"): self._resume_schedule,
            ("DELETE", f"{PARENT}/schedules/([^/:]+)"): self._delete_schedule,
            ("POST", f"{PARENT}/batchPredictionJobs"): self._create_prediction,
            ("GET", f"{PARENT}/batchPredictionJobs"): self._list_predictions,
            ("GET", f"{PARENT}/batchPredictionJobs/([^/:]+)"): self._get_prediction,
            ("POST", f"{PARENT}/batchPredictionJobs/([^/:]+):cancel"): self._cancel_prediction,
            ("GET", r"/storage/v1/b/([^/]+)"): self._bucket,
        }

    def _create(self, request: Request, parent: str) -> Any:
        name = request.query.get("pipelineJobId", "")
        if not JOB_ID.fullmatch(name):
            raise Refused(400, f"Invalid pipeline job id {name!r}: it must match {JOB_ID.pattern}")
        if f"{parent}/pipelineJobs/{name}" in self.jobs:
            raise Refused(409, f"PipelineJob {name} already exists.")
        require_valid_job(request.body, parent.rsplit("/", 1)[1])
        return self.add(parent, name, request.body)

    def add(self, parent: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Makes a job, as a request or a schedule does."""
        said = {key: value for key, value in body.items() if key != "templateMetadata"}
        if uri := said.get("templateUri", ""):
            # Of a tag the service would ask Artifact Registry, by a role of its own agent's.
            said["templateMetadata"] = {"version": uri.rsplit("/", 1)[1]}
        job = {**said, "name": f"{parent}/pipelineJobs/{name}", "createTime": now(), "updateTime": now()}
        job |= {"state": "PIPELINE_STATE_PENDING", "jobDetail": {"taskDetails": []}}
        self.jobs[job["name"]] = job
        if self.work:
            threading.Thread(target=self._work, args=(job,), daemon=True).start()
        return job

    def _get(self, request: Request, parent: str, name: str) -> Any:
        job = self._job(parent, name)
        if not self.work and job["state"] not in OVER:
            self._advance(job)
        return job

    def _job(self, parent: str, name: str) -> dict[str, Any]:
        if f"{parent}/pipelineJobs/{name}" not in self.jobs:
            raise Refused(404, f"The PipelineJob {parent}/pipelineJobs/{name} does not exist.")
        return self.jobs[f"{parent}/pipelineJobs/{name}"]

    def _list(self, request: Request, parent: str) -> Any:
        jobs = [job for name, job in self.jobs.items() if name.startswith(f"{parent}/")]
        named = r'pipeline_name="([^"]*)"(?: AND labels\.(\w+)="([^"]*)")?'
        wanted = re.fullmatch(named, request.query.get("filter", ""))
        if wanted:
            jobs = [job for job in jobs if job["pipelineSpec"]["pipelineInfo"]["name"] == wanted[1]]
            jobs = [job for job in jobs if not wanted[2] or job.get("labels", {}).get(wanted[2]) == wanted[3]]
        elif request.query.get("filter"):
            raise Refused(400, f"Invalid filter: {request.query['filter']}")
        jobs.sort(key=lambda job: job["createTime"], reverse=True)
        return _page(request, "pipelineJobs", [{**job, "jobDetail": {}} for job in jobs])

    def _cancel(self, request: Request, parent: str, name: str) -> Any:
        job = self._job(parent, name)
        if job["state"] in OVER:
            raise Refused(400, f"The PipelineJob is in state {job['state']} and cannot be cancelled.")
        job |= {"state": "PIPELINE_STATE_CANCELLED", "endTime": now(), "error": {"code": 1, "message": "Cancelled."}}
        return {}

    def _advance(self, job: dict[str, Any]) -> None:
        """One look: what runs is done, and the next begins."""
        details = job["jobDetail"]["taskDetails"]
        order = list(in_order(job["pipelineSpec"]["root"]["dag"]["tasks"]))
        running = [one for one in details if one["state"] == "RUNNING" and "parentTaskId" in one]
        for task in running:
            self._finish(job, task["taskName"], self.outcomes.get(task["taskName"], "SUCCEEDED"))
        done = [one["taskName"] for one in details if "parentTaskId" in one]
        if job["state"] not in OVER and len(done) < len(order):
            self._begin(job, order[len(done)])
        elif job["state"] not in OVER:
            job |= {"state": "PIPELINE_STATE_SUCCEEDED", "endTime": now()}

    def _begin(self, job: dict[str, Any], task: str) -> None:
        details = job["jobDetail"]["taskDetails"]
        if not details:
            job |= {"state": "PIPELINE_STATE_RUNNING", "startTime": now()}
            # The service tells of the whole graph as of a task that bears the job's name.
            details.append({"taskId": "1", "taskName": job["name"].rsplit("/", 1)[1], "state": "RUNNING"})
        main = f"{job['name'].split('/pipelineJobs/')[0]}/customJobs/{len(details)}"
        details.append(
            {
                "taskId": str(len(details) + 1),
                "parentTaskId": "1",
                "taskName": task,
                "createTime": now(),
                "startTime": now(),
                "state": "RUNNING",
                "executorDetail": {"containerDetail": {"mainJob": main}},
            }
        )

    def _finish(self, job: dict[str, Any], task: str, state: str, error: str = "") -> None:
        detail = next(one for one in job["jobDetail"]["taskDetails"] if one["taskName"] == task)
        detail |= {"state": state, "endTime": now(), "outputs": self.outputs.get(task, {})}
        if state == "FAILED":
            error = error or f"The replica workerpool0-0 exited with a non-zero status of {self.codes.get(task, 1)}."
            detail["error"] = {"code": 9, "message": error}
            text = f"The DAG failed because some tasks failed. The failed tasks are: [{task}]."
            job |= {"state": "PIPELINE_STATE_FAILED", "endTime": now(), "error": {"code": 9, "message": text}}

    def _work(self, job: dict[str, Any]) -> None:
        def tell(task: str, state: str, error: str = "") -> None:
            with self.lock:
                if not any(one["taskName"] == task for one in job["jobDetail"]["taskDetails"]):
                    self._begin(job, task)
                if state != "RUNNING":
                    self._finish(job, task, state, error)

        assert self.work
        succeeded = self.work(job, tell)
        with self.lock:
            job |= {"state": f"PIPELINE_STATE_{'SUCCEEDED' if succeeded else 'FAILED'}", "endTime": now()}

    def _create_schedule(self, request: Request, parent: str) -> Any:
        body = request.body
        _require_valid_times(body)
        if not body.get("displayName") or int(body.get("maxConcurrentRunCount", 0)) < 1:
            raise Refused(400, "display_name and max_concurrent_run_count are required.")
        asked = body.get("createPipelineJobRequest", {})
        if asked.get("parent") != parent:
            raise Refused(400, "create_pipeline_job_request.parent must be the schedule's own location.")
        require_valid_job(asked.get("pipelineJob", {}), parent.rsplit("/", 1)[1])
        name = f"{parent}/schedules/{1000 + len(self.made_schedules)}"
        made = {"name": name, "state": "ACTIVE", "createTime": now(), "nextRunTime": now()}
        self.made_schedules[name] = {**body, **made}
        return self.made_schedules[name]

    def _list_schedules(self, request: Request, parent: str) -> Any:
        return _page(request, "schedules", list(self.made_schedules.values())[::-1])

    def _schedule(self, parent: str, name: str, *states: str) -> dict[str, Any]:
        """A schedule that is in one of some states."""
        made = self.made_schedules.get(f"{parent}/schedules/{name}")
        if made is None:
            raise Refused(404, f"The Schedule {parent}/schedules/{name} does not exist.")
        _require(made["state"] in states, f"The Schedule is in state {made['state']}.")
        return made

    def _pause_schedule(self, request: Request, parent: str, name: str) -> Any:
        self._schedule(parent, name, "ACTIVE")["state"] = "PAUSED"
        return {}

    def _resume_schedule(self, request: Request, parent: str, name: str) -> Any:
        catch_up = bool((request.body or {}).get("catchUp"))
        self._schedule(parent, name, "PAUSED").update(state="ACTIVE", catchUp=catch_up)
        return {}

    def _change_schedule(self, request: Request, parent: str, name: str) -> Any:
        made = self._schedule(parent, name, "ACTIVE", "PAUSED")
        fields = [one for one in request.query.get("updateMask", "").split(",") if one]
        known = ("cron", "maxConcurrentRunCount", "allowQueueing", "startTime", "endTime", "maxRunCount", "displayName")
        unknown = [one for one in fields if one not in known]
        _require(fields and not unknown, f"Invalid update mask: {', '.join(unknown) or 'it is empty'}")
        said = {key: value for key, value in request.body.items() if key in fields}
        changed = {**{key: value for key, value in made.items() if key not in fields}, **said}
        _require_valid_times(changed)
        made.clear()
        made.update(changed)
        return made

    def _delete_schedule(self, request: Request, parent: str, name: str) -> Any:
        if self.made_schedules.pop(f"{parent}/schedules/{name}", None) is None:
            raise Refused(404, f"The Schedule {parent}/schedules/{name} does not exist.")
        answer = {"@type": "type.googleapis.com/google.protobuf.Empty"}
        return {"name": f"{parent}/operations/1", "done": True, "response": answer}

    def _create_prediction(self, request: Request, parent: str) -> Any:
        body = request.body
        require_valid_prediction(body)
        if body["model"] not in self.models:
            raise Refused(404, f"The Model {body['model']} does not exist.")
        name = f"{parent}/batchPredictionJobs/{2000 + len(self.predictions)}"
        self.predictions[name] = {**body, "name": name, "createTime": now(), "state": "JOB_STATE_PENDING"}
        return self.predictions[name]

    def _list_predictions(self, request: Request, parent: str) -> Any:
        wanted = re.fullmatch(r'labels\.millrace="([^"]*)"', request.query.get("filter", ""))
        if not wanted:
            raise Refused(400, f"Invalid filter: {request.query.get('filter')}")
        jobs = [job for job in self.predictions.values() if job.get("labels", {}).get("millrace") == wanted[1]]
        return _page(request, "batchPredictionJobs", jobs)

    def _get_prediction(self, request: Request, parent: str, name: str) -> Any:
        job = self.predictions[f"{parent}/batchPredictionJobs/{name}"]
        if job["state"] == "JOB_STATE_PENDING":
            job["state"] = "JOB_STATE_RUNNING"
        elif job["state"] == "JOB_STATE_RUNNING" and self.predict:
            try:
                job |= {"state": "JOB_STATE_SUCCEEDED", "outputInfo": {"gcsOutputDirectory": self.predict(job)}}
            except ValueError as error:
                job |= {"state": "JOB_STATE_FAILED", "error": {"code": 3, "message": str(error)}}
        return job

    def _cancel_prediction(self, request: Request, parent: str, name: str) -> Any:
        self.predictions[f"{parent}/batchPredictionJobs/{name}"]["state"] = "JOB_STATE_CANCELLED"
        return {}

    def _bucket(self, request: Request, name: str) -> Any:
        if name not in self.buckets:
            raise Refused(404, "The specified bucket does not exist.")
        return {"kind": "storage#bucket", "name": name, "location": "US-CENTRAL1"}


def _require_valid_times(schedule: dict[str, Any]) -> None:
    _require(CRON.fullmatch(schedule.get("cron", "")), f"Invalid cron expression: {schedule.get('cron')!r}")
    _require(not cron_problem(schedule["cron"]), f"Invalid cron expression: {schedule['cron']!r}")
    _require(schedule.get("endTime", "9") > now(), "end_time must be in the future.")


def _page(request: Request, key: str, items: list[Any]) -> Any:
    size = int(request.query.get("pageSize") or 100)
    start = int(request.query.get("pageToken") or 0)
    after = {"nextPageToken": str(start + size)} if start + size < len(items) else {}
    return {key: items[start : start + size], **after}


def require_valid_job(body: dict[str, Any], region: str) -> None:
    """Refuses what the service refuses.

    Args:
        body: a `PipelineJob`.
        region: where it is to run.
    """
    _require(0 < len(body.get("displayName", "")) <= 128, "display_name must have 1 to 128 characters.")
    for key, value in body.get("labels", {}).items():
        _require(LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value), f"Invalid label {key!r}: {value!r}.")
    account, network = body.get("serviceAccount"), body.get("network")
    _require(account is None or ACCOUNT.fullmatch(account), f"Invalid service account: {account!r}.")
    _require(network is None or NETWORK.fullmatch(network), f"Invalid network name: {network!r}.")
    _require(network or not body.get("reservedIpRanges"), "reserved_ip_ranges can only be set with a network.")
    key = body.get("encryptionSpec", {}).get("kmsKeyName")
    found = KEY.fullmatch(key or "")
    _require(key is None or found, f"Invalid CMEK resource name: {key!r}.")
    _require(not found or found[1] == region, f"The CMEK key is in {found and found[1]}, the job in {region}.")
    template = body.get("templateUri")
    _require(template is None or TEMPLATE.fullmatch(template), f"Invalid template uri: {template!r}.")
    _require(not any(one.certain for one in region_objections(region)), f"Location {region} is not found.")
    _require_valid_spec(body)
    for label, executor in body["pipelineSpec"].get("deploymentSpec", {}).get("executors", {}).items():
        _require_machine(label, executor.get("container", {}).get("resources", {}))


def require_valid_prediction(body: dict[str, Any]) -> None:
    """Refuses what the service refuses.

    Args:
        body: a `BatchPredictionJob`.
    """
    _require(0 < len(body.get("displayName", "")) <= 128, "display_name must have 1 to 128 characters.")
    for key, value in body.get("labels", {}).items():
        _require(LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value), f"Invalid label {key!r}: {value!r}.")
    source, target = body.get("inputConfig", {}), body.get("outputConfig", {})
    _require(source.get("instancesFormat") in ("jsonl", "csv", "tf-record", "tf-record-gzip"), "Invalid format.")
    _require(target.get("predictionsFormat") in ("jsonl", "csv"), "Invalid format of predictions.")
    places = [*source.get("gcsSource", {}).get("uris", []), target.get("gcsDestination", {}).get("outputUriPrefix", "")]
    _require(len(places) > 1 and all(re.match(r"gs://[a-z0-9]", place) for place in places), "A place is no gs:// URI.")
    machine = body.get("dedicatedResources", {}).get("machineSpec", {}).get("machineType", "")
    _require(machine, "machine_type is required.")


def _require_machine(label: str, asked: dict[str, Any]) -> None:
    accelerator = asked.get("accelerator", {})
    count = int(accelerator.get("count", 1))
    limits = float(asked.get("cpuLimit", 0)), float(asked.get("memoryLimit", 0))
    wrong = [one.what for one in step_objections(*limits, accelerator.get("type", ""), count) if one.certain]
    _require(not wrong, f"Invalid machine of {label}: {'; '.join(wrong)}")


def _require_valid_spec(body: dict[str, Any]) -> None:
    spec, runtime = body.get("pipelineSpec", {}), body.get("runtimeConfig", {})
    name = spec.get("pipelineInfo", {}).get("name", "")
    _require(PIPELINE_NAME.fullmatch(name), f"Invalid pipeline name {name!r}: must match {PIPELINE_NAME.pattern}.")
    _require(spec.get("schemaVersion") in ("2.0.0", "2.1.0"), f"Unsupported schema {spec.get('schemaVersion')!r}.")
    root = runtime.get("gcsOutputDirectory", "")
    _require(re.match(r"gs://[a-z0-9]", root), f"The pipeline root must be a Cloud Storage path, got {root!r}.")
    job = from_documents([body])
    values = job.effective_values
    missing = sorted(name for name, said in job.parameters.items() if name not in values and not said.optional)
    _require(not missing, f"Missing required runtime parameters: {', '.join(missing)}.")
    unknown = sorted(set(values) - set(job.parameters))
    _require(not unknown, f"Unknown runtime parameters: {', '.join(unknown)}.")


def _require(holds: object, message: str) -> None:
    if not holds:
        raise Refused(400, message)
