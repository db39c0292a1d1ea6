"""A folder for each class, with its images: each a row with the columns `image`, `class` and `path`."""

import dataclasses
import os
from collections.abc import Iterator

import pyarrow as pa

from millrace.components.example_gen.images import read_image

COLUMNS = ("image", "class", "path")
"""The bytes of the file, the name of the folder that it is in, and its path below the data's folder."""

_FILES_OF_A_UNIT = 1024
_FILES_AT_ONCE = 64


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """A unit of work: some of a split's files; `group` and `index` as in `csv_source.ByteRange`."""

    group: int
    index: int
    base: str
    paths: tuple[str, ...]


def planned(group: int, index: int, base: str, paths: list[str]) -> list[ImageFiles]:
    """Cuts the files of a split into units of work; hidden files are passed over.

    Args:
        group: index of the split.
        index: of the first unit.
        base: the data's folder.
        paths: the files.
    """
    seen = [path for path in paths if not os.path.basename(path).startswith(".")]
    starts = range(0, len(seen), _FILES_OF_A_UNIT)
    parts = [tuple(seen[start : start + _FILES_OF_A_UNIT]) for start in starts]
    return [ImageFiles(group, index + place, base, part) for place, part in enumerate(parts)]


def batches(work: ImageFiles) -> Iterator[pa.RecordBatch]:
    """Reads files as features.

    Yields:
        Batches of `large_list` columns (see `examples`).

    Raises:
        DataError: a file cannot be read, or is no image.
    """
    for start in range(0, len(work.paths), _FILES_AT_ONCE):
        paths = work.paths[start : start + _FILES_AT_ONCE]
        columns = {
            "image": [[read_image(path, path)] for path in paths],
            "class": [[os.path.basename(os.path.dirname(path)).encode()] for path in paths],
            "path": [[os.path.relpath(path, work.base).encode()] for path in paths],
        }
        arrays = [pa.array(columns[name], pa.large_list(pa.large_binary())) for name in COLUMNS]
        yield pa.RecordBatch.from_arrays(arrays, names=list(COLUMNS))
