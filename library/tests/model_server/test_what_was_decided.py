"""What an answer decided, of every kind of model: outputs are kept apart, and the order of a row's labels is none."""

import numpy as np
import pytest

from millrace.model_server.decisions import decisions, labels_by_output


def texts(*rows):
    return np.array(rows, object)


@pytest.mark.parametrize(
    ("outputs", "decided"),
    [
        ({"label": texts(b"yes", b"no"), "probabilities": np.array([[0.7], [0.2]])}, ("yes", "no")),
        ({"label": texts("yes"), "classes": texts(["no", "yes"]), "probabilities": np.array([0.7])}, ("yes",)),
        ({"classes": texts([b"no", b"yes"]), "scores": np.array([[0.2, 0.8]])}, ("yes",)),
        ({"prediction": np.array([3.5, 4.0])}, (3.5, 4.0)),
        ({"prediction": np.array(3.5)}, (3.5,)),
        ({"text": texts(b"x")}, ("x",)),
        ({"label": np.array([b"yes"])}, ("yes",)),
        ({}, ()),
    ],
)
def test_what_was_decided_is_read_from_any_answer(outputs, decided):
    assert decisions(outputs) == decided


def test_labels_of_one_row_have_no_order_and_no_gaps():
    one, other = texts([b"b", b"a", b""]), texts([b"a", b"b", b""])
    assert decisions({"labels": one}) == decisions({"labels": other}) == ("a, b",)
    wider = texts([b"b", b"a", b"", b""])
    assert decisions({"labels": wider}) == ("a, b",), "how many classes there are is no decision"


def test_two_outputs_that_change_places_decide_otherwise():
    """`yes` and `no` of two questions are not `no` and `yes`."""
    one = {"tips_label": texts(b"yes"), "far_label": texts(b"no"), "tips": np.array([0.9]), "far": np.array([0.1])}
    other = {**one, "tips_label": texts(b"no"), "far_label": texts(b"yes")}
    assert decisions(one) == ("far: no; tips: yes",) and decisions(other) == ("far: yes; tips: no",)
    assert labels_by_output(one) == {"far": ("no",), "tips": ("yes",)}
    several = {"tip_label": texts(b"yes"), "tags_labels": texts([b"b", b"a", b""]), "tags_classes": texts([b"a", b"b"])}
    assert decisions(several) == ("tags: a, b; tip: yes",)
