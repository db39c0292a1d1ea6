"""Vertex AI Experiments and TensorBoard: experiments, their runs, jobs among them, and the curves of a training.

An experiment is a context of Vertex ML Metadata, a run of it a context below. What their fields are called, and how a
TensorBoard run belongs to one, is as google-cloud-aiplatform's `Experiment` and `ExperimentRun` have it, which
notebooks and the console read; those write one value at a time, and this writes a run whole.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Optional

from google.cloud import aiplatform_v1

from millrace.base.errors import BadInput
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.vertex import submit
from millrace.cloud.vertex.client import call, failures, place, reach
from millrace.cloud.vertex.jobs import CONSOLE
from millrace.config.cloud_sections import VertexDeployment

Written = Literal["new", "completed", "unchanged"]

_EXPERIMENT, _RUN, _METRICS = "system.Experiment", "system.ExperimentRun", "system.Metrics"
_TENSORBOARD_RUN = "google.VertexTensorboardRun"
_VERSION = "0.0.1"
_BACKING = "backing_tensorboard_resource"
# The client takes this off what a run may be called: with it behind, the id must still be one.
_BEHIND, _LONGEST = "-tb-run", 128
_WHOLE = "millrace_whole"
# Of one request that writes points.
_POINTS, _SERIES = 10_000, 1_000


@dataclass(frozen=True)
class Series:
    """One curve.

    Args:
        name: that TensorBoard shows.
        points: step and value, the steps ascending.
    """

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class ExperimentRun:
    """What is written of one run.

    Args:
        name: within its experiment; lower-case letters, digits and dashes.
        title: what people are shown.
        parameters: texts by name.
        metrics: numbers by name.
        state: `RUNNING`, `COMPLETE` or `FAILED`.
        series: of its training.
        at: when its curves were measured, seconds since the epoch.
        about: a sentence.
    """

    name: str
    title: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    state: str
    series: tuple[Series, ...] = ()
    at: float = 0.0
    about: str = ""


class Experiments:
    """Vertex AI Experiments in one project and region.

    Args:
        settings: the section `vertex`, which says where, and which TensorBoard instance curves go to.

    Raises:
        BadInput: the configuration does not say where.
        ServiceFailure: there are no credentials.
    """

    def __init__(self, settings: VertexDeployment) -> None:
        self.place = place(settings)
        self._tensorboard = settings.tensorboard or ""
        self._key = settings.encryption_key
        options = reach(self.place)
        with submit.quiet():
            self._metadata = aiplatform_v1.MetadataServiceClient(**options)
            self._boards = aiplatform_v1.TensorboardServiceClient(**options)

    @property
    def _store(self) -> str:
        return f"{self.place.parent}/metadataStores/default"

    def link(self, experiment: str) -> str:
        """Where a person can look at an experiment."""
        where = f"vertex-ai/experiments/locations/{self.place.region}/experiments/{experiment}"
        return f"{CONSOLE}/{where}/runs?project={self.place.project}"

    def open(self, name: str) -> None:
        """Finds an experiment, or makes it, with `vertex.tensorboard` behind it.

        Args:
            name: the experiment's.

        Raises:
            BadInput: something else is called so, or another TensorBoard instance is behind it.
            ServiceFailure: the service says no, or says nothing.
        """
        path = f"{self._store}/contexts/{name}"
        known = self._context(path)
        if known is None:
            self._require_store()
            behind = {_BACKING: self._tensorboard} if self._tensorboard else {}
            made = aiplatform_v1.Context(
                display_name=name,
                schema_title=_EXPERIMENT,
                schema_version=_VERSION,
                # By this the console tells experiments that are there from those that were put away.
                metadata={"experiment_deleted": False, **behind},
            )
            self._create_context(made, name, "to make the experiment")
            return
        if known.schema_title != _EXPERIMENT:
            what = f"Vertex ML Metadata has a {known.schema_title or 'context'} that is called so, and no experiment"
            raise BadInput(what, where=name, remedy="name another experiment")
        self._put_behind(known, name)

    def _put_behind(self, experiment: aiplatform_v1.Context, name: str) -> None:
        """Has the experiment show our TensorBoard instance, where it shows none."""
        behind = str((experiment.metadata or {}).get(_BACKING) or "")
        if not self._tensorboard or _without_project(behind) == _without_project(self._tensorboard):
            return
        if behind:
            raise BadInput(
                f"the experiment {name} shows the curves of {behind}",
                where=f"vertex.tensorboard: {self._tensorboard}",
                remedy="name that instance there, or another experiment",
            )
        values = {**dict(experiment.metadata or {}), _BACKING: self._tensorboard}
        self._update(aiplatform_v1.Context(name=experiment.name, metadata=values), "metadata")

    def write(self, experiment: str, run: ExperimentRun) -> Written:
        """Writes a run of an experiment, once; what was written by half is completed.

        Args:
            experiment: its name; it is there.
            run: what is written.

        Returns:
            What became of it. A run that goes on is written again each time.

        Raises:
            BadInput: the names are too long.
            ServiceFailure: the service says no, or says nothing.
        """
        number = f"{experiment}-{run.name}"
        if len(number) > _LONGEST - len(_BEHIND):
            remedy = "name a shorter experiment: --experiment NAME, or vertex.experiment"
            raise BadInput(
                f"{number} is longer than the service takes", where=f"experiment {experiment}", remedy=remedy
            )
        path = f"{self._store}/contexts/{number}"
        known = self._context(path)
        if known is not None and known.labels.get(_WHOLE):
            return "unchanged"
        values = {"_params": dict(run.parameters), "_metrics": dict(run.metrics), "_state": run.state}
        if known is None:
            made = aiplatform_v1.Context(
                display_name=run.title,
                schema_title=_RUN,
                schema_version=_VERSION,
                description=run.about,
                metadata=values,
            )
            self._create_context(made, number, "to make the run")
        else:
            self._update(aiplatform_v1.Context(name=path, metadata=values), "metadata")
        self._put_into(experiment, path)
        if self._tensorboard:
            self._write_curves(experiment, run, path)
        if run.state != "RUNNING":
            self._update(aiplatform_v1.Context(name=path, labels={_WHOLE: "yes"}), "labels")
        return "new" if known is None else "completed"

    def add_job(self, experiment: str, context: str, metrics: Mapping[str, float]) -> Written:
        """Puts a pipeline job among an experiment's runs; its parameters are there by itself.

        Args:
            experiment: its name; it is there.
            context: of the job, as its details name it.
            metrics: numbers by name; none before it has measured any.

        Raises:
            ServiceFailure: the service says no, or says nothing.
        """
        number = f"{context.rsplit('/', 1)[-1]}-metrics"[:_LONGEST]
        known = self._context(context)
        is_there = known is not None and any(one.endswith(f"/contexts/{experiment}") for one in known.parent_contexts)
        measured = self._artifact(f"{self._store}/artifacts/{number}") if metrics else None
        if is_there and (measured is not None or not metrics):
            return "unchanged"
        if not is_there:
            self._put_into(experiment, context)
        if metrics and measured is None:
            made = aiplatform_v1.Artifact(
                display_name="what the Evaluator measured",
                schema_title=_METRICS,
                schema_version=_VERSION,
                metadata=dict(metrics),
                state=aiplatform_v1.Artifact.State.LIVE,
            )
            self._attach(context, made, number)
        return "completed" if is_there else "new"

    def _put_into(self, experiment: str, context: str) -> None:
        parent = f"{self._store}/contexts/{experiment}"
        add = self._metadata.add_context_children
        call(self.place, "to put it into the experiment", add, context=parent, child_contexts=[context])

    def _write_curves(self, experiment: str, run: ExperimentRun, context: str) -> None:
        """Makes the TensorBoard run that belongs to a run, with its curves; points of the same step are not doubled."""
        board = f"{self._tensorboard}/experiments/{experiment}"
        path = f"{board}/runs/{run.name}"
        source = {"vertex_tensorboard_experiment_source": "vertex_experiment"}
        self._make(
            "the TensorBoard experiment",
            self._boards.create_tensorboard_experiment,
            aiplatform_v1.CreateTensorboardExperimentRequest(
                parent=self._tensorboard,
                tensorboard_experiment_id=experiment,
                tensorboard_experiment=aiplatform_v1.TensorboardExperiment(display_name=experiment, labels=source),
            ),
        )
        self._make(
            "the TensorBoard run",
            self._boards.create_tensorboard_run,
            aiplatform_v1.CreateTensorboardRunRequest(
                parent=board,
                tensorboard_run_id=run.name,
                tensorboard_run=aiplatform_v1.TensorboardRun(display_name=run.name),
            ),
        )
        numbers = self._series(board, path, [one.name for one in run.series])
        for data in _in_portions(run, numbers):
            write = self._boards.write_tensorboard_run_data
            call(self.place, "to write the curves", write, tensorboard_run=path, time_series_data=data)
        shown = aiplatform_v1.Artifact(
            uri=f"https://{self.place.region}-aiplatform.googleapis.com/v1/{path}",
            schema_title=_TENSORBOARD_RUN,
            schema_version=_VERSION,
            metadata={"resourceName": path, "vertex_experiment_tracking": True},
            state=aiplatform_v1.Artifact.State.LIVE,
        )
        self._attach(context, shown, f"{context.rsplit('/', 1)[-1]}{_BEHIND}")

    def _series(self, board: str, path: str, names: list[str]) -> dict[str, str]:
        """The ids of a run's curves by their names; those that are not there are made."""
        asked = "for the curves"
        with failures(self.place, asked):
            pages = call(self.place, asked, self._boards.list_tensorboard_time_series, parent=path)
            known = {str(one.display_name): str(one.name).rsplit("/", 1)[-1] for one in pages}
        missing = [name for name in names if name not in known]
        for first in range(0, len(missing), _SERIES):
            kind = aiplatform_v1.TensorboardTimeSeries.ValueType.SCALAR
            requests = [
                aiplatform_v1.CreateTensorboardTimeSeriesRequest(
                    parent=path,
                    tensorboard_time_series=aiplatform_v1.TensorboardTimeSeries(
                        display_name=name, value_type=kind, plugin_name="scalars"
                    ),
                )
                for name in missing[first : first + _SERIES]
            ]
            create = self._boards.batch_create_tensorboard_time_series
            made = call(self.place, "to make the curves", create, parent=board, requests=requests)
            known |= {str(one.display_name): str(one.name).rsplit("/", 1)[-1] for one in made.tensorboard_time_series}
        return known

    def _attach(self, context: str, artifact: aiplatform_v1.Artifact, number: str) -> None:
        """Makes an artifact within a context."""
        self._make(
            "the artifact",
            self._metadata.create_artifact,
            aiplatform_v1.CreateArtifactRequest(parent=self._store, artifact=artifact, artifact_id=number),
        )
        add = self._metadata.add_context_artifacts_and_executions
        call(self.place, "to add the artifact", add, context=context, artifacts=[f"{self._store}/artifacts/{number}"])

    def _make(self, what: str, create: Any, request: Any) -> None:
        """Makes something whose id is ours, where it is not there."""
        try:
            call(self.place, f"to make {what}", create, request)
        except ServiceFailure as failure:
            if failure.status != 409:
                raise

    def _create_context(self, context: aiplatform_v1.Context, number: str, asked: str) -> None:
        create = self._metadata.create_context
        call(self.place, asked, create, parent=self._store, context=context, context_id=number)

    def _update(self, context: aiplatform_v1.Context, field_name: str) -> None:
        update, mask = self._metadata.update_context, {"paths": [field_name]}
        call(self.place, "to write it", update, context=context, update_mask=mask)

    def _context(self, path: str) -> Optional[aiplatform_v1.Context]:
        return self._found("for the context", self._metadata.get_context, path)

    def _artifact(self, path: str) -> Optional[aiplatform_v1.Artifact]:
        return self._found("for the artifact", self._metadata.get_artifact, path)

    def _found(self, asked: str, get: Any, path: str) -> Any:
        try:
            return call(self.place, asked, get, name=path)
        except ServiceFailure as failure:
            if failure.status == 404:
                return None
            raise

    def _require_store(self) -> None:
        """A project's first experiment finds no place for metadata; the service makes it when it is asked to."""
        if self._found("for the place of metadata", self._metadata.get_metadata_store, self._store) is not None:
            return
        spec = {"kms_key_name": self._key} if self._key else None
        store = aiplatform_v1.MetadataStore(encryption_spec=spec)
        create, asked = self._metadata.create_metadata_store, "to make the place of metadata"
        work = call(
            self.place, asked, create, parent=self.place.parent, metadata_store=store, metadata_store_id="default"
        )
        with failures(self.place, asked):
            work.result(timeout=self.place.seconds * 4)


def run_name(text: str) -> str:
    """A name that the service takes: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "run"


def _without_project(resource: str) -> str:
    """A resource without its project, which the service writes by its number."""
    return resource.partition("/locations/")[2]


def _in_portions(run: ExperimentRun, numbers: Mapping[str, str]) -> Iterable[list[aiplatform_v1.TimeSeriesData]]:
    """The points of all curves, so many at a time as one request takes."""
    portion: list[aiplatform_v1.TimeSeriesData] = []
    room = _POINTS
    for series in run.series:
        points = list(series.points)
        while points:
            taken, points = points[:room], points[room:]
            portion.append(_data(numbers[series.name], taken, run.at))
            room -= len(taken)
            if not room:
                yield portion
                portion, room = [], _POINTS
    if portion:
        yield portion


def _data(number: str, points: list[tuple[int, float]], at: float) -> aiplatform_v1.TimeSeriesData:
    whole = int(at)
    when = {"seconds": whole, "nanos": int((at - whole) * 1e9)}
    return aiplatform_v1.TimeSeriesData(
        tensorboard_time_series_id=number,
        value_type=aiplatform_v1.TensorboardTimeSeries.ValueType.SCALAR,
        values=[{"step": step, "wall_time": when, "scalar": {"value": value}} for step, value in points],
    )
