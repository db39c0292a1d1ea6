"""Which files make up a table: finds them, tells their format by their first bytes, and names them by one pattern."""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from millrace.base.errors import DataError
from millrace.config.loading import absolute
from millrace.tables.files import matching, opened
from millrace.tables.images import class_folders
from millrace.tables.tfrecords import is_sequence_example, is_tfrecord, records

TableFormat = Literal["csv", "parquet", "jsonl", "image_folders", "avro", "tfrecord", "sequence_example"]

PROBE_BYTES = 1 << 20
_PROBED_RECORDS = 100
_SUFFIXES = (
    ".csv", ".tsv", ".tab", ".psv", ".txt", ".data", ".parquet", ".pq", ".avro", ".tfrecord", ".tfrecords",
    ".jsonl", ".ndjson",
)  # fmt: skip
# First bytes, what they are, and what to do. https://en.wikipedia.org/wiki/List_of_file_signatures
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"%PDF", "a PDF document", ""),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"BZh", "compressed by bzip2", "unpack it, or compress it by gzip"),
    (b"\xfd7zXZ", "compressed by xz", "unpack it, or compress it by gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it, or compress it by gzip"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"\x89HDF", "an HDF5 file", "write it as Parquet"),
    (b"\xff\xfe", "text in UTF-16", "save it in UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it in UTF-8"),
    (b"\x7fELF", "a program", ""),
)
_ADVICE = "give CSV, Parquet, JSON lines, Avro or TFRecord files, or a folder of them, or of a folder of images a class"


@dataclass(frozen=True)
class Source:
    """The files of one table.

    Attributes:
        files: absolute paths, sorted.
        format: what they are.
        folder: the folder they lie in, absolute.
        pattern: a file pattern below the folder that matches these files and no others.
        written: the folder as it was given when it was `package:NAME/FOLDER`, else empty.
    """

    files: tuple[Path, ...]
    format: TableFormat
    folder: Path
    pattern: str
    written: str = ""


def find_source(given: Sequence[str]) -> Source:
    """Finds the files of a table.

    Args:
        given: files, or one folder; `package:NAME/PATH` for what an installed package brings.

    Raises:
        DataError: nothing is there, the files are no tables or of two formats, or no one pattern names them.
    """
    paths = [_existing(name) for name in given]
    images = class_folders(paths[0]) if len(paths) == 1 and paths[0].is_dir() else []
    if images and not any(file.is_file() and file.name.lower().endswith(_SUFFIXES) for file in paths[0].iterdir()):
        return Source(tuple(images), "image_folders", paths[0], "*/*")
    files = [file for path in paths for file in (_tables_in(path) if path.is_dir() else [path])]
    files = sorted(set(files))
    folders = {file.parent for file in files}
    if len(folders) > 1:
        raise DataError(
            "the files lie in different folders", where=", ".join(map(str, sorted(folders))), remedy="put them in one"
        )
    formats = {file: format_of(file) for file in files}
    if len(set(formats.values())) > 1:
        named = ", ".join(f"{file.name} is {kind}" for file, kind in list(formats.items())[:4])
        raise DataError("the files are of different formats", where=str(files[0].parent), remedy=f"give one: {named}")
    packaged = given[0] if given[0].startswith("package:") else ""
    if packaged and not paths[0].is_dir():
        packaged = packaged.rpartition("/")[0]
    return Source(tuple(files), formats[files[0]], files[0].parent, _pattern(files), packaged)


def _existing(name: str) -> Path:
    path = Path(absolute(name, Path.cwd()))
    if not path.exists():
        raise DataError("there is no such file or folder", where=name, remedy=_ADVICE)
    if not path.is_file() and not path.is_dir():
        # It would be waited for, and gone once it is read.
        raise DataError("this is a pipe or a device, and a table is read twice", where=name, remedy=_ADVICE)
    return path


def _tables_in(folder: Path) -> list[Path]:
    """The tables of a folder: those whose name says so, or every visible file when no name does."""
    seen = [file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith((".", "_"))]
    named = [file for file in seen if file.name.lower().removesuffix(".gz").endswith(_SUFFIXES)]
    if not seen:
        raise DataError("the folder holds no file", where=str(folder), remedy=_ADVICE)
    return named or seen


def _pattern(files: Sequence[Path]) -> str:
    names = [file.name for file in files]
    everything = [file.name for file in files[0].parent.iterdir() if file.is_file()]
    prefix = _common_start(names)
    suffix = _common_start([name[::-1] for name in names])[::-1]
    candidates = [names[0]] if len(names) == 1 else []
    candidates += ["*", f"*{''.join(Path(names[0]).suffixes)}", f"*{suffix}", f"{prefix}*{suffix}", f"{prefix}*"]
    for candidate in candidates:
        if "[" not in candidate and "{" not in candidate and matching(everything, candidate) == names:
            return candidate
    raise DataError(
        "no file pattern matches these files and no others",
        where=str(files[0].parent),
        remedy="put them into a folder of their own (names without [ and {) and give the folder",
    )


def _common_start(names: Sequence[str]) -> str:
    same = 0
    while all(len(name) > same and name[same] == names[0][same] for name in names):
        same += 1
    return names[0][:same]


def format_of(file: Path) -> TableFormat:
    """Tells a format by the first bytes.

    Raises:
        DataError: the file is empty, cannot be read, or is no table.
    """
    start = first_bytes(file)
    if not start.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DataError("the file is empty", where=str(file), remedy="remove it, or put the data there")
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"Obj\x01"):
        return "avro"
    if is_tfrecord(start):
        with opened(file) as stream:
            some = itertools.islice(records(stream, str(file)), _PROBED_RECORDS)
            return "sequence_example" if any(map(is_sequence_example, some)) else "tfrecord"
    for signature, name, remedy in _SIGNATURES:
        if start.startswith(signature):
            raise DataError(f"this is {name}, not a table", where=str(file), remedy=remedy or _ADVICE)
    if b"\0" in start:
        raise DataError("this is not text: it holds zero bytes", where=str(file), remedy=_ADVICE)
    if _is_json_lines(start):
        return "jsonl"
    _refuse_markup(file, start)
    return "csv"


def _is_json_lines(start: bytes) -> bool:
    """Whether the first line is one JSON object, and whole."""
    line, end, _ = start.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")
    if not line.startswith(b"{") or not (end or len(start) < PROBE_BYTES):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _refuse_markup(file: Path, start: bytes) -> None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb'(\{\s*("|\}|$)|\[\s*[\[{"\d])', text):
        raise DataError(
            "this is JSON, not a table", where=str(file), remedy="write one object a line, or CSV or Parquet"
        )
    if re.match(rb"<(\?xml|!doctype|html)", text[:20].lower()):
        raise DataError("this is HTML or XML, not a table", where=str(file), remedy="export the table as CSV")


def first_bytes(file: Path, size: int = PROBE_BYTES) -> bytes:
    """The first bytes of a file, decompressed where it is gzip.

    Raises:
        DataError: the file cannot be read, or its gzip data is damaged.
    """
    with opened(file) as stream:
        return stream.read(size)
