"""Whether a run starts now, and why: one function of what is there, the policy and the time. It looks at nothing else.

What starts a run, the first before the others:

| source | starts a run when | is used up by |
|---|---|---|
| hand | somebody asked for one: `millrace triggers fire` | the run that it starts; `millrace triggers cancel` |
| alert | an alert that the policy names has begun to fire | any run that starts while it fires |
| span | a span is there that no run has read, whole, and with rows enough | a run that reads it, or a later one |
| cron | the time has come | the run that it starts; being late by more than `late_minutes`, unless `catch_up` is set |

What holds it back: a run that goes on, whoever started it; `cool_down_minutes` since the last one; `runs_per_day`.
A person is held back by the first alone. What is held back waits, and is looked at again.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Optional

from millrace.base.numbers import counted
from millrace.catalog.cron import Cron
from millrace.config.trigger_section import DAY_SECONDS, TriggerPolicy

Source = Literal["hand", "alert", "span", "cron"]

SpanPlace = tuple[int, int]
"""A span's number and its version, -1 where spans have none; the later one is the greater."""


# A clock that goes back by less is waited for. What is written down as later than that a wrong clock has written: who
# heeded it would wait until that time comes.
CLOCK_SECONDS = 3600.0


@dataclass(frozen=True)
class WaitingSpan:
    """A span that no run has read yet.

    Args:
        place: its number and version.
        name: as people call it: its number, or its day.
        changed: when one of its files changed last, seconds since the epoch; None where the file that says that it is
            whole is there.
        rows: how many it has; None where they were not counted, since it may not be whole.
        lacks: what of it is not there, such as a split; empty where all is.
    """

    place: SpanPlace
    name: str
    changed: Optional[float] = None
    rows: Optional[int] = None
    lacks: str = ""


@dataclass(frozen=True)
class FiringAlert:
    """An alert that fires, and is not silenced.

    Args:
        event: the id of the event with which it began to fire; a later one is greater.
        key: what it is about.
    """

    event: int
    key: str


@dataclass(frozen=True)
class AskedRun:
    """A run that somebody asked for.

    Args:
        event: the id of the event; a later one is greater.
        who: who asked.
        because: why.
        at: when, seconds since the epoch.
    """

    event: int
    who: str
    because: str
    at: float = 0.0


@dataclass(frozen=True)
class TriggerState:
    """All that the decision depends on, but for the policy and the time.

    Args:
        cron_done: until when times of cron are dealt with, seconds since the epoch: when triggers began, later the last
            one that started something or was missed.
        starts: when triggers started runs in the last day or longer, oldest first.
        running: the run that goes on, in words; empty where none does.
        last_end: when the last run ended, whoever started it; None where there was none.
        spans: those that no run has read, the oldest first.
        alerts: those that fire.
        alerts_done: the greatest id of an alert that has started a run.
        asked: runs that people asked for and that have not started.
    """

    cron_done: float
    starts: Sequence[float] = ()
    running: str = ""
    last_end: Optional[float] = None
    spans: Sequence[WaitingSpan] = ()
    alerts: Sequence[FiringAlert] = ()
    alerts_done: int = 0
    asked: Sequence[AskedRun] = ()


@dataclass(frozen=True)
class Decision:
    """Whether a run starts now.

    Args:
        start: whether it does.
        why: in one sentence, what starts it or what is waited for.
        source: what starts it, or would if nothing held it back; None where nothing does.
        span: the newest span that is whole, or with `catch_up` the oldest, which the run reads; None where none is.
        only_span: whether the run is told to read that span, because a later one is there already.
        until: when waiting ends by itself, seconds since the epoch; None where it depends on something else.
        missed: the time of cron that is given up, since it could not be kept; None where none is.
    """

    start: bool
    why: str
    source: Optional[Source] = None
    span: Optional[SpanPlace] = None
    only_span: bool = False
    until: Optional[float] = None
    missed: Optional[float] = None


def decide(state: TriggerState, policy: TriggerPolicy, now: float) -> Decision:
    """Says whether a run starts now.

    Args:
        state: what there is.
        policy: the configuration's section.
        now: seconds since the epoch.
    """
    whole, unready = _whole_spans(state.spans, policy, now)
    cron = _cron(state, policy, now)
    new = [one for one in state.alerts if one.event > state.alerts_done and policy.names(one.key)]
    span = whole[-1] if whole else None
    if state.asked:
        one, others = state.asked[0], len(state.asked) - 1
        more = f"; {counted(others, 'other call')} {'waits' if others == 1 else 'wait'}" if others else ""
        cause = Decision(True, f"{one.who} asked for it: {one.because}{more}", "hand")
    elif new:
        more = f" and {counted(len(new) - 1, 'other alert')}" if len(new) > 1 else ""
        cause = Decision(True, f"alert {new[0].key}{more} fires", "alert")
    elif span:
        span = whole[0] if policy.catch_up else span
        over = "" if policy.catch_up or len(whole) == 1 else counted(len(whole) - 1, "earlier span")
        why = f"span {span.name} is there, with {counted(span.rows or 0, 'row')}"
        why += f"; passed over: {over}" if over else ""
        cause = Decision(True, why, "span")
    elif cron.start:
        cause = Decision(True, cron.why, "cron")
    else:
        waits = [one for one in (unready, cron.why) if one]
        return Decision(False, "; ".join(waits) or "nothing is new", until=cron.until, missed=cron.missed)
    if span:
        # What is newer, and not whole yet, must not be read in its place.
        cause = replace(cause, span=span.place, only_span=span.place != state.spans[-1].place)
    held = _held_back(state, policy, now, cause.source)
    if held is None:
        return cause
    why, until = held
    return Decision(False, f"{cause.why}; {why}", cause.source, cause.span, until=until, missed=cron.missed)


def _held_back(
    state: TriggerState, policy: TriggerPolicy, now: float, source: Optional[Source]
) -> Optional[tuple[str, Optional[float]]]:
    """What holds a run back, and until when; None where nothing does."""
    if state.running:
        return f"waits for {state.running}", None
    if source == "hand":
        return None
    cool = (state.last_end or 0.0) + policy.cool_down_minutes * 60
    if state.last_end is not None and now < cool:
        return "cools down after the last run (cool_down_minutes)", cool
    of_day = [at for at in state.starts if at > now - DAY_SECONDS]
    if len(of_day) >= policy.runs_per_day:
        return f"{counted(len(of_day), 'run')} in 24 hours are all that runs_per_day lets", of_day[
            -policy.runs_per_day
        ] + DAY_SECONDS
    return None


def _whole_spans(spans: Sequence[WaitingSpan], policy: TriggerPolicy, now: float) -> tuple[list[WaitingSpan], str]:
    """The spans that may start a run, and what the newest of the others is waiting for."""
    if policy.span is None:
        return [], ""
    whole, unready = [], ""
    for span in spans:
        settled = policy.span.settled_minutes
        if span.lacks:
            unready = f"span {span.name} is not whole: {span.lacks}"
        elif span.changed is not None and policy.span.done_file:
            unready = f"span {span.name} waits for {policy.span.done_file}"
        elif span.changed is not None and now - span.changed < settled * 60:
            unready = f"span {span.name} has changed less than {settled:g} minutes ago (settled_minutes)"
        elif span.rows is None or span.rows < policy.span.rows:
            unready = f"span {span.name} has {span.rows or 0:,} of {policy.span.rows:,} rows"
        else:
            whole.append(span)
    return whole, unready


@functools.lru_cache(maxsize=16)
def _read(expression: str) -> Cron:
    return Cron.parse(expression)


def _cron(state: TriggerState, policy: TriggerPolicy, now: float) -> Decision:
    """What cron alone says."""
    if not policy.cron:
        return Decision(False, "")
    cron, late = _read(policy.cron), policy.late_minutes * 60
    first = cron.next_after(state.cron_done)
    if first is None:
        return Decision(False, "cron never comes again")
    if first > now:
        return Decision(False, "waits for the next time of cron", until=first)
    # Of an outage of months only the end is looked at.
    kept = cron.next_after(max(state.cron_done, now - late))
    if kept is not None and kept <= now:
        return Decision(True, "the time of cron has come", "cron")
    if policy.catch_up:
        return Decision(True, "times of cron were missed, and catch_up is set", "cron")
    why = f"a time of cron could not be kept for {policy.late_minutes:g} minutes, and is missed (late_minutes)"
    return Decision(False, why, until=kept, missed=first)
