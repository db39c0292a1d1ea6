"""What a window of requests says: plain values, which alerts and triggers read and pages show."""

import glob
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from millrace.base.numbers import counted, rounded
from millrace.config.monitoring_section import Detector
from millrace.monitoring.window import Window


@dataclass(frozen=True)
class MonitorFinding:
    """One thing that is to be said of a window.

    Args:
        detector: what found it.
        reason: TFDV's reason code, the name of a distance or of a metric, or a word.
        column: the column, or the slice of a metric; empty for the window as a whole.
        value: what was measured; None where it is no number.
        limit: up to where it is no alert; None where there is none.
        summary: what was expected and seen, in a sentence.
        version: of the model that answered.
        window: which.
        alert: whether somebody is to be told; else it is a note.
        remedy: the next command, or what to do.
    """

    detector: Detector
    reason: str
    column: str
    value: Optional[float]
    limit: Optional[float]
    summary: str
    version: int
    window: Window
    alert: bool
    remedy: str = ""

    @property
    def key(self) -> str:
        """The same from window to window, for whoever tells of each thing once."""
        return f"monitor/{self.detector}/{self.reason}/{self.column}/{self.version}"

    @property
    def words(self) -> str:
        """What was found, with TFDV's reason code where the schema was broken."""
        return f"{self.reason}: {self.summary}" if self.detector == "anomaly" else self.summary

    @property
    def sentence(self) -> str:
        """All of it, for who does not see the table: `skew of fare, version 3: L_INFTY 0.31, limit 0.1`."""
        place = f" of {self.column}" if self.column else ""
        return f"{self.detector}{place}, version {self.version}: {self.words}"


@dataclass(frozen=True)
class MeasuredDistance:
    """One distance of a window, whether it is beyond its limit or not.

    Args:
        detector: drift, skew or prediction drift.
        column: the column, or the output of the model.
        measure: the schema's name of the distance.
        value: from 0 to 1.
        limit: what is allowed.
        usual: what chance alone exceeds in one of a hundred comparisons; None where it is not known.
    """

    detector: Detector
    column: str
    measure: str
    value: float
    limit: float
    usual: Optional[float] = None


@dataclass(frozen=True)
class Unmeasured:
    """What a detector could not judge in a window: an alert of its kind goes on.

    Args:
        detector: which.
        why: in words, which fit behind a colon.
        column: as of a finding; None where it could judge none.
        reason: as of a finding; None for any.
    """

    detector: Detector
    why: str
    column: Optional[str] = None
    reason: Optional[str] = None

    @property
    def keys(self) -> str:
        """The pattern of the findings' keys that it might have made, of any version, as a shell reads it."""
        parts = ("*" if part is None else glob.escape(part) for part in (self.reason, self.column))
        return f"monitor/{self.detector}/{'/'.join(parts)}/*"


@dataclass(frozen=True)
class ServiceFigures:
    """How a version answered, from the gateway's log.

    Args:
        answers: how many; those that the version refused are among them.
        per_second: on average over the window.
        failed: answers that failed, by the version's fault.
        refused: requests that the version said are wrong.
        milliseconds: by percentile (50, 90, 95, 99), and 100 for the slowest.
        slow: of those that it did not refuse, the answers that took longer than `monitoring.slow.over_ms`.
        in_flight: requests that it worked on at once, on average over the window.
        busiest: the same in the busiest of twenty minutes, or of those there are where they are fewer.
    """

    answers: int
    per_second: float
    failed: int
    refused: int
    milliseconds: Mapping[int, float]
    slow: int = 0
    in_flight: float = 0.0
    busiest: float = 0.0


@dataclass(frozen=True)
class LiveMetric:
    """A metric with a threshold, on labelled answers.

    Args:
        metric: its name in the configuration.
        slice: where it was measured; `overall` for all rows.
        value: what came out; None where it has none yet.
        examples: labelled answers there.
        limit: the threshold, in words.
        passed: whether it is met; None where it could not be judged.
    """

    metric: str
    slice: str
    value: Optional[float]
    examples: int
    limit: str
    passed: Optional[bool]


@dataclass(frozen=True)
class Estimate:
    """What a metric is expected to be, before labels have come.

    Args:
        metric: AUC or BinaryAccuracy, as TFMA names them; Accuracy of several classes.
        value: the mean over what the labels may turn out to be.
        low: the lower end of the interval in which 95 of 100 fall, if the probabilities are right.
        high: its upper end.
        measured: the metric of those answers that have labels by now; None where there are too few.
    """

    metric: str
    value: float
    low: float
    high: float
    measured: Optional[float] = None


@dataclass(frozen=True)
class AttributionShare:
    """How much of all attributions is a column's.

    Args:
        column: its name, after that of the output where there are several.
        now: in the window, from 0 to 1.
        training: of the training data; None where that is not known.
        before: in the window before; None where that is not known.
    """

    column: str
    now: float
    training: Optional[float] = None
    before: Optional[float] = None


@dataclass(frozen=True)
class Outliers:
    """The rows of a window that are rare.

    Args:
        rows: that were looked at.
        rare: those that are as rare as one of a hundred training rows.
        columns: what makes them rare: in how many of them a column has the rarest value.
    """

    rows: int
    rare: int
    columns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MonitorReport:
    """What one version answered in one window, and what is to be said of it.

    Args:
        model: the pipeline's name.
        version: which version.
        window: which.
        requests: how many were read.
        rows: in them.
        judged: whether there were enough to judge.
        compared: what skew and drift were measured from, in words, by detector.
        findings: alerts first.
        distances: all that were measured.
        unmeasured: what could not be judged.
        service: None where no gateway wrote a log of this version's answers.
        labelled: answers whose label has come.
        metrics: on labelled answers; none below `monitoring.labels`.
        estimates: before labels come.
        attributions: of the model's columns, the largest now first; none where it does not explain itself.
        outliers: None where they were not looked for.
        others: the requests that other versions answered, by version.
        needed: rows below which nothing is judged.
        later: requests that the version answered after the window, as far as the log went.
        made: when it was made, ISO 8601.
        execution: in ML Metadata; 0 where it was not recorded.
    """

    model: str
    version: int
    window: Window
    requests: int
    rows: int
    judged: bool
    compared: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[MonitorFinding, ...] = ()
    distances: tuple[MeasuredDistance, ...] = ()
    unmeasured: tuple[Unmeasured, ...] = ()
    service: Optional[ServiceFigures] = None
    labelled: int = 0
    metrics: tuple[LiveMetric, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    attributions: tuple[AttributionShare, ...] = ()
    outliers: Optional[Outliers] = None
    others: Mapping[int, int] = field(default_factory=dict)
    needed: int = 0
    later: int = 0
    made: str = ""
    execution: int = 0

    @property
    def alerts(self) -> tuple[MonitorFinding, ...]:
        """The findings of which somebody is to be told."""
        return tuple(finding for finding in self.findings if finding.alert)

    @property
    def busiest_of(self) -> str:
        """Of what the busiest minute of the service's figures was the busiest."""
        return of_minutes(self.window)

    @property
    def said_unmeasured(self) -> Mapping[str, str]:
        """Why what could not be judged: `compared` says it of a kind as a whole, and `metrics` of each threshold."""
        said: dict[str, list[str]] = {}
        for one in self.unmeasured:
            if one.reason is None and (one.column is not None or one.detector not in self.compared):
                said.setdefault(one.why, []).append(f"{one.detector} {one.column or ''}".strip())
        return {", ".join(what): why for why, what in said.items()}

    @property
    def sentence(self) -> str:
        """How it stands."""
        if not self.judged:
            least = f", {self.needed:,} are needed (monitoring.rows)" if self.needed else ""
            return f"not judged: {counted(self.rows, 'row')}{least}"
        if not self.alerts:
            return "quiet"
        return f"{len(self.alerts)} {'alert' if len(self.alerts) == 1 else 'alerts'}"


def of_minutes(window: Window) -> str:
    """Of what the busiest minute of a window was the busiest: `twenty minutes`, or `its 7 minutes` of a short one."""
    minutes = int(window.seconds // 60)
    return "twenty minutes" if minutes >= 20 else f"its {counted(max(minutes, 1), 'minute')}"


def in_words(distance: MeasuredDistance) -> str:
    """A distance with its limit and what is usual."""
    usual = f", usual up to {rounded(distance.usual, 3)}" if distance.usual is not None else ""
    return f"{distance.measure} {rounded(distance.value, 3)}, limit {rounded(distance.limit, 3)}{usual}"
