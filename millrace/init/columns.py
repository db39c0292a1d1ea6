"""What is known of a column once the table has been looked at."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Optional, Union

import numpy as np
import pyarrow as pa

from millrace.tables.column_section import ColumnReading

ColumnType = Literal["INT", "FLOAT", "STRING", "LIST", "EMPTY"]
Value = Union[int, float, str]
_SHOWN = 24


@dataclass(frozen=True)
class Column:
    """One column, as ExampleGen will read it.

    Attributes:
        name: its name in the files.
        type: the type of its values; EMPTY when it has none.
        rows: rows that were looked at.
        missing: of these, rows without a value.
        na_values: texts that stand for a missing value and occur in it.
        counts: rows of each distinct value, the most frequent first; None when they are too many to count. Of lists,
            how often each value is in one of them.
        sample: pyarrow array of an even part of the rows: double or string, null where missing; for lists, 1.0 where
            there is one.
        low: the smallest number, 0.0 when there is none.
        high: the largest.
        whole: whether every number is whole.
        not_finite: rows with an infinite number or a NaN.
        boolean: whether a Parquet file says that it holds true and false.
        length: values of each row, for a list of numbers whose length never changes, else 0.
        element: the type of a list's values; empty for what is no list.
        longest: bytes of the longest text, or values of the longest list.
        image: height and width that images are brought to, where its texts are their paths.
        exact: whether `low`, `high` and `whole` are of every row that was looked at, and not of the sample alone.
        reading: how its cells are to be read, where that is not as they stand.
        doubt: what a person should decide about how it is read; empty where there is nothing.
    """

    name: str
    type: ColumnType
    rows: int
    missing: int
    na_values: tuple[str, ...] = ()
    counts: Optional[dict[Value, int]] = None
    sample: Optional[pa.Array] = None
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    not_finite: int = 0
    boolean: bool = False
    length: int = 0
    element: Literal["", "INT", "FLOAT", "STRING"] = ""
    longest: int = 0
    image: Optional[tuple[int, int]] = None
    exact: bool = True
    reading: Optional[ColumnReading] = None
    doubt: str = ""

    @property
    def filled(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.type in ("INT", "FLOAT")

    @cached_property
    def distinct(self) -> int:
        """Distinct values; where they were too many to count, what the sample lets expect."""
        if self.counts is not None:
            return len(self.counts)
        if self.type == "LIST":  # more than are counted
            return self.filled
        if self.sample is None:
            return 0
        seen = self.sample.drop_null()
        share = len(seen.unique()) / max(len(seen), 1)
        return max(round(share * self.filled), 1)

    @property
    def distinct_share(self) -> float:
        """Distinct values per row that has one."""
        return self.distinct / max(self.filled, 1)

    @cached_property
    def numbers(self) -> np.ndarray:
        """The sample as float64, NaN where missing."""
        assert self.sample is not None
        return np.asarray(self.sample.cast(pa.float64()).fill_null(float("nan")))

    @cached_property
    def words(self) -> list[str]:
        """The sample's texts that are there."""
        return [value for value in self.sample.to_pylist() if value is not None] if self.sample is not None else []


def short(value: object) -> str:
    """A value as it is shown to a person: of a long one the beginning."""
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
