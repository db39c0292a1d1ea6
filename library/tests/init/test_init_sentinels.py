"""Where a number stops being data: each of the limits by which a value is taken for missing, from both of its sides."""

import pytest

from millrace.init.sentinels import find_sentinel
from millrace.init.splits import splits_doubts

OTHERS = {float(value): 3 for value in range(21)}
"""0 to 20, each in three rows."""


def seen(value, rows, others=OTHERS):
    found = find_sentinel({**others, value: rows})
    return None if found is None else (found.value, found.rows, found.sure)


@pytest.mark.parametrize(
    ("value", "rows", "found"),
    [
        # Beyond the others' whole range, on either side.
        (41.0, 5, (41.0, 5, True)),
        (40.0, 5, None),
        (-21.0, 5, (-21.0, 5, True)),
        # In nines, beyond half of it, in two rows.
        (99.0, 3, (99.0, 3, True)),
        (99.0, 2, None),
        (-99.0, 3, (-99.0, 3, True)),
        (9.0, 90, None),
        # The only negative one; a small one may be data.
        (-9.0, 5, (-9.0, 5, True)),
        (-8.0, 5, (-8.0, 5, False)),
        (-1.0, 5, (-1.0, 5, False)),
        # In few rows, or in fewer than other numbers, it is only far away.
        (1000.0, 4, None),
        (-1.0, 4, None),
        # Nobody writes 2.718 for nothing.
        (100.5, 50, None),
    ],
)
def test_a_number_at_an_end_is_missing_only_where_it_lies_apart_and_comes_again(value, rows, found):
    assert seen(value, rows) == found


def test_nines_need_half_of_the_others_range():
    others = {float(value): 3 for value in range(0, 67, 3)}
    assert seen(99.0, 3, others) is None, "33 beyond 66 is just half"
    assert seen(99.0, 3, {value: rows for value, rows in others.items() if value < 66}) == (99.0, 3, True)


def test_zero_is_asked_about_and_never_taken():
    assert seen(0.0, 5, {float(value): 3 for value in range(10, 31)}) == (0.0, 5, False)
    assert seen(0.0, 5, {float(value): 3 for value in range(5, 26)}) is None, "a quarter of the range is no gap"
    assert seen(0.0, 5, {float(value): 3 for value in range(100, 121)}) == (0.0, 5, False)


def test_in_a_large_table_a_few_rows_are_no_habit():
    others = {float(value): 100 for value in range(21)}
    assert seen(-50.0, 100, others) == (-50.0, 100, True)
    others = {float(value): 1 if value > 3 else 2000 for value in range(25)}
    assert seen(-50.0, 15, others) is None and seen(-50.0, 17, others) is None
    assert seen(-50.0, 2001, others) == (-50.0, 2001, True)


def test_of_few_different_numbers_each_is_a_category():
    assert seen(-99.0, 50, {float(value): 3 for value in range(19)}) is None
    assert seen(-99.0, 50, {float(value): 3 for value in range(20)}) == (-99.0, 50, True)


def test_the_lower_end_is_looked_at_first_and_what_is_said_names_the_rest():
    assert find_sentinel({**OTHERS, -999.0: 5, 9999.0: 5}).value == -999.0
    assert find_sentinel({**OTHERS, -999.0: 5}).why == "-999 in 7.4% of the rows lies apart from the rest (0 to 20)"
    assert find_sentinel({**OTHERS, -9.0: 5}).why == "-9 in 7.4% of the rows is the only negative value"


@pytest.mark.parametrize(("rows", "doubts"), [(0, 1), (1999, 1), (1_000_000, 0)])
def test_a_small_table_is_told_how_little_its_test_split_knows(rows, doubts):
    assert len(splits_doubts([], rows)) == doubts
    if not rows:
        assert "test has some 0 rows, on which an accuracy is only known to within 1.00" in splits_doubts([], 0)[0]
