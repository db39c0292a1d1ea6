"""How a CSV file is written: its delimiter and its column names, told from its first records."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from millrace.base.errors import DataError
from millrace.base.numbers import is_number
from millrace.init.sources import Source, first_bytes
from millrace.tables.headers import BOM, decoded, difference, read_header

DELIMITERS = (",", ";", "\t", "|", " ")
_RECORDS = 200
_FEWEST_ROWS = 10
_DECLARED = re.compile(rb"(?:\xef\xbb\xbf)?sep=([,;\t|])\r?\n", re.IGNORECASE)
# A cell may be as long as csv.reader is told to take; text columns hold whole documents.
_LONGEST_CELL = 1 << 30


@dataclass(frozen=True)
class Dialect:
    """How the CSV files of a table are written.

    Attributes:
        delimiter: between two cells.
        names: the columns.
        header_line: the line that names them, from 1; 0 where none does.
    """

    delimiter: str
    names: tuple[str, ...]
    header_line: int = 1


def find_dialect(source: Source, header_line: Optional[int] = None) -> Dialect:
    """Tells delimiter, header and column names.

    Args:
        source: the files.
        header_line: the line of the column names, 0 for none; found where it is None.

    Raises:
        DataError: there is no header, no row, a column name twice, files with different columns, or a first line that
            rather is a row.
    """
    dialects = {file: _dialect_of(file, header_line) for file in source.files}
    first = dialects[source.files[0]]
    for file, dialect in dialects.items():
        _require_same(source.files[0], first, file, dialect)
    _require_distinct(first.names, source.files[0])
    return first


def _dialect_of(file: Path, header_line: Optional[int]) -> Dialect:
    start = first_bytes(file)
    if b"\r" in start and b"\n" not in start:
        raise DataError(
            "its lines end with carriage returns alone", where=str(file), remedy="end every line with a line feed"
        )
    declared = _DECLARED.match(start)
    delimiter = declared[1].decode() if declared else _delimiter(start)
    records = _records(start, delimiter)
    line = _header_line(records) if header_line is None else header_line
    names = read_header(io.BytesIO(start), str(file), delimiter, "csv", line).names
    if header_line is None:
        _require_header(names, [cells for at, cells in records if at > line], file)
    return Dialect(delimiter, names, line)


def _header_line(records: Sequence[tuple[int, list[str]]]) -> int:
    """The line of the first record that is as wide as the table and mostly filled: titles are neither."""
    widths = Counter(len(cells) for _, cells in records if len(cells) > 1)
    if not widths:
        return next((at for at, cells in records if not _is_declaration(cells)), 1)
    width = widths.most_common(1)[0][0]
    for at, cells in records:
        filled = sum(bool(cell.strip()) for cell in cells)
        # An index that pandas writes has no name.
        if len(cells) == width and (2 * filled > width or filled == width - 1):
            return at
    return records[0][0]


def _is_declaration(cells: list[str]) -> bool:
    return len(cells) == 1 and cells[0].lower().startswith("sep=")


def _require_header(names: Sequence[str], rows: Sequence[list[str]], file: Path) -> None:
    """Asks where a first line rather is a row: a person knows, and a name that is a value would stay for ever."""
    if not is_row(names, rows):
        return
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    raise DataError(
        f"the first line looks like a row of data and not like column names: {shown}",
        where=str(file),
        remedy=f"say which it is: --header-line 0 for a row (the columns are then column_1 to column_{len(names)}, "
        "for --label too), --header-line 1 for names",
    )


def is_row(names: Sequence[str], rows: Sequence[list[str]]) -> bool:
    """Whether a header rather is a row: a number where its column has numbers, or values that come again.

    Names that are whole numbers one after the other are names.

    Args:
        names: the cells of the header.
        rows: the cells of some rows.
    """
    columns = [[row[at] for row in rows if len(row) == len(names) and row[at].strip()] for at in range(len(names))]
    if [float(name) for name in names if is_number(name)] in ([*range(len(names))], [*range(1, len(names) + 1)]):
        return False
    numeric = [at for at, cells in enumerate(columns) if cells and sum(map(is_number, cells)) > 0.9 * len(cells)]
    if numeric:
        return sum(is_number(names[at]) for at in numeric) > 0.8 * len(numeric)
    again = sum(name in cells for name, cells in zip(names, columns, strict=True))
    return len(rows) >= _FEWEST_ROWS and 2 * again > len(names)


def _delimiter(start: bytes) -> str:
    """The delimiter that cuts the first records into the same number of cells, the more cells the better."""
    widths = {delimiter: _widths(start, delimiter) for delimiter in DELIMITERS}

    def merit(delimiter: str) -> tuple[float, int]:
        header, counts = widths[delimiter]
        width, agreeing = counts.most_common(1)[0] if counts else (1, 0)
        if max(width, header) == 1:
            return (0.0, 0)
        agreement = agreeing / max(counts.total(), 1)
        if header != width:
            agreement /= 4
        # A space stands between words as often as between cells: it counts only where nothing else does.
        return (round(agreement / (2 if delimiter == " " else 1), 1), width)

    best = max(DELIMITERS, key=merit)
    return best if merit(best)[0] > 0.0 else ","


def _widths(start: bytes, delimiter: str) -> tuple[int, Counter[int]]:
    """Cells of the header, and how many of the first records have how many cells."""
    widths = [len(cells) for _, cells in _records(start, delimiter)]
    return (widths[0] if widths else 1), Counter(widths[1:])


def _records(start: bytes, delimiter: str) -> list[tuple[int, list[str]]]:
    """The first records that are not blank, each with the line that it begins on; none where they are no CSV."""
    csv.field_size_limit(_LONGEST_CELL)
    text = decoded(start.removeprefix(BOM))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    records: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if cells:
                records.append((line, cells))
            line = reader.line_num + 1
            if len(records) > _RECORDS:
                return records
    except csv.Error:
        return []
    if len(records) > 2 and not text.endswith("\n"):
        records.pop()  # the probe may have cut the last record
    return records


def _require_same(first_file: Path, first: Dialect, file: Path, dialect: Dialect) -> None:
    if dialect == first:
        return
    if dialect.header_line != first.header_line:
        how = f"its columns are named in line {dialect.header_line}, not {first.header_line}"
    elif dialect.delimiter != first.delimiter:
        how = f"its delimiter is {dialect.delimiter!r}, not {first.delimiter!r}"
    else:
        how = f"it {difference(first.names, dialect.names)}"
    raise DataError(
        f"its columns are not those of {first_file.name}: {how}",
        where=str(file),
        remedy="give all files the same header, or leave this one out",
    )


def _require_distinct(names: Sequence[str], file: Path) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{'a column name stands' if len(twice) == 1 else 'column names stand'} twice in the header: "
            f"{', '.join(map(repr, twice[:10]))}",
            where=str(file),
            remedy="give each column a name of its own",
        )
