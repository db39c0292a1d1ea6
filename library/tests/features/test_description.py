"""The feature table: which descriptions are taken, which are refused and why, and what it reads of a row."""

import pytest
from pydantic import ValidationError

from millrace.features.description import FeatureTable
from millrace.features.label import Label

PRICE = {"column": "price", "task": "regression"}
NUMBER = {"kind": "numeric"}


def table(features: dict, label: dict = PRICE) -> FeatureTable:
    return FeatureTable.model_validate({"label": label, "features": features})


@pytest.mark.parametrize(
    ("label", "features", "words"),
    [
        ({**PRICE, "classes": [1, 2]}, {"a": NUMBER}, "a regression label has no classes"),
        ({"column": "y", "task": "binary", "classes": ["a"]}, {"a": NUMBER}, "a binary label has exactly two classes"),
        ({"column": "y", "task": "binary", "classes": [1, 2, 3]}, {"a": NUMBER}, "has exactly two classes"),
        ({"column": "y", "task": "multiclass"}, {"a": NUMBER}, "needs its classes listed, two or more"),
        ({"column": "y", "task": "multiclass", "classes": [1]}, {"a": NUMBER}, "needs its classes listed"),
        ({"column": "y", "task": "binary", "classes": [1, "1"]}, {"a": NUMBER}, "classes must differ"),
        ({**PRICE, "weight": "price"}, {"a": NUMBER}, "price is the label; it cannot be the weight too"),
        (PRICE, {"a": {"kind": "bag", "weights": "price"}}, "price is the label, which is not known when"),
        (PRICE, {"price": NUMBER}, "price is the label; it cannot be a feature too"),
        (PRICE, {"a": {"kind": "bucketized", "boundaries": [1, 3, 2]}}, "boundaries must ascend, without repeats"),
        (PRICE, {"a": {"kind": "bucketized", "boundaries": [1, 1, 2]}}, "boundaries must ascend, without repeats"),
        (PRICE, {"a": {"kind": "datetime", "format": "%Y", "parts": ["day", "day"]}}, "each part once"),
        (PRICE, {"a": {"kind": "datetime", "format": "%Q"}}, "%Q is not known in a date's format; known are %Y"),
        (PRICE, {"a": NUMBER, "x": {"kind": "crossed", "of": ["a", "a"]}}, "x crosses a, which must be a bucketized"),
        (PRICE, {"x": {"kind": "crossed", "of": ["b", "c"]}}, "x crosses b, which must be a bucketized"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_in_words(label, features, words):
    with pytest.raises(ValidationError, match=words):
        table(features, label)


def test_a_binary_label_has_the_classes_0_and_1_unless_it_says_others():
    assert Label(column="y", task="binary").classes == (0, 1)
    assert Label(column="y", task="binary", classes=("no", "yes")).classes == ("no", "yes")
    assert Label(column="y", task="regression").classes == ()


def test_two_classes_are_enough_for_a_multiclass_label():
    assert Label(column="y", task="multiclass", classes=("a", "b")).classes == ("a", "b")


def test_the_columns_that_are_read_are_in_order_without_the_label_and_the_crossed():
    described = table(
        {
            "b": {"kind": "hashed"},
            "x": {"kind": "crossed", "of": ["b", "c", "d"]},
            "c": {"kind": "categorical"},
            "d": {"kind": "bucketized", "boundaries": [-1.5, 0, 2]},
            "a": NUMBER,
        }
    )
    assert described.columns() == ("b", "c", "d", "a")


def test_a_table_survives_the_way_to_another_process():
    features = {"a": {"kind": "datetime", "format": "unix", "parts": ["hour"]}, "b": {"kind": "text", "top_k": 7}}
    described = table(features, {"column": "y", "task": "binary", "classes": ["n", "j"]})
    assert FeatureTable.model_validate_json(described.model_dump_json()) == described


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"a": {**NUMBER, "expression": "b + 1"}, "b": {**NUMBER, "expression": "a + 1"}}, "made of itself: . of . of"),
        ({"a": {**NUMBER, "expression": "a + 1"}}, "a derived feature is made of itself: a of a; give it a name"),
        ({"a": {**NUMBER, "expression": "price * 2"}}, "a is made of the label price"),
        ({"a": {**NUMBER, "expression": "b + 1"}, "b": {**NUMBER, "expression": "price"}}, "made of the label price"),
        ({"a": {**NUMBER, "expression": "lower(b)"}}, "a: numeric wants numbers, and a is a text"),
        ({"a": {**NUMBER, "expression": "b +"}}, "'b \\+' is no expression"),
        (
            {"a": {**NUMBER, "expression": "b + 1"}, "b": {"kind": "hashed", "expression": "lower(c)"}},
            r"features\.a\.expression: \+ wants a number, and b is a text",
        ),
    ],
)
def test_a_derived_feature_that_makes_no_sense_is_refused_in_words(features, words):
    with pytest.raises(ValidationError, match=words):
        table(features)


def test_a_weight_is_no_label_and_may_be_what_a_feature_is_made_of():
    label = {"column": "price", "task": "regression", "weight": "reliability"}
    described = table({"a": {**NUMBER, "expression": "reliability * 2"}}, label)
    assert described.columns() == ("reliability",)


def test_the_columns_of_derived_features_are_those_that_they_are_made_of():
    described = table(
        {
            "speed": {**NUMBER, "expression": "miles / hours"},
            "hours": {**NUMBER, "expression": "seconds / 3600"},
            "miles": NUMBER,
            "own": {"kind": "categorical", "expression": "models.own.company(speed, company)"},
            "both": {"kind": "crossed", "of": ["own", "own"]},
        }
    )
    assert described.columns() == ("miles", "seconds", "company")
    assert described.functions() == {"models.own.company": "features.own.expression"}
    assert "expression" not in described.model_dump(mode="json")["features"]["miles"]
    assert FeatureTable.model_validate(described.model_dump(mode="json")) == described


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"kind": "sequence", "encoder": "gruu"}, r"gruu is no encoder; did you mean gru\?"),
        ({"kind": "text", "encoder": "transformer"}, "is no encoder; known: mean, convolution, gru, or a function"),
        ({"kind": "sequence", "values": "numbers", "separator": "|"}, "a separator cuts a text into categories"),
    ],
)
def test_an_encoder_that_is_none_is_refused_in_words(feature, words):
    with pytest.raises(ValidationError, match=words):
        table({"a": feature})


def test_lists_and_weights_are_columns_that_are_read():
    many = {"a": {"kind": "bag", "weights": "w"}, "b": {"kind": "sequence", "encoder": "models.own.last"}}
    described = table({**many, "c": {"kind": "bag", "separator": "|"}, "d": NUMBER})
    assert described.columns() == ("a", "b", "c", "d", "w")
    assert described.lists() == {"a", "w", "b"}
    assert described.encoders() == {"models.own.last": "features.b.encoder"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"height": 2}, "greater than or equal to 4"),
        ({"channels": 2}, "Input should be 1 or 3"),
        ({"encoder": "convolutoin"}, r"convolutoin is no encoder; did you mean convolution\?"),
        ({"augment": {"shift": 2}}, "less than or equal to 0.5"),
    ],
)
def test_an_image_that_cannot_be_is_refused(more, words):
    with pytest.raises(ValidationError, match=words):
        table({"photo": {"kind": "image", "height": 32, "width": 32, **more}})
