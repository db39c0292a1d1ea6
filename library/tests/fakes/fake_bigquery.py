"""Stands for BigQuery (REST v2): data sets, tables, rows by pages, queries, and load jobs of Parquet.

It enforces what the service enforces and its client does not: one location a job, ids that are taken, what may be in a
column's name, and which tables may be written. It knows no SQL but the whole of a table and columns of one: other
queries give what `results` says. A job runs when it is looked at.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

import pyarrow as pa
import pyarrow.parquet as pq
from fake_service import FakeGoogleService, Refused, Request, WithHeaders

PROJECT = r"/bigquery/v2/projects/([^/]+)"
TABLE = rf"{PROJECT}/datasets/([^/]+)/tables/([^/]+)"
SELECT = re.compile(r"SELECT (\*|`.+`) FROM `([^`]+)`")
COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
RESULTS = "_results"


@dataclass
class Table:
    """A table: types by column, `STRING*` for a repeated one, and rows."""

    types: dict[str, str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> dict[str, Any]:
        """As the service writes it."""
        fields = [
            {"name": name, "type": kind.rstrip("*"), "mode": "REPEATED" if kind.endswith("*") else "NULLABLE"}
            for name, kind in self.types.items()
        ]
        return {"fields": fields}


@dataclass
class FakeBigQuery(FakeGoogleService):
    """BigQuery in one process.

    Args:
        datasets: the location of each data set, by PROJECT.DATASET.
        tables: by PROJECT.DATASET.TABLE.
        results: what a query gives, by its text; a text in its place is why it fails once it runs.
        denied: PROJECT.DATASET that may not be looked at, and projects in which no job may run.
        page_rows: rows of a page at most.
        looks: at which a job is still at work.
    """

    datasets: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    page_rows: int = 7
    looks: int = 1
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)

    def routes(self) -> dict[tuple[str, str], Callable[..., Any]]:
        return {
            ("POST", f"{PROJECT}/jobs"): self._query,
            ("GET", f"{PROJECT}/jobs/([^/]+)"): self._look,
            ("POST", f"{PROJECT}/jobs/([^/]+)/cancel"): self._cancel,
            ("GET", f"{PROJECT}/datasets/([^/]+)"): self._dataset,
            ("GET", TABLE): self._table,
            ("GET", f"{TABLE}/data"): self._rows,
            ("POST", f"/upload{PROJECT}/jobs"): self._begin_upload,
            ("PUT", f"/upload{PROJECT}/jobs"): self._upload,
        }

    def _dataset(self, request: Request, project: str, dataset: str) -> Any:
        reference = {"projectId": project, "datasetId": dataset}
        return {"datasetReference": reference, "location": self._location(f"{project}.{dataset}")}

    def _location(self, dataset: str) -> str:
        if dataset in self.denied:
            raise Refused(403, f"Access Denied: Dataset {dataset}: Permission bigquery.datasets.get denied")
        if dataset not in self.datasets:
            raise Refused(404, f"Not found: Dataset {dataset.replace('.', ':')}")
        return self.datasets[dataset]

    def _existing(self, name: str) -> Table:
        if not name.split(".")[1].startswith(RESULTS):
            self._location(name.rpartition(".")[0])
        if name not in self.tables:
            raise Refused(404, f"Not found: Table {name.replace('.', ':', 1)}")
        return self.tables[name]

    def _table(self, request: Request, project: str, dataset: str, table: str) -> Any:
        there = self._existing(f"{project}.{dataset}.{table}")
        reference = {"projectId": project, "datasetId": dataset, "tableId": table}
        return {"tableReference": reference, "schema": there.schema, "numRows": str(len(there.rows)), "type": "TABLE"}

    def _rows(self, request: Request, project: str, dataset: str, table: str) -> Any:
        there = self._existing(f"{project}.{dataset}.{table}")
        names = [name for name in there.types if name in request.query["selectedFields"].split(",")]
        start = int(request.query.get("pageToken", 0))
        page = there.rows[start : start + self.page_rows]
        answer: dict[str, Any] = {
            "totalRows": str(len(there.rows)),
            "rows": [{"f": [{"v": _value(row[name])} for name in names]} for row in page],
        }
        return answer | ({"pageToken": str(start + len(page))} if start + len(page) < len(there.rows) else {})

    def _query(self, request: Request, project: str) -> Any:
        if project in self.denied:
            raise Refused(403, f"Access Denied: Project {project}: User does not have bigquery.jobs.create permission")
        settings, sql = request.body["configuration"], request.body["configuration"]["query"]["query"]
        result, location = self._result(sql)
        if settings.get("dryRun"):
            kind = "SELECT" if isinstance(result, Table) else sql.split()[0]
            about = {"statementType": kind} | ({"schema": result.schema} if isinstance(result, Table) else {})
            reference = {"projectId": project, "location": location}
            return {
                "jobReference": reference, "configuration": settings, "status": {"state": "DONE"},
                "statistics": {"query": about},
            }  # fmt: skip
        name = f"{RESULTS}.anon{len(self.jobs)}"
        dataset, table = name.split(".")
        settings["query"]["destinationTable"] = {"projectId": project, "datasetId": dataset, "tableId": table}

        def run() -> None:
            failure = self.results.get(f"failure of {sql}")
            if failure:
                raise Refused(400, failure)
            self.tables[f"{project}.{name}"] = result

        return self._made(request.body, project, location, run)

    def _result(self, sql: str) -> tuple[Any, str]:
        if match := SELECT.fullmatch(sql):
            there = self._existing(match[2])
            names = list(there.types) if match[1] == "*" else re.findall(r"`([^`]+)`", match[1])
            kept = Table({name: there.types[name] for name in names}, there.rows)
            return kept, self._location(match[2].rpartition(".")[0])
        if sql not in self.results:
            raise Refused(400, 'Syntax error: Expected end of input but got keyword "FORM" at [1:10]')
        return self.results[sql], "US"

    def _made(self, body: dict[str, Any], project: str, location: str, run: Callable[[], None]) -> Any:
        job_id = body["jobReference"]["jobId"]
        if job_id in self.jobs:
            raise Refused(409, f"Already Exists: Job {project}:{location}.{job_id}")
        reference = {"projectId": project, "jobId": job_id, "location": location}
        self.jobs[job_id] = {
            **body, "jobReference": reference, "status": {"state": "RUNNING"}, "run": run, "looks": self.looks,
        }  # fmt: skip
        return self._shown(job_id)

    def _shown(self, job_id: str) -> Any:
        return {name: value for name, value in self.jobs[job_id].items() if name not in ("run", "looks")}

    def _look(self, request: Request, project: str, job_id: str) -> Any:
        job = self.jobs.get(job_id)
        if job is None or job["jobReference"]["location"] != request.query.get("location", "US"):
            raise Refused(404, f"Not found: Job {project}:{job_id}")
        if job["status"]["state"] == "RUNNING":
            job["looks"] -= 1
            if job["looks"] < 0:
                job["status"] = self._ran(job["run"])
        return self._shown(job_id)

    @staticmethod
    def _ran(run: Callable[[], None]) -> dict[str, Any]:
        reasons = {400: "invalid", 403: "accessDenied", 404: "notFound", 409: "duplicate"}
        try:
            run()
        except Refused as refusal:
            error = {"reason": reasons[refusal.status], "message": refusal.message}
            return {"state": "DONE", "errorResult": error, "errors": [error]}
        return {"state": "DONE"}

    def _cancel(self, request: Request, project: str, job_id: str) -> Any:
        error = {"reason": "stopped", "message": "Job execution was cancelled"}
        self.jobs[job_id]["status"] = {"state": "DONE", "errorResult": error}
        return {"job": self._shown(job_id)}

    def _begin_upload(self, request: Request, project: str) -> Any:
        upload = str(len(self.uploads))
        self.uploads[upload] = request.body
        place = f"{self.url}{request.path}?uploadType=resumable&upload_id={upload}"
        return WithHeaders({}, {"Location": place})

    def _upload(self, request: Request, project: str) -> Any:
        body = self.uploads[request.query["upload_id"]]
        content: bytes = request.body
        job_id, location = body["jobReference"]["jobId"], body["jobReference"]["location"]
        if job_id in self.jobs:  # whoever asks again for an upload that is over is told how it ended
            return self._shown(job_id)
        return self._made(body, project, location, lambda: self._load(body["configuration"]["load"], location, content))

    def _load(self, settings: dict[str, Any], location: str, content: bytes) -> None:
        target = settings["destinationTable"]
        dataset = f"{target['projectId']}.{target['datasetId']}"
        if self._location(dataset) != location:
            raise Refused(404, f"Not found: Dataset {dataset} was not found in location {location}")
        name, rows = f"{dataset}.{target['tableId']}", pq.read_table(io.BytesIO(content))
        _require_lists(content)
        types = {field.name: _type(field.type) for field in rows.schema}
        _require_columns(types, settings.get("schema"))
        there = self.tables.get(name)
        disposition = settings["writeDisposition"]
        if there and there.rows and disposition == "WRITE_EMPTY":
            raise Refused(409, f"Already Exists: Table {name.replace('.', ':', 1)}")
        if there and disposition != "WRITE_TRUNCATE" and not types.items() <= there.types.items():
            raise Refused(400, f"Provided Schema does not match Table {name}")
        before = there if there and disposition == "WRITE_APPEND" else Table(types)
        said = {one["name"]: one.get("description", "") for one in settings.get("schema", {}).get("fields", ())}
        self.tables[name] = Table(before.types, [*before.rows, *rows.to_pylist()], said)


def _require_lists(content: bytes) -> None:
    """As `enable_list_inference` knows them; of others it makes records."""
    parquet = pq.ParquetFile(io.BytesIO(content)).schema
    for place in range(len(parquet)):
        path = parquet.column(place).path
        if "." in path and not path.endswith(".list.element"):
            raise Refused(400, f"{path} is a record")


def _require_columns(types: dict[str, str], schema: Optional[dict[str, Any]]) -> None:
    for name in types:
        if not COLUMN.fullmatch(name):
            raise Refused(400, f'Invalid field name "{name}".')
    if len({name.lower() for name in types}) < len(types):
        raise Refused(400, "Duplicate field names")
    for one in schema["fields"] if schema else ():
        kind = one["type"] + ("*" if one["mode"] == "REPEATED" else "")
        if types.get(one["name"]) != kind:
            raise Refused(400, f"Field {one['name']} has changed type from {types.get(one['name'])} to {kind}")


def _type(of: pa.DataType) -> str:
    if pa.types.is_list(of):
        return f"{_type(of.value_type)}*"
    if pa.types.is_integer(of):
        return "INTEGER"
    return "FLOAT" if pa.types.is_floating(of) else "STRING"


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [{"v": _value(one)} for one in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
