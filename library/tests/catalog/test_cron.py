"""Cron expressions and time zones: read as the services read them."""

import zoneinfo
from datetime import date

import pytest

from millrace.catalog.cron import Cron, cron_problem, time_zone_problem


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("61 25 * * *", "'61' is no minute of a cron expression, 0 to 59"),
        ("0 25 * * *", "'25' is no hour of a cron expression, 0 to 23"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "'0' is no day"),
        ("0 0 32 * *", "'32' is no day"),
        ("0 0 * 13 *", "'13' is no month"),
        ("0 0 * * 8", "'8' is no weekday"),
        ("0 0 * * monday", "'monday' is no weekday"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("30-10 * * * *", "'30-10' is no minute"),
        ("5,75 * * * *", "'5,75' is no minute"),
        ("-1 * * * *", "'-1' is no minute"),
        ("1.5 * * * *", "'1.5' is no minute"),
        ("0 0 31 2 *", "never comes: no such month has a day 31"),
        ("0 0 31 feb,apr,jun *", "never comes"),
        ("0 0 30,31 2 *", "never comes: no such month has a day 30"),
        ("0 0 31 2-4/2 *", "never comes: no such month has a day 31"),
        ("* * *", "has 3 fields, and five are needed"),
        ("0 0 * * * * *", "has 7 fields"),
        ("daily", "'daily' has 1 field, and"),
        ("TZ=UTC @daily", "@daily is no cron expression here; write its five fields: 0 0 "),
        ("TZ=Europe/Zuerich 0 4 * * *", "there is no time zone Europe/Zuerich; did you mean Europe/Zurich?"),
        ("CRON_TZ=Mars/Olympus 0 4 * * *", "there is no time zone Mars/Olympus"),
    ],
)
def test_what_no_service_reads_is_named(expression, words):
    assert words in cron_problem(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "30 5 * * 1",
        "*/15 0-6/2 1,15 jan-mar MON-FRI",
        "0 0 29 2 *",
        "0 0 30,31 2 5",
        "0 0 31 1,2 *",
        "0 0 31 2-3 *",
        "0 0 29,31 2 *",
        "59 23 31 12 7",
        "0 30 5 ? * 1",
        "5/10 * * * *",
        "TZ=Europe/Zurich 30 5 * * 1",
        "CRON_TZ=UTC 30 5 * * *",
    ],
)
def test_what_a_service_reads_is_taken(expression):
    assert cron_problem(expression) == ""


def test_a_machine_without_time_zones_objects_to_none(monkeypatch):
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert time_zone_problem("Europe/Zurich") == ""


def test_a_zone_that_each_machine_has_another_of_is_none():
    assert time_zone_problem("localtime").startswith("there is no time zone localtime")


@pytest.mark.parametrize(
    ("expression", "comes"),
    [
        ("0 0 1 * mon", [1, 3, 10, 17, 24]),
        ("0 0 * * mon", [3, 10, 17, 24]),
        ("0 0 */1 * mon", [3, 10, 17, 24]),
        ("0 0 1 * */1", [1]),
        ("0 0 */15 * *", [1, 16]),
    ],
)
def test_one_of_day_and_weekday_is_enough_where_both_are_limited(expression, comes):
    cron = Cron.parse(expression)
    assert [day for day in range(1, 29) if cron.comes_on(date(2026, 8, day))] == comes
