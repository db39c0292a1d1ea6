"""What there is to do, worked out before any worker starts: files, their columns, and units of work."""

import dataclasses
import os
from typing import Union

from apache_beam.io import filesystems
from tfx.components.example_gen import utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_source, image_folders, parquet_source, whole_files
from millrace.components.example_gen.csv_source import ByteRange
from millrace.components.example_gen.divisions import SurveyedDivision, ValueDivision, division_of
from millrace.components.example_gen.image_folders import ImageFiles
from millrace.components.example_gen.options import Options
from millrace.components.example_gen.parquet_source import RowGroups
from millrace.components.example_gen.splits import Partition
from millrace.components.example_gen.whole_files import WholeFile
from millrace.tables.headers import Header, difference
from millrace.tables.windows import single_patterns

Work = Union[ByteRange, RowGroups, WholeFile, ImageFiles]
Division = Union[Partition, ValueDivision, SurveyedDivision]


@dataclasses.dataclass(frozen=True)
class WorkPlan:
    """All of an execution's work.

    Attributes:
        work: units of work, in the order of their `index`.
        columns: CSV column names of each input split; empty for other formats.
        patterns: the files of each input split, for messages.
        division: how rows are divided among the output splits.
        key: the column whose values are followed through the splits; empty for none.
    """

    work: tuple[Work, ...]
    columns: tuple[tuple[str, ...], ...]
    patterns: tuple[str, ...]
    division: Division
    key: str = ""


def make_plan(
    input_base: str, input_config: example_gen_pb2.Input, output_config: example_gen_pb2.Output, options: Options
) -> WorkPlan:
    """Lists the input and cuts it.

    Raises:
        DataError: no file, an empty file, or files with different columns.
    """
    work: list[Work] = []
    columns: list[tuple[str, ...]] = []
    of_splits = [
        [os.path.join(input_base, pattern) for pattern in single_patterns(split.pattern)]
        for split in input_config.splits
    ]
    for group, patterns in enumerate(of_splits):
        paths = _list(patterns)
        if options.format == "parquet":
            for path in paths:
                for start, end in parquet_source.row_group_ranges(path, options):
                    work.append(RowGroups(group, len(work), path, start, end))
            continue
        if options.format == "image_folders":
            work += image_folders.planned(group, len(work), input_base, paths)
            continue
        if options.format != "csv":
            work += whole_files.planned(group, len(work), paths, options)
            continue
        headers = [csv_source.header_of(path, options) for path in paths]
        columns.append(_same_columns(paths, headers))
        for path, header in zip(paths, headers, strict=True):
            work += _ranges(group, len(work), path, header, options)
    division = _division(input_config, output_config, options)
    grouped_by = division.feature if isinstance(division, Partition) else None
    named = tuple(", ".join(patterns) for patterns in of_splits)
    return WorkPlan(tuple(work), tuple(columns), named, division, options.key or grouped_by or "")


def _list(patterns: list[str]) -> list[str]:
    """The files of one split: sorted, those of a window's older spans first."""
    paths = []
    for pattern in patterns:
        matches = sorted(path for path in fileio.glob(pattern) if not fileio.isdir(path))
        if not matches:
            raise DataError(
                "no file matches this pattern", pattern, "check the path of the data and the split's pattern"
            )
        paths += matches
    return paths


def _same_columns(paths: list[str], headers: list[Header]) -> tuple[str, ...]:
    for path, header in zip(paths, headers, strict=True):
        if header.names == headers[0].names:
            continue
        how = difference(headers[0].names, header.names)
        raise DataError(f"its columns are not those of {paths[0]}: it {how}", path, _SAME_ADVICE)
    return headers[0].names


_SAME_ADVICE = "give all files of a split one header, or narrow the split's pattern"


def _ranges(group: int, index: int, path: str, header: Header, options: Options) -> list[ByteRange]:
    size = filesystems.FileSystems.match([path])[0].metadata_list[0].size_in_bytes
    if csv_source.is_compressed(path) or size <= header.size + options.range_bytes:
        return [ByteRange(group, index, path, header.size, None, True)]
    starts = list(range(header.size, size, options.range_bytes))
    ends = [*starts[1:], None]
    return [
        ByteRange(group, index + place, path, start, end, place == 0)
        for place, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _division(input_config: example_gen_pb2.Input, output_config: example_gen_pb2.Output, options: Options) -> Division:
    if options.splits:
        return division_of(options.splits, options.splits.column in options.leave_out)
    names = tuple(utils.generate_output_split_names(input_config, output_config))
    config = output_config.split_config
    if not config.splits:
        return Partition(names)
    bounds = [sum(split.hash_buckets for split in config.splits[: place + 1]) for place in range(len(config.splits))]
    feature = config.partition_feature_name if config.HasField("partition_feature_name") else None
    return Partition(names, tuple(bounds), feature)
