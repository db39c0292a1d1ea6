"""What the header line of a CSV file names, by TFX's rule or as a record."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Annotated, Literal

from pydantic import AfterValidator

from millrace.base.errors import DataError

Rule = Literal["tfx", "csv"]


def _one_character(value: str) -> str:
    if len(value.encode()) != 1 or value in '"\r\n':
        raise ValueError("one ASCII character is needed, other than a quote or a line end")
    return value


Delimiter = Annotated[str, AfterValidator(_one_character)]
"""What stands between two cells of a CSV file, as the configuration and ExampleGen's options take it."""

BOM = b"\xef\xbb\xbf"
_LONGEST = 64 << 20
_HEADER_ADVICE = (
    "begin the file with one line of column names, say in data.header_line where they stand (0: nowhere), or leave the "
    "file out of the pattern"
)
_FORMAT_ADVICE = "give CSV files in UTF-8, or Parquet files with the format parquet; narrow the pattern"


@dataclass(frozen=True)
class Header:
    """Column names of a file, and the bytes that its header line takes."""

    names: tuple[str, ...]
    size: int


def read_header(stream: IO[bytes], name: str, delimiter: str, rule: Rule, line: int = 1) -> Header:
    """Reads the column names of a CSV file.

    Args:
        stream: the file's text, decompressed, at its beginning.
        name: what to call the file in a message.
        delimiter: between two names.
        rule: `tfx` splits the line at every delimiter, as `CsvExampleGen` does: quotes and a byte order mark become
            part of a name. `csv` reads it as a CSV record, as `header_names` does; a quoted name may hold line ends.
        line: which line names them, from 1; what stands above it is no part of the table. 0 for a file without names:
            they are then `column_1` and so on, and every line is a row.

    Raises:
        DataError: the file is empty, or the line is blank, not UTF-8, no record or not text.
    """
    above = b"".join(stream.readline(_LONGEST) for _ in range(line - 1))
    text = stream.readline(_LONGEST)
    while rule == "csv" and text.count(b'"') % 2 and len(text) < _LONGEST and (more := stream.readline(_LONGEST)):
        text += more
    which = "the first line" if line <= 1 else f"line {line}"
    if not text:
        what = f"the file ends before {which}" if above else "the file is empty"
        raise DataError(f"{what}: a CSV file begins with a line of column names", where=name, remedy=_HEADER_ADVICE)
    if b"\0" in text:
        raise DataError(f"this is not text: {which} holds zero bytes", where=name, remedy=_FORMAT_ADVICE)
    # TFX takes a byte order mark for a name.
    if not (text.removeprefix(BOM) if rule == "csv" else text).strip():
        raise DataError(f"{which} is blank: it should name the columns", where=name, remedy=_HEADER_ADVICE)
    try:
        names = header_names(text, delimiter) if rule == "csv" else tuple(text.decode().strip().split(delimiter))
    except UnicodeDecodeError as error:
        raise DataError(f"{which} is not UTF-8 text", where=name, remedy=_FORMAT_ADVICE) from error
    except csv.Error as error:
        raise DataError(f"{which} is not a CSV record: {error}", where=name, remedy=_HEADER_ADVICE) from error
    if line == 0:
        return Header(unnamed(len(names)), len(BOM) if text.startswith(BOM) else 0)
    return Header(names, len(above) + len(text))


def unnamed(count: int) -> tuple[str, ...]:
    """What the columns are called of a file without names."""
    return tuple(f"column_{place}" for place in range(1, count + 1))


def header_names(line: bytes, delimiter: str) -> tuple[str, ...]:
    """Reads a header line as a CSV record.

    Args:
        line: the first line of a file; a byte order mark is no part of it, and bytes that are not UTF-8 are Latin-1.
        delimiter: between two names.

    Returns:
        The names without the spaces around them; a column without a name is `column_` and its place, from 1.

    Raises:
        csv.Error: the line is not a CSV record.
    """
    text = decoded(line.removeprefix(BOM)).strip("\r\n")
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
    return tuple(" ".join(name.split()) or unnamed(place)[-1] for place, name in enumerate(names, start=1))


def decoded(text: bytes) -> str:
    """Text in UTF-8, or in Latin-1 where it is not UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def difference(wanted: Sequence[str], seen: Sequence[str]) -> str:
    """How the columns of one file differ from those of the first, in words that follow "it".

    Args:
        wanted: the columns of the first file.
        seen: those of the other.
    """
    lacks = [name for name in wanted if name not in seen]
    adds = [name for name in seen if name not in wanted]
    parts = [f"{word} {', '.join(map(repr, names[:5]))}" for word, names in (("lacks", lacks), ("adds", adds)) if names]
    return " and ".join(parts) or "has them in another order"
