"""A run's data beside its contract: every feature in the order of what is odd, and one feature in full.

A slice of the rows is looked at in the same way, over all rows: what is odd is what lies apart in it.

The order is: what blocked the run, then what it was warned of, then how far the feature moved by more than chance, then
how much of it is missing. What every row needs is computed for all features at once; what a row in view shows (bars,
values, quantiles) only for that row, so that thousands of columns cost little more than their reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Optional

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.components.data_gate.findings import Finding
from millrace.components.data_gate.report import joined
from millrace.schema import phrases
from millrace.schema.evidence import Evidence
from millrace.statistics.columns import ColumnStatistics, columns_by_name
from millrace.statistics.feature_distances import CHANCE, FeatureDistance, feature_distance
from millrace.statistics.histograms import shared_bounds, shares_between

Columns = Mapping[str, ColumnStatistics]
Kind = Literal["number", "text", "struct", "empty"]

_MOST_VALUES, _FOR_OTHERS = 20, 5
_ACTIONS = {"block": 0, "warn": 1, "waived": 2, "ignore": 3}
_NUMBERS = ("INT", "FLOAT")


@dataclass(frozen=True)
class SplitView:
    """One feature in one split.

    Args:
        split: the split's name; of the data that is compared with, `NAME before`, or `NAME of all rows` behind a slice.
        rows: the split's rows.
        filled: rows with a value; NaN is none.
        nans: values that are NaN.
        zeros: numbers that are 0.
        distinct: different texts; 0 for numbers, of which TFDV does not count them.
        range: the smallest and the largest number; None for texts.
        mean: of the numbers; None for texts.
        deviation: the standard deviation; None for texts.
        quantiles: bounds of equally many numbers, ends included; none for texts.
        shares: of the numbers between each two of the feature's `bounds`, or of each of its `labels`, from 0 to 1.
        values: the most frequent texts with their rows, most frequent first.
    """

    split: str
    rows: int
    filled: int
    nans: int
    zeros: int
    distinct: int
    range: Optional[tuple[float, float]]
    mean: Optional[float]
    deviation: Optional[float]
    quantiles: tuple[float, ...]
    shares: tuple[float, ...]
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class FeatureRow:
    """What is known of a feature without drawing it.

    Args:
        name: the steps of its path, joined by dots.
        kind: number, text, struct, or empty where no row has a value.
        missing: the largest share of rows without a value among the splits; 1 where the data lacks the feature.
        findings: what DataGate says, what blocks first, one for each cause.
        distance: the largest to the data that is compared with, or else between the splits; None where there is none.
        is_described: whether the schema describes it.
        is_in_data: whether any split has it.
    """

    name: str
    kind: Kind
    missing: float
    findings: tuple[Finding, ...]
    distance: Optional[FeatureDistance]
    is_described: bool
    is_in_data: bool

    @property
    def state(self) -> str:
        """The word for the worst that is said of it: blocked, warned, moved or fine."""
        worst = min((_ACTIONS[finding.action] for finding in self.findings), default=3)
        if worst < 2:
            return ("blocked", "warned")[worst]
        return "moved" if self.distance is not None and not self.distance.is_chance else "fine"


@dataclass(frozen=True)
class FeatureView:
    """One feature in full.

    Args:
        row: what is known without drawing it.
        type: the physical type in the data, INT, FLOAT, BYTES or STRUCT; empty where the data lacks it.
        contract: what the schema says, by aspect, in words; empty where it says nothing.
        bounds: of the bars that the splits' `shares` belong to, ascending; none for texts.
        labels: the texts that the splits' `shares` belong to: the most frequent of the first split, before those that
            only other splits, or other data, have among their most frequent; none for numbers.
        splits: the run's splits in their order.
        before: the same splits of the data that is compared with; empty where there is none.
    """

    row: FeatureRow
    type: str
    contract: tuple[tuple[str, str], ...]
    bounds: tuple[float, ...]
    labels: tuple[str, ...]
    splits: tuple[SplitView, ...]
    before: tuple[SplitView, ...]


@dataclass(frozen=True)
class DataView:
    """The data of one run.

    Args:
        run_id: the run whose statistics these are.
        splits: rows by split.
        compared_with: the run whose data lies behind it; empty where none does.
        slice: TFDV's name of the slice that this is of, behind which all rows lie; empty for the data as a whole.
        schema: what the data is held to; None where the run was not validated.
    """

    run_id: str
    splits: Mapping[str, int]
    compared_with: str
    slice: str
    schema: Optional[schema_pb2.Schema] = field(repr=False)
    _columns: Mapping[str, Columns] = field(repr=False)
    _before: Mapping[str, Columns] = field(repr=False)
    _findings: Mapping[str, Sequence[Finding]] = field(repr=False)

    @property
    def behind(self) -> str:
        """What follows a split's name where what it is compared with is meant."""
        return "of all rows" if self.slice else "before"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is said of the data as a whole and of no feature."""
        return tuple(joined(self._findings.get("", ())))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every feature in the schema's order, then those that only the data has."""
        seen = (name for columns in self._columns.values() for name in columns)
        return tuple(dict.fromkeys([*self._described, *seen]))

    @cached_property
    def rows(self) -> tuple[FeatureRow, ...]:
        """Every feature of the data and of the schema, the oddest first."""
        rows = [self._row(name) for name in self.names]
        order = sorted(range(len(rows)), key=lambda at: (*_oddness(rows[at]), at))
        return tuple(rows[at] for at in order)

    def counts(self) -> dict[str, int]:
        """How many features are blocked, warned, moved and fine."""
        states = [row.state for row in self.rows]
        return {state: states.count(state) for state in ("blocked", "warned", "moved", "fine")}

    def feature(self, name: str) -> Optional[FeatureView]:
        """One feature in full; None where neither the data nor the schema has it."""
        if name not in self._known:
            return None
        row = self._row(name)
        columns = [(split, of_split[name]) for split, of_split in self._columns.items() if name in of_split]
        before = [
            (f"{split} {self.behind}", of_split[name]) for split, of_split in self._before.items() if name in of_split
        ]
        numbers = [column for _, column in (*columns, *before) if column.type in _NUMBERS]
        bounds = shared_bounds(numbers)
        labels = _labels([column for _, column in (*columns, *before)])
        described = self._described.get(name)
        return FeatureView(
            row=row,
            type=next((column.type for _, column in columns), ""),
            contract=_contract(described, self._named) if described is not None else (),
            bounds=bounds,
            labels=labels,
            splits=tuple(_split(split, column, bounds, labels) for split, column in columns),
            before=tuple(_split(split, column, bounds, labels) for split, column in before),
        )

    @cached_property
    def _described(self) -> dict[str, schema_pb2.Feature]:
        return dict(phrases.features(self.schema)) if self.schema is not None else {}

    @cached_property
    def _named(self) -> dict[str, schema_pb2.StringDomain]:
        return {domain.name: domain for domain in self.schema.string_domain} if self.schema is not None else {}

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def _made(self) -> dict[str, FeatureRow]:
        return {}

    def _row(self, name: str) -> FeatureRow:
        """A feature's row, made once: of thousands a page may show a few."""
        if name not in self._made:
            self._made[name] = self._new_row(name)
        return self._made[name]

    def _new_row(self, name: str) -> FeatureRow:
        columns = {split: of_split[name] for split, of_split in self._columns.items() if name in of_split}
        filled = [column for column in columns.values() if column.filled]
        # A split without rows has no share of anything; it is a finding of its own.
        missing = [column.missing / column.rows for column in columns.values() if column.rows]
        findings = sorted(joined(self._findings.get(name, ())), key=lambda finding: _ACTIONS[finding.action])
        return FeatureRow(
            name=name,
            kind=_kind(filled),
            missing=max(missing, default=0.0 if columns else 1.0),
            findings=tuple(findings),
            distance=self._distance(name, columns, CHANCE / max(len(self.names), 1)),
            is_described=name in self._described,
            is_in_data=bool(columns),
        )

    def _distance(self, name: str, columns: Mapping[str, ColumnStatistics], chance: float) -> Optional[FeatureDistance]:
        """The largest among the splits: what is beyond chance first.

        Of a slice and all rows, which have the slice's among them, chance is taken to do more than it does.
        """
        if self.slice and any(_names(self.slice, column) for column in columns.values()):
            return None
        if self._before:
            pairs = [
                (self._before[split][name], column)
                for split, column in columns.items()
                if name in self._before.get(split, {})
            ]
        else:
            first = next(iter(columns.values()), None)
            pairs = [(first, column) for column in list(columns.values())[1:]] if first is not None else []
        distances = [feature_distance(old, new, chance) for old, new in pairs]
        measured = [distance for distance in distances if distance is not None]
        return max(measured, key=lambda one: (not one.is_chance, one.value), default=None)


def data_view(
    run: Optional[Evidence],
    findings: Sequence[Finding] = (),
    other: Optional[Evidence] = None,
    schema: Optional[schema_pb2.Schema] = None,
    slice: str = "",
) -> DataView:
    """The data of a run, perhaps over that of another.

    Args:
        run: what it saw; None where nothing ran yet, so that there is only a schema to look at.
        findings: what DataGate says about it.
        other: the run whose data is compared with; None to compare the run's splits with its first.
        schema: the contract to show beside it; None for the one that the run was held to.
        slice: TFDV's name of a slice of the run's rows, to be laid over all of them; empty for all rows.

    Raises:
        SchemaError: an artifact is damaged.
    """
    by_feature: dict[str, list[Finding]] = {}
    for finding in findings:
        by_feature.setdefault(finding.feature, []).append(finding)
    # Train comes first: it is what the other splits are compared with.
    statistics = run.statistics if run is not None else {}
    before = other.statistics if other is not None else {}
    if run is not None and slice:
        statistics, before = run.slice(slice), statistics
    splits = dict(sorted(statistics.items(), key=lambda item: (item[0] != "train", item[0])))
    return DataView(
        run_id=run.run_id if run is not None else "",
        splits={name: int(split.num_examples) for name, split in splits.items()},
        compared_with=other.run_id if other is not None and not slice else "",
        slice=slice,
        schema=schema if schema is not None or run is None else run.schema,
        _columns={name: columns_by_name(split) for name, split in splits.items()},
        _before={name: columns_by_name(before[name]) for name in splits if name in before},
        _findings=by_feature,
    )


def _names(slice: str, column: ColumnStatistics) -> bool:
    """Whether a slice is of this column's one value, so that there is nothing odd about it."""
    if column.range is not None:
        low, high = column.range
        return low == high and f"{column.name}_{low:.0f}" in slice
    return len(column.counts) == 1 and f"{column.name}_{next(iter(column.counts))}" in slice


def _oddness(row: FeatureRow) -> tuple[float, ...]:
    """What sorts before is odder."""
    action = min((_ACTIONS[finding.action] for finding in row.findings), default=len(_ACTIONS))
    moved = row.distance.value if row.distance is not None and not row.distance.is_chance else 0.0
    return action, -moved, -row.missing


def _kind(filled: Sequence[ColumnStatistics]) -> Kind:
    if not filled:
        return "empty"
    if filled[0].type == "STRUCT":
        return "struct"
    return "number" if filled[0].type in _NUMBERS else "text"


def _contract(feature: schema_pb2.Feature, named: Mapping[str, schema_pb2.StringDomain]) -> tuple[tuple[str, str], ...]:
    words = {name: say(feature) for name, _, say in phrases.ASPECTS}
    aspects = [("type", words.pop("type")), ("presence", words.pop("presence"))]
    aspects += [("domain", phrases.domain(feature, named)), *words.items()]
    return tuple((name, said) for name, said in aspects if said)


def _labels(columns: Sequence[ColumnStatistics]) -> tuple[str, ...]:
    """The texts to be shown: most of the room is the first column's, the rest is for what only the others have."""
    first, *others = [list(column.counts) for column in columns] or [[]]
    room = _MOST_VALUES - _FOR_OTHERS
    new = dict.fromkeys(value for values in others for value in values[:_FOR_OTHERS] if value not in first[:room])
    return tuple(dict.fromkeys([*first[:room], *list(new)[:_FOR_OTHERS]]))


def _split(split: str, column: ColumnStatistics, bounds: Sequence[float], labels: Sequence[str]) -> SplitView:
    values = sum(column.counts.values())
    of_labels = tuple(column.counts.get(label, 0) / values for label in labels) if values else ()
    return SplitView(
        split=split,
        rows=column.rows,
        filled=column.filled,
        nans=column.nans,
        zeros=column.zeros,
        distinct=column.distinct,
        range=column.range,
        mean=column.mean,
        deviation=column.deviation,
        quantiles=column.quantiles,
        shares=shares_between(column, bounds) or of_labels,
        values=tuple(list(column.counts.items())[:_MOST_VALUES]),
    )
