"""The configuration's section `monitoring:`: how what is served is watched, and from when on that is an alert."""

from typing import Annotated, Literal, Optional, get_args

from pydantic import AfterValidator, Field

from millrace.base.section import Section
from millrace.components.data_gate.policy import require_known
from millrace.components.data_gate.section import DistanceLimits

Detector = Literal[
    "log",
    "errors",
    "slow",
    "saturation",
    "metric",
    "anomaly",
    "outliers",
    "skew",
    "drift",
    "prediction drift",
    "attribution skew",
    "attribution drift",
    "estimate",
]
"""What finds something in a window, the most urgent first: the log itself; the service's failures, slow answers and
load; labelled answers; the schema; rows that are rare; the distance from the training data, or from the window before,
of columns, of predictions and of attributions; and what labels are expected to say. An alert's key has it behind
`monitor/`."""

DETECTORS: tuple[Detector, ...] = get_args(Detector)

Share = Annotated[float, Field(gt=0, lt=1)]
Reason = Annotated[str, AfterValidator(require_known)]


class SlowLimit(Section):
    """How many answers may be slow."""

    over_ms: float = Field(default=500, gt=0, description="milliseconds from which an answer is slow")
    at_most: Share = Field(default=0.02, description="the share of slow answers from which it is an alert")


class AttributionWatch(Section):
    """How what columns do to predictions is watched."""

    limit: Share = Field(
        default=0.1,
        description="how far a column's attributions may lie from those of the window before, and from those of the "
        "training data: the Jensen-Shannon divergence",
    )
    rows: int = Field(default=500, ge=50, le=10_000, description="rows of each that are explained, drawn by a seed")


class Saturation(Section):
    """How full a service may be."""

    in_flight: Optional[int] = Field(
        default=None,
        ge=1,
        description="requests that it can work on at once; left out, as many as this machine has cores",
    )
    at_most: Share = Field(
        default=0.8, description="the share of these that may be in flight in the busiest of twenty minutes"
    )


class MonitorAddresses(Section):
    """Whom Vertex AI's model monitor tells; `alerts:` is for what this machine watches."""

    emails: tuple[str, ...] = Field(default=(), description="mail addresses")
    channels: tuple[str, ...] = Field(
        default=(), description="Cloud Monitoring's channels, projects/PROJECT/notificationChannels/ID"
    )


def vertex_cron(window: str) -> Optional[str]:
    """When windows end, in UTC, as Vertex AI's schedules say it.

    Args:
        window: `monitoring.window`.

    Returns:
        A cron expression; None where there is none for such windows.
    """
    number, unit = int(window[:-1]), window[-1]
    if unit == "h" and 24 % number == 0:
        return {1: "0 * * * *", 24: "0 0 * * *"}.get(number, f"0 */{number} * * *")
    return "0 0 * * *" if unit == "d" and number == 1 else None


class Monitoring(Section):
    """How what is served is watched. Distances have the schema's limits: `skew_comparator` and `drift_comparator`."""

    window: str = Field(
        default="1d",
        pattern=r"^[1-9][0-9]{0,3}[mhd]$",
        description="how long a window is, in minutes, hours or days: 15m, 6h, 1d; they begin at midnight UTC of "
        "1970-01-01 and follow each other",
    )
    rows: int = Field(default=200, ge=1, description="rows in a window below which nothing is judged")
    policy: dict[Reason, Literal["alert", "note", "ignore"]] = Field(
        default={}, description="what an anomaly's reason code means; reasons not named do what data_gate has for them"
    )
    drift: DistanceLimits = Field(
        default=DistanceLimits(), description="limits of the distance from the window before (drift_comparator)"
    )
    skew: DistanceLimits = Field(
        default=DistanceLimits(),
        description="limits of the distance from what the version learned from (skew_comparator)",
    )
    predictions: Share = Field(
        default=0.1,
        description="how far predictions may lie from those of the window before: of numbers the Jensen-Shannon "
        "divergence, of classes the largest change of one's share",
    )
    errors: Optional[Share] = Field(
        default=0.02, description="the share of failed answers from which it is an alert; null judges none"
    )
    slow: Optional[SlowLimit] = SlowLimit()
    saturation: Optional[Saturation] = Saturation()
    attributions: Optional[AttributionWatch] = AttributionWatch()
    outliers: Optional[Share] = Field(
        default=0.05,
        description="the share of rows that are as rare as one of a hundred training rows from which it is an alert; "
        "null looks for none",
    )
    labels: int = Field(
        default=100, ge=1, description="labelled answers below which evaluation.thresholds judge nothing"
    )
    estimate: bool = Field(
        default=True, description="estimate what labels would say from the probabilities, before they have come"
    )
    notify: MonitorAddresses = Field(
        default=MonitorAddresses(), description="whom Vertex AI's model monitor tells (millrace monitor spec)"
    )
