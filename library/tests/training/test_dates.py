"""Dates: formats as patterns, and the parts that TensorFlow makes of them, against Python's own calendar."""

import calendar
import math
import re
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from millrace.base.errors import InputRefused
from millrace.features.date_formats import directives, example, pattern
from millrace.features.description import Datetime, FeatureTable
from millrace.training.date_parts import date_vector, date_width

FORMATS = [
    "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%y", "%Y%m%d", "%d-%b-%Y", "%B %d, %Y", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %I:%M %p",
]  # fmt: skip
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2067, 12, 31))


def one_hot(format: str, values: tf.Tensor, *parts: str) -> np.ndarray:
    """The value of each part, from 0, and -1 where it is missing: int [n, parts]."""
    feature = Datetime(format=format, parts=parts, encode="one_hot")
    vector = date_vector("when", feature, values).numpy()
    assert vector.shape[1] == date_width(feature)
    sizes = np.cumsum([{"month": 12, "day": 31, "weekday": 7, "hour": 24}[part] for part in parts])
    pieces = np.split(vector, sizes, axis=1)
    return np.stack([np.where(piece.any(axis=1), piece.argmax(axis=1), -1) for piece in pieces[:-1]], axis=1)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=40, deadline=None)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=20))
def test_text_has_the_parts_that_pythons_calendar_gives_it(format, moments):
    written = [moment.strftime(format) for moment in moments]
    timed = any(part in format for part in ("%H", "%I"))
    expected = [[m.month - 1, m.day - 1, m.weekday(), m.hour if timed else 0] for m in moments]
    np.testing.assert_array_equal(one_hot(format, tf.constant(written), "month", "day", "weekday", "hour"), expected)
    assert all(re.fullmatch(pattern(format), value) for value in written)


@pytest.mark.parametrize(("format", "scale"), [("unix", 1), ("unix_ms", 1000)])
@settings(max_examples=40, deadline=None)
@given(seconds=st.lists(st.integers(-(2**33), 2**33), min_size=1, max_size=20))
def test_seconds_since_1970_have_the_parts_that_pythons_calendar_gives_them(format, scale, seconds):
    moments = [datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=value) for value in seconds]
    expected = [[m.month - 1, m.day - 1, m.weekday(), m.hour] for m in moments]
    values = tf.constant([value * scale for value in seconds], tf.int64)
    np.testing.assert_array_equal(one_hot(format, values, "month", "day", "weekday", "hour"), expected)


def test_what_is_missing_or_written_otherwise_is_zeros_and_says_so():
    feature = Datetime(format="%Y-%m-%d", parts=("month", "weekday"))
    values = tf.constant(["2031-01-06", "", "6.1.2031", "2031-13-06", " 2031-07-07 ", "2031-02-30", "2032-02-29"])
    vector = date_vector("when", feature, values).numpy()
    january_monday = [0.0, 1.0, 0.0, 1.0, 0.0]
    july_monday = [0.0, -1.0, 0.0, 1.0, 0.0]
    nothing = [0.0, 0.0, 0.0, 0.0, 1.0]
    expected = [january_monday, nothing, nothing, nothing, july_monday, nothing]
    np.testing.assert_allclose(vector[:-1], expected, atol=1e-6)
    assert vector[-1, -1] == 0.0, "a leap year has this day"


def test_fractions_and_offsets_after_a_time_are_passed_over():
    values = tf.constant(["2031-01-06 17:00:01.250", "2031-01-06 17:00:01Z", "2031-01-06 17:00:01+02:00"])
    np.testing.assert_array_equal(one_hot("%Y-%m-%d %H:%M:%S", values, "hour"), [[17], [17], [17]])


def test_a_circle_ends_where_it_begins():
    values = tf.constant([f"2031-01-01 {hour:02}:00" for hour in range(24)])
    vector = date_vector("when", Datetime(format="%Y-%m-%d %H:%M", parts=("hour",)), values).numpy()
    steps = np.linalg.norm(np.diff(np.vstack([vector, vector[:1]])[:, :2], axis=0), axis=1)
    np.testing.assert_allclose(steps, 2 * math.sin(math.pi / 24), atol=1e-5)


def test_an_example_of_a_format_is_the_beginning_of_1970():
    for format in FORMATS:
        assert datetime.strptime(example(format), format) == datetime(1970, 1, 1)
        assert len(directives(format)) == re.compile(pattern(format)).groups


def test_month_names_are_those_of_the_calendar():
    for month in range(1, 13):
        written = tf.constant([f"03-{calendar.month_abbr[month].upper()}-2031"])
        assert one_hot("%d-%b-%Y", written, "month")[0, 0] == month - 1


@pytest.mark.parametrize("format", ["", "year", "%Q", "%Y-%Y"])
def test_a_format_that_says_nothing_is_refused(format):
    with pytest.raises(ValidationError, match=r"format|directive|known"):
        Datetime(format=format)


def test_seconds_since_1970_cannot_be_text():
    with pytest.raises(InputRefused, match="needs numbers"):
        date_vector("when", Datetime(format="unix", parts=("hour",)), tf.constant(["yesterday"]))


def test_the_trend_is_days_standardised_over_the_training_data(transform, tmp_path):
    described = {"when": {"kind": "datetime", "format": "%Y-%m-%d", "parts": ["trend"]}}
    described["never"] = {"kind": "datetime", "format": "%Y-%m-%d", "parts": ["trend"]}
    table = FeatureTable.model_validate({"label": {"column": "y", "task": "regression"}, "features": described})
    schema = "".join(
        f'feature {{ name: "{name}" type: {kind} }}\n'
        for name, kind in (("when", "BYTES"), ("never", "BYTES"), ("y", "FLOAT"))
    )
    rows = [{"when": "2031-01-01", "y": 1.0}, {"when": "2031-01-03", "y": 2.0}, {"y": 3.0}]
    done = transform(tmp_path, schema, table, {"train": rows})
    records = [r.numpy() for r in tf.data.TFRecordDataset(tf.io.gfile.glob(f"{tmp_path}/Split-train/*"), "GZIP")]
    spec = {
        "when_xf": tf.io.FixedLenFeature([2], tf.float32),
        "never_xf": tf.io.FixedLenFeature([2], tf.float32),
        "y_xf": tf.io.FixedLenFeature([], tf.float32),
    }
    parsed = tf.io.parse_example(records, spec)
    order = np.argsort(parsed["y_xf"].numpy())
    np.testing.assert_allclose(parsed["when_xf"].numpy()[order], [[-1, 0], [1, 0], [0, 1]], atol=1e-5)
    np.testing.assert_allclose(parsed["never_xf"].numpy(), [[0, 1]] * 3)
    assert done.table == table
