"""What a model makes of a batch, and how many of its predictions are no numbers."""

import numpy as np
import pytest
from tensorflow_model_analysis.proto import config_pb2

from millrace.components.evaluator.scoring import Scorer, Scores, Unusable

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


def judged_alike(mine: dict, other: dict) -> bool:
    """Whether one model's predictions of a batch may be compared with another's."""
    scorer = Scorer.__new__(Scorer)
    scorer._spec = config_pb2.ModelSpec()
    try:
        scorer.verify_like(Scores({}, mine), Scores({}, other))
    except Unusable:
        return False
    return True


def test_outputs_are_told_apart_by_their_names_in_whatever_order():
    number, classes = np.zeros(4), np.zeros((4, 2))
    assert judged_alike({"tip": number, "kinds": classes}, {"kinds": classes, "tip": number})
    assert not judged_alike({"tip": number, "kinds": classes}, {"tip": classes, "kinds": number})
    assert not judged_alike({"tip": number, "kinds": number}, {"tip": number, "sorts": number})
    assert not judged_alike({"tip": number}, {"tip": number, "kinds": number})


def test_the_one_output_may_have_another_name():
    assert judged_alike({"outputs": np.zeros(4)}, {"probability": np.zeros(4)})
    assert not judged_alike({"outputs": np.zeros(4)}, {"outputs": np.zeros((4, 3))})
