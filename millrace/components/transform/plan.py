"""The preprocessing function traced once: the columns that it reads, and TFT's plan of its analysis."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow_transform import (
    analyzer_nodes,
    annotators,
    graph_tools,
    impl_helper,
    nodes,
    tf2_utils,
)
from tensorflow_transform.beam import analysis_graph_builder
from tensorflow_transform.beam.analyzer_cache import DatasetKey

from millrace.components.beam_engine import NeedsBeam
from millrace.components.transform import fingerprints

# Beyond this TFX's executor keeps no cache, so that Beam's graph does not become too large.
_MAX_STAGES = 20_000
_STAGES_PER_ENTRY = 10


@dataclass(frozen=True)
class GraphPlan:
    """The result of one trace.

    Attributes:
        specs: the types of every raw column.
        graph: of the trace.
        inputs: its tensors by column.
        analyzed_columns: the columns that the analyzers need.
        transformed_columns: the columns that the outputs need.
        fingerprints: of the analyzers, with which a later trace is compared.
        asset_map: file names of vocabularies by what the user called them.
        saved_model: TFT's node whose value is the folder of the finished SavedModel.
        side_effects: TFT's nodes that must be visited too.
        cache: TFT's nodes of encoded accumulators, by data set and entry; empty where no cache is wanted.
    """

    specs: Mapping[str, tf.TypeSpec]
    graph: tf.Graph
    inputs: Mapping[str, Any]
    analyzed_columns: tuple[str, ...]
    transformed_columns: tuple[str, ...]
    fingerprints: Mapping[str, Any]
    asset_map: Mapping[str, str]
    saved_model: nodes.ValueNode
    side_effects: tuple[nodes.ValueNode, ...]
    cache: Mapping[DatasetKey, Mapping[str, nodes.ValueNode]]


def make(
    preprocessing_fn: Callable[..., Any],
    specs: Mapping[str, tf.TypeSpec],
    datasets: Collection[DatasetKey],
    temp_dir: str,
    *,
    with_cache: bool,
) -> GraphPlan:
    """Traces the function and plans its analysis.

    TFX's executor traces five times for this: once for each question.

    Args:
        preprocessing_fn: the user's.
        specs: the types of every raw column.
        datasets: keys of what is analyzed.
        temp_dir: for the placeholders of vocabularies.
        with_cache: also plan what goes into the cache of analyzers.

    Raises:
        NeedsBeam: the cache would have too many entries for TFX, or nothing depends on the data.
        ValueError: the function gives no outputs, or makes variables.
    """
    graph, inputs, outputs = impl_helper.trace_preprocessing_function(preprocessing_fn, specs, False, temp_dir)
    # The conditions of TFT's AnalyzeDataset.
    if not isinstance(outputs, dict) or not outputs:
        raise ValueError(f"the preprocessing function must return a dict of tensors, and not {outputs!r}")
    if graph.get_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES):
        raise ValueError("the preprocessing function makes trainable variables")
    analyzed = _analyzed_columns(graph, inputs, outputs)
    transformed = tuple(graph_tools.get_dependent_inputs(graph, inputs, outputs))
    if not transformed or (not analyzed and graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS)):
        raise NeedsBeam("the outputs or the analyzers need no column")
    asset_map = dict(annotators.get_asset_annotations(graph))
    annotators.clear_asset_annotations(graph)
    first = fingerprints.of_analyzers(graph, inputs)
    saved_model, cache, side_effects = analysis_graph_builder.build(
        graph, inputs, outputs, datasets, cache_dict={} if with_cache else None
    )
    entries = {entry for of_dataset in (cache or {}).values() for entry in of_dataset}
    if len(entries) * len(datasets) * _STAGES_PER_ENTRY > _MAX_STAGES:
        raise NeedsBeam(f"{len(entries)} analyzers over {len(datasets)} data sets are too many for a cache")
    return GraphPlan(
        specs,
        graph,
        inputs,
        analyzed,
        transformed,
        first,
        asset_map,
        saved_model,
        tuple(side_effects),
        dict(cache or {}),
    )


def _analyzed_columns(graph: tf.Graph, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """As `tft.get_analyze_input_columns`, from a trace that is there."""
    visitor = graph_tools.SourcedTensorsVisitor()
    for sink in graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS):
        nodes.Traverser(visitor).visit_value_node(sink.future)
    flat = tf.nest.flatten(outputs, expand_composites=True)
    _, control = tf2_utils.strip_and_get_tensors_and_control_dependencies(flat)
    return tuple(graph_tools.get_dependent_inputs(graph, inputs, [*visitor.sourced_tensors, *control]))
