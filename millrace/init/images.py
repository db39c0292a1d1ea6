"""Tells columns of paths of images, and to which size these are brought."""

from dataclasses import replace
from pathlib import Path

from millrace.init.columns import Column
from millrace.tables.images import SUFFIXES, size_of

_TRIED = 20
_LARGEST = 96


def with_images(column: Column, folder: Path) -> Column:
    """A column whose texts are paths of images below a folder, with the size that they are brought to.

    Args:
        column: any column.
        folder: the data's.

    Returns:
        The column with `image`: the median of some images' heights and widths, at most 96; as it is where its
        texts are no such paths.
    """
    words = column.words if column.type == "STRING" else []
    if not words or not all(word.lower().endswith(SUFFIXES) for word in words):
        return column
    sizes = [size_of(folder / word) for word in words[:: max(len(words) // _TRIED, 1)][:_TRIED]]
    known = [size for size in sizes if size]
    if len(known) < len(sizes):
        return column
    height, width = (sorted(one)[len(known) // 2] for one in zip(*known, strict=True))
    return replace(column, image=(max(min(height, _LARGEST), 4), max(min(width, _LARGEST), 4)))
