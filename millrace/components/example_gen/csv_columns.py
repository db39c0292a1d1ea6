"""A block of CSV records to columns of bytes, through Arrow, with the records that TFX's reader sees or a refusal."""

import contextlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv as arrow_csv

from millrace.base.errors import DataError
from millrace.components.example_gen import csv_cells, csv_source, csv_text
from millrace.components.example_gen.csv_source import RecordBlock
from millrace.components.example_gen.options import Options
from millrace.tables.column_reading import number_refusal, read_cells

_BOM = b"\xef\xbb\xbf"
_FLAW_ADVICE = "end every line with a line feed; quote a cell that holds a quote, and double the quote inside it"
_ROW_ADVICE = "give every line as many cells as the header, and quote a cell that holds a delimiter or a line end"


def parse(block: RecordBlock, path: str, names: Sequence[str], options: Options) -> list[pa.Array]:
    """Cuts records into cells.

    Args:
        block: whole records; blank lines are skipped.
        path: the file they come from, for the message of a refusal.
        names: columns of the header.
        options: the delimiter, and how cells are cleaned.

    Returns:
        One binary array a column; an empty cell, or one that stands for no value, is an empty value.

    Raises:
        DataError: a record has another number of cells, line ends or quotes are out of place, or a cell should be a
            number and is none.
    """
    delimiter, width = options.delimiter, len(names)
    flaw = csv_text.flaw(block.text, delimiter.encode())
    if flaw:
        raise _refusal(block, path, flaw.position, flaw.what, _FLAW_ADVICE)
    text = block.text if not block.text.startswith(_BOM) else b"\n" + block.text
    try:
        table = _read(text, width, delimiter)
    except pa.ArrowInvalid as error:
        raise _misfit(block, path, width, delimiter, error) from error
    cells = [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]
    decode = options.values == "all"
    columns = [csv_cells.cleaned(column, options.strip_spaces, options.missing, decode) for column in cells]
    for place, name in enumerate(names):
        if name in options.columns:
            columns[place], unreadable = read_cells(columns[place], options.columns[name])
            if len(unreadable):
                raise _no_number(block, path, name, cells[place], int(unreadable[0]))
    return columns


def _read(text: bytes, width: int, delimiter: str, on_misfit: object = None) -> pa.Table:
    names = [str(place) for place in range(width)]
    return arrow_csv.read_csv(
        pa.py_buffer(text),
        arrow_csv.ReadOptions(use_threads=False, block_size=max(len(text) + 1, 16), column_names=names),
        arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=on_misfit),
        arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()), check_utf8=False),
    )


def _misfit(block: RecordBlock, path: str, width: int, delimiter: str, error: Exception) -> DataError:
    """Reads the block again to say which record has too many or too few cells."""
    misfits: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        misfits.append(row)
        return "skip"

    with contextlib.suppress(pa.ArrowInvalid):
        _read(block.text, width, delimiter, note)
    if not misfits or misfits[0].number is None:
        return DataError(f"this is not a CSV table: {error}", path, _ROW_ADVICE)
    starts = csv_text.record_starts(block.text)
    position = int(starts[min(misfits[0].number, len(starts)) - 1])
    seen = misfits[0].actual_columns
    cells = "1 cell" if seen == 1 else f"{seen} cells"
    columns = "1 column" if width == 1 else f"{width} columns"
    what = f"this line has {cells}, the header names {columns}"
    return _refusal(block, path, position, what, _ROW_ADVICE)


def _no_number(block: RecordBlock, path: str, name: str, cells: pa.Array, row: int) -> DataError:
    position = int(csv_text.record_starts(block.text)[row])
    what, remedy = number_refusal(name, cells[row].as_py())
    return _refusal(block, path, position, what, remedy)


def _refusal(block: RecordBlock, path: str, position: int, what: str, remedy: str) -> DataError:
    line = csv_source.line_number(path, block.offset) + block.text.count(csv_text.LINE_END, 0, position)
    return DataError(what, f"{path}, line {line}", remedy)
