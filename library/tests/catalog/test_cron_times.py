"""When a cron expression comes: as unix-cron has it, also where two of its rules meet."""

from datetime import datetime, timezone

import pytest

from millrace.catalog.cron import Cron

BEGIN = datetime(2031, 1, 1, tzinfo=timezone.utc).timestamp()  # a Wednesday


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("*/20 * * * *", ["01-01 00:20", "01-01 00:40", "01-01 01:00"]),
        ("0 4 * * 0", ["01-05 04:00", "01-12 04:00", "01-19 04:00"]),
        ("0 4 * * 7", ["01-05 04:00", "01-12 04:00", "01-19 04:00"]),
        ("0 4 * * sun,1", ["01-05 04:00", "01-06 04:00", "01-12 04:00"]),
        ("0 0 1 * *", ["02-01 00:00", "03-01 00:00", "04-01 00:00"]),
        ("0 0 31 * *", ["01-31 00:00", "03-31 00:00", "05-31 00:00"]),
        ("15 6 3 * mon", ["01-03 06:15", "01-06 06:15", "01-13 06:15"]),
        ("0 12 * feb-mar 5", ["02-07 12:00", "02-14 12:00", "02-21 12:00"]),
        ("30 0 0 1 1 *", ["01-01 00:00", "01-01 00:00", "01-01 00:00"]),
    ],
)
def test_the_next_times(expression, times):
    cron, at, seen = Cron.parse(f"TZ=UTC {expression}"), BEGIN, []
    for _ in times:
        at = cron.next_after(at)
        seen.append(datetime.fromtimestamp(at, timezone.utc).strftime("%m-%d %H:%M"))
    assert seen == times


def test_a_leap_day_is_found_and_a_time_is_after_the_one_that_is_asked_about():
    at = Cron.parse("TZ=UTC 0 0 29 2 *").next_after(BEGIN)
    assert datetime.fromtimestamp(at, timezone.utc).isoformat() == "2032-02-29T00:00:00+00:00"
    assert Cron.parse("TZ=UTC 0 0 29 2 *").next_after(at) > at
    century = datetime(2096, 3, 1, tzinfo=timezone.utc).timestamp()
    assert datetime.fromtimestamp(Cron.parse("TZ=UTC 0 0 29 2 *").next_after(century), timezone.utc).year == 2104
