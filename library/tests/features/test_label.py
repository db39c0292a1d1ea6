"""The label: of one column or of several, and what is refused of it."""

import json

import pytest
from pydantic import ValidationError

from millrace.features.label import Label, Labels, label_keys, prediction_key, read_label

GENRES = {"column": "genres", "task": "multilabel", "classes": ["drama", "comedy", "war"], "separator": "|"}
BOTH = {
    "outputs": {
        "tipped": {"column": "big_tipper", "task": "binary"},
        "tip": {"column": "tips", "task": "regression", "loss_weight": 0.5},
    },
    "weight": "importance",
}


def test_one_output_is_called_nothing_and_is_written_as_it_always_was():
    label = Label(column="big tipper", task="binary")
    assert dict(label.by_output()) == {"": label}
    assert label_keys(label) == {"": "big_tipper_x" + label_keys(label)[""][12:]}
    assert prediction_key("", label) == "probabilities"
    # Stages that ran before there was a separator would run again for another text.
    assert json.loads(label.model_dump_json()) == {
        "column": "big tipper", "task": "binary", "classes": [0, 1], "weight": None,
    }  # fmt: skip


def test_several_outputs_are_called_by_their_names():
    label = Labels.model_validate(BOTH)
    assert {name: output.task for name, output in label.by_output().items()} == {
        "tipped": "binary",
        "tip": "regression",
    }
    assert [prediction_key(*item) for item in label.by_output().items()] == ["tipped", "tip"]
    assert label.columns() == ("big_tipper", "tips", "importance")
    assert [one.loss_weight for one in label.outputs.values()] == [1.0, 0.5]


@pytest.mark.parametrize("values", [GENRES, BOTH])
def test_what_is_written_is_read_again(values):
    label = (Labels if "outputs" in values else Label).model_validate(values)
    assert read_label(label.model_dump_json()) == label


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": ["drama"]}, "a multilabel label needs its classes listed, two or more"),
        ({"classes": ["drama", "co|medy"]}, "the class co|medy has the separator in it"),
        ({"task": "multiclass"}, "a separator cuts a text into the classes of a multilabel label"),
        ({"weight": "genres"}, "it cannot be the weight too"),
    ],
)
def test_a_multilabel_label_that_cannot_be(change, said):
    with pytest.raises(ValidationError, match=said.replace("|", r"\|")):
        Label.model_validate({**GENRES, **change})


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"tip": BOTH["outputs"]["tip"]}, "at least 2 items"),
        ({"a": GENRES, "b": GENRES}, "a and b both predict genres; there are more outputs than labels"),
        (
            {"a": GENRES, "a_labels": BOTH["outputs"]["tip"]},
            "a_labels is what the exported model calls the labels of a",
        ),
        ({"a b": GENRES, "c": BOTH["outputs"]["tip"]}, "'a b' is no name of an output"),
        ({"a": {**GENRES, "loss_weight": 0}, "c": BOTH["outputs"]["tip"]}, "greater than 0"),
        ({"a": {**GENRES, "column": "importance"}, "c": BOTH["outputs"]["tip"]}, "it cannot be the weight too"),
    ],
)
def test_several_outputs_that_cannot_be(outputs, said):
    with pytest.raises(ValidationError, match=said):
        Labels.model_validate({"outputs": outputs, "weight": "importance"})
