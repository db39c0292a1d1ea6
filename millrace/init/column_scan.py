"""Accumulates what is known of one column, block by block."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.components.example_gen import csv_types
from millrace.components.example_gen.csv_cells import cleaned
from millrace.components.example_gen.csv_types import ColumnType as CellType
from millrace.init.columns import Column, ColumnType, Value
from millrace.init.na_values import ALWAYS, CANDIDATES, CODE, FEWEST_NUMBERS, MOST_UNLISTED, are_codes

_NUMBER = r"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"
_MOST_ODD = 50
_SAMPLED_TEXT = 4096
_COUNTED_TEXT = 512
_CANDIDATES = pa.array([token.encode() for token in CANDIDATES], pa.binary())


def scan_of(name: str, kind: pa.DataType, most_counted: int, verbatim: bool = False) -> "ColumnScan":
    """The accumulator for a column.

    Args:
        name: the column's name.
        kind: `binary` for cells of a CSV file, whose type is still to be told; else what a Parquet file says.
        most_counted: distinct values that are counted.
        verbatim: whether texts are what they are, since nothing cleans them when they are read: no NA values.
    """
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return ListScan(name, kind, most_counted)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return NumberScan(name, kind, most_counted)
    return TextScan(name, most_counted, may_be_numbers=pa.types.is_binary(kind), verbatim=verbatim)


class ColumnScan:
    """What every accumulator knows.

    Attributes:
        name: the column's.
        stray_spaces: whether a value had spaces around it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.stray_spaces = False
        self.rows = 0

    def add(self, column: pa.Array, picks: np.ndarray) -> None:
        """Takes a block.

        Args:
            column: pyarrow array of shape (rows,).
            picks: int64 array of the places in it that go into the sample.
        """
        raise NotImplementedError

    def na_values(self) -> Sequence[str]:
        """The NA values of this column."""
        return ()

    def has(self, value: str) -> bool:
        """Whether a text is among its values, where these were counted."""
        return False

    def finish(self) -> Column:
        """The column as it stands, without its NA values, once every block is in."""
        raise NotImplementedError


class _Limits:
    """The smallest and the largest of finite numbers, and whether all are whole."""

    def __init__(self) -> None:
        self.low, self.high, self.whole, self.not_finite, self.any = 0.0, 0.0, True, 0, False

    def add(self, values: np.ndarray) -> None:
        finite = values[np.isfinite(values)]
        self.not_finite += len(values) - len(finite)
        if not len(finite):
            return
        low, high = float(finite.min()), float(finite.max())
        self.low = min(self.low, low) if self.any else low
        self.high = max(self.high, high) if self.any else high
        self.whole = self.whole and bool((finite == np.floor(finite)).all())
        self.any = True

    def facts(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "whole": self.whole and self.any, "not_finite": self.not_finite}


class _Counts:
    """Rows of each distinct value, until there are too many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.rows: Optional[Counter] = Counter()

    def add(self, values: pa.Array) -> None:
        if self.rows is None:
            return
        counted = pc.value_counts(values)
        if len(counted) > self._most:
            self.rows = None
            return
        self.rows.update(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)))
        if len(self.rows) > self._most:
            self.rows = None


class NumberScan(ColumnScan):
    """A column that a Parquet file types as numbers or booleans; one without a type is empty."""

    def __init__(self, name: str, kind: pa.DataType, most_counted: int) -> None:
        super().__init__(name)
        self._kind, self._counts, self._limits = kind, _Counts(most_counted), _Limits()
        self._nulls = 0
        self._sample: list[pa.Array] = []

    def add(self, column: pa.Array, picks: np.ndarray) -> None:
        """Takes a block; a NaN counts as missing."""
        self.rows += len(column)
        if pa.types.is_null(self._kind):
            self._nulls += len(column)
            return
        if pa.types.is_boolean(self._kind):
            column = column.cast(pa.int8())
        if pa.types.is_floating(self._kind):
            column = column.cast(pa.float64())
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
        self._nulls += column.null_count
        there = column.drop_null()
        self._limits.add(np.asarray(there).astype(np.float64))
        self._counts.add(there)
        self._sample.append(column.take(pa.array(picks)).cast(pa.float64(), safe=False))

    def finish(self) -> Column:
        """The column."""
        sample = pa.concat_arrays(self._sample) if self._sample else None
        if self._nulls == self.rows:
            return Column(self.name, "EMPTY", self.rows, self.rows, counts={})
        kind: ColumnType = "FLOAT" if pa.types.is_floating(self._kind) else "INT"
        counts = None if self._counts.rows is None else dict(self._counts.rows.most_common())
        boolean = pa.types.is_boolean(self._kind)
        return Column(
            self.name, kind, self.rows, self._nulls, (), counts, sample, boolean=boolean, **self._limits.facts()
        )


class ListScan(ColumnScan):
    """A column of lists: how long they are, and how many different values are in them."""

    def __init__(self, name: str, kind: pa.DataType, most_counted: int) -> None:
        super().__init__(name)
        self._lengths: set[int] = set()
        self._missing = 0
        self._element = _element(kind.value_type)
        self._counts = _Counts(most_counted)
        self._sample: list[pa.Array] = []

    def add(self, column: pa.Array, picks: np.ndarray) -> None:
        """Takes a block."""
        self.rows += len(column)
        lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0))
        self._missing += int((lengths == 0).sum())
        self._lengths |= set(np.unique(lengths[lengths > 0]).tolist())
        if not pa.types.is_nested(column.type.value_type):
            self._counts.add(column.flatten())
        self._sample.append(pa.array(np.ones(len(picks)), mask=lengths[picks] == 0))

    def finish(self) -> Column:
        """The column; its distinct values are those in the lists."""
        one_length = len(self._lengths) == 1 and self._element in ("INT", "FLOAT")
        rows = self._counts.rows
        return Column(
            self.name, "LIST", self.rows, self._missing,
            counts=None if rows is None else dict(rows.most_common()),
            sample=pa.concat_arrays(self._sample) if self._sample else None,
            length=next(iter(self._lengths)) if one_length else 0,
            element=self._element, longest=max(self._lengths, default=0),
        )  # fmt: skip


def _element(kind: pa.DataType) -> Literal["", "INT", "FLOAT", "STRING"]:
    """The type that ExampleGen gives the values of a list."""
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "INT"
    return "FLOAT" if pa.types.is_floating(kind) else "STRING"


class TextScan(ColumnScan):
    """Cells as text; those of a CSV file are numbers where all of them are, but for NA values."""

    def __init__(self, name: str, most_counted: int, *, may_be_numbers: bool, verbatim: bool) -> None:
        super().__init__(name)
        self._verbatim = verbatim
        self._may_be_numbers, self._kind = may_be_numbers, CellType.UNKNOWN
        self._counts, self._limits = _Counts(most_counted), _Limits()
        self._tokens: Counter[str] = Counter()
        self._odd: Counter[str] = Counter()
        self._blank = self._longest = self._numbers = 0
        self._sample: list[pa.Array] = []

    def add(self, column: pa.Array, picks: np.ndarray) -> None:
        """Takes a block of cells (binary), or of texts with nulls."""
        raw = pc.fill_null(column.cast(pa.binary()), b"") if column.null_count else column.cast(pa.binary())
        cells = cleaned(raw, not self._verbatim, (), True)
        lengths = np.asarray(pc.binary_length(cells))
        self.stray_spaces = self.stray_spaces or int(lengths.sum()) < int(pc.sum(pc.binary_length(raw)).as_py() or 0)
        self.rows += len(cells)
        self._blank += int((lengths == 0).sum())
        self._longest = max(self._longest, int(lengths.max(initial=0)))
        there = cells.filter(pa.array(lengths > 0))
        listed = pc.is_in(there, value_set=_CANDIDATES)
        rest = there
        if pc.any(listed).as_py():
            rest = there.filter(pc.invert(listed))
            self._tokens.update(_value_counts(there.filter(listed)))
        if self._may_be_numbers:
            self._add_numbers(rest)
        if lengths.mean() > _COUNTED_TEXT:
            self._counts.rows = None
        self._counts.add(rest)
        self._sample.append(_shortened(cells.take(pa.array(picks))))

    def _add_numbers(self, cells: pa.Array) -> None:
        kind = csv_types.infer(cells)
        if kind == CellType.STRING:
            number = pc.match_substring_regex(cells, _NUMBER)
            self._odd.update(_value_counts(cells.filter(pc.invert(number))))
            cells = cells.filter(number)
            kind = csv_types.infer(cells)
        if kind == CellType.STRING or len(self._odd) > _MOST_ODD:
            self._may_be_numbers = False
            return
        self._kind = max(self._kind, kind)
        self._numbers += len(cells)
        self._limits.add(_as_numbers(cells))

    def _is_number(self) -> bool:
        if not (self._may_be_numbers and self._numbers):
            return False
        if not self._odd:
            return True
        if len(self._odd) > MOST_UNLISTED or self._numbers <= sum(self._odd.values()):
            return False
        return self._counts.rows is None or len(self._counts.rows) - len(self._odd) > FEWEST_NUMBERS

    def na_values(self) -> Sequence[str]:
        """Among numbers every listed NA value and few unlisted texts; among words only the sure ones."""
        if self._verbatim:
            return ()
        if self._is_number():
            return [*self._tokens, *self._odd]
        codes = are_codes(value.decode() for value in self._counts.rows or {})
        return [token for token in self._tokens if token in ALWAYS and not (codes and token == CODE)]

    def has(self, value: str) -> bool:
        """Whether a text is among its values, where these were counted."""
        return value in self._tokens or value.encode() in (self._counts.rows or {})

    def finish(self) -> Column:
        """The column; a text that is no NA value of it is a value like others."""
        missing = tuple(self.na_values())
        blank = self._blank + sum(self._tokens[token] + self._odd[token] for token in missing)
        if blank == self.rows:
            return Column(self.name, "EMPTY", self.rows, self.rows, missing, counts={})
        if self._is_number():
            return self._finish_numbers(blank, missing)
        counts: Optional[dict[Value, int]] = None
        if self._counts.rows is not None:
            texts = Counter({value.decode(): rows for value, rows in self._counts.rows.items()})
            texts.update(self._tokens)
            counts = {value: rows for value, rows in texts.most_common() if value not in missing}
        sample = _sample(self._sample, missing)
        return Column(self.name, "STRING", self.rows, blank, missing, counts, sample, longest=self._longest)

    def _finish_numbers(self, blank: int, missing: tuple[str, ...]) -> Column:
        counts: Optional[dict[Value, int]] = None
        if self._counts.rows is not None:
            merged: Counter = Counter()
            convert = int if self._kind == CellType.INT else float
            for value, rows in self._counts.rows.items():
                if value.decode() not in missing:
                    merged[convert(value)] += rows
            counts = dict(merged.most_common())
        texts = _sample(self._sample, missing)
        kind: ColumnType = "INT" if self._kind == CellType.INT else "FLOAT"
        numbers = pa.array([None if text is None else float(text) for text in texts.to_pylist()], pa.float64())
        return Column(self.name, kind, self.rows, blank, missing, counts, numbers, **self._limits.facts())


def _value_counts(cells: pa.Array) -> dict[str, int]:
    counted = pc.value_counts(cells)
    pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
    return {value.decode(): rows for value, rows in pairs}


def _as_numbers(cells: pa.Array) -> np.ndarray:
    try:
        return np.asarray(cells.cast(pa.string()).cast(pa.float64()))
    except pa.ArrowInvalid:  # written in a way that only Python reads
        return np.asarray(csv_types.convert(cells, CellType.FLOAT).flatten()).astype(np.float64)


def _shortened(cells: pa.Array) -> pa.Array:
    """The cells, a long text only by its beginning: the sample's memory is bounded."""
    if not len(cells) or (pc.max(pc.binary_length(cells)).as_py() or 0) <= _SAMPLED_TEXT:
        return cells
    begun = [cell[:_SAMPLED_TEXT].decode(errors="ignore").encode() for cell in cells.to_pylist()]
    return pa.array(begun, pa.binary())


def _sample(parts: list[pa.Array], missing: tuple[str, ...]) -> pa.Array:
    texts = pa.concat_arrays(parts).cast(pa.string())
    begun = _shortened(pa.array(["", *missing], pa.string()).cast(pa.binary())).cast(pa.string())
    absent = pc.is_in(texts, value_set=begun)
    return pc.if_else(absent, pa.scalar(None, pa.string()), texts)
