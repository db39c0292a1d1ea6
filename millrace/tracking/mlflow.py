"""Runs, parameters, metrics and model versions for MLflow, as often as one likes: what is there is not told twice.

A run of Millrace is one run of MLflow, found again by the tag `millrace.run`. All that is told of it has the times of
the run itself, so that a run which was told by half is told again, and MLflow keeps each value once. Models stay where
they were pushed: a version's source is a folder of the run's artifacts that says where, and what it was made from.
"""

import contextlib
import json
import os
import re
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, Optional

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.base.secrets import cut
from millrace.cloud.remote.failures import ServiceFailure
from millrace.config.config import Config
from millrace.console.pages.runs import is_for_serving
from millrace.console.report import report
from millrace.metadata import provenance
from millrace.metadata.run_summaries import Runs
from millrace.tracking.facts import RunFacts, points_of, run_facts

Outcome = Literal["new", "completed", "unchanged", "deleted"]

_RUN, _WHOLE = "millrace.run", "millrace.whole"
_REPORT, _MODEL = "report.html", "pushed_model"
# MLflow's limits of one request, of a key and of a parameter's value.
_PARAMETERS, _TAGS, _METRICS, _KEY, _VALUE = 100, 100, 1000, 250, 6000
_SECONDS = 5.0
_UNKEYED = re.compile(r"[^\w\-. :/]")
# The client tells its makers nothing, does not try for minutes, and leaves it to the command to print.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_STATUS = {
    State.DONE: "FINISHED",
    State.CACHED: "FINISHED",
    State.RUNNING: "RUNNING",
    State.KILLED: "KILLED",
    State.INTERRUPTED: "KILLED",
}


@dataclass(frozen=True)
class TrackedRun:
    """What became of one run on the server.

    Args:
        run_id: the run's id.
        outcome: `new`; `completed`, where it was there in part; `unchanged`; or `deleted`, by somebody on the server,
            where it is not written again.
        tracked_as: MLflow's id of the run.
        version: MLflow's number of its model's version; empty where it pushed none that is served.
    """

    run_id: str
    outcome: Outcome
    tracked_as: str
    version: str = ""


def track(config: Config, address: str, run_ids: Iterable[str], experiment: str = "") -> Iterator[TrackedRun]:
    """Tells an MLflow server about runs.

    Args:
        config: the pipeline's configuration.
        address: of the server, beginning with http.
        run_ids: the runs, in the order in which they are written.
        experiment: MLflow's experiment; the pipeline's name where it is empty.

    Yields:
        What became of each, as soon as it is known.

    Raises:
        BadInput: the client is not installed, the address is none, or the experiment was deleted there.
        ServiceFailure: the server does not answer, or refuses.
    """
    client = _client(address)
    runs = Runs(config)
    with _explained(address):
        of_experiment = _experiment(client, experiment or config.name)
    for run_id in run_ids:
        facts = run_facts(runs, run_id)
        if facts is not None:
            with _explained(address):
                yield _Tracking(client, of_experiment, facts).write()


@dataclass(frozen=True)
class _Tracking:
    """One run on its way to a server."""

    client: Any
    experiment: str
    facts: RunFacts

    @property
    def _run_id(self) -> str:
        return self.facts.run_id

    @property
    def _runs(self) -> Runs:
        return self.facts.runs

    def write(self) -> TrackedRun:
        summary = self.facts.detail.summary
        known = self._known()
        if known is not None and known.info.lifecycle_stage == "deleted":
            return TrackedRun(self._run_id, "deleted", known.info.run_id)
        if known is not None and known.data.tags.get(_WHOLE) == "yes":
            return TrackedRun(self._run_id, "unchanged", known.info.run_id, self._version(known.info.run_id) or "")
        if known is None:
            known = self.client.create_run(
                self.experiment, round(self.facts.began * 1000), {_RUN: self._run_id}, run_name=self._run_id
            )
            outcome: Outcome = "new"
        else:
            outcome = "completed"
        tracked_as = known.info.run_id
        ended = round(self.facts.ended * 1000)
        self._values(tracked_as, ended)
        self.client.log_text(tracked_as, report(self._runs.config, self._run_id, time.time()), _REPORT)
        version = self._push(tracked_as) if is_for_serving(summary, self._runs.config) else ""
        status = _STATUS.get(summary.state, "FAILED")
        if status != "RUNNING":
            self.client.set_terminated(tracked_as, status, ended)
            self.client.set_tag(tracked_as, _WHOLE, "yes")
        return TrackedRun(self._run_id, outcome, tracked_as, version)

    def _known(self) -> Any:
        from mlflow.entities import ViewType

        wanted = f"tags.`{_RUN}` = '{self._run_id}'"
        return next(iter(self.client.search_runs([self.experiment], wanted, ViewType.ALL, max_results=1)), None)

    def _values(self, tracked_as: str, ended: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        parameters = [Param(_key(name), value[:_VALUE]) for name, value in self.facts.parameters.items()]
        metrics = [Metric(_key(name), value, ended, step) for name, value, step in self._measured()]
        tags = [RunTag(name, cut(value)[:_VALUE]) for name, value in self._tags().items() if value]
        for kind, values, most in (
            ("params", parameters, _PARAMETERS),
            ("metrics", metrics, _METRICS),
            ("tags", tags, _TAGS),
        ):
            for first in range(0, len(values), most):
                self.client.log_batch(tracked_as, **{kind: values[first : first + most]})

    def _measured(self) -> Iterator[tuple[str, float, int]]:
        """Name, value and step of what was measured, and of each curve's points."""
        for name, value in self.facts.measured.items():
            yield name, value, 0
        for curve in self.facts.curves:
            for step, value in points_of(curve):
                yield f"{curve.split}/{curve.metric}", value, step

    def _tags(self) -> dict[str, str]:
        detail, origin = self.facts.detail, self.facts.origin
        outputs = {
            f"artifact.{stage.stage}.{output.key}": output.path for stage in detail.stages for output in stage.outputs
        }
        return {
            **{name: value for name, value in origin.items() if name != "millrace.commit"},
            "mlflow.source.git.commit": origin.get("millrace.commit", ""),
            "mlflow.source.name": detail.request.config_file if detail.request else "",
            "mlflow.note.content": detail.summary.reason,
            **outputs,
        }

    def _push(self, tracked_as: str) -> str:
        """The version of the model in MLflow's registry, which is made where there is none."""
        known = self._version(tracked_as)
        if known:
            return known
        name, summary = self._runs.config.name, self.facts.detail.summary
        made_from = self.facts.detail.provenance
        about = {
            "pushed_to": summary.pushed_to,
            "run": self._run_id,
            "schema_digest": made_from.schema_digest if made_from else "",
            "commit": provenance.commit_of(made_from),
        }
        self.client.log_text(tracked_as, json.dumps(about, indent=1), f"{_MODEL}/millrace.json")
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name, description=f"pushed by the pipeline {name}")
        tags = {"millrace.version": PurePath(summary.pushed_to).name, _RUN: self._run_id}
        made = self.client.create_model_version(
            name,
            f"runs:/{tracked_as}/{_MODEL}",
            tracked_as,
            tags,
            description=summary.pushed_to,
            await_creation_for=0,
        )
        return str(made.version)

    def _version(self, tracked_as: str) -> Optional[str]:
        wanted = f"name = '{self._runs.config.name}' and run_id = '{tracked_as}'"
        return next((str(one.version) for one in self.client.search_model_versions(wanted)), None)


def _client(address: str) -> Any:
    if not re.match(r"https?://[^/]", address):
        remedy = "write it as http://HOST:PORT; mlflow server starts one on this machine"
        raise BadInput("this is no address of an MLflow server", where=repr(address), remedy=remedy)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ModuleNotFoundError as error:
        remedy = "pip install 'millrace[mlflow]', at the version that requirements/ pins"
        raise BadInput("MLflow's client is not installed", where=error.name or "", remedy=remedy) from error
    _require_answer(address)
    return MlflowClient(tracking_uri=address, registry_uri=address)


def _require_answer(address: str) -> None:
    """Refuses a server that is not there at once: the client would try again, and say so in words of its own."""
    place = urllib.parse.urlsplit(address)
    if place.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(place.hostname or ""):
        return
    try:
        port = place.port or (443 if place.scheme == "https" else 80)
        socket.create_connection((place.hostname or "", port), timeout=_SECONDS).close()
    except (OSError, ValueError) as error:
        remedy = "see that it runs: mlflow server starts one on this machine"
        raise ServiceFailure(f"no MLflow server answers there: {error}", where=cut(address), remedy=remedy) from error


def _experiment(client: Any, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        return str(client.create_experiment(name))
    if known.lifecycle_stage == "deleted":
        remedy = "restore it there, or name another with --experiment"
        raise BadInput("this experiment was deleted on the server", where=name, remedy=remedy)
    return str(known.experiment_id)


@contextlib.contextmanager
def _explained(address: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        what = cut(str(error).splitlines()[0])[:300]
        remedy = "see that it runs, and who may write there; track again goes on where this ended"
        raise ServiceFailure(f"MLflow did not take it: {what}", where=address, remedy=remedy) from error


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return _UNKEYED.sub("_", name)[:_KEY]
