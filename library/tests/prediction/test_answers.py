"""The outputs of a signature become columns, by the words of the task."""

import numpy as np
import pytest

from millrace.base.errors import InputRefused
from millrace.model_server.about import About, ModelOutput
from millrace.prediction.answers import answer_columns, answers

TIP = ModelOutput("", "tip", "binary", ("small", "large"))
KIND = ModelOutput("", "kind", "multiclass", ("a", "b", "c"))
TAGS = ModelOutput("", "tags", "multilabel", ("x", "y"))


def table(outputs, *predicted):
    arrays = {
        name: np.array(value, object if isinstance(np.ravel(value)[0], bytes) else None)
        for name, value in outputs.items()
    }
    about = About(predicted)
    batch = answers(arrays, about, "the model's folder")
    assert batch.schema.names == answer_columns(about)
    return batch.to_pydict()


def test_a_binary_answer():
    assert table({"probabilities": [[0.25], [0.75]]}, TIP) == {
        "label": ["small", "large"], "probability_small": [0.75, 0.25], "probability_large": [0.25, 0.75],
    }  # fmt: skip


def test_a_model_that_decides_for_itself():
    outputs = {"probabilities": [0.25, 0.75], "label": [b"large", b"large"]}
    assert table(outputs, TIP)["label"] == ["large", "large"]


def test_several_classes():
    assert table({"probabilities": [[0.25, 0.5, 0.25]]}, KIND) == {
        "label": ["b"], "probability_a": [0.25], "probability_b": [0.5], "probability_c": [0.25],
    }  # fmt: skip


def test_several_labels_a_row():
    outputs = {"probabilities": [[0.75, 0.25], [0.25, 0.25]]}
    assert table(outputs, TAGS)["labels"] == [["x"], []]
    assert table({**outputs, "labels": [[b"y", b"x"], [b"x", b""]]}, TAGS)["labels"] == [["y", "x"], ["x"]]


def test_half_is_no_majority_and_of_equals_the_first_is_taken():
    assert table({"probabilities": [[0.5, 0.75]]}, TAGS)["labels"] == [["y"]]
    assert table({"probabilities": [[0.5]]}, TIP)["label"] == ["small"]
    assert table({"probabilities": [[0.25, 0.375, 0.375]]}, KIND)["label"] == ["b"]


def test_several_outputs():
    fare = ModelOutput("fare", "fare", "regression")
    kind = ModelOutput("kind", "kind", "multiclass", ("a", "b"))
    outputs = {"fare": [[1.5]], "kind": [[0.25, 0.75]], "kind_label": [b"b"]}
    assert table(outputs, fare, kind) == {
        "fare": [1.5], "kind_label": ["b"], "kind_probability_a": [0.25], "kind_probability_b": [0.75],
    }  # fmt: skip


@pytest.mark.parametrize(
    "outputs, output, told",
    [
        ({"logits": [1.0]}, TIP, "gives logits, and a binary gives probabilities"),
        ({"probabilities": [[0.1, 0.2, 0.7]]}, TIP, "gives 3 probabilities for 2 classes"),
        ({"prediction": [[1.0, 2.0]]}, ModelOutput("", "tip", "regression"), "gives 2 values a row"),
    ],
)
def test_what_a_task_does_not_give_is_refused(outputs, output, told):
    with pytest.raises(InputRefused, match=told):
        table(outputs, output)
