"""A block of CSV records to columns of bytes, through Arrow, with the records that TFX's reader sees or a refusal."""

import pyarrow as pa
import pyarrow.csv as arrow_csv

from custom_components.columnar_example_gen import csv_source, csv_text
from custom_components.columnar_example_gen.csv_source import Block
from custom_components.columnar_example_gen.refusal import UnreadableTable

_BOM = b"\xef\xbb\xbf"
_ROW_ADVICE = "give every line as many cells as the header, and quote a cell that holds a delimiter or a line end"


def parse(block: Block, path: str, width: int, delimiter: str) -> list[pa.Array]:
    """Cuts records into cells.

    Args:
        block: whole records; blank lines are skipped.
        path: the file they come from, for the message of a refusal.
        width: number of columns of the header.
        delimiter: between two cells.

    Returns:
        One binary array a column; an empty cell is an empty value.

    Raises:
        UnreadableTable: a record has another number of cells, or line ends or quotes are out of place.
    """
    found = csv_text.flaw(block.text)
    if found:
        raise _refusal(block, path, found.position, found.what, "end every line with a line feed")
    text = block.text if not block.text.startswith(_BOM) else b"\n" + block.text
    try:
        table = _read(text, width, delimiter)
    except pa.ArrowInvalid as error:
        raise _misfit(block, path, width, delimiter, error) from error
    if csv_text.QUOTE in block.text:
        _check_quotes(block, path, table)
    return [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]


def _read(text: bytes, width: int, delimiter: str, on_misfit: object = None) -> pa.Table:
    names = [str(place) for place in range(width)]
    return arrow_csv.read_csv(
        pa.py_buffer(text),
        arrow_csv.ReadOptions(use_threads=False, block_size=max(len(text) + 1, 16), column_names=names),
        arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=on_misfit),
        arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()), check_utf8=False),
    )


def _check_quotes(block: Block, path: str, table: pa.Table) -> None:
    """Holds Arrow's records to TFX's rule: they differ where a quote stands inside a cell without its pair."""
    records = csv_text.record_starts(block.text)
    open_at_end = (
        table.num_rows > 0
        and table.column(table.num_columns - 1)[-1].as_py().endswith(b"\n")
        and not block.text.rstrip(b"\r\n").endswith(csv_text.QUOTE)
    )
    if len(records) == table.num_rows and not open_at_end:
        return
    position = _first_odd_record(block.text, records)
    raise _refusal(block, path, position, "a quote inside a cell has no pair", csv_source.QUOTE_ADVICE)


def _first_odd_record(text: bytes, records: "list[int]") -> int:
    """Where the first record begins that spans lines by TFX's rule and holds a quote inside an unquoted cell."""
    for start, end in zip(records, [*records[1:], len(text)]):
        if csv_text.LINE_END in text[start:end].rstrip(b"\r\n"):
            return int(start)
    return int(records[0]) if len(records) else 0


def _misfit(block: Block, path: str, width: int, delimiter: str, error: Exception) -> UnreadableTable:
    """Reads the block again to say which record has too many or too few cells."""
    misfits: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        misfits.append(row)
        return "skip"

    try:
        _read(block.text, width, delimiter, note)
    except pa.ArrowInvalid:
        pass
    if not misfits or misfits[0].number is None:
        return UnreadableTable(f"this is not a CSV table: {error}", path, _ROW_ADVICE)
    starts = csv_text.record_starts(block.text)
    position = int(starts[min(misfits[0].number, len(starts)) - 1])
    seen = misfits[0].actual_columns
    what = f"this line has {seen} cell{'s' * (seen != 1)}, the header names {width} column{'s' * (width != 1)}"
    return _refusal(block, path, position, what, _ROW_ADVICE)


def _refusal(block: Block, path: str, position: int, what: str, remedy: str) -> UnreadableTable:
    line = csv_source.line_number(path, block.offset) + block.text.count(csv_text.LINE_END, 0, position)
    return UnreadableTable(what, f"{path}, line {line}", remedy)
