"""The configuration's section `triggers:`: what starts a run by itself, and how often at most.

A policy that could never start anything, or would start without end, is refused when it is read.
"""

import fnmatch
from typing import Optional

from pydantic import Field, field_validator, model_validator

from millrace.base.names import did_you_mean
from millrace.base.section import Section, VariableName
from millrace.catalog.cron import Cron, cron_problem, seconds_problem
from millrace.config.monitoring_section import DETECTORS

_WILD = frozenset("*?[")

DAY_SECONDS = 24 * 3600.0


class SpanTrigger(Section):
    """A new span of the data, once all of it is there."""

    rows: int = Field(default=1, ge=1, description="rows that it must have")
    settled_minutes: float = Field(
        default=5, ge=0, description="none of its files has changed for so long: then it is whole"
    )
    done_file: str = Field(
        default="",
        pattern=r"^[^/]*$",
        description="the name of a file beside the span's, such as _SUCCESS, that says that it is whole; with it "
        "nothing else is waited for",
    )


class Listen(Section):
    """Where `millrace triggers watch` takes calls over HTTP; only who shows the token is heard."""

    host: str = Field(default="127.0.0.1", min_length=1, description="an address of this machine; its own alone")
    port: int = Field(default=8720, ge=0, le=65_535, description="0: one that is free")
    token_env: VariableName = Field(description="the name of the environment variable that holds the token")


class TriggerPolicy(Section):
    """What starts a run: a time, a new span, an alert, a call. `millrace triggers fire` starts one by hand."""

    cron: str = Field(
        default="", description="minute, hour, day, month, weekday; TZ=Europe/Zurich in front names the time zone"
    )
    late_minutes: float = Field(
        default=60, gt=0, description="a time of cron that could not be kept for so long is missed"
    )
    span: Optional[SpanTrigger] = None
    alerts: tuple[str, ...] = Field(
        default=(), description="alerts that start a run when they begin to fire, by their keys: monitor/drift/*"
    )
    listen: Optional[Listen] = None
    catch_up: bool = Field(
        default=False,
        description="after an outage: one run for all times of cron that were missed, and one for each span that came; "
        "false: none for times, and one for the newest span",
    )
    cool_down_minutes: float = Field(default=60, ge=0, description="from the end of a run to the start of the next")
    runs_per_day: int = Field(default=4, ge=1, description="in any 24 hours; what is started by hand counts too")

    @field_validator("cron")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        if value and (problem := cron_problem(value) or seconds_problem(value)):
            raise ValueError(problem)
        return value

    @field_validator("alerts")
    @classmethod
    def _can_fire(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            source, _, rest = pattern.partition("/")
            detector = rest.partition("/")[0]
            if not _WILD & set(source) and source != "monitor":
                raise ValueError(f"no alert is called {pattern}; their keys are monitor/DETECTOR/REASON/COLUMN/VERSION")
            if not _WILD & set(source + detector) and detector not in DETECTORS:
                meant = did_you_mean(detector, DETECTORS) or f"; name one of: {', '.join(DETECTORS)}"
                raise ValueError(f"{pattern} never fires: there is no detector {detector}{meant}")
        return value

    @model_validator(mode="after")
    def _ends_at_times(self) -> "TriggerPolicy":
        if self.cron and self.cool_down_minutes < 1:
            cron = Cron.parse(self.cron)
            first = cron.next_after(0.0)
            again = cron.next_after(first) if first is not None else None
            if first is not None and again is not None and again - first <= 60:
                raise ValueError(
                    f"cron: {self.cron} with cool_down_minutes: {self.cool_down_minutes:g} starts a run whenever none "
                    "goes on; choose a rarer time, or cool_down_minutes: 1 or more"
                )
        return self

    @model_validator(mode="after")
    def _is_kept_within_its_budget(self) -> "TriggerPolicy":
        if self.runs_per_day > 1 and (self.runs_per_day - 1) * self.cool_down_minutes >= 24 * 60:
            most = int(24 * 60 // self.cool_down_minutes) + 1
            raise ValueError(
                f"runs_per_day: {self.runs_per_day} can never be, since cool_down_minutes: {self.cool_down_minutes:g} "
                f"lets {most} start in a day; lower one of them"
            )
        return self

    def names(self, alert: str) -> bool:
        """Whether an alert starts a run.

        Args:
            alert: its key.
        """
        return any(fnmatch.fnmatchcase(alert, pattern) for pattern in self.alerts)

    @property
    def starts_something(self) -> bool:
        """Whether anything but a person at this machine starts a run."""
        return bool(self.cron or self.span or self.alerts or self.listen)
