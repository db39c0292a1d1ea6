"""Where what a job of Vertex AI made comes from, read back from Vertex ML Metadata as the graph of a local run.

The service hands out what lies in the job's context: artifacts, executions, and events between them. As what an
artifact was read or made stands in the job's own details. What was served from the cache was made by an earlier job,
and its own history is that job's.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from google.cloud import aiplatform_v1

from millrace.base.errors import BadInput
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.vertex import submit
from millrace.cloud.vertex.client import call, place, reach
from millrace.cloud.vertex.job_records import JobRecord
from millrace.cloud.vertex.service import VertexService
from millrace.components import stage_ids
from millrace.config.config import Config
from millrace.metadata.lineage import (
    COMPARED,
    ENDS,
    GATE_KEY,
    LEARNED_BY,
    Lineage,
    LineageEdge,
    LineageNode,
    settings_in,
)

LAST = "last"
# A task's parameters in the metadata of its execution.
_PARAMETER = "input:"
_UNSAID = ("tfx_version", "is_external")


def job_lineage(config: Config, name: str, up: bool = True, down: bool = True) -> tuple[str, Lineage]:
    """The graph around what a job made last.

    Args:
        config: the pipeline's configuration.
        name: the job's id; `LAST` for the pipeline's newest.
        up: whether what it was made from is followed.
        down: whether what was made of it is followed.

    Returns:
        The job's id, and the graph. Its numbers are the artifacts' in the order in which they were made.

    Raises:
        BadInput: there is no such job, it has not begun, or it made nothing.
        ServiceFailure: the service does not answer, or refuses.
    """
    service = VertexService(config.vertex)
    if name == LAST:
        newest = service.jobs(config.name, 1)
        if not newest:
            raise BadInput(f"there is no job of {config.name} on {service.name}", remedy="millrace submit")
        name = newest[0].name
    record = service.record(name)
    if not record.context:
        remedy = f"millrace jobs show {record.name} says what it waits for"
        raise BadInput(f"the job {record.name} has not begun, and made nothing", remedy=remedy)
    graph = _Graph(_subgraph(config, record.context), record)
    start = graph.end()
    if start is None:
        raise BadInput(f"the job {record.name} made nothing", remedy=f"millrace jobs show {record.name} says why")
    return record.name, graph.around(start, up, down)


def _subgraph(config: Config, context: str) -> aiplatform_v1.LineageSubgraph:
    where = place(config.vertex)
    with submit.quiet():
        client = aiplatform_v1.MetadataServiceClient(**reach(where))
    try:
        return call(where, "for the lineage", client.query_context_lineage_subgraph, context=context)
    except ServiceFailure as failure:
        if failure.status == 404:
            remedy = "its metadata was deleted; the job's tasks are in: millrace jobs show NAME"
            raise BadInput("Vertex ML Metadata does not know the job", where=context, remedy=remedy) from failure
        raise


class _Graph:
    """What the service told, with numbers for the artifacts."""

    def __init__(self, told: aiplatform_v1.LineageSubgraph, job: JobRecord) -> None:
        self._job = job
        artifacts = sorted(told.artifacts, key=lambda one: (_seconds(one.create_time), str(one.name)))
        self._numbers = {str(one.name): at for at, one in enumerate(artifacts, 1)}
        self._executions = {str(one.name): one for one in told.executions}
        stages = {task.execution: stage for stage, task in job.tasks.items() if task.execution}
        self._stages = {name: stages.get(name, str(one.display_name)) for name, one in self._executions.items()}
        self._made: dict[str, list[int]] = {}
        self._read: dict[str, list[int]] = {}
        is_output = aiplatform_v1.Event.Type.OUTPUT
        for event in told.events:
            number = self._numbers.get(str(event.artifact))
            if number is not None and str(event.execution) in self._executions:
                side = self._made if event.type_ == is_output else self._read
                side.setdefault(str(event.execution), []).append(number)
        self._makers = {number: execution for execution, numbers in self._made.items() for number in numbers}
        self._names = {number: name for name, number in self._numbers.items()}
        self._nodes = {self._numbers[str(one.name)]: self._node(one) for one in artifacts}
        self._edges = list(dict.fromkeys(self._all_edges()))

    def end(self) -> Optional[int]:
        """What the job's story ends with."""
        for stage, key in ENDS:
            task = self._job.tasks.get(stage)
            found = [
                self._numbers[name] for name in (task.outputs.get(key, ()) if task else ()) if name in self._numbers
            ]
            if found:
                return found[0]
        return None

    def around(self, start: int, up: bool, down: bool) -> Lineage:
        """What is reached from an artifact; what was only compared with is named and not followed."""
        edges: dict[LineageEdge, None] = {}
        for wanted, here, there in ((up, "target", "source"), (down, "source", "target")):
            waiting, seen = [start] if wanted else [], {start}
            while waiting:
                number = waiting.pop()
                for edge in (one for one in self._edges if getattr(one, here) == number):
                    edges[edge] = None
                    other = getattr(edge, there)
                    if not edge.compared and other not in seen:
                        seen.add(other)
                        waiting.append(other)
        reached = {start} | {number for edge in edges for number in (edge.source, edge.target)}
        return Lineage((start,), tuple(self._nodes[number] for number in sorted(reached)), tuple(edges))

    def _all_edges(self) -> Iterable[LineageEdge]:
        report = self._key_of(stage_ids.DATA_GATE, "report")
        for execution, targets in self._made.items():
            stage = self._stages[execution]
            task = self._job.tasks.get(stage)
            keys = {name: key for key, names in task.inputs.items() for name in names} if task else {}
            for source in self._read.get(execution, ()):
                key = keys.get(self._names[source], "")
                yield from (LineageEdge(source, target, key, (stage, key) in COMPARED) for target in targets)
            if stage == stage_ids.TRANSFORM and report is not None:
                yield from (LineageEdge(report, target, GATE_KEY) for target in targets)

    def _key_of(self, stage: str, key: str) -> Optional[int]:
        task = self._job.tasks.get(stage)
        made = task.outputs.get(key, ()) if task else ()
        return self._numbers.get(made[0]) if made else None

    def _node(self, artifact: aiplatform_v1.Artifact) -> LineageNode:
        name = str(artifact.name)
        execution = self._makers.get(self._numbers[name], "")
        stage = self._stages.get(execution, "")
        task = self._job.tasks.get(stage)
        keys = {one: key for key, names in task.outputs.items() for one in names} if task else {}
        ran = self._executions.get(execution)
        cached = ran is not None and ran.state == aiplatform_v1.Execution.State.CACHED
        facts = {**_plain(artifact.metadata), **(_facts(stage, ran) if ran is not None else {})}
        return LineageNode(
            id=self._numbers[name],
            type=str(artifact.schema_title).rpartition(".")[2],
            path=str(artifact.uri),
            there=True,
            stage=stage,
            key=keys.get(name, ""),
            # What a resolver hands on, an earlier job made.
            run="" if cached or not stage or stage.startswith(stage_ids.LOOKING) else self._job.name,
            facts={**facts, "cached": "made by an earlier job"} if cached else facts,
        )


def _facts(stage: str, execution: aiplatform_v1.Execution) -> dict[str, Any]:
    """What a task's parameters say of what it made, as a local run's do."""
    parameters = {
        name.removeprefix(_PARAMETER): str(value)
        for name, value in dict(execution.metadata or {}).items()
        if name.startswith(_PARAMETER)
    }
    settings = settings_in(parameters.get("custom_config", ""))
    facts: dict[str, Any] = {}
    if stage == stage_ids.TRAINER:
        facts |= {name: settings[name] for name in LEARNED_BY if name in settings}
    if digest := settings.get("code_digest") or parameters.get("code_digest"):
        facts["code"] = digest
    if stage == stage_ids.EXAMPLE_GEN and parameters.get("input_base"):
        facts["from"] = parameters["input_base"]
    return facts


def _plain(metadata: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    """Texts and numbers; a whole number comes from the service as one with a point."""
    values = {name: value for name, value in dict(metadata or {}).items() if isinstance(value, (str, int, float))}
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in sorted(values.items())
        if name not in _UNSAID and not str(value).startswith("mlmd-struct::")
    }


def _seconds(time: Any) -> float:
    return float(time.timestamp()) if time else 0.0
