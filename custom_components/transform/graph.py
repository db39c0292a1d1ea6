"""A preprocessing function applied to record batches: as SavedModel, or as it was traced."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
import tensorflow as tf
from tensorflow.python.eager import wrap_function
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter, TensorAdapterConfig

Tensors = dict[str, Any]


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
            ValueError: the graph fails on one of these rows.
        """
        try:
            return self._function(self._adapter.ToBatchTensors(batch))
        except Exception as error:
            raise ValueError(f"the transformation fails on one of {batch.num_rows} rows: {error}") from error


def of_saved_model(folder: str, adapter_config: TensorAdapterConfig) -> Graph:
    """A SavedModel that TFT wrote, with all of its outputs."""
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
    pruned = wrap_function.WrappedFunction(graph, variable_holder=holder).prune(feeds, dict(outputs))

    def function(tensors: Tensors) -> Tensors:
        made: Tensors = pruned(*tf.nest.flatten([tensors[column] for column in columns], expand_composites=True))
        return made

    return Graph(function, adapter_config)
