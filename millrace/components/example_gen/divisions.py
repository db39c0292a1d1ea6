"""Divisions of rows that TFX's SplitConfig cannot say: by a column's values, by time, and with equal shares of strata.

Time and strata are known once every row was seen. A first pass over the table surveys it (each unit of work by itself,
then merged, in any order), and the division with its cuts is what the second pass assigns rows by.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.base.errors import DataError
from millrace.base.numbers import counted
from millrace.components.example_gen import moments, row_values
from millrace.components.example_gen.splits_section import ColumnSplits, StratifiedSplits, SurveyedSplits, TimeSplits
from millrace.features import expression

SPLITS = "data.splits"
_DAY = 86_400
# Bounds of what a survey holds: moments, rows of a stratum whose hashes are kept, and strata.
_MOST_MOMENTS = 1 << 20
_MOST_HASHES = 1 << 16
_MOST_STRATA = 1_000


@dataclass(frozen=True)
class ValueDivision:
    """Rows by what a column says; no survey is needed.

    Attributes:
        splits: the section.
        private: the column is left out of the examples, and its values of messages.
    """

    splits: ColumnSplits
    private: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Output splits, in order."""
        return self.splits.names

    def assign(self, group: int, batch: pa.RecordBatch, records: list[bytes]) -> np.ndarray:
        """The index of each row's split; as `splits.Partition.assign`.

        Raises:
            DataError: a row has a value that no split names, or none.
        """
        values = row_values.scalars(batch, self.splits.column, SPLITS)
        encoded = values.dictionary_encode()
        owners = {_text(value): place for place, of in enumerate(self.splits.values.values()) for value in of}
        distinct = [] if pa.types.is_null(values.type) else encoded.dictionary.to_pylist()
        table = np.array([*(owners.get(_text(value), -1) for value in distinct), -1])
        at = (
            np.full(len(values), len(distinct))
            if not distinct
            else np.asarray(encoded.indices.fill_null(len(distinct)))
        )
        places = table[at]
        lost = at[places < 0]
        if len(lost):
            others = sorted({_text(distinct[one]) if one < len(distinct) else "no value" for one in lost})
            shown = "" if self.private else f" ({', '.join(others[:5])}{', ...' if len(others) > 5 else ''})"
            raise DataError(
                f"rows of {self.splits.column} say what no split names{shown}",
                f"{SPLITS}.values",
                "give these values a split, or leave their rows out by data.where",
            )
        return places


@dataclass(frozen=True)
class TimeSurvey:
    """The moments of some rows.

    Attributes:
        times: distinct seconds since 1970, ascending; with `days`, the oldest and the newest alone.
        counts: rows of each.
        unread: rows without a moment.
        example: a text that is none; empty where every such row has no value.
    """

    times: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    unread: int = 0
    example: str = ""


@dataclass(frozen=True)
class TimeDivision:
    """Rows by their time, oldest first.

    Attributes:
        splits: the section.
        private: the column is left out of the examples, and its values of messages.
        cuts: the last second of each split but the newest; none before the survey.
    """

    splits: TimeSplits
    private: bool = False
    cuts: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Output splits, from the oldest to the newest."""
        return self.splits.names

    def survey(self, batch: pa.RecordBatch, records: list[bytes]) -> TimeSurvey:
        """Counts the moments of a batch."""
        values = row_values.scalars(batch, self.splits.column, SPLITS)
        times = moments.seconds(values, self.splits.format)
        unread = times == moments.NO_MOMENT
        example = next(filter(None, map(_text, values.filter(pa.array(unread)).drop_null().to_pylist())), "")
        distinct, counts = np.unique(times[~unread], return_counts=True)
        return self.merge([TimeSurvey(distinct, counts, int(unread.sum()), example)])

    def merge(self, surveys: Sequence[TimeSurvey]) -> TimeSurvey:
        """Adds surveys up; of very many distinct moments, those within 2, 4, 8, ... seconds count as one."""
        times = np.concatenate([one.times for one in surveys])
        counts = np.concatenate([one.counts for one in surveys])
        grain = 1
        while True:
            distinct, places = np.unique(times // grain * grain, return_inverse=True)
            if len(distinct) <= _MOST_MOMENTS or self.splits.days:
                break
            grain *= 2
        counts = np.bincount(places, counts, len(distinct)).astype(np.int64)
        if self.splits.days and len(distinct) > 2:
            distinct, counts = distinct[[0, -1]], np.array([counts[0], counts[1:].sum()])
        example = max((one.example for one in surveys), default="")
        return TimeSurvey(distinct, counts, sum(one.unread for one in surveys), example)

    def decided(self, survey: TimeSurvey) -> "TimeDivision":
        """The division with its cuts.

        Raises:
            DataError: a row has no moment of the format.
        """
        column, format = self.splits.column, self.splits.format
        if survey.unread:
            shown = f", for instance {survey.example[:80]!r}" if survey.example and not self.private else ""
            with_one = expression.shown(expression.has_value(column))
            raise DataError(
                f"{counted(survey.unread, 'row')} of {column} hold no time of the format {format}{shown}",
                SPLITS,
                "these look like milliseconds: set data.splits.format to unix_ms"
                if format == "unix" and not len(survey.times) and _is_in_milliseconds(survey.example)
                else f"fix data.splits.format or the rows, or leave them out: data.where: {with_one}",
            )
        if not len(survey.times):
            return self
        if self.splits.days:
            newest, ages = int(survey.times[-1]), itertools.accumulate(reversed(list(self.splits.days.values())))
            # Before the first moment that there can be, one place is as good as another.
            return replace(self, cuts=tuple(int(max(newest - age * _DAY, moments.FIRST - 1)) for age in ages)[::-1])
        parts = list(itertools.accumulate((self.splits.shares or {}).values()))
        rows = np.cumsum(survey.counts)
        # A moment belongs to the split in which most of its rows would be.
        ends = [np.searchsorted(rows - survey.counts / 2, rows[-1] * part / parts[-1], side="left") for part in parts]
        times = [int(survey.times[end - 1]) if end else int(survey.times[0]) - 1 for end in ends[:-1]]
        return replace(self, cuts=tuple(times))

    def assign(self, group: int, batch: pa.RecordBatch, records: list[bytes]) -> np.ndarray:
        """The index of each row's split; as `splits.Partition.assign`."""
        times = moments.seconds(row_values.scalars(batch, self.splits.column, SPLITS), self.splits.format)
        return np.searchsorted(self.cuts, times, side="left")

    def ends(self) -> dict[str, str]:
        """When each split but the newest ends, by its name, in UTC."""
        epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
        ends = (epoch + timedelta(seconds=cut) for cut in self.cuts)
        return {name: f"{end:%Y-%m-%dT%H:%M:%S}" for name, end in zip(self.names, ends, strict=False)}


@dataclass(frozen=True)
class Stratum:
    """The rows of one value: how many, and the hashes of all of them where they are few."""

    rows: int
    hashes: Optional[np.ndarray]


StrataSurvey = dict[Any, Stratum]


@dataclass(frozen=True)
class StratifiedDivision:
    """Equal shares of each stratum, by the hashes of its rows.

    Attributes:
        splits: the section.
        private: the column is left out of the examples, and its values of messages.
        bounds: for each stratum the hashes, uint64, from which on a row belongs to the next split.
    """

    splits: StratifiedSplits
    private: bool = False
    bounds: dict[Any, np.ndarray] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Output splits, in order."""
        return self.splits.names

    def survey(self, batch: pa.RecordBatch, records: list[bytes]) -> StrataSurvey:
        """The strata of a batch.

        Raises:
            DataError: the column has too many values.
        """
        hashed = _row_hashes(records)
        return self.merge([{value: Stratum(len(at), hashed[at])} for value, at in self._strata(batch)])

    def merge(self, surveys: Sequence[StrataSurvey]) -> StrataSurvey:
        """Adds surveys up.

        Raises:
            DataError: the column has too many values.
        """
        parts: dict[Any, list[Stratum]] = {}
        for survey in surveys:
            for value, stratum in survey.items():
                parts.setdefault(value, []).append(stratum)
        if len(parts) > _MOST_STRATA:
            raise DataError(
                f"{self.splits.column} has more than {_MOST_STRATA:,} values, each of which would be a stratum",
                SPLITS,
                "name the label or a column of few values; rows of one value stay together with by: group",
            )
        return {value: _summed(of_value) for value, of_value in parts.items()}

    def decided(self, survey: StrataSurvey) -> "StratifiedDivision":
        """The division with its bounds."""
        ends = list(itertools.accumulate(self.splits.shares.values()))
        shares = [end / ends[-1] for end in ends[:-1]]
        return replace(self, bounds={value: _bounds(value, stratum, shares) for value, stratum in survey.items()})

    def assign(self, group: int, batch: pa.RecordBatch, records: list[bytes]) -> np.ndarray:
        """The index of each row's split; as `splits.Partition.assign`."""
        hashed, places = _row_hashes(records), np.zeros(len(records), np.int64)
        for value, at in self._strata(batch):
            places[at] = np.searchsorted(self.bounds[value], hashed[at], side="right")
        return places

    def _strata(self, batch: pa.RecordBatch) -> list[tuple[Any, np.ndarray]]:
        """Each value with the places of its rows; None is that of the rows without one, or with NaN."""
        values = row_values.scalars(batch, self.splits.column, SPLITS)
        if pa.types.is_null(values.type):
            return [(None, np.arange(len(values)))]
        if pa.types.is_floating(values.type):  # a NaN is no value, and as a key unlike itself
            values = pc.if_else(pc.is_nan(values), None, values)
        encoded = values.dictionary_encode()
        distinct = [*encoded.dictionary.to_pylist(), None]
        at = np.asarray(encoded.indices.fill_null(len(distinct) - 1))
        order = np.argsort(at, kind="stable")
        starts = np.searchsorted(at[order], np.arange(len(distinct) + 1))
        places = (order[start:end] for start, end in itertools.pairwise(starts))
        return [(value, of_value) for value, of_value in zip(distinct, places, strict=True) if len(of_value)]


def _summed(strata: Sequence[Stratum]) -> Stratum:
    rows = sum(stratum.rows for stratum in strata)
    kept = [stratum.hashes for stratum in strata if stratum.hashes is not None]
    whole = rows <= _MOST_HASHES and len(kept) == len(strata)
    return Stratum(rows, np.concatenate(kept) if whole else None)


def _bounds(value: Any, stratum: Stratum, shares: list[float]) -> np.ndarray:
    """Where a stratum is cut: at the hash of a rank, or of a great one at the hash that so many are below by chance.

    What is left of a row is rounded up or down by the value's hash: rounded alike, a thousand strata of three rows each
    would all give the same split too many.
    """
    if stratum.hashes is None:
        return np.array([int(share * 2**64) for share in shares], np.uint64)
    ranked = np.append(np.sort(stratum.hashes), np.uint64(2**64 - 1))
    rest = 0.5 if value is None else (int(row_values.hashes(pa.array([value]))[0]) >> 11) / 2**53
    return ranked[[int(round(share * stratum.rows, 6) + rest) for share in shares]]


def _row_hashes(records: list[bytes]) -> np.ndarray:
    return row_values.hashes(pa.array(records, pa.large_binary()))


def _text(value: Any) -> str:
    """A value as a person would write it; a float of 32 bits with the digits that it has."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _is_in_milliseconds(example: str) -> bool:
    """Whether a value that is no moment in seconds is one in milliseconds."""
    try:
        return bool(moments.seconds(pa.array([float(example)]), "unix_ms")[0] != moments.NO_MOMENT)
    except ValueError:
        return False


Survey = Union[TimeSurvey, StrataSurvey]
SurveyedDivision = Union[TimeDivision, StratifiedDivision]


def merged(divided: SurveyedDivision, surveys: Iterable[Union[Survey, DataError]]) -> Union[Survey, DataError]:
    """The survey of several, in any order; a refusal overrides any."""
    parts: list[Any] = []
    for survey in surveys:
        if isinstance(survey, DataError):
            return survey
        parts.append(survey)
    try:
        return divided.merge(parts)
    except DataError as refusal:
        return refusal


def settled(divided: Any, survey: Optional[Survey]) -> Any:
    """The division with what a survey decides of it; as it is where it needs none."""
    if isinstance(divided, TimeDivision) and isinstance(survey, TimeSurvey):
        return divided.decided(survey)
    if isinstance(divided, StratifiedDivision) and isinstance(survey, dict):
        return divided.decided(survey)
    return divided


def division_of(splits: SurveyedSplits, private: bool) -> Union[ValueDivision, SurveyedDivision]:
    """The division that a section asks for.

    Args:
        splits: the section.
        private: the column it divides by is left out of the examples.
    """
    if isinstance(splits, ColumnSplits):
        return ValueDivision(splits, private)
    return TimeDivision(splits, private) if isinstance(splits, TimeSplits) else StratifiedDivision(splits, private)
