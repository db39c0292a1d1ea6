"""Images in a table: the bytes of a file in the place of its path, and every image tried, so that none fails later.

A value that holds a zero byte is an image, as every JPEG, PNG, GIF and BMP does; any other is the path of a file,
relative to the file that names it.
"""

import functools
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import tensorflow as tf
from tfx.dsl.io import fileio

from millrace.base.errors import DataError
from millrace.components.example_gen.row_values import scalars

_IMAGES = "data.images"
_BESIDE = 3
_SHOWN = 40
# What TensorFlow writes before and behind the reason.
_OF_TENSORFLOW = re.compile(r"\{\{[^}]*\}\}|\[Op:\w+\]")


def with_contents(
    batch: pa.RecordBatch, columns: Sequence[str], beside: str, left_out: Sequence[str] = ()
) -> pa.RecordBatch:
    """Puts the bytes of images in the place of their paths.

    Args:
        batch: rows as features (see `examples`).
        columns: the columns of images.
        beside: the file that the rows come from.
        left_out: columns that no message may show.

    Returns:
        The batch with these columns' bytes.

    Raises:
        DataError: there is no such column or file, or what is there is no image.
    """
    result = list(batch.columns)
    for name in columns:
        values = scalars(batch, name, _IMAGES).to_pylist()
        others = [one for one in batch.schema.names if one not in (*columns, *left_out)][:_BESIDE]
        contents = [
            None
            if value is None
            else [_content(value, name, beside, functools.partial(_described, batch, row, others))]
            for row, value in enumerate(values)
        ]
        place = batch.schema.get_field_index(name)
        result[place] = pa.array(contents, pa.large_list(pa.large_binary()))
    return pa.RecordBatch.from_arrays(result, batch.schema.names)


def read_image(path: str, where: str) -> bytes:
    """Reads a file and tries whether it is an image.

    Args:
        path: of the file.
        where: what names it, for messages.

    Raises:
        DataError: there is no such file, or it is no image.
    """
    try:
        with fileio.open(path, "rb") as file:
            content: bytes = file.read()
    except (OSError, tf.errors.OpError) as error:
        raise DataError(
            f"the image {path} cannot be read: {getattr(error, 'strerror', None) or error}",
            where,
            f"paths in {_IMAGES} are relative to the file that names them; fix the path, or put the file there",
        ) from error
    require_image(content, path)
    return content


def require_image(content: bytes, where: str) -> None:
    """Decodes an image, which is what Transform will do.

    Raises:
        DataError: it is none, or is damaged.
    """
    try:
        tf.io.decode_image(content, channels=3, expand_animations=False)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        reason = _OF_TENSORFLOW.sub("", str(error.message)).strip().rstrip(".")
        what = reason if content else "it is empty"
        raise DataError(
            f"this is no image that can be read: {what}",
            where,
            "give JPEG, PNG, GIF or BMP, whole; or take the row or the file out",
        ) from error


def _content(value: Any, name: str, beside: str, row: Callable[[], str]) -> bytes:
    if not isinstance(value, bytes):
        raise DataError(f"column {name!r} holds numbers, and images are bytes or paths", beside, f"fix {_IMAGES}")
    if b"\0" not in value:
        path = value.decode("utf-8", "replace").strip()
        return read_image(os.path.join(os.path.dirname(beside), path), f"{beside}, column {name}")
    require_image(value, f"{beside}, column {name}, the row with {row()}")
    return value


def _described(batch: pa.RecordBatch, row: int, names: Sequence[str]) -> str:
    """A row's values in some columns, by which a person finds it."""
    values = [batch.column(batch.schema.get_field_index(name))[row].as_py() for name in names]
    firsts = [value[0] if value else "no value" for value in values]
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in firsts]
    return ", ".join(f"{name} {text[:_SHOWN]}" for name, text in zip(names, texts, strict=True)) or "no other column"
