"""The configuration's section `promotion:`: what an environment asks of a version before it takes it in.

It is the section of the environment that is promoted to, so that production's file says what production asks.
"""

from datetime import datetime, timedelta, timezone
from typing import Literal, Optional

from pydantic import Field, field_validator

from millrace.base.section import Section
from millrace.catalog.cron import Cron, cron_problem, seconds_problem


class Freeze(Section):
    """A time, coming again and again, in which nothing is promoted to this environment."""

    begins: str = Field(
        description="when it begins: minute, hour, day, month, weekday; TZ=Europe/Zurich in front names the time zone"
    )
    hours: float = Field(gt=0, le=24 * 366, description="how long it lasts")
    reason: str = Field(default="", description="what is told to who asks meanwhile")

    @field_validator("begins")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        if problem := cron_problem(value) or seconds_problem(value):
            raise ValueError(problem)
        return value

    def over_at(self, now: float) -> Optional[datetime]:
        """When the freeze that holds now is over.

        Args:
            now: seconds since the epoch.

        Returns:
            The time, in UTC, at which the one that began first is over; None where none holds.
        """
        length = timedelta(hours=self.hours)
        # It may have begun at any time of the length before now, but not at its very beginning: that one is just over.
        began = Cron.parse(self.begins).next_after(now - length.total_seconds())
        if began is None or began > now:
            return None
        return datetime.fromtimestamp(began, timezone.utc) + length


class PromotionPolicy(Section):
    """What this environment asks before `millrace promote` brings a version here."""

    after: Optional[str] = Field(
        default=None,
        description="the environment that a version comes from; an empty text for the configuration without one, left "
        "out: nothing is promoted to here",
    )
    approval: Literal["any", "person", "second person"] = Field(
        default="person",
        description="who has approved the version there. any: registry.approval's rule is enough; person: a person; "
        "second person: a person who is not the one who promotes it",
    )
    freezes: tuple[Freeze, ...] = ()
