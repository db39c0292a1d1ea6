"""Formats of dates: their patterns match what `strftime` writes, and nothing longer, shorter or of another date."""

import datetime
import re

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from millrace.features import date_formats

FORMATS = [
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%d %b %Y",
    "%B %d, %Y",
    "%m/%d/%y %H:%M",
    "%I:%M %p",
    "%Y-%m-%dT%H:%M:%S",
    "week of (%Y-%m-%d)",
]
MOMENTS = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2068, 12, 31))


@pytest.mark.parametrize("format", FORMATS)
@given(moment=MOMENTS)
def test_each_part_of_what_strftime_writes_is_read(format, moment):
    written = moment.strftime(format)
    match = re.fullmatch(date_formats.pattern(format), written)
    assert match is not None, written
    parts = dict(zip(date_formats.directives(format), match.groups(), strict=True))
    assert all(moment.strftime(f"%{letter}").startswith(part) for letter, part in parts.items()), parts


@pytest.mark.parametrize("format", FORMATS)
def test_the_example_is_one_and_tensorflow_reads_the_pattern_as_python_does(format):
    """RE2 has no look-ahead and its own classes, so the same pattern could mean another thing there."""
    pattern, example = date_formats.pattern(format), date_formats.example(format)
    for text in (example, f"{example}9", f"x{example}", example[:-1], ""):
        in_tensorflow = bool(tf.strings.regex_full_match(text, pattern).numpy())
        assert in_tensorflow == (re.fullmatch(pattern, text) is not None), text
    assert re.fullmatch(pattern, example) and not re.fullmatch(pattern, f"x{example}")


@pytest.mark.parametrize(
    ("format", "text", "matches"),
    [
        ("%Y-%m-%d", "2024-1-5", True),
        ("%Y-%m-%d", "2024-13-01", False),
        ("%Y-%m-%d", "2024-12-32", False),
        ("%Y-%m-%d", "2024-12-31 ", False),
        ("%Y%m%d", "2024105", False),  # the first of October or the fifth of January
        ("%Y%m%d", "20241005", True),
        ("%H:%M", "24:00", False),
        ("%H:%M", "7:05", True),
        ("%H:%M:%S", "23:59:60", True),  # a leap second
        ("%H:%M:%S", "23:59:59.123456", True),
        ("%H:%M:%S", "23:59:59 UTC", True),
        ("%Y-%m-%dT%H:%M:%S", "2024-02-29T12:00:00+02:00", True),
        ("%Y-%m-%dT%H:%M:%S", "2024-02-29T12:00:00.5Z", True),
        ("%Y-%m-%d", "2024-02-29Z", False),
        ("%d %b %Y", "5  MAY 2024", True),
        ("%I:%M %p", "12:30 p.m.", True),
        ("%I:%M %p", "13:30 pm", False),
        ("[%Y]", "[2024]", True),
        ("[%Y]", "2", False),
    ],
)
def test_what_a_format_takes(format, text, matches):
    assert (re.fullmatch(date_formats.pattern(format), text) is not None) == matches


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("%Y-%j", "%j is not known in a date's format; known are %Y %y %m"),
        ("dd.mm.yyyy", "is unix, unix_ms, or has directives such as %Y-%m-%d"),
        ("", "is unix, unix_ms, or has directives"),
        ("%Y-%m-%m", "names each part once"),
    ],
)
def test_a_format_that_names_no_date_is_refused(format, words):
    with pytest.raises(ValueError, match=words):
        date_formats.check_format(format)


@pytest.mark.parametrize("format", [*FORMATS, "unix", "unix_ms"])
def test_a_format_that_names_a_date_is_taken(format):
    date_formats.check_format(format)
