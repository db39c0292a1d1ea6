"""TFT's plan of an analysis, carried out in this process: what each of its operations does to values.

The plan, the combiners, the encoding of their accumulators and the making of SavedModels are TFT's. Here is only what
`tensorflow_transform.beam` does by Beam: which value goes where.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Optional

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_transform import analyzer_nodes, impl_helper, nodes, tf2_utils
from tensorflow_transform.analyzers import _VocabOrderingType
from tensorflow_transform.beam import beam_nodes
from tensorflow_transform.beam import common as beam_common
from tensorflow_transform.beam.analyzer_cache import DatasetKey
from tensorflow_transform.beam.impl import _get_tensor_replacement_map, _TensorBinding
from tensorflow_transform.tf_metadata import metadata_io

from millrace.components.beam_engine import NeedsBeam
from millrace.components.transform import fingerprints, vocabulary
from millrace.components.transform.graph import is_pure, is_silent, of_saved_model, of_trace
from millrace.components.transform.plan import GraphPlan
from millrace.components.transform.values import Batch, Columns, Lazy, Stream

Datasets = Mapping[DatasetKey, Callable[[], Iterator[pa.RecordBatch]]]


class Analysis(nodes.Visitor):
    """Visits TFT's plan and makes a lazy value of each of its nodes; nothing is read before one is asked for.

    Args:
        plan: of the preprocessing function.
        preprocessing_fn: the function itself; each SavedModel is traced from it.
        datasets: by key, the batches of the columns to analyze, to be read as often as there are phases.
        adapter_config: says how batches become tensors.
        temp_dir: for SavedModels and vocabularies.
        save_options: TensorFlow's, for SavedModels.
    """

    def __init__(
        self,
        plan: GraphPlan,
        preprocessing_fn: Callable[..., Any],
        datasets: Datasets,
        adapter_config: Any,
        temp_dir: str,
        save_options: Any,
    ) -> None:
        self._plan, self._preprocessing_fn, self._datasets = plan, preprocessing_fn, datasets
        self._adapter_config, self._temp_dir, self._save_options = adapter_config, temp_dir, save_options
        self._traverser = nodes.Traverser(self)
        self._saved_model: Lazy[str] = self._traverser.visit_value_node(plan.saved_model)
        for node in plan.side_effects:
            self._traverser.visit_value_node(node)
        self._cache = {
            dataset: {entry: self._traverser.visit_value_node(node) for entry, node in entries.items()}
            for dataset, entries in plan.cache.items()
        }

    def saved_model(self) -> str:
        """Analyzes the data, and gives the folder of the SavedModel that transforms it."""
        return self._saved_model.only()

    def cache(self) -> dict[DatasetKey, dict[str, Iterable[bytes]]]:
        """The encoded accumulators, by data set and entry, to be read once: each is encoded when it is its turn."""
        return {key: {entry: value.once() for entry, value in of.items()} for key, of in self._cache.items()}

    def visit(self, operation_def: Any, input_values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Makes an operation's values; TFT's traverser calls it.

        Raises:
            NeedsBeam: the operation is one for Beam.
        """
        do = _OPERATIONS.get(type(operation_def))
        if do is None:
            raise NeedsBeam(f"the analysis has a {type(operation_def).__name__}")
        made = do(self, operation_def, *input_values)
        return made if isinstance(made, tuple) else (made,)

    def validate_value(self, value: Any) -> None:
        """TFT's traverser calls it with each value; any is right."""

    def extract_input(self, operation: Any) -> Callable[[], Iterator[pa.RecordBatch]]:
        """The batches of one data set, or of all of them."""
        if not operation.dataset_key.is_flattened_dataset_key():
            return self._datasets[operation.dataset_key]
        return lambda: (batch for read in self._datasets.values() for batch in read())

    def create_saved_model(self, operation: Any, *bindings: Lazy[_TensorBinding]) -> "_Model":
        """The SavedModel of what is known so far: the inputs of analyzers, or the finished one."""
        outputs = operation.output_signature
        only_tensors = all(isinstance(value, tf.Tensor) for value in outputs.values())

        def compute() -> Iterator[str]:
            folder = beam_common.get_unique_temp_path(self._temp_dir)
            known = _get_tensor_replacement_map(None, *[binding.only() for binding in bindings]) if bindings else None
            # As TFT has it: what holds composite tensors is the finished model, with all that the function gives.
            names = {key: value.name for key, value in outputs.items()} if only_tensors else {}
            self._write_saved_model(folder, known, names)
            yield folder

        return _Model(compute, outputs if only_tensors and not bindings else None)

    def _write_saved_model(self, folder: str, known: Optional[dict[str, Any]], outputs: dict[str, str]) -> None:
        """As TFT's `trace_and_write_v2_saved_model`, with our fingerprints."""
        function, temp_dir = self._preprocessing_fn, self._temp_dir
        traced = impl_helper._trace_and_write_transform_fn(
            folder, function, self._plan.specs, temp_dir, known, outputs, self._save_options
        )
        inputs = tf2_utils.get_structured_inputs_from_func_graph(traced.graph)
        fingerprints.require_same(self._plan.fingerprints, fingerprints.of_analyzers(traced.graph, inputs))
        if not traced.graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS):
            metadata = impl_helper._trace_and_get_metadata(traced, inputs, function, temp_dir, known)
            metadata_io.write_metadata(metadata, os.path.join(folder, impl_helper.METADATA_DIR_NAME))

    def apply_saved_model(self, _: Any, model: "_Model", batches: Callable[[], Iterator[pa.RecordBatch]]) -> Stream:
        """What a SavedModel, or the trace where that is enough, makes of each batch, as arrays."""

        def read() -> Iterator[Batch]:
            if model.traced is not None and is_pure(model.traced.values()) and is_silent(self._plan.graph):
                graph = of_trace(self._plan.graph, self._plan.inputs, model.traced, self._adapter_config)
            else:
                graph = of_saved_model(model.only(), self._adapter_config)
            for batch in batches():
                made = graph.apply(batch)
                yield {key: np.asarray(value) if isinstance(value, tf.Tensor) else value for key, value in made.items()}

        return Stream(read)


class _Model(Lazy[str]):
    """The folder of a SavedModel; and its outputs as they were traced, where it needs to know nothing else."""

    def __init__(self, write: Callable[[], Iterator[str]], traced: Optional[Mapping[str, tf.Tensor]]) -> None:
        super().__init__(write)
        self.traced = traced


def _extract_from_dict(_: Analysis, operation: Any, source: Any) -> Any:
    if isinstance(source, Stream):
        return Columns(source, operation.keys)
    keys = operation.keys
    return Lazy(lambda: [tuple(e[k] for k in keys) if isinstance(keys, tuple) else e[keys] for e in source.all()])


def _accumulate(_: Analysis, operation: Any, columns: Columns) -> Lazy[Any]:
    return _combined(operation.combiner, columns.stream, columns.of)


def _accumulate_packed(_: Analysis, operation: Any, stream: Stream) -> Lazy[dict[str, Any]]:
    made = {op.label: _combined(op.combiner, stream, Columns(stream, tuple(op.keys)).of) for op in operation.combiners}
    return Lazy(lambda: [{label: value.only() for label, value in made.items()}])


def _combined(combiner: analyzer_nodes.Combiner, stream: Stream, of: Callable[[Batch], Any]) -> Lazy[Any]:
    kept = [combiner.create_accumulator()]

    def hear(batch: Batch) -> None:
        kept[0] = combiner.add_input(kept[0], of(batch))

    return stream.listen(hear, lambda: [combiner.compact(kept[0])])


def _merge(_: Analysis, operation: Any, accumulators: Lazy[Any]) -> Lazy[Any]:
    return Lazy(lambda: [_merged(operation.combiner, accumulators.all())])


def _merge_packed(_: Analysis, operation: Any, keyed: Lazy[tuple[str, Any]]) -> Lazy[dict[str, Any]]:
    def compute() -> Iterator[dict[str, Any]]:
        pairs = keyed.all()
        yield {
            op.label: _merged(op.combiner, [value for key, value in pairs if key == op.keys[0]])
            for op in operation.combiners
        }

    return Lazy(compute)


def _merged(combiner: analyzer_nodes.Combiner, accumulators: Iterable[Any]) -> Any:
    """As TFT's CombineFn: one after another, onto an empty one."""
    kept = combiner.create_accumulator()
    for accumulator in accumulators:
        kept = combiner.merge_accumulators([each for each in (kept, accumulator) if each is not None])
    return combiner.extract_output(combiner.compact(kept))


def _extract_outputs(_: Analysis, operation: Any, merged: Lazy[Any]) -> tuple[Lazy[Any], ...]:
    def nth(place: int) -> Lazy[Any]:
        return Lazy(lambda: [merged.only()[place]])

    return tuple(nth(place) for place in range(operation.num_outputs))


def _flatten(_: Analysis, __: Any, *values: Lazy[Any]) -> Lazy[Any]:
    if len(values) == 1:
        return values[0]
    return Lazy(lambda: [element for value in values for element in value.all()])


def _add_key(_: Analysis, operation: Any, values: Lazy[Any]) -> Lazy[tuple[str, Any]]:
    return Lazy(lambda: [(operation.key, element) for element in values.all()])


def _encode_cache(_: Analysis, operation: Any, values: Lazy[Any]) -> Lazy[bytes]:
    return Lazy(lambda: (operation.coder.encode_cache(element) for element in values.all()))


def _no_counters(*_: Any) -> Lazy[Any]:
    return Lazy(list)


def _bind(_: Analysis, operation: Any, value: Lazy[Any]) -> Lazy[_TensorBinding]:
    return Lazy(
        lambda: [_TensorBinding(value.only(), operation.tensor_name, operation.dtype_enum, operation.is_asset_filepath)]
    )


def _count_tokens(_: Analysis, operation: Any, columns: Columns) -> Lazy[tuple[Any, int]]:
    if operation.vocab_ordering_type != _VocabOrderingType.FREQUENCY:
        raise NeedsBeam(f"a vocabulary is ordered by {operation.vocab_ordering_type}")
    counts: Counter[Any] = Counter()

    def hear(batch: Batch) -> None:
        (values,) = columns.of(batch)
        if values.dtype != object:
            counts.update(values.tolist())
            return
        of_batch = pa.array(values, pa.binary()).value_counts()
        counts.update(dict(zip(of_batch.field(0).to_pylist(), of_batch.field(1).to_pylist(), strict=True)))

    return columns.stream.listen(hear, counts.items)


def _merge_tokens(_: Analysis, __: Any, counts: Lazy[tuple[Any, int]]) -> Lazy[vocabulary.Counted]:
    return Lazy(lambda: vocabulary.merged(counts.all()))


def _prune_tokens(_: Analysis, operation: Any, counted: Lazy[vocabulary.Counted]) -> Lazy[vocabulary.Counted]:
    return Lazy(lambda: vocabulary.pruned(operation, counted.all()))


def _size(_: Analysis, __: Any, counted: Lazy[vocabulary.Counted]) -> Lazy[np.int64]:
    # An empty vocabulary is written with one placeholder.
    return Lazy(lambda: [np.int64(max(len(counted.all()), 1))])


def _write_tokens(
    analysis: Analysis, operation: Any, counted: Lazy[vocabulary.Counted], reserved: Optional[Lazy[Any]] = None
) -> Lazy[Any]:
    if reserved is not None or operation.file_format != "text":
        raise NeedsBeam("a vocabulary has reserved tokens, or is no text file")
    folder = analysis._temp_dir
    return Lazy(lambda: [np.array(vocabulary.write(operation, counted.all(), folder))])


_OPERATIONS: Mapping[type, Callable[..., Any]] = {
    beam_nodes.ExtractInputForSavedModel: Analysis.extract_input,
    beam_nodes.CreateSavedModel: Analysis.create_saved_model,
    beam_nodes.ApplySavedModel: Analysis.apply_saved_model,
    beam_nodes.ExtractFromDict: _extract_from_dict,
    beam_nodes.Flatten: _flatten,
    beam_nodes.CreateTensorBinding: _bind,
    analyzer_nodes.CacheableCombineAccumulate: _accumulate,
    analyzer_nodes.CacheableCombineMerge: _merge,
    analyzer_nodes.ExtractCombineMergeOutputs: _extract_outputs,
    analyzer_nodes.PackedCombineAccumulate: _accumulate_packed,
    analyzer_nodes.PackedCombineMerge: _merge_packed,
    analyzer_nodes.ExtractPackedCombineMergeOutputs: _extract_outputs,
    analyzer_nodes.AddKey: _add_key,
    analyzer_nodes.EncodeCache: _encode_cache,
    analyzer_nodes.InstrumentDatasetCache: _no_counters,
    analyzer_nodes.VocabularyAccumulate: _count_tokens,
    analyzer_nodes.VocabularyMerge: _merge_tokens,
    analyzer_nodes.VocabularyPrune: _prune_tokens,
    analyzer_nodes.VocabularyCount: _size,
    analyzer_nodes.VocabularyOrderAndWrite: _write_tokens,
}
