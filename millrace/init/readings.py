"""What a column is once its cells are read as they are meant: numbers in any spelling, without what stands for none."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Optional

import numpy as np
import pyarrow as pa

from millrace.init.columns import Column, ColumnType, Value
from millrace.init.na_values import CANDIDATES, MOST_UNLISTED
from millrace.init.sentinels import find_sentinel
from millrace.init.spelling import Spelling, find_spelling
from millrace.tables.column_section import ColumnReading

_THREE_DIGITS = 0.8


def as_meant(column: Column, missing: Collection[str], semicolons: bool) -> Column:
    """Reads a column as it is meant.

    Args:
        column: the column as it stands, without its NA values.
        missing: the NA values that are none of any column's values; this column's others are its own.
        semicolons: whether semicolons delimit the cells of the file.

    Returns:
        The column with `reading` and `doubt`, where it is not read as it stands.
    """
    own = tuple(value for value in column.na_values if value not in missing)
    if own:
        column = replace(column, reading=ColumnReading(missing=own))
    if column.type == "STRING":
        rows = _rows_of_texts(column)
        nothing = [text for text in rows if text in CANDIDATES]
        spelling = find_spelling({text: rows[text] for text in rows if text not in CANDIDATES}, semicolons)
        column = _respelled(column, spelling, {text: rows[text] for text in nothing}) if spelling else column
    elif column.type == "FLOAT" and semicolons:
        column = replace(column, doubt=_thousands(column.numbers))
    return _without_sentinel(column) if column.is_number and not column.boolean else column


def _thousands(numbers: np.ndarray) -> str:
    """The question, where points stand before three digits in a file in which they may stand between thousands."""
    seen = numbers[np.isfinite(numbers)]
    with_point = seen[seen != np.floor(seen)]
    if not len(with_point) or np.abs(seen).max() >= 1000.0 or np.abs(with_point).min() < 1.0:
        return ""
    digits = np.round(with_point * 1000.0)
    # Of as many thousands, one of ten ends with a 0.
    if np.abs(with_point * 1000.0 - digits).max() > 1e-6 or (digits % 10 != 0).mean() < _THREE_DIGITS:
        return ""
    shown = f"{with_point[0]:.3f}"
    return f"{shown} is read as it stands, and could be {digits[0]:.0f}: which is it? For thousands {{number: comma}}"


def _rows_of_texts(column: Column) -> Mapping[str, int]:
    """Rows of each text; of the sample where there were too many to count."""
    if column.counts is not None:
        return {str(value): rows for value, rows in column.counts.items()}
    return Counter(column.words)


def _respelled(column: Column, spelling: Spelling, nothing: Mapping[str, int]) -> Column:
    """A column of texts as one of numbers; `nothing` are the NA values among them, as they are among numbers."""
    texts = column.sample.to_pylist() if column.sample is not None else []
    sample = [float(spelling.numbers[text]) if text in spelling.numbers else None for text in texts]
    whole = all("." not in number and "e" not in number.lower() for number in spelling.numbers.values())
    counts: Optional[dict[Value, int]] = None
    if column.counts is not None:
        merged: Counter[Value] = Counter()
        for text, number in spelling.numbers.items():
            merged[int(number) if whole else float(number)] += column.counts[text]
        counts = dict(merged.most_common())
    values = np.array([float(number) for number in spelling.numbers.values()])
    others = sum(spelling.others.values()) + sum(nothing.values())
    if column.counts is None:
        others = round(others / max(len(column.words), 1) * column.filled)
    few = len(spelling.others) <= MOST_UNLISTED
    own = (*(column.reading.missing if column.reading else ()), *nothing, *(spelling.others if few else ()))
    reading, doubt = spelling.reading.model_copy(update={"missing": own}), spelling.doubt
    if few:
        reading, doubt = reading.model_copy(update={"others": "refuse"}), spelling.both
    kind: ColumnType = "INT" if whole else "FLOAT"
    return replace(
        column, type=kind, missing=column.missing + others, counts=counts, sample=pa.array(sample, pa.float64()),
        low=float(values.min()), high=float(values.max()), whole=bool((values == np.floor(values)).all()),
        longest=0, exact=column.counts is not None, reading=reading, doubt=doubt,
        na_values=(*column.na_values, *(value for value in reading.missing if value not in column.na_values)),
    )  # fmt: skip


def _without_sentinel(column: Column) -> Column:
    """A column of numbers without one that stands for no value; where that is not sure, with the question."""
    numbers: Mapping[float, int]
    if column.counts is not None:
        numbers = {float(value): rows for value, rows in column.counts.items()}
    else:
        numbers = Counter(column.numbers[np.isfinite(column.numbers)].tolist())
    sentinel = find_sentinel(numbers)
    if sentinel is None:
        return column
    asked = "a value after all? Take it out of data.columns" if sentinel.sure else "no value? Add it to data.columns"
    treated = ": read as missing; " if sentinel.sure else ": "
    doubt = "; ".join(filter(None, (column.doubt, f"{sentinel.why}{treated}{asked}")))
    if not sentinel.sure:
        return replace(column, doubt=doubt)
    written = f"{sentinel.value:.12g}"
    reading = column.reading or ColumnReading()
    rest = sorted(value for value in numbers if value != sentinel.value)
    counts = column.counts
    share = sentinel.rows / max(sum(numbers.values()), 1)
    sample = np.where(column.numbers == sentinel.value, np.nan, column.numbers)
    return replace(
        column,
        missing=column.missing + (sentinel.rows if counts is not None else round(share * column.filled)),
        counts=None if counts is None else {value: rows for value, rows in counts.items() if value != sentinel.value},
        sample=pa.array(sample, pa.float64(), from_pandas=True), low=rest[0], high=rest[-1],
        exact=column.exact and counts is not None, doubt=doubt, na_values=(*column.na_values, written),
        reading=reading.model_copy(update={"missing": (*reading.missing, written)}),
    )  # fmt: skip
