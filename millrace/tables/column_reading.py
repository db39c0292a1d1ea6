"""How the cells of one column are read: NA values of its own, and numbers as people write them."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.numbers import is_number
from millrace.tables.column_section import ColumnReading, Decimals

# Spaces that are typeset between digits, the typographic minus and apostrophe; https://www.unicode.org/charts/
_TYPESET = (("[\u00a0\u2009\u202f]", " "), ("\u2212", "-"), ("\u2019", "'"))


def plain_numbers(texts: pa.Array, number: Decimals, unit: str) -> pa.Array:
    """Rewrites numbers as people write them: `1.234,50 €` becomes `1234.50`, `(12%)` becomes `-12`.

    Args:
        texts: string array, without spaces around the texts.
        number: what stands before the decimals; the other of point and comma, a space, an apostrophe or an underscore
            stands between thousands.
        unit: what may stand before or behind a number, beside a space.

    Returns:
        A string array of the same length: numbers as Python and Arrow read them; null where a text is none.
    """
    for typeset, written in _TYPESET:
        texts = pc.replace_substring_regex(texts, typeset, written)
    matches = pc.match_substring_regex(texts, _pattern(number, unit))
    if unit:
        texts = pc.replace_substring(texts, unit, "")
    negative = pc.match_substring_regex(texts, r"^\s*(\(|-)|-\s*$|^[^0-9]*-[0-9., ]")
    exponents = pc.replace_substring_regex(texts, r"^.*[0-9.,]([eE][-+]?[0-9]+)\s*$", r"\1")
    exponents = pc.if_else(pc.match_substring_regex(texts, r"[0-9.,][eE][-+]?[0-9]+\s*$"), exponents, "")
    digits = pc.replace_substring_regex(texts, r"[eE][-+]?[0-9]+\s*$", "")
    digits = pc.replace_substring_regex(digits, r"[^0-9,]" if number == "comma" else r"[^0-9.]", "")
    digits = pc.replace_substring(digits, ",", ".")
    signs = pc.if_else(negative, "-", "")
    written = pc.binary_join_element_wise(signs, digits, exponents, "")
    return pc.if_else(matches, written, pa.scalar(None, pa.string()))


def _pattern(number: Decimals, unit: str) -> str:
    """RE2 for a whole number; between thousands always the same separator would need a look back, which RE2 has not."""
    thousands, decimal = (r"\.", ",") if number == "comma" else (",", r"\.")
    grouped = "|".join(rf"[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}" for mark in (thousands, " ", "'", "_"))
    digits = rf"(?:(?:{grouped}|[0-9]+)(?:{decimal}[0-9]*)?|{decimal}[0-9]+)(?:[eE][-+]?[0-9]{{1,3}})?"
    around = rf" ?(?:{re.escape(unit)})? ?" if unit else ""
    sign = f"(?:[-+]?{around}|{around}[-+]?)"
    return rf"^(?:{sign}{digits}{around}|{around}{digits}{around}-|\({around}{digits}{around}\))$"


def read_cells(cells: pa.Array, reading: ColumnReading) -> tuple[pa.Array, np.ndarray]:
    """Reads the cells of a column.

    Args:
        cells: binary array, cleaned; an empty value is an empty cell.
        reading: how this column is read.

    Returns:
        The cells, an empty one where a value is missing; and the places of those that should be numbers and are none,
        unless these are read as missing.
    """
    cells = _without(cells, reading.missing)
    if not reading.number:
        return cells, np.zeros(0, np.int64)
    numbers = plain_numbers(cells.view(pa.string()), reading.number, reading.unit)
    filled = np.asarray(pc.binary_length(cells)) > 0
    unreadable = np.flatnonzero(filled & ~np.asarray(numbers.is_valid()))
    cells = _without(pc.fill_null(numbers, "").cast(pa.binary()), reading.missing)
    return cells, unreadable if reading.others == "refuse" else unreadable[:0]


def _without(cells: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Cells without NA values; a number is one however many zeros it is written with (`-200.00`)."""
    if not missing:
        return cells
    stands_in = pc.is_in(cells, value_set=pa.array([text.encode() for text in missing], pa.binary()))
    for text in missing:
        if is_number(text) and float(text).is_integer():
            whole = int(float(text))
            written = rf"^{'-' if whole < 0 else ''}0*{abs(whole)}(?:\.0*)?$"
            stands_in = pc.or_(stands_in, pc.match_substring_regex(cells, written))
    return pc.if_else(stands_in, pa.scalar(b"", pa.binary()), cells)


def without_values(numbers: pa.Array, missing: tuple[str, ...]) -> pa.Array:
    """Numbers that a Parquet file types as such, null where one of them is among the NA values."""
    values = [float(text) for text in missing if is_number(text)]
    if not values or not (pa.types.is_integer(numbers.type) or pa.types.is_floating(numbers.type)):
        return numbers
    stands_in = pc.is_in(numbers.cast(pa.float64()), value_set=pa.array(values, pa.float64()))
    return pc.if_else(stands_in, pa.scalar(None, numbers.type), numbers)


def number_refusal(name: str, cell: object) -> tuple[str, str]:
    """What to say of a cell that should be a number and is none, and its remedy."""
    text = cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    remedy = f"correct it, or set data.columns.{name}.others: missing to read it and its like as missing"
    return f"column {name!r} should hold numbers, and this is none: {shown!r}", remedy
