"""The configuration's section `promotion:`: what an environment asks of a version before it takes it in.

It is the section of the environment that is promoted to, so that production's file says what production asks.
"""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Annotated, Literal, Optional

from pydantic import Field, field_validator

from millrace.base.section import Section
from millrace.catalog.cron import Cron, cron_problem, seconds_problem

# What `openssl pkey -pubout` writes of a key of Ed25519 between its first line and its last.
PublicKey = Annotated[str, Field(pattern="^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$")]

# As a user is called: what is empty or padded could be told from no name, or not from another.
ApproverName = Annotated[str, Field(pattern=r"^\S(.*\S)?$")]


class Freeze(Section):
    """A time, coming again and again, in which nothing is promoted to this environment."""

    begins: str = Field(
        description="when it begins: minute, hour, day, month, weekday; TZ=Europe/Zurich in front names the time zone, "
        "which is UTC otherwise, on whichever machine"
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
        cron = Cron.parse(self.begins)
        # This machine's zone would let whoever promotes choose when it holds.
        began = replace(cron, zone=cron.zone or "UTC").next_after(now - length.total_seconds())
        if began is None or began > now:
            return None
        return datetime.fromtimestamp(began, timezone.utc) + length


class PromotionPolicy(Section):
    """What this environment asks before `millrace promote` brings a version or a release here."""

    after: Optional[str] = Field(
        default=None,
        description="the environment that a version comes from; an empty text for the configuration without one, left "
        "out: nothing is promoted to here",
    )
    releases_after: Optional[str] = Field(
        default=None,
        description="the environment in which a release of the same commit and images must have run to its end; left "
        "out: the one that after names; an empty text: a release comes here first, and nobody has to approve it",
    )
    approval: Literal["any", "person", "second person"] = Field(
        default="person",
        description="who has approved the version there. any: registry.approval's rule is enough; person: a person; "
        "second person: a person who is not the one who promotes it",
    )
    approvers: dict[ApproverName, PublicKey] = Field(
        default={},
        description="whose signatures approve a release, by name: of each public key in PEM the line between the first "
        "and the last; left out: an approval of a release needs no signature",
    )
    freezes: tuple[Freeze, ...] = ()

    @property
    def release_from(self) -> Optional[str]:
        """The environment that a release comes from; empty where it comes here first, None where none may come."""
        return self.after if self.releases_after is None else self.releases_after

    @property
    def approves_releases(self) -> bool:
        """Whether somebody has to approve a release: not where it comes first, which the merge has approved."""
        return self.approval != "any" and self.release_from != ""
