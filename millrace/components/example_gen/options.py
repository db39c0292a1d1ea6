"""What the executor may be told: values that travel as the standard `custom_config` execution property."""

import json
from typing import Any, Literal, Optional

from google.protobuf import struct_pb2
from pydantic import Field
from tfx.proto import example_gen_pb2
from tfx.utils import proto_utils

from millrace.base.section import Section
from millrace.components.example_gen.splits_section import SurveyedSplits
from millrace.tables.column_section import ColumnReading
from millrace.tables.headers import Delimiter, Rule

TableFormat = Literal["csv", "parquet", "jsonl", "sequence_example", "image_folders", "avro"]


class Options(Section):
    """How a table is read and cut into work.

    Attributes:
        format: of the files; `avro`, `jsonl` and `sequence_example` are read as `whole_files` says.
        delimiter: the one character between CSV cells.
        header: how the first line of a CSV file names its columns. `tfx` splits the line at every delimiter, as
            `CsvExampleGen` does: quotes and a byte order mark become part of a name. `csv` reads it as a CSV record
            without its byte order mark.
        missing: NA values: cells, or texts in Parquet, that stand for a missing value, as they read once stripped.
        header_line: the line of the column names, from 1; 0 where there are none.
        columns: how the cells of single columns are read, by their names.
        images: columns of images, whose paths become the bytes of the files (`images.with_contents`).
        strip_spaces: take the white space around cells, and around texts in Parquet, away.
        values: `tfx` reads what TFX's executors read. `all` takes cells that are not UTF-8 for Latin-1 and, in Parquet,
            a zero, False or empty text for the value that it is, and dates, times and decimals for text and numbers
            (`parquet_values.prepared`), where TFX drops or refuses them.
        splits: how rows are divided, where TFX's SplitConfig cannot say it; that has the same names.
        where: the condition that a row meets to become an example, as `millrace.features.expression` reads it.
        leave_out: columns that reach no example.
        key: a column whose values should be in one split each; those in several are counted.
        range_bytes: input bytes of one unit of work, which is also one output shard of each split.
        block_bytes: input bytes that are held and encoded at once.
        threads: threads for one unit of work; 0 takes one for each processor, at most 8, in the executor's own process,
            and one in workers of their own, which handle several units side by side.
    """

    format: TableFormat = "csv"
    delimiter: Delimiter = ","
    header: Rule = "tfx"
    header_line: int = Field(default=1, ge=0)
    missing: tuple[str, ...] = ()
    columns: dict[str, ColumnReading] = Field(default={})
    images: tuple[str, ...] = ()
    strip_spaces: bool = False
    values: Literal["tfx", "all"] = "tfx"
    splits: Optional[SurveyedSplits] = None
    where: str = ""
    leave_out: tuple[str, ...] = ()
    key: str = ""
    range_bytes: int = Field(default=64 << 20, ge=1)
    block_bytes: int = Field(default=8 << 20, ge=1)
    threads: int = Field(default=0, ge=0)


def to_custom_config(options: Options, code_digest: str) -> example_gen_pb2.CustomConfig:
    """Packs the options and the digest of the code (which only serves TFX's cache key) as TFX's CustomConfig."""
    values = {"code_digest": code_digest, **options.model_dump(mode="json")}
    packed = struct_pb2.Struct()
    # The order of a mapping means something: splits by time are written from the oldest.
    packed.update({"columnar_example_gen": json.dumps(values)})
    config = example_gen_pb2.CustomConfig()
    config.custom_config.Pack(packed)
    return config


def from_custom_config(text: Any) -> Options:
    """The options in the JSON text of a CustomConfig; the defaults where there is none."""
    if not text:
        return Options()
    config = proto_utils.json_to_proto(text, example_gen_pb2.CustomConfig())
    packed = struct_pb2.Struct()
    config.custom_config.Unpack(packed)
    values = json.loads(packed["columnar_example_gen"])
    values.pop("code_digest", None)
    return Options.model_validate(values)
