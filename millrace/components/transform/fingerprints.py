"""TFT's fingerprints of the analyzers, which say whether a function was traced twice the same way.

TFT looks for each analyzer's columns by comparing each of its inputs with each column: on a thousand columns that takes
a third of the whole transformation. Here each input is looked up.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_transform import analyzer_nodes, graph_tools, nodes
from tensorflow_transform.graph_tools import AnalyzersFingerprint


def of_analyzers(graph: tf.Graph, inputs: Mapping[str, Any]) -> dict[str, AnalyzersFingerprint]:
    """As `graph_tools.get_analyzers_fingerprint`.

    Args:
        graph: of a trace.
        inputs: its tensors by column.

    Returns:
        By the name of an analyzer's tensor, the columns that it depends on and the hashes of the ways from them.
    """
    sinks = graph.get_collection(analyzer_nodes.ALL_REPLACEMENTS)
    paths = graph_tools.InitializableGraphAnalyzer(
        graph,
        inputs,
        [(sink.tensor.ref(), False) for sink in sinks],
        graph_tools.describe_path_as_analyzer_cache_hash,
    )
    column_of = {
        component.ref(): column
        for column, value in inputs.items()
        for component in tf.nest.flatten(value, expand_composites=True)
    }
    found = {}
    for sink in sinks:
        visitor = graph_tools.SourcedTensorsVisitor()
        nodes.Traverser(visitor).visit_value_node(sink.future)
        operations = [tensor.op for tensor in visitor.sourced_tensors]
        sources = graph_tools.retrieve_sources(operations, ignore_control_dependencies=True)
        hashes = {paths.get_unique_path(tensor) for tensor in visitor.sourced_tensors}
        found[str(sink.tensor.name)] = AnalyzersFingerprint(
            {column_of[source.ref()] for source in sources if source.ref() in column_of}, hashes - {None}
        )
    return found


def require_same(first: Mapping[str, AnalyzersFingerprint], later: Mapping[str, AnalyzersFingerprint]) -> None:
    """Checks a later trace of a function against its first.

    Args:
        first: the fingerprints that the analysis was planned with.
        later: those of a trace for a SavedModel; of its analyzers alone.

    Raises:
        RuntimeError: another analyzer is there, or one reads other columns.
    """
    strangers = sorted(
        name for name, one in later.items() if name not in first or first[name].source_keys != one.source_keys
    )
    if strangers:
        raise RuntimeError(
            f"the preprocessing function gives other analyzers when it is traced again ({_listed(strangers)}): call "
            "them in the same order each time, or give each a name"
        )
    moved = [name for name, one in later.items() if first[name].unique_path_hash != one.unique_path_hash]
    if moved:
        logging.warning("The cache key of %s differs between two traces of the preprocessing function.", _listed(moved))


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
