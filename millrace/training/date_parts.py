"""Dates and times in TensorFlow: text or numbers to the parts that a `datetime` feature asks for."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from millrace.features.calendar import SECONDS_PER_DAY, days_of_month, days_since_1970, full_year, month_and_day
from millrace.features.date_formats import MONTHS, UNIX, directives, example, pattern
from millrace.features.description import Datetime
from millrace.training import columns
from millrace.training.columns import Cells, Column

# First value and number of values of each part that returns. 1970 began on a Thursday; Monday is 0.
_CIRCLES: Mapping[str, tuple[int, int]] = {"month": (1, 12), "day": (1, 31), "weekday": (0, 7), "hour": (0, 24)}
_THURSDAY = 3

_Parts = dict[str, tf.Tensor]


def date_width(feature: Datetime) -> int:
    """How many numbers a feature becomes: its parts, and one that says that the value is missing."""
    wide = {part: size if feature.encode == "one_hot" else 2 for part, (_, size) in _CIRCLES.items()}
    return sum(wide.get(part, 1) for part in feature.parts) + 1


def date_vector(name: str, feature: Datetime, column: Column) -> tf.Tensor:
    """Turns a column of dates into float32 [n, width].

    Args:
        name: the column's name.
        feature: its description.
        column: text, or numbers where the format is `unix` or `unix_ms` or consists of digits.

    Returns:
        The parts in the feature's order, and at the end 1.0 where the date is missing, everything else then being 0.

    Raises:
        InputRefused: the format is `unix` or `unix_ms` and the column holds text.
    """
    if feature.format in UNIX:
        columns.require_numbers(column, name, f"datetime ({feature.format})")
        parts, present = date_fields(columns.numbers(column), feature.format)
    else:
        parts, present = date_fields(columns.texts(column), feature.format)
    there = tf.cast(present, tf.float32)[:, tf.newaxis]
    encoded = [_encoded(part, feature.encode, parts, present) for part in feature.parts]
    vector = tf.concat([*(piece * there for piece in encoded), 1.0 - there], axis=1)
    return tf.ensure_shape(vector, [None, date_width(feature)])


def date_fields(written: Cells, format: str) -> tuple[_Parts, tf.Tensor]:
    """Takes dates apart.

    Args:
        written: numbers where the format is `unix` or `unix_ms`, else texts, or numbers that are read as texts.
        format: as a `datetime` feature's.

    Returns:
        By name, [n]: `days` since 1970 float64, `seconds` since 1970 float64, and `month` 1 to 12, `day` 1 to 31,
        `weekday` 0 to 6 from Monday and `hour` int64; and whether there is a date, bool [n], which a day that no
        calendar has is not, such as 30 February.
    """
    if format in UNIX:
        return _of_unix(written, UNIX[format])
    return _of_text(Cells(columns.as_text(written.values), written.present), format)


def _encoded(part: str, encode: str, parts: _Parts, present: tf.Tensor) -> tf.Tensor:
    if part == "trend":
        return _standardised(parts["days"] + tf.cast(parts["hour"], tf.float64) / 24.0, present)[:, tf.newaxis]
    first, size = _CIRCLES[part]
    place = parts[part] - first
    if encode == "one_hot":
        return tf.one_hot(place, size)
    angle = tf.cast(place, tf.float32) * (2.0 * np.pi / size)
    return tf.stack([tf.sin(angle), tf.cos(angle)], axis=1)


def _standardised(values: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    seen = columns.present_only(Cells(values, present))
    mean, spread = tft.mean(seen), tf.sqrt(tft.var(seen))
    scaled = tf.math.divide_no_nan(values - mean, spread)
    # Without a single value to learn from, mean and spread are NaN.
    return tf.cast(tf.where(tf.math.is_finite(scaled), scaled, tf.zeros_like(scaled)), tf.float32)


def _of_unix(moments: Cells, scale: float) -> tuple[_Parts, tf.Tensor]:
    seconds = moments.values / tf.constant(scale, tf.float64)
    days = tf.floor(seconds / SECONDS_PER_DAY)
    in_the_day = seconds - days * SECONDS_PER_DAY
    month, day = month_and_day(tf.cast(days, tf.int64))
    return _parts(days, month, day, in_the_day), moments.present


def _of_text(written: Cells, format: str) -> tuple[_Parts, tf.Tensor]:
    expression = pattern(format)
    present = tf.logical_and(written.present, tf.strings.regex_full_match(written.values, expression))
    readable = tf.where(present, written.values, tf.fill(tf.shape(written.values), example(format)))
    fields = {
        directive: tf.strings.regex_replace(readable, f"^(?:{expression})$", rf"\{place}", replace_global=False)
        for place, directive in enumerate(directives(format), start=1)
    }
    year, month, day = _year(fields), _month(fields), _number(fields, "d", 1)
    present = tf.logical_and(present, day <= days_of_month(year, month))
    in_the_day = _hour(fields) * 3600 + _number(fields, "M", 0) * 60 + _number(fields, "S", 0)
    return _parts(days_since_1970(year, month, day), month, day, tf.cast(in_the_day, tf.float64)), present


def _parts(days: tf.Tensor, month: tf.Tensor, day: tf.Tensor, in_the_day: tf.Tensor) -> _Parts:
    days = tf.cast(days, tf.float64)
    weekday = tf.cast(tf.math.floormod(days + _THURSDAY, 7.0), tf.int64)
    hour = tf.cast(tf.floor(in_the_day / 3600.0), tf.int64)
    seconds = days * SECONDS_PER_DAY + in_the_day
    return {"days": days, "seconds": seconds, "month": month, "day": day, "weekday": weekday, "hour": hour}


def _number(fields: Mapping[str, tf.Tensor], directive: str, default: int) -> tf.Tensor:
    if directive in fields:
        return tf.strings.to_number(fields[directive], tf.int64)
    return tf.fill(tf.shape(next(iter(fields.values()))), tf.constant(default, tf.int64))


def _year(fields: Mapping[str, tf.Tensor]) -> tf.Tensor:
    if "y" not in fields:
        return _number(fields, "Y", 1970)
    return full_year(_number(fields, "y", 70))


def _month(fields: Mapping[str, tf.Tensor]) -> tf.Tensor:
    named = fields.get("b", fields.get("B"))
    if named is None:
        return _number(fields, "m", 1)
    begun = tf.strings.substr(tf.strings.lower(named), 0, 3)
    return tf.argmax(tf.cast(tf.equal(begun[:, tf.newaxis], tf.constant(MONTHS)), tf.int32), axis=1) + 1


def _hour(fields: Mapping[str, tf.Tensor]) -> tf.Tensor:
    if "I" not in fields:
        return _number(fields, "H", 0)
    hour = tf.math.floormod(_number(fields, "I", 12), 12)
    if "p" not in fields:
        return hour
    return tf.where(tf.equal(tf.strings.lower(fields["p"]), "p"), hour + 12, hour)
