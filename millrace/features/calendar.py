"""The calendar as arithmetic of whole numbers: the same for Python's integers, NumPy's arrays and TensorFlow's tensors.

What ExampleGen splits by time and what Transform and a served model read are so the same days. Source: Howard Hinnant,
"chrono-Compatible Low-Level Date Algorithms" (https://howardhinnant.github.io/date_algorithms.html), the proleptic
Gregorian calendar; a year is counted from March there, so that the odd day comes last.
"""

from typing import Any

SECONDS_PER_DAY = 86_400
_DAYS_PER_ERA = 146_097  # of 400 years
_BEFORE_1970 = 719_468  # days from 1 March of the year 0


def full_year(short: Any) -> Any:
    """The year of two digits: 69 to 99 are 1969 to 1999, and 0 to 68 are 2000 to 2068, as POSIX has `%y`."""
    return 1900 + short + 100 * ((168 - short) // 100)


def days_since_1970(year: Any, month: Any, day: Any) -> Any:
    """Days from 1 January 1970.

    Args:
        year: with its century.
        month: 1 to 12.
        day: from 1; one that the month does not have counts on into the next, so ask `days_of_month` first.
    """
    year = year - (14 - month) // 12
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _DAYS_PER_ERA + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _BEFORE_1970


def days_of_month(year: Any, month: Any) -> Any:
    """How many days a month has."""
    return days_since_1970(year + month // 12, month % 12 + 1, 1) - days_since_1970(year, month, 1)


def month_and_day(days: Any) -> tuple[Any, Any]:
    """The month, 1 to 12, and its day, from 1, of a number of days since 1970."""
    of_era = (days + _BEFORE_1970) % _DAYS_PER_ERA
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    from_march = (5 * of_year + 2) // 153
    return (from_march + 2) % 12 + 1, of_year - (153 * from_march + 2) // 5 + 1
