"""Reads evaluated examples on this machine, and of their features only what is needed."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_model_analysis.api import types as tfma_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import model_util, util
from tfx import types
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import dataset_util

from millrace.components.beam_engine import NeedsBeam

BYTES_AT_ONCE = 32 << 20
"""Of serialized examples; what is parsed of them takes several times as much."""


@dataclass(frozen=True)
class Inputs:
    """What is evaluated, on what, and by which configuration (as configured, before TFMA completes it)."""

    examples: list[types.Artifact]
    splits: list[str]
    model: types.Artifact
    baseline: Optional[types.Artifact]
    schema: Any
    eval_config: config_pb2.EvalConfig


class Batch(NamedTuple):
    """Serialized tf.Examples, a string tensor, and their features as TFMA's extractor makes them."""

    serialized: tf.Tensor
    features: dict[str, Any]


def batches(
    inputs: Inputs, size: int, names: Optional[set[str]] = None, serialized_inputs: Collection[str] = ()
) -> Iterator[Batch]:
    """Reads the evaluated splits.

    Args:
        inputs: of which the examples, in TFRecords, and the splits are used.
        size: most examples of a batch, fewer where they are large; the last one of a split may be smaller.
        names: the features to decode; None decodes all. Nothing else is parsed where the first batch has every one.
        serialized_inputs: names of what serialized examples are given to. Where the examples have a feature of such a
            name, TFMA gives the model that feature, and so all are decoded.

    Raises:
        NeedsBeam: a feature changes its type on the way.
    """
    decode: Optional[Callable[[tf.Tensor], dict[str, Any]]] = None
    first = next(_serialized(inputs, 1), None)
    if first is not None:
        size = max(1, min(size, BYTES_AT_ONCE // max(len(first.numpy()[0]), 1)))
    for serialized in _serialized(inputs, size):
        if decode is None:
            record_batch = _record_batch(serialized)
            features = set(record_batch.schema.names)
            if any(model_util.find_input_name_in_features(features, name) for name in serialized_inputs):
                names = None
            decode = _decoder(record_batch, names)
            yield Batch(serialized, _tensors(record_batch, names))
        else:
            yield Batch(serialized, decode(serialized))


def is_readable(examples: list[types.Artifact]) -> bool:
    """Whether these are tf.Examples in TFRecords, which is all that `batches` reads."""
    payload, _ = tfxio_utils.resolve_payload_format_and_data_view_uri(examples)
    formats = {examples_utils.get_file_format(artifact) for artifact in examples}
    return payload == example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE and formats <= {None, "", "tfrecords_gzip"}


def _serialized(inputs: Inputs, size: int) -> Iterator[tf.Tensor]:
    for split in inputs.splits:
        for uri in artifact_utils.get_split_uris(inputs.examples, split):
            pattern = [io_utils.all_files_pattern(uri)]
            yield from dataset_util.make_tf_record_dataset(
                pattern, size, drop_final_batch=False, num_epochs=1, shuffle=False, shuffle_buffer_size=1,
                shuffle_seed=None,
            ).prefetch(1)  # fmt: skip


def _record_batch(serialized: tf.Tensor) -> pa.RecordBatch:
    return example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(serialized.numpy())


def _tensors(batch: pa.RecordBatch, names: Optional[set[str]]) -> dict[str, Any]:
    kept = [
        at
        for at, field in enumerate(batch.schema)
        if _dtype(field.type) is not None and (names is None or field.name in names)
    ]
    chosen = pa.RecordBatch.from_arrays([batch.column(at) for at in kept], [batch.schema.names[at] for at in kept])
    return dict(util.record_batch_to_tensor_values(chosen, {})) if kept else {}


def _dtype(column: pa.DataType) -> Optional[tf.DType]:
    """The type of a feature's values; None for columns that TFMA leaves out too, and for those without any value."""
    if not (pa.types.is_list(column) or pa.types.is_large_list(column)):
        return None
    value = column.value_type
    if pa.types.is_floating(value):
        return tf.float32
    if pa.types.is_integer(value):
        return tf.int64
    return tf.string if pa.types.is_binary(value) or pa.types.is_large_binary(value) else None


def _decoder(first: pa.RecordBatch, names: Optional[set[str]]) -> Callable[[tf.Tensor], dict[str, Any]]:
    """TensorFlow's parser, which skips what is not asked for, where the first batch shows the type of all that is."""
    kinds = {field.name: _dtype(field.type) for field in first.schema if names is not None and field.name in names}
    if kinds.keys() != names or None in kinds.values():
        return lambda serialized: _tensors(_record_batch(serialized), names)
    wanted = {name: tf.io.VarLenFeature(kind) for name, kind in kinds.items()}

    def parse(serialized: tf.Tensor) -> dict[str, Any]:
        try:
            parsed = tf.io.parse_example(serialized, wanted) if wanted else {}
        except tf.errors.InvalidArgumentError as error:
            raise NeedsBeam(f"the examples' features change their types ({error.message})") from error
        return {name: _dense_if_even(sparse) for name, sparse in parsed.items()}

    return parse


def _dense_if_even(sparse: tf.SparseTensor) -> Any:
    """As TFMA: an array where every example has as many values, else its tensor of rows of several lengths."""
    values, indices = sparse.values.numpy(), sparse.indices.numpy()
    rows, width = sparse.dense_shape.numpy().tolist()
    if len(values) == rows * width:
        return values.reshape(rows, width)
    return tfma_types.VarLenTensorValue(values=values, indices=indices, dense_shape=np.array([rows, width]))
