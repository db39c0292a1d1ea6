"""The configuration's section `data_gate:`: which anomalies stop a run."""

from datetime import date
from typing import Annotated, Optional

from pydantic import AfterValidator, Field

from millrace.base.section import Section
from millrace.components.data_gate.policy import Action, require_known

# The rarest false alarm for which a limit can be drawn in some seconds.
LEAST_RATE = 0.0005

Reason = Annotated[str, AfterValidator(require_known)]


class Waiver(Section):
    """One anomaly that is known and accepted until a date."""

    feature: str = Field(description="the column; empty for the data as a whole")
    reason: Reason = Field(description="the anomaly's reason code, for instance ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    until: date = Field(description="the last day on which the waiver holds")
    because: str = Field(min_length=8, description="why it is accepted, for whoever reads it next")


class DistanceLimits(Section):
    """How far data may lie from earlier data."""

    false_alarm_rate: Optional[float] = Field(
        default=None,
        ge=LEAST_RATE,
        le=0.5,
        description="how often chance alone may exceed the limit of one column in one split; in place of the schema's "
        "distances, and for every column that the model reads; the schema's own distances when left out",
    )


class DataGateSection(Section):
    """Which anomalies stop a run."""

    policy: dict[Reason, Action] = Field(
        default={}, description="an action for an anomaly's reason code; reasons not named keep the default"
    )
    waivers: tuple[Waiver, ...] = ()
    drift: DistanceLimits = Field(
        default=DistanceLimits(), description="limits of the distance from the span before (drift_comparator)"
    )
    skew: DistanceLimits = Field(
        default=DistanceLimits(), description="limits of the distance from what is served (skew_comparator)"
    )

    def in_force(self, today: date) -> "DataGateSection":
        """The section with the waivers that hold on a day, in a stable order.

        A pipeline passes this, not the whole section, to the component: it changes on the day after a waiver ends, and
        with it the cache key, so that a pass from the cache never outlives its waiver.

        Args:
            today: the day (UTC); a waiver holds until its date inclusive.
        """
        held = [waiver for waiver in self.waivers if waiver.until >= today]
        held.sort(key=lambda waiver: (waiver.feature, waiver.reason, waiver.until))
        return self.model_copy(update={"waivers": tuple(held)})

    def waiver_for(self, feature: str, reason: str) -> Optional[Waiver]:
        """The waiver for a feature and a reason; the one that ends last when there are several."""
        fitting = [waiver for waiver in self.waivers if (waiver.feature, waiver.reason) == (feature, reason)]
        return max(fitting, key=lambda waiver: waiver.until, default=None)
