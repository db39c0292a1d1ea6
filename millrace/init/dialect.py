"""How a CSV file is written: its delimiter and its column names, told from its first records."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from millrace.base.errors import DataError
from millrace.init.sources import Source, first_bytes
from millrace.tables.headers import BOM, decoded, difference, read_header

DELIMITERS = (",", ";", "\t", "|", " ")
_RECORDS = 200
# A cell may be as long as csv.reader is told to take; text columns hold whole documents.
_LONGEST_CELL = 1 << 30


@dataclass(frozen=True)
class Dialect:
    """Delimiter and column names of the CSV files of a table."""

    delimiter: str
    names: tuple[str, ...]


def find_dialect(source: Source) -> Dialect:
    """Tells delimiter and column names.

    Raises:
        DataError: there is no header, no row, a column name twice, or files with different columns.
    """
    dialects = {file: _dialect_of(file) for file in source.files}
    first = dialects[source.files[0]]
    for file, dialect in dialects.items():
        _require_same(source.files[0], first, file, dialect)
    _require_distinct(first.names, source.files[0])
    return first


def _dialect_of(file: Path) -> Dialect:
    start = first_bytes(file)
    if b"\r" in start and b"\n" not in start:
        raise DataError(
            "its lines end with carriage returns alone", where=str(file), remedy="end every line with a line feed"
        )
    delimiter = _delimiter(start)
    return Dialect(delimiter, read_header(io.BytesIO(start), str(file), delimiter, "csv").names)


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
    csv.field_size_limit(_LONGEST_CELL)
    text = decoded(start.removeprefix(BOM))
    widths: list[int] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if record:
                widths.append(len(record))
            if len(widths) > _RECORDS:
                break
    except csv.Error:
        return 1, Counter()
    if 2 < len(widths) <= _RECORDS and not text.endswith("\n"):
        widths.pop()  # the probe may have cut the last record
    return (widths[0] if widths else 1), Counter(widths[1:])


def _require_same(first_file: Path, first: Dialect, file: Path, dialect: Dialect) -> None:
    if dialect == first:
        return
    if dialect.delimiter != first.delimiter:
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


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether a header is rather a row of data: most of its cells are numbers."""
    numbers = sum(_is_number(name) for name in names)
    return numbers * 2 > len(names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
