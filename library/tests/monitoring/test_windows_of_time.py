"""Windows of time: where they begin, which one is meant, and which are due."""

from datetime import datetime, timedelta, timezone

import pytest

from millrace.base.errors import BadInput
from millrace.monitoring.watching import MOST_MISSED, due_windows
from millrace.monitoring.window import Window, last_window, length_of, window_at, window_of

HOUR = timedelta(hours=1)
NOW = datetime(2031, 1, 31, 14, 25, tzinfo=timezone.utc)


def at(hour, minute=0):
    return NOW.replace(hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("last", Window(at(13), at(14))),
        ("last~0", Window(at(13), at(14))),
        ("last~3", Window(at(10), at(11))),
        ("now", Window(at(14), NOW)),
        ("2031-01-31T10:59", Window(at(10), at(11))),
        ("2031-01-31T11:59+01:00", Window(at(10), at(11))),
        ("2031-01-31T10:00:00Z/2031-01-31T10:20:00Z", Window(at(10), at(10, 20))),
    ],
)
def test_a_window_is_named_by_its_place_a_time_or_its_ends(text, window):
    assert window_of(text, HOUR, NOW) == window


@pytest.mark.parametrize(
    "text",
    [
        *("", "last~", "last~-1", "yesterday", "2031-01-31T10:00/2031-01-31T10:00", "2031-02-01"),
        *("0001-01-01", "0001-01-01T00:00+14:00", "9999-12-31T23:59"),
    ],
)
def test_what_is_no_window_is_refused_with_the_forms_that_are(text):
    with pytest.raises(BadInput, match="last, last~1, now"):
        window_of(text, HOUR, NOW)


def test_of_a_window_whose_ends_are_swapped_that_is_said_also_of_one_that_lies_ahead():
    for day in ("2031-01-31", "2041-01-31"):
        with pytest.raises(BadInput, match="ends before it begins") as refused:
            window_of(f"{day}T10:00/{day}T09:00", HOUR, NOW)
        assert f"{day}T09:00/{day}T10:00" in str(refused.value)


def test_a_window_of_no_year_and_one_that_begins_this_moment_are_refused():
    with pytest.raises(BadInput, match="the years 1 to 9999"):
        window_of("last~99999", length_of("365d"), NOW)
    with pytest.raises(BadInput, match="has not begun"):
        window_of("now", HOUR, at(14))


def test_windows_begin_at_midnight_and_a_window_is_over_when_its_answers_are_in_the_log():
    assert (length_of("15m"), length_of("6h"), length_of("1d")) == (HOUR / 4, 6 * HOUR, 24 * HOUR)
    assert window_at(NOW, timedelta(days=1)).start == at(0)
    assert last_window(at(14), HOUR) == Window(at(12), at(13))
    assert last_window(at(14) + timedelta(seconds=31), HOUR) == Window(at(13), at(14))
    assert str(Window(at(13), at(14))) == "2031-01-31 13:00 to 14:00 UTC"
    assert str(Window(at(13), at(14) + 24 * HOUR)) == "2031-01-31 13:00 to 2031-02-01 14:00 UTC"


def test_after_a_pause_the_windows_that_were_missed_are_due_the_oldest_first():
    assert due_windows(None, NOW, HOUR) == [Window(at(13), at(14))]
    assert due_windows(at(14), NOW, HOUR) == []
    assert due_windows(at(11), NOW, HOUR) == [Window(at(11), at(12)), Window(at(12), at(13)), Window(at(13), at(14))]
    missed = due_windows(at(11) - timedelta(days=30), NOW, HOUR)
    assert len(missed) == MOST_MISSED and missed[-1] == Window(at(13), at(14))
