"""Columns that statistics cannot be sliced on are refused before anything runs."""

import pytest

from millrace.base.errors import ConfigError
from millrace.config.checks import check
from millrace.config.loading import load

ELSEWHERE = "data.path=gs://nowhere/data"  # so that only the schema knows the columns


def sliced_on(slices: str, *options: str) -> None:
    check(load("conf/taxi.yaml", [*options, f"statistics.slices={slices}"]))


@pytest.mark.parametrize("data", ["data.format=csv", ELSEWHERE])
@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ("[[payment_typ]]", r"payment_typ is not a column of the data; did you mean payment_type\?"),
        ("[[trip_start_hour, payment_typ]]", "payment_typ is not a column"),
        ("[[fare]]", "fare is a number with a fraction"),
        ("[[trip_seconds]]", "trip_seconds may have 86,401 values by the schema, and 200 slices are the most"),
        ("[[fare_xf]]", "fare_xf is not a column"),
    ],
)
def test_what_cannot_be_sliced_on_is_refused_with_its_reason(data, slices, message):
    with pytest.raises(ConfigError, match=message) as no:
        sliced_on(slices, data)
    assert "statistics.slices" in no.value.where


@pytest.mark.parametrize("data", ["data.format=csv", ELSEWHERE])
def test_columns_of_few_values_may_be_sliced_on(data):
    sliced_on("[[payment_type], [trip_start_hour, trip_start_day]]", data)


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ("[[payment_type, payment_type]]", "names a column twice"),
        ("[[payment_type, company], [company, payment_type]]", "is sliced on twice"),
        ("[[]]", "should not be empty"),
        ("[payment_type]", "a list"),
    ],
)
def test_slices_that_say_nothing_or_the_same_again_are_refused(slices, message):
    with pytest.raises(ConfigError, match=message):
        sliced_on(slices)


def test_a_column_that_is_left_out_cannot_be_sliced_on():
    with pytest.raises(ConfigError, match=r"tips cannot be left out, since statistics\.slices reads it"):
        sliced_on("[[tips]]", "data.leave_out=[tips]")
