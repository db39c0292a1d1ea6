"""What a column of 32 bits is compared with is rounded as the column is, and nothing else is."""

import struct

import pytest

from millrace.features.expression import ColumnValue, Constant, Operation, as_compared, operations_of, parse, shown

TENTH = struct.unpack("f", struct.pack("f", 0.1))[0]


def constants(expression):
    """The constants of an expression, from left to right."""
    if isinstance(expression, Constant):
        return [expression.value]
    return [one for each in getattr(expression, "arguments", ()) for one in constants(each)]


@pytest.mark.parametrize("comparison", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("text", ["fare {} 0.1", "0.1 {} fare"])
def test_each_comparison_with_the_column_rounds_on_either_side(text, comparison):
    [value] = constants(as_compared(parse(text.format(comparison)), {"fare"}))
    assert value == TENTH != 0.1


@pytest.mark.parametrize(
    "text",
    [
        "miles > 0.1",
        # Not the column itself is compared: what is computed of it has its own precision.
        "fare * 2 > 0.1",
        "fare + 0.1 > miles",
        "company == 'a'",
    ],
)
def test_what_is_not_compared_with_such_a_column_stays(text):
    assert as_compared(parse(text), {"fare", "company"}) == parse(text)


def test_what_no_number_of_32_bits_is_near_stays():
    expression = Operation(">", (ColumnValue("fare"), Constant(1e300)))
    assert as_compared(expression, {"fare"}) == expression


def test_only_the_comparisons_with_it_are_rounded_however_deep_they_stand():
    expression = as_compared(parse("miles > 0.1 and (fare > 0.1 or not fare < 0.3)"), {"fare"})
    assert isinstance(expression, Operation)
    assert constants(expression) == [0.1, TENTH, struct.unpack("f", struct.pack("f", 0.3))[0]]
    assert operations_of(expression) == operations_of(parse("miles > 0.1 and (fare > 0.1 or not fare < 0.3)"))
    assert shown(as_compared(parse("fare > 0.5"), {"fare"})) == shown(parse("fare > 0.5")), "it is a number of 32 bits"
