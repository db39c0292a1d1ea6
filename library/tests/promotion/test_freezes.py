"""A freeze holds from its beginning to the moment before its end, in its own time zone."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from millrace.config.promotion_section import Freeze

ZURICH = ZoneInfo("Europe/Zurich")
WEEKEND = Freeze(begins="TZ=Europe/Zurich 0 16 * * 5", hours=64)


def at(*when: int) -> float:
    return datetime(*when, tzinfo=ZURICH).timestamp()


@pytest.mark.parametrize(
    ("now", "over"),
    [
        (at(2026, 11, 27, 15, 59, 59), None),
        (at(2026, 11, 27, 16), at(2026, 11, 30, 8)),
        (at(2026, 11, 29, 12), at(2026, 11, 30, 8)),
        (at(2026, 11, 30, 7, 59, 59), at(2026, 11, 30, 8)),
        (at(2026, 11, 30, 8), None),
        # The clocks go forward in that night: 64 hours are over at nine.
        (at(2027, 3, 29, 8, 30), at(2027, 3, 29, 9)),
    ],
)
def test_a_weekend(now: float, over: float) -> None:
    said = WEEKEND.over_at(now)
    assert (said and said.timestamp()) == over
    assert said is None or said.tzinfo is timezone.utc


def test_a_holiday_comes_each_year() -> None:
    freeze = Freeze(begins="TZ=Europe/Zurich 0 0 20 12 *", hours=15 * 24)
    assert [freeze.over_at(at(year, 1, 3, 23)) is not None for year in (2026, 2027, 2028)] == [True] * 3
    assert freeze.over_at(at(2027, 1, 4)) is None and freeze.over_at(at(2027, 6, 1)) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"begins": "0 16 * 5", "hours": 1}, "has 4 fields"),
        ({"begins": "30 0 16 * * 5", "hours": 1}, "has seconds"),
        ({"begins": "TZ=Europe/Zuerich 0 16 * * 5", "hours": 1}, "there is no time zone Europe/Zuerich"),
        ({"begins": "0 16 * * 5", "hours": 0}, "greater than 0"),
        ({"begins": "0 16 * * 5", "hours": 9000}, "less than or equal to 8784"),
    ],
)
def test_one_that_could_not_be_kept_is_refused(values: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Freeze(**values)
