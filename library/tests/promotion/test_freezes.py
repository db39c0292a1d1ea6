"""A freeze holds from its beginning to the moment before its end, in its own time zone."""

import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from millrace.config.promotion_section import Freeze, PromotionPolicy
from millrace.promotion.policy import freeze_rule

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


@pytest.mark.parametrize("here", ["UTC", "Pacific/Kiritimati", "America/New_York"])
def test_without_a_zone_it_is_utc_on_every_machine(monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    """The time zone of who promotes decided: TZ=Pacific/Kiritimati walked round it."""
    monkeypatch.setenv("TZ", here)
    time.tzset()
    try:
        friday = datetime(2026, 11, 27, 17, tzinfo=timezone.utc)
        over = Freeze(begins="0 16 * * 5", hours=2).over_at(friday.timestamp())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert over == datetime(2026, 11, 27, 18, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("freezes", "words"),
    [
        (
            [("0 16 * * 5", 2, "one"), ("0 17 * * 5", 5, "two"), ("0 22 * * 5", 1, "")],
            "until 2026-11-27 23:00 UTC: one; two",
        ),
        ([("0 16 * * 5", 2, "")], "until 2026-11-27 18:00 UTC"),
        ([("0 * * * *", 720, "for good")], "each time beginning anew before it is over: for good"),
    ],
)
def test_it_is_told_until_when_nothing_can_be_promoted(freezes: list, words: str) -> None:
    """The end of the first that held was told, while others went on."""
    policy = PromotionPolicy(freezes=tuple(Freeze(begins=begins, hours=h, reason=why) for begins, h, why in freezes))
    rule = freeze_rule(policy, "prod", datetime(2026, 11, 27, 17, 30, tzinfo=timezone.utc).timestamp())
    assert not rule.holds and rule.words.startswith("prod is frozen ") and rule.words.endswith(words), rule.words


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
