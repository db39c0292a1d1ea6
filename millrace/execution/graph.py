"""The compiled graph of one run: TFX's intermediate representation, with this run's id, range and use of the cache."""

from collections.abc import Iterable

from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.compiler.constants import PIPELINE_RUN_ID_PARAMETER_NAME
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean


def compile_graph(pipeline: Pipeline) -> pipeline_pb2.Pipeline:
    """Compiles a pipeline to TFX's intermediate representation."""
    return Compiler().compile(pipeline)


def stage_ids(graph: pipeline_pb2.Pipeline) -> list[str]:
    """The stages' ids, in the order in which they run."""
    return [node.pipeline_node.node_info.id for node in graph.nodes]


def upstream(graph: pipeline_pb2.Pipeline) -> dict[str, list[str]]:
    """The stages that each stage waits for."""
    return {node.pipeline_node.node_info.id: list(node.pipeline_node.upstream_nodes) for node in graph.nodes}


def bind(
    graph: pipeline_pb2.Pipeline, run_id: str, from_stage: str = "", to_stage: str = "", cache: bool = True
) -> list[str]:
    """Prepares a compiled graph for one run, in place.

    `from_stage` makes that stage and all that follow it run again. What comes before it is served from the cache
    where it is unchanged, and runs where it is not: an edit upstream is never overlooked.

    Args:
        graph: the compiled graph.
        run_id: the run's id; it becomes the name of the run's context in ML Metadata.
        from_stage: a stage's id, or empty.
        to_stage: the last stage that should run, with all that it needs; empty for every stage.
        cache: False makes every stage run.

    Returns:
        The ids of the stages that take part.

    Raises:
        BadInput: there is no such stage.
    """
    runtime_parameter_utils.substitute_runtime_parameter(graph, {PIPELINE_RUN_ID_PARAMETER_NAME: run_id})
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in graph.nodes}
    for stage in filter(None, (from_stage, to_stage)):
        if stage not in nodes:
            remedy = f"the stages are: {', '.join(nodes)}"
            raise BadInput(f"there is no stage {stage}{did_you_mean(stage, nodes)}", remedy=remedy)
    rerun = _reachable([from_stage], {name: node.downstream_nodes for name, node in nodes.items()})
    wanted = _reachable([to_stage], {name: node.upstream_nodes for name, node in nodes.items()}) or set(nodes)
    for name, node in nodes.items():
        node.execution_options.caching_options.enable_cache = cache and name not in rerun
        if name not in wanted:
            node.execution_options.skip.SetInParent()
    return [name for name in nodes if name in wanted]


def _reachable(starts: Iterable[str], edges: dict[str, Iterable[str]]) -> set[str]:
    waiting = [start for start in starts if start]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(edges[name])
    return seen
