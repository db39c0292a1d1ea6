"""The configuration's section `data_gate:`: which anomalies stop a run."""

from datetime import date
from typing import Any, Literal

from pydantic import Field

from millrace.base.section import Section

Action = Literal["block", "warn", "ignore"]


class Waiver(Section):
    """One anomaly that is known and accepted until a date."""

    feature: str
    reason: str = Field(description="the anomaly's reason code, for instance ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    until: date = Field(description="the last day on which the waiver holds")
    because: str = Field(min_length=8, description="why it is accepted, for whoever reads it next")


class DataGate(Section):
    """Which anomalies stop a run."""

    policy: dict[str, Action] = Field(
        default={}, description="an action for an anomaly's reason code; reasons not named keep the default"
    )
    waivers: tuple[Waiver, ...] = ()

    def plain_waivers(self) -> list[dict[str, Any]]:
        """The waivers as plain JSON values, as `millrace.components.data_gate` takes them."""
        return [waiver.model_dump(mode="json") for waiver in self.waivers]
