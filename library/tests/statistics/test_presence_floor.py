"""The floor under the share of filled rows: below chance, and above a column that dries up."""

import numpy as np
import pytest

from millrace.statistics.presence import lowest_share


@pytest.mark.parametrize(
    "filled, rows, least_rows, floor",
    [
        (9_000, 10_000, 10_000, 0.79),  # .9 squared is .81; four errors of a share are .012
        (900, 1_000, 150, 0.7),
        (10_000, 10_000, 1_500, 0.99),  # all filled promises little less than all
        (5, 5, 1, 0.0),
        (20, 100, 15, 0.0),
        (0, 0, 1, 0.0),
    ],
)
def test_floors(filled, rows, least_rows, floor):
    assert lowest_share(filled, rows, least_rows) == pytest.approx(floor)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_split_of_the_same_data_is_above_it(share):
    rng = np.random.default_rng(1)
    floor = lowest_share(round(share * 1000), 1000, 150)
    assert floor < share
    assert (rng.binomial(150, share, 10_000) / 150 >= floor).all()
