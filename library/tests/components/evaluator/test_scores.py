"""What a model makes of a batch, and how many of its predictions are no numbers."""

import numpy as np
import pytest

from millrace.components.evaluator.scoring import Scores

GOOD = np.array([[0.1], [0.2], [0.3]], np.float32)
BAD = np.array([[0.1, np.nan], [0.2, 0.3], [np.nan, np.nan]], np.float32)


@pytest.mark.parametrize(
    ("predictions", "broken"),
    [
        (GOOD, 0),
        (BAD, 2),
        ({"first": GOOD, "second": BAD}, 2),
        ({"first": BAD, "second": GOOD}, 2),
        ({"label": np.array([b"a", b"b", b"c"], object), "score": BAD}, 2),
        ({"label": np.array([b"a", b"b", b"c"], object)}, 0),
    ],
)
def test_nan_in_any_output_counts_its_examples(predictions, broken):
    assert Scores({}, predictions).not_numbers() == broken


def test_a_shape_is_that_of_one_example():
    assert Scores({}, np.zeros((5, 3))).shape() == {"": (3,)}
    assert Scores({}, {"a": np.zeros(5), "b": np.zeros((5, 2))}).shape() == {"a": (), "b": (2,)}
