"""What a policy would do: the same decision, asked again and again on a clock of its own, about spans and alerts that
were recorded or are given.

A simulated run takes as long as it is told and ends well. Of the models that would come of it is known what recorded
runs have measured: each of its own span, and of the one after the champion that it was compared with.
"""

import bisect
import csv
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from millrace.base import clock
from millrace.base.errors import BadInput
from millrace.config.trigger_section import DAY_SECONDS, TriggerPolicy
from millrace.triggers.deciding import FiringAlert, SpanPlace, TriggerState, WaitingSpan, decide

STEP_SECONDS = 300.0
_COLUMNS = ("at", "kind", "name", "rows")
_YEARS = range(1970, 9000)


@dataclass(frozen=True)
class GivenSpan:
    """A span that comes.

    Args:
        at: when its last file came, seconds since the epoch.
        place: its number and version.
        name: as people call it.
        rows: how many it has.
    """

    at: float
    place: SpanPlace
    name: str
    rows: int


@dataclass(frozen=True)
class GivenAlert:
    """An alert that begins to fire, and fires until the next run has ended.

    Args:
        at: when, seconds since the epoch.
        key: what it is about.
    """

    at: float
    key: str


@dataclass(frozen=True)
class Happenings:
    """What happens while it is simulated.

    Args:
        spans: those that come, by time.
        alerts: those that begin to fire, by time.
    """

    spans: Sequence[GivenSpan] = ()
    alerts: Sequence[GivenAlert] = ()

    @property
    def begin(self) -> Optional[float]:
        """When the first of it happens, seconds since the epoch; None where nothing does."""
        return min([one.at for one in self.spans] + [one.at for one in self.alerts], default=None)


@dataclass(frozen=True)
class KnownMetric:
    """What models are known to score, from runs that were.

    Args:
        name: of the metric.
        values: by the span that a model learned from, and the span that it was measured on.
    """

    name: str
    values: Mapping[tuple[SpanPlace, SpanPlace], float]


@dataclass(frozen=True)
class Simulated:
    """What a policy did.

    Args:
        runs: how many runs each source started.
        run_seconds: how long they ran in all.
        missed: how often times of cron were given up.
        stale_seconds: how long a span was there that the newest finished run had not read.
        longest_stale_seconds: the longest such time without a break.
        starts: when each run began, what started it, and why.
        metric: the mean over time of what is served, on the newest span that is there; None where it is never known.
        metric_known: the share of the time in which something is served and a span is there of which it is known.
    """

    runs: Mapping[str, int]
    run_seconds: float
    missed: int
    stale_seconds: float
    longest_stale_seconds: float
    starts: Sequence[tuple[float, str, str]]
    metric: Optional[float] = None
    metric_known: float = 0.0


def simulate(
    policy: TriggerPolicy,
    happenings: Happenings,
    begin: float,
    days: float,
    run_seconds: float,
    known: Optional[KnownMetric] = None,
) -> Simulated:
    """Asks what the policy decides, every five minutes.

    Args:
        policy: the configuration's section.
        happenings: what comes.
        begin: when it begins, seconds since the epoch; what is older is known to the champion.
        days: how long it goes on.
        run_seconds: how long a run takes.
        known: what models of one span are known to score on another.
    """
    policy = _as_simulated(policy)
    values, known_of, metrics = known.values if known else {}, 0, []
    coming = deque(sorted((one for one in happenings.spans if one.at >= begin), key=lambda one: one.at))
    alerts = sorted(happenings.alerts, key=lambda one: one.at)
    fired = [one.at for one in alerts]
    starts: list[tuple[float, str, str]] = []
    counts: Counter[str] = Counter()
    cron_done, alerts_done, missed = begin, bisect.bisect_left(fired, begin), 0
    waiting: list[WaitingSpan] = []  # by place
    newest: Optional[SpanPlace] = None  # of those that are there
    done: Optional[SpanPlace] = None  # of the newest run that has begun
    served: Optional[SpanPlace] = None  # of the newest run that has ended
    ends: Optional[float] = None
    stale = stale_now = longest = 0.0
    for step in range(int(days * DAY_SECONDS / STEP_SECONDS)):
        now = begin + step * STEP_SECONDS
        if ends is not None and now >= ends:
            served = done
        while coming and coming[0].at <= now:
            one = coming.popleft()
            newest = one.place if newest is None else max(newest, one.place)
            if done is None or one.place > done:
                waiting.append(WaitingSpan(one.place, one.name, one.at, one.rows))
                waiting.sort(key=lambda one: one.place)
        firing = bisect.bisect_right(fired, now)
        is_running = ends is not None and now < ends
        state = TriggerState(
            cron_done,
            [at for at, _, _ in starts[-policy.runs_per_day - 1 :]],
            "a run" if is_running else "",
            None if is_running else ends,
            waiting if policy.span else (),
            [FiringAlert(number + 1, alerts[number].key) for number in range(alerts_done, firing)],
            alerts_done,
        )
        decision = decide(state, policy, now)
        if decision.missed is not None:
            cron_done, missed = now, missed + 1
        if decision.start:
            source = str(decision.source)
            starts.append((now, source, decision.why))
            counts[source] += 1
            alerts_done, ends = firing, now + run_seconds
            cron_done = now if source == "cron" else cron_done
            done = decision.span or newest or done
            waiting = [one for one in waiting if done is None or one.place > done]
        is_stale = newest is not None and (served is None or newest > served)
        stale_now = stale_now + STEP_SECONDS if is_stale else 0.0
        stale, longest = stale + is_stale * STEP_SECONDS, max(longest, stale_now)
        if served is not None and newest is not None:
            known_of += 1
            metrics += [values[pair]] if (pair := (served, newest)) in values else []
    mean, share = (sum(metrics) / len(metrics), len(metrics) / known_of) if metrics else (None, 0.0)
    return Simulated(dict(counts), len(starts) * run_seconds, missed, stale, longest, starts, mean, share)


def _as_simulated(policy: TriggerPolicy) -> TriggerPolicy:
    """The policy for a look every five minutes about spans that are given.

    A time of cron is not missed between two looks, and a file that says that a span is whole comes with the span.
    """
    late = max(policy.late_minutes, STEP_SECONDS / 60)
    policy = policy.model_copy(update={"late_minutes": late})
    if policy.span is None or not policy.span.done_file:
        return policy
    return policy.model_copy(update={"span": policy.span.model_copy(update={"done_file": "", "settled_minutes": 0})})


def regular_spans(every_hours: float, rows: int, begin: float, days: float) -> Happenings:
    """A span every so often, each as large as the others.

    Args:
        every_hours: hours from one to the next.
        rows: of each.
        begin: when the simulation begins, seconds since the epoch.
        days: how long it goes on.
    """
    hours = every_hours * 3600
    numbers = range(1, int(days * 24 / every_hours) + 1)
    return Happenings([GivenSpan(begin + number * hours, (number, -1), str(number), rows) for number in numbers])


def read_happenings(file: Path) -> Happenings:
    """Reads what is given in a CSV file with the columns at, kind, name and rows.

    `at` is a time in ISO 8601, UTC where it names no zone; `kind` is span or alert; `name` is a span's number or an
    alert's key; `rows` is a span's, at least 0.

    Raises:
        BadInput: the file cannot be read so; its line is named.
    """
    remedy = f"write the columns {', '.join(_COLUMNS)}: 2026-01-31T04:00:00,span,31,1200"
    spans, alerts = [], []
    try:
        # Excel writes a mark before the first column's name.
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=str(file), remedy=remedy) from error
    rows = csv.DictReader(lines)
    try:
        for row in rows:
            moment = _moment(row["at"])
            if row["kind"] == "span":
                spans.append(GivenSpan(moment, (_count(row["name"]), -1), row["name"], _count(row["rows"])))
            elif row["kind"] == "alert":
                alerts.append(GivenAlert(moment, row["name"]))
            else:
                raise ValueError(f"{row['kind']} is no kind: span or alert")
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        what = f"there is no column {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise BadInput(what, where=f"{file}:{rows.reader.line_num}", remedy=remedy) from error
    return Happenings(spans, alerts)


def _moment(text: str) -> float:
    at = clock.moment(text)
    if at.year not in _YEARS:
        raise ValueError(f"{text} does not lie in the years {_YEARS.start} to {_YEARS.stop - 1}")
    return at.timestamp()


def _count(text: str) -> int:
    if int(text) < 0:
        raise ValueError(f"{text} is less than 0")
    return int(text)
