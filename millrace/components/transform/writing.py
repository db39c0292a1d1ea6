"""What a Transform execution writes: the graph with its metadata, the transformed examples, the cache of analyzers."""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform import impl_helper
from tensorflow_transform.beam.analyzer_cache import DatasetCacheMetadata, DatasetKey, _ManifestFile
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io
from tfx.dsl.io import fileio
from tfx.utils import io_utils
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

# At zlib's usual level 6 compression would take as long as all the rest.
_COMPRESSION = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
_SHARD = "-00000-of-00001"
_AHEAD = 2
# The name that TFT's cache gives the file with a data set's size.
_SIZE_FILE = "METADATA"


def write_graph(
    uri: str, schema: schema_pb2.Schema, saved_model: str, asset_map: Mapping[str, str]
) -> schema_pb2.Schema:
    """Writes what `tft.TFTransformOutput` reads.

    Args:
        uri: of the TransformGraph artifact.
        schema: of the raw examples.
        saved_model: the folder of TFT's SavedModel; it is moved.
        asset_map: file names of vocabularies by what the user called them.

    Returns:
        The schema of the transformed examples.
    """
    output = tft.TFTransformOutput
    metadata_io.write_metadata(dataset_metadata.DatasetMetadata(schema), os.path.join(uri, output.RAW_METADATA_DIR))
    transformed = metadata_io.read_metadata(os.path.join(saved_model, impl_helper.METADATA_DIR_NAME))
    folder = os.path.join(uri, output.TRANSFORMED_METADATA_DIR)
    metadata_io.write_metadata(transformed, folder)
    if asset_map:
        with tf.io.gfile.GFile(os.path.join(folder, output.ASSET_MAP), "w") as file:
            file.write(json.dumps(asset_map))
    io_utils.delete_dir(os.path.join(saved_model, impl_helper.METADATA_DIR_NAME))
    fileio.rename(saved_model, os.path.join(uri, output.TRANSFORM_FN_DIR))
    result: schema_pb2.Schema = transformed.schema
    return result


def write_examples(batches: Iterator[dict[str, Any]], schema: schema_pb2.Schema, beside: str, output: str) -> None:
    """Encodes transformed batches and writes them as TFRecords, while the next are being made.

    Args:
        batches: tensors by name.
        schema: of the transformed examples.
        beside: a path to write to, until all is written.
        output: the path of the file, without shard number and suffix.
    """
    converter = impl_helper.make_tensor_to_arrow_converter(schema)
    encoder = RecordBatchToExamplesEncoder(schema)
    with tf.io.TFRecordWriter(beside, _COMPRESSION) as writer:

        def write(batch: pa.RecordBatch) -> None:
            for record in encoder.encode(batch):
                writer.write(record)

        with ThreadPoolExecutor(1) as pool:
            waiting: deque[Future[None]] = deque()
            for batch in batches:
                waiting.append(pool.submit(write, converter.convert(batch)))
                if len(waiting) > _AHEAD:
                    waiting.popleft().result()
            for future in waiting:
                future.result()
    fileio.makedirs(os.path.dirname(output))
    fileio.rename(beside, f"{output}{_SHARD}.gz", overwrite=True)


def write_cache(
    uri: str, entries: Mapping[DatasetKey, Mapping[str, Iterable[bytes]]], sizes: Mapping[DatasetKey, int]
) -> None:
    """Writes a cache of analyzers as TFT's `WriteAnalysisCacheToFS` does.

    Args:
        uri: of the TransformCache artifact.
        entries: encoded accumulators, by data set and entry.
        sizes: bytes of each data set's batches.
    """
    fileio.makedirs(uri)
    for dataset, of_dataset in entries.items():
        folder = os.path.join(uri, dataset.key)
        with _ManifestFile(folder) as manifest:
            manifest.write({entry: place for place, entry in enumerate(of_dataset)})
        for place, records in enumerate(of_dataset.values()):
            _write_records(os.path.join(folder, f"{place}{_SHARD}.gz"), records, "GZIP")
        size = DatasetCacheMetadata(sizes[dataset]).encode()
        _write_records(os.path.join(folder, f"{_SIZE_FILE}{_SHARD}"), [size], "")


def _write_records(path: str, records: Iterable[bytes], compression: str) -> None:
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type=compression)) as writer:
        for record in records:
            writer.write(record)
