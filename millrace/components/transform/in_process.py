"""A transformation in this process: traced once, analyzed in one pass per phase, transformed in another."""

import os
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.beam.analyzer_cache import DatasetKey
from tfx.components.transform import executor as tfx_executor
from tfx.proto import example_gen_pb2
from tfx_bsl.tfxio.tfxio import TFXIO

from millrace.components.transform import plan as plans
from millrace.components.transform import reading, writing
from millrace.components.transform.analysis import Analysis, Datasets
from millrace.components.transform.graph import of_saved_model
from millrace.components.transform.request import Request, SplitFiles


def run(request: Request, temp_dir: str) -> None:
    """Writes the graph, the transformed examples and the cache of analyzers.

    Args:
        request: what is asked for.
        temp_dir: a folder that the caller removes.

    Raises:
        NeedsBeam: TFX's executor has to do it; nothing was written outside of `temp_dir`.
    """
    sources = (*request.analyzed, *request.transformed)
    readers = {source.pattern: reading.tfxio_of(source, request.schema) for source in sources}
    reader = next(iter(readers.values()))
    schema, columns = _analyze(request, readers, temp_dir)
    saved_model = os.path.join(request.graph_uri, tft.TFTransformOutput.TRANSFORM_FN_DIR)
    graph = of_saved_model(saved_model, reader.Project(list(columns)).TensorAdapterConfig())
    for place, source in enumerate(request.transformed):
        batches = reading.batches(source, readers[source.pattern], columns)
        made = (graph.apply(batch) for batch in batches)
        writing.write_examples(made, schema, os.path.join(temp_dir, f"examples-{place}"), source.output)


def _analyze(
    request: Request, readers: Mapping[str, TFXIO], temp_dir: str
) -> tuple[schema_pb2.Schema, tuple[str, ...]]:
    """Writes the graph and the cache, and lets go of all that was counted.

    Returns:
        The schema of the transformed examples, and the columns that they are made of.
    """
    reader = next(iter(readers.values()))
    keys = _keys(request.analyzed)
    specs = reader.TensorAdapter().OriginalTypeSpecs()
    plan = plans.make(request.preprocessing_fn, specs, keys, temp_dir, with_cache=request.cache_uri is not None)
    sizes = dict.fromkeys(keys, 0)
    datasets: Datasets = {
        key: _measured(source, readers[source.pattern], plan.analyzed_columns, key, sizes)
        for key, source in keys.items()
    }
    config = reader.Project(list(plan.analyzed_columns)).TensorAdapterConfig()
    analysis = Analysis(plan, request.preprocessing_fn, datasets, config, temp_dir, request.save_options)
    schema = writing.write_graph(request.graph_uri, request.schema, analysis.saved_model(), plan.asset_map)
    if request.cache_uri is not None:
        writing.write_cache(request.cache_uri, analysis.cache(), sizes)
    return schema, plan.transformed_columns


def _keys(sources: tuple[SplitFiles, ...]) -> dict[DatasetKey, SplitFiles]:
    """The key of each data set in the cache, which is TFX's, in the order in which TFX analyzes them."""
    keyed = {
        tfx_executor._Dataset(source.pattern, "", example_gen_pb2.FORMAT_TF_EXAMPLE, None).dataset_key: source
        for source in sources
    }
    return dict(sorted(keyed.items()))


def _measured(
    source: SplitFiles, reader: TFXIO, columns: tuple[str, ...], key: DatasetKey, sizes: dict[DatasetKey, int]
) -> Callable[[], Iterator[pa.RecordBatch]]:
    def read() -> Iterator[pa.RecordBatch]:
        sizes[key] = 0
        for batch in reading.batches(source, reader, columns):
            sizes[key] += batch.nbytes
            yield batch

    return read
