"""What differs between two runs of a pipeline."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Optional, TypeVar

from millrace.base.errors import MillraceError
from millrace.base.outcomes import State
from millrace.base.plain_values import differences, in_a_line
from millrace.comparison.data_distances import ColumnDistance, distances
from millrace.comparison.made_trials import why_made_trial, without_trial
from millrace.components import stage_ids
from millrace.components.evaluator.gate_report import OVERALL
from millrace.metadata.evaluations import by_slice
from millrace.metadata.provenance import Provenance
from millrace.metadata.revision import git
from millrace.metadata.run_details import RunDetail
from millrace.metadata.run_summaries import RunSummary
from millrace.project import project
from millrace.schema import words
from millrace.schema.files import read_any

_LONGEST = 200
# A slice of fewer examples says little, however far it moved.
_FEW = 30
_Item = TypeVar("_Item")
Interval = tuple[float, float]
"""The least and the greatest value of a 95 % confidence interval."""


@dataclass(frozen=True)
class ValueChange:
    """One value that differs.

    Args:
        key: dotted, as in the configuration; or what else has a value in both.
        before: the value in JSON; empty where there was none.
        after: the value in JSON; empty where there is none.
    """

    key: str
    before: str
    after: str


@dataclass(frozen=True)
class CodeChange:
    """How the code differs.

    Args:
        before: the commit of the earlier run; empty where git knew none.
        after: the commit of the later run.
        files: the project's files whose content differs, by path within.
        uncommitted: whether one of them ran with changes that are in no commit.
    """

    before: str
    after: str
    files: tuple[str, ...]
    uncommitted: bool


@dataclass(frozen=True)
class DataChange:
    """How the data differs.

    Args:
        facts: span, version and fingerprint, where they differ.
        columns: the columns of both by their distance, the farthest first.
    """

    facts: tuple[ValueChange, ...]
    columns: tuple[ColumnDistance, ...]


@dataclass(frozen=True)
class MetricChange:
    """One metric on one slice, where both runs measured it.

    Args:
        slice: in words.
        metric: by TFMA's name.
        before: the value.
        after: the value.
        interval_before: TFMA's 95 % confidence interval; None where it computed none.
        interval_after: that of the later run.
        examples_before: how many examples it was measured on; None where they were not counted.
        examples_after: that of the later run.
        unjudged: whether the gate had a threshold for it and did not judge it, as of too few examples of a class.
    """

    slice: str
    metric: str
    before: float
    after: float
    interval_before: Optional[Interval] = None
    interval_after: Optional[Interval] = None
    examples_before: Optional[int] = None
    examples_after: Optional[int] = None
    unjudged: bool = False

    @property
    def apart(self) -> Optional[bool]:
        """Whether the two intervals have nothing in common; None where one was not computed."""
        if self.interval_before is None or self.interval_after is None:
            return None
        return are_apart(self.interval_before, self.interval_after)


def are_apart(one: Interval, other: Interval) -> bool:
    """Whether two intervals have nothing in common."""
    return one[1] < other[0] or other[1] < one[0]


def place_of_slice(
    apart: Optional[bool], examples: Iterable[Optional[int]], change: Optional[float]
) -> tuple[bool, bool, float]:
    """Where a slice stands among those that changed, to sort by: chance last, and then what moved the most first.

    Args:
        apart: whether its intervals have nothing in common; None where one was not computed.
        examples: how many it was measured on in each run; None where they were not counted.
        change: from the first run to the last; None where one has no value.
    """
    is_of_few = any(count is not None and count < _FEW for count in examples)
    moved = abs(change) if change is not None and not math.isnan(change) else -1.0
    return apart is not True, is_of_few, -moved


@dataclass(frozen=True)
class SliceOfOne:
    """A slice that only one of two runs measured.

    Args:
        slice: in words.
        run_id: of that run.
        examples: how many it has; None where they were not counted.
    """

    slice: str
    run_id: str
    examples: Optional[int]


@dataclass(frozen=True)
class StageTime:
    """How long a stage ran in both.

    Args:
        stage: its id.
        before: seconds; None where it did not run or was cached.
        after: seconds; None where it did not run or was cached.
    """

    stage: str
    before: Optional[float]
    after: Optional[float]


@dataclass(frozen=True)
class NotCompared:
    """Something that could not be compared.

    Args:
        kind: which part of a comparison lacks it.
        why: what of which run, and why, in a sentence.
    """

    kind: Literal["configuration", "schema", "data", "distances", "metrics"]
    why: str


@dataclass(frozen=True)
class RunComparison:
    """Two runs of one pipeline.

    Args:
        before: the earlier one, or the one named first.
        after: the other.
        configuration: the keys that differ.
        versions: distributions of the stack that differ.
        code: how the code differs; None where nothing does, as far as both recorded it.
        schema: what the later schema says otherwise, in words.
        data: how the data differs; None where it is the same.
        metrics: those that both measured, and that differ.
        seconds: the stages that ran in either.
        unknown: what could not be compared, and why; where the configuration is, so are code and versions.
        slices: those that only one of them measured.
        trials: of each that is a trial though nobody set `push.trial`, that and why, in a sentence; the configuration
            then leaves that key out.
    """

    before: RunSummary
    after: RunSummary
    configuration: tuple[ValueChange, ...]
    versions: tuple[ValueChange, ...]
    code: Optional[CodeChange]
    schema: tuple[str, ...]
    data: Optional[DataChange]
    metrics: tuple[MetricChange, ...]
    seconds: tuple[StageTime, ...]
    unknown: tuple[NotCompared, ...]
    slices: tuple[SliceOfOne, ...] = ()
    trials: tuple[str, ...] = ()

    def compared(self, kind: str) -> bool:
        """Whether a part was compared: where it was, and nothing differs, it is the same.

        Args:
            kind: as that of `NotCompared`.
        """
        return all(one.kind != kind for one in self.unknown)


def compare(before: RunDetail, after: RunDetail) -> RunComparison:
    """Compares two runs of one pipeline.

    Args:
        before: the one that is compared with.
        after: the one that is told about.

    Returns:
        What differs. Nothing is raised for what is gone, or was never recorded: it stands under `unknown`.
    """
    unknown: list[NotCompared] = []
    for one in (before, after):
        if one.provenance is None:
            why = "it was made before runs recorded their configuration and code, or its folder is gone"
            unknown.append(NotCompared("configuration", f"configuration and code of {one.summary.run_id}: {why}"))
    old, new = before.provenance or Provenance(), after.provenance or Provenance()
    recorded = before.provenance is not None and after.provenance is not None
    trials = {one.summary.run_id: why_made_trial(one.provenance, one.request) for one in (before, after)}
    settings = [without_trial(one.configuration) if any(trials.values()) else one.configuration for one in (old, new)]
    return RunComparison(
        before=before.summary,
        after=after.summary,
        configuration=tuple(value_changes(*settings)) if recorded else (),
        versions=tuple(value_changes(old.versions, new.versions)) if recorded else (),
        code=_code(old, new) if recorded else None,
        schema=_schema(before, after, unknown),
        data=_data(before, after, unknown),
        metrics=_metrics(before, after, unknown),
        seconds=tuple(_seconds(before, after)),
        unknown=tuple(unknown),
        slices=tuple(_slices_of_one(before, after)),
        trials=tuple(f"{run_id} is a trial: {why}" for run_id, why in trials.items() if why),
    )


def value_changes(before: Any, after: Any) -> Iterator[ValueChange]:
    """The values that differ between two configurations.

    Args:
        before: plain values.
        after: plain values.

    Yields:
        A change for each, with its values in JSON; none where a key without a value is one that the other side's
        release did not have.
    """
    for key, old, new in differences(before, after):
        if not (_says_nothing(old) and _says_nothing(new)):
            yield ValueChange(key, _shown(old), _shown(new))


def _says_nothing(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, dict) and all(map(_says_nothing, value.values())))


def _shown(value: Any) -> str:
    text = "" if value is None else in_a_line(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _code(old: Provenance, new: Provenance) -> Optional[CodeChange]:
    files = tuple(name for name in sorted({*old.code, *new.code}) if old.code.get(name) != new.code.get(name))
    commits = [one.revision.commit if one.revision else "" for one in (old, new)]
    dirty = any(one.revision is not None and not one.revision.clean for one in (old, new))
    return CodeChange(commits[0], commits[1], files, dirty) if files or commits[0] != commits[1] else None


def commits_between(change: CodeChange) -> tuple[str, ...]:
    """The commits from the earlier run's to the later one's, the newest first; none where git does not know both.

    Args:
        change: between two commits of the project here.
    """
    here = project.entered()
    if here is None or not change.before or not change.after or change.before == change.after:
        return ()
    between = f"{change.before}..{change.after}"
    log = git(here.root, "log", "--oneline", "--no-decorate", "--max-count=20", between, "--", ".")
    return tuple((log or "").splitlines())


def _schema(before: RunDetail, after: RunDetail, unknown: list[NotCompared]) -> tuple[str, ...]:
    places = []
    for one in (before, after):
        place = one.output(stage_ids.CURATED_SCHEMA, "schema") or one.output(stage_ids.SCHEMA_GEN, "schema")
        if place is None or not place.there:
            why = "its file is gone" if place else "it came to none"
            unknown.append(NotCompared("schema", f"schema of {one.summary.run_id}: {why}"))
            return ()
        places.append(place)
    if places[0].artifact == places[1].artifact:
        return ()
    try:
        old, new = (read_any(place.path).proto for place in places)
    except (MillraceError, OSError) as error:
        unknown.append(NotCompared("schema", f"schema: {error}"))
        return ()
    return tuple(str(change) for change in words.changes(old, new))


def _data(before: RunDetail, after: RunDetail, unknown: list[NotCompared]) -> Optional[DataChange]:
    examples = [one.output(stage_ids.EXAMPLE_GEN, "examples") for one in (before, after)]
    for one, place in zip((before, after), examples, strict=True):
        if place is None:
            unknown.append(NotCompared("data", f"data of {one.summary.run_id}: it read none"))
    old, new = examples
    if old is None or new is None or old.artifact == new.artifact:
        return None
    wanted = ("span", "version", "input_fingerprint")
    facts = [{name: one.properties.get(name) for name in wanted} for one in (old, new)]
    statistics = [one.output(stage_ids.STATISTICS_GEN, "statistics") for one in (before, after)]
    columns: tuple[ColumnDistance, ...] = ()
    if all(place is not None and place.there for place in statistics):
        try:
            columns = distances(*(place.path for place in statistics if place))
        except (MillraceError, OSError) as error:
            unknown.append(NotCompared("distances", f"distances of the data: {error}"))
    else:
        why = "the statistics of one of the runs are gone, or it came to none"
        unknown.append(NotCompared("distances", f"distances of the data: {why}"))
    changes = tuple(value_changes(facts[0], facts[1]))
    return DataChange(changes, columns) if changes or columns else None


def _metrics(before: RunDetail, after: RunDetail, unknown: list[NotCompared]) -> tuple[MetricChange, ...]:
    """What both measured and differs: on the whole first, then slice by slice."""
    for one in (before, after):
        if not one.gate_report:
            why = one.evaluation_problem or "it was not evaluated"
            unknown.append(NotCompared("metrics", f"metrics of {one.summary.run_id}: {why}"))
    changes = []
    for old, new in _of_both({one.measured_as: one for one in run.metrics} for run in (before, after)):
        of_slices = ({one.slice: one for one in (metric.overall, *metric.slices)} for metric in (old, new))
        for was, now in _of_both(of_slices):
            if was.value is None or now.value is None or was.value == now.value:
                continue
            # What is no number in both, such as the calibration of a slice without a positive, is the same.
            if not (math.isnan(was.value) and math.isnan(now.value)):
                values, intervals = (was.value, now.value), (was.interval, now.interval)
                counts, unjudged = (was.examples, now.examples), "not judged" in (was.verdict, now.verdict)
                changes.append(MetricChange(was.slice, old.measured_as, *values, *intervals, *counts, unjudged))
    return tuple(sorted(changes, key=lambda one: one.slice != OVERALL))


def _of_both(sides: Iterable[Mapping[str, _Item]]) -> Iterator[tuple[_Item, _Item]]:
    """What stands on both of two sides under the same name."""
    before, after = sides
    yield from ((value, after[name]) for name, value in before.items() if name in after)


def _slices_of_one(before: RunDetail, after: RunDetail) -> Iterator[SliceOfOne]:
    if not before.gate_report or not after.gate_report:
        return
    slices = {run.summary.run_id: by_slice(run.metrics) for run in (before, after)}
    for run_id, other in (
        (before.summary.run_id, after.summary.run_id),
        (after.summary.run_id, before.summary.run_id),
    ):
        for name, measured in slices[run_id].items():
            examples = next(one.examples for one in measured.values())
            # A threshold may name a slice that is not in the data.
            is_there = bool(examples) or any(one.value is not None for one in measured.values())
            if is_there and name not in slices[other]:
                yield SliceOfOne(name, run_id, examples)


def _seconds(before: RunDetail, after: RunDetail) -> Iterator[StageTime]:
    times: list[dict[str, Optional[float]]] = [
        {stage.stage: stage.seconds for stage in one.stages if stage.state != State.CACHED.value}
        for one in (before, after)
    ]
    for name in dict.fromkeys([*times[0], *times[1]]):
        if times[0].get(name) is not None or times[1].get(name) is not None:
            yield StageTime(name, times[0].get(name), times[1].get(name))
