"""The small language of `data.where`: what it reads, and how it refuses what it does not."""

import pytest

from millrace.tables.conditions import Combination, Comparison, Membership, Missing, Negation, columns, parse


def test_comparisons_are_of_a_column_and_a_constant_in_either_order():
    assert parse("fare > 0") == Comparison("fare", ">", 0)
    assert parse("-2.5 <= fare") == Comparison("fare", ">=", -2.5)
    assert parse("0 < fare < 10") == Combination((Comparison("fare", ">", 0), Comparison("fare", "<", 10)))


def test_a_name_in_backquotes_is_a_column_and_a_backquote_in_a_text_is_none():
    assert parse("`hours-per-week` == 'a `b` c'") == Comparison("hours-per-week", "==", "a `b` c")


def test_parts_are_joined_by_and_or_and_not():
    condition = parse("not (a is None or b in ('x', 'y')) and c is not None")
    first = Negation(Combination((Missing("a"), Membership("b", ("x", "y"))), any_of=True))
    assert condition == Combination((first, Negation(Missing("c"))))
    assert [name for name, _ in columns(condition)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fare >", "is no condition"),
        ("fare", "cannot use fare: conditions are comparisons"),
        ("fare + 1 > 2", r"cannot use fare \+ 1: a column is compared with a value"),
        ("fare > tips", "cannot use tips: a column is compared with a number or a text in quotes"),
        ("company is 'x'", "cannot use 'x': only None follows `is`"),
        ("company in 'x'", "cannot use 'x': a list such as"),
        ("`a b` > __import__('os')", r"cannot use __import__\('os'\)"),
        ("big_tipper == True", "cannot use True"),
        ("(" * 500, "is no condition"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_was_expected(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)
