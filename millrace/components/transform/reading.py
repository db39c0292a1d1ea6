"""Raw examples as record batches of the schema's types: from the Arrow sidecar where it fits, else decoded."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.util import tfxio_utils
from tfx.proto import example_gen_pb2
from tfx_bsl.tfxio import dataset_options
from tfx_bsl.tfxio.tfxio import TFXIO

from millrace.components.example_gen import sidecar
from millrace.components.transform.request import SplitFiles

ROWS_AT_ONCE = 8192
BYTES_AT_ONCE = 32 << 20
_DECODED_AT_ONCE = 4096


def tfxio_of(source: SplitFiles, schema: schema_pb2.Schema) -> TFXIO:
    """TFX's own reader of a split, by which its types are known.

    Args:
        source: the split's files.
        schema: of the raw examples.
    """
    return tfxio_utils.make_tfxio(
        file_pattern=source.pattern,
        file_format="tfrecords_gzip",
        telemetry_descriptors=["Transform"],
        payload_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
        schema=schema,
    )


def batches(source: SplitFiles, reader: TFXIO, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Reads some columns of a split, in batches of bounded size.

    Args:
        source: the split.
        reader: of the split, for all columns.
        columns: the columns that are wanted.

    Yields:
        Record batches of the Arrow schema that the reader has once it is projected to the columns.
    """
    projected = reader.Project(list(columns))
    wanted = projected.ArrowSchema()
    files = sidecar.files(source.artifact.uri, source.split)
    if files and all(_fits(path, wanted) for path in files):
        for path in files:
            yield from _cut(_conformed(batch, wanted) for batch in sidecar.batches(path))
        return
    options = dataset_options.RecordBatchesOptions(_DECODED_AT_ONCE, num_epochs=1, shuffle=False)
    yield from _cut(projected.RecordBatches(options))


def _fits(path: str, wanted: pa.Schema) -> bool:
    """Whether decoding the same rows would give these types; a column of another type is the decoder's to refuse."""
    first = next(sidecar.batches(path), None)
    here = {field.name: field.type for field in first.schema} if first is not None else {}
    return all(here.get(field.name, field.type) in (field.type, pa.null()) for field in wanted)


def _conformed(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    columns = []
    for field in wanted:
        place = batch.schema.get_field_index(field.name)
        column = batch.column(place) if place >= 0 else None
        missing = column is None or pa.types.is_null(column.type)
        columns.append(pa.nulls(batch.num_rows, field.type) if missing else column)
    return pa.RecordBatch.from_arrays(columns, schema=wanted)


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = max(1, min(ROWS_AT_ONCE, int(BYTES_AT_ONCE * batch.num_rows / max(batch.nbytes, 1))))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)
