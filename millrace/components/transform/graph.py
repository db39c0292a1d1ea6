"""A preprocessing function applied to record batches: as SavedModel, or as it was traced."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional

import pyarrow as pa
import tensorflow as tf
from tensorflow.python.eager import wrap_function
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter, TensorAdapterConfig

Tensors = dict[str, Any]

# Characters of a bad row's value in a message.
_SHOWN = 60
_LOOKUPS = frozenset({"LookupTableFindV2", "LookupTableSizeV2"})


class Graph:
    """The transformation of one batch at a time.

    Args:
        function: from tensors by column to tensors by name.
        adapter_config: of the columns that are fed, and of no others.
    """

    def __init__(self, function: Callable[[Tensors], Tensors], adapter_config: TensorAdapterConfig) -> None:
        self._function = function
        self._adapter = TensorAdapter(adapter_config)

    def apply(self, batch: pa.RecordBatch) -> dict[str, Any]:
        """Gives tensors by name.

        Raises:
            ValueError: the graph fails on one of these rows; the message shows its columns.
        """
        try:
            return self._made(batch)
        except Exception as error:
            row = self._culprit(batch)
            where = f"{batch.num_rows} rows together"
            if row:
                values = (f"{name}={str(row.column(name)[0].as_py())[:_SHOWN]}" for name in row.schema.names)
                where = f"the row {', '.join(values)}"
            raise ValueError(f"the transformation fails on {where}: {error}") from error

    def _made(self, batch: pa.RecordBatch) -> dict[str, Any]:
        return self._function(self._adapter.ToBatchTensors(batch))

    def _culprit(self, batch: pa.RecordBatch) -> Optional[pa.RecordBatch]:
        """The first row that fails by itself, found by halves; None where only rows together fail."""
        while batch.num_rows > 1:
            half = batch.num_rows // 2
            batch = batch.slice(0, half) if self._fails(batch.slice(0, half)) else batch.slice(half)
        return batch if self._fails(batch) else None

    def _fails(self, batch: pa.RecordBatch) -> bool:
        try:
            self._made(batch)
        except Exception:
            return True
        return False


def of_saved_model(folder: str, adapter_config: TensorAdapterConfig) -> Graph:
    """A SavedModel that TFT wrote, with all of its outputs.

    Args:
        folder: the SavedModel's.
        adapter_config: of the raw columns that are fed; the others may be missing.
    """
    loader = SavedModelLoader(folder)
    loader.finalize(set(adapter_config.tensor_representations), set(loader.structured_outputs))
    return Graph(loader.apply_transform_model, adapter_config)


def is_pure(tensors: Iterable[tf.Tensor]) -> bool:
    """Whether tensors are made without state: without tables and variables, which only a SavedModel initialises."""
    waiting, seen = [tensor.op for tensor in tensors], set()
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        if any(tensor.dtype == tf.resource for tensor in [*operation.inputs, *operation.outputs]):
            return False
        waiting.extend([*(tensor.op for tensor in operation.inputs), *operation.control_inputs])
    return True


def is_silent(graph: tf.Graph) -> bool:
    """Whether a traced function does nothing but give its outputs: no check that may fail, nothing printed or called.

    What it does besides would be lost with the outputs that are not asked for.
    """
    return all(operation.type in _LOOKUPS for operation in graph.control_outputs)


def of_trace(
    graph: tf.Graph, inputs: Mapping[str, Any], outputs: Mapping[str, tf.Tensor], adapter_config: TensorAdapterConfig
) -> Graph:
    """Tensors of a traced function that wait for no analyzer: what its SavedModel would give, without writing it.

    Args:
        graph: the traced function's.
        inputs: its tensors by column.
        outputs: the tensors that are wanted, by name.
        adapter_config: of the columns that the outputs need.
    """
    columns = list(adapter_config.tensor_representations)
    feeds = tf.nest.flatten([inputs[column] for column in columns], expand_composites=True)
    holder = wrap_function.VariableHolder(share_variables=True)
    # Without a signature TensorFlow tries another one first, and spells all arguments out in an error that nobody sees.
    specs = tuple(tf.TensorSpec(feed.shape, feed.dtype) for feed in feeds)
    whole = wrap_function.WrappedFunction(graph, variable_holder=holder)
    pruned = whole.prune(feeds, dict(outputs), input_signature=(specs, {}))

    def function(tensors: Tensors) -> Tensors:
        made: Tensors = pruned(*tf.nest.flatten([tensors[column] for column in columns], expand_composites=True))
        return made

    return Graph(function, adapter_config)
