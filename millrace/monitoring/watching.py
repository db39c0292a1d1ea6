"""Windows one after the other: each as soon as it is over, on a clock that is passed in."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Optional, Union

from millrace.base.errors import BadInput, MillraceError
from millrace.config.config import Config
from millrace.metadata.run_summaries import Runs
from millrace.monitoring.findings import MonitorReport
from millrace.monitoring.monitor import monitor_window, version_of
from millrace.monitoring.records import reports
from millrace.monitoring.window import SETTLE, Window, last_window, length_of

MOST_MISSED = 24
"""Windows that are made up for, after nobody watched for a while."""


def due_windows(done: Optional[datetime], now: datetime, length: timedelta) -> list[Window]:
    """The windows that are over and were not looked at, the oldest first.

    Args:
        done: the end of the last one that was; None before the first, when the newest is enough.
        now: with a zone.
        length: of each.
    """
    newest, due = last_window(now, length), list[Window]()
    window = newest
    while len(due) < MOST_MISSED and (done is None or window.start >= done):
        due.insert(0, window)
        if done is None:
            break
        window = window.before
    return due


def watch(
    config: Config, model: str, clock: Callable[[], float], wait: Callable[[float], None]
) -> Iterator[tuple[Window, Union[MonitorReport, MillraceError]]]:
    """Looks at each window when it is over; after a pause at those that were missed, as far as a day of hours goes.

    Args:
        config: the pipeline's configuration.
        model: a version or an alias, which may move.
        clock: seconds since the epoch.
        wait: waits so many seconds.

    Yields:
        Each window with what is to be said of it, or with why it could not be looked at: the next is looked at all the
        same.
    """
    length = length_of(config.monitoring.window)
    done = _done(config, model, length)
    while True:
        now = datetime.fromtimestamp(clock(), timezone.utc)
        for window in due_windows(done, now, length):
            try:
                yield window, monitor_window(config, window, now, model)
            except MillraceError as error:
                yield window, error
            done = window.end
        next_end = last_window(now, length).end + length + SETTLE
        wait(max((next_end - datetime.fromtimestamp(clock(), timezone.utc)).total_seconds(), 1.0))


def _done(config: Config, model: str, length: timedelta) -> Optional[datetime]:
    """The end of the last window of which is known what this version did; another's says nothing of it."""
    runs = Runs(config)
    try:
        number = version_of(config, runs, model)[0].number
    except BadInput:  # each look will say so
        return None
    known = (one.window for one in reports(runs) if one.version == number)
    return max((window.end for window in known if window.end - window.start == length), default=None)


def last_windows(count: int, now: datetime, length: timedelta) -> list[Window]:
    """The newest windows that are over, the oldest first.

    Args:
        count: how many.
        now: with a zone.
        length: of each.
    """
    newest = last_window(now, length)
    return [Window(newest.start - length * back, newest.end - length * back) for back in range(count - 1, -1, -1)]


def backtest(
    config: Config, model: str, windows: Sequence[Window], now: datetime
) -> Iterator[tuple[MonitorReport, Optional[int]]]:
    """Looks at past windows again, by the policy as it is configured now, and records nothing.

    Args:
        config: with the policy that is tried.
        model: a version or an alias.
        windows: which.
        now: with a zone.

    Yields:
        What would have been said of each, and how many alerts there were; None for a window that was not recorded.
    """
    recorded = {(one.window, one.version): len(one.alerts) for one in reports(Runs(config))}
    for window in windows:
        report = monitor_window(config, window, now, model, record=False)
        yield report, recorded.get((window, report.version))
