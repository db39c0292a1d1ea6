"""Which columns are one stack, and what each stack and what Transform makes of it is called."""

import pytest

from millrace.features.description import FeatureTable
from millrace.features.expression import Misfit
from millrace.features.keys import missing_key, place_key, transformed_key, weights_key
from millrace.features.stacks import STACKED_FROM, stacks, transformed_keys

NUMBER = {"kind": "numeric"}


def table(features: dict) -> FeatureTable:
    return FeatureTable.model_validate({"label": {"column": "y", "task": "regression"}, "features": features})


def test_like_columns_are_one_from_a_number_on_and_each_stack_has_a_name_of_its_own():
    few = {f"few {at}": {**NUMBER, "scale": "log"} for at in range(STACKED_FROM - 1)}
    many = {f"many {at}": NUMBER for at in range(STACKED_FROM)}
    words = {f"word {at}": {"kind": "categorical"} for at in range(STACKED_FROM)}
    rare = {f"rare {at}": {"kind": "categorical", "top_k": 9} for at in range(STACKED_FROM)}
    made = {stack.name: stack.names for stack in stacks(table({**few, **many, **words, **rare}))}
    assert made == {
        **{name: (name,) for name in few},
        "numeric_1": tuple(many),
        "categorical_2": tuple(words),
        "categorical_3": tuple(rare),
    }


def test_a_part_of_a_cross_is_on_its_own_and_crosses_come_last():
    words = {f"word {at}": {"kind": "categorical"} for at in range(STACKED_FROM + 1)}
    crossed = {"pair": {"kind": "crossed", "of": ["word 3", "word 5"]}}
    whole = {stack.name: stack.names for stack in stacks(table({**crossed, **words}))}
    assert whole == {name: (name,) for name in [*words, "pair"]}, "without the two there are too few"
    more = {**words, "word more": {"kind": "categorical"}}
    made = [stack.name for stack in stacks(table({**crossed, **more}))]
    assert made == ["categorical_1", "word 3", "word 5", "pair"]


def test_a_stack_has_keys_that_no_column_has():
    [one] = stacks(table({"n": NUMBER}))
    assert (one.key, one.place_key, one.missing_key) == (transformed_key("n"), place_key("n"), missing_key("n"))
    [many] = stacks(table({f"n{at}": NUMBER for at in range(STACKED_FROM)}))
    keys = (many.key, many.place_key, many.missing_key)
    assert keys == ("numeric_1_columns", "numeric_1_place_columns", "numeric_1_missing_columns")


def test_what_transform_makes_of_a_table_is_known_by_its_keys():
    features = {"n": NUMBER, "c": {"kind": "categorical"}, "b": {"kind": "bag"}}
    assert transformed_keys(table(features)) == {
        transformed_key("n"), place_key("n"), missing_key("n"), transformed_key("c"), transformed_key("b"),
        weights_key("b"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("features", "kinds", "where"),
    [
        ({"n": NUMBER}, {"n": "text"}, "features.n"),
        ({"n": {"kind": "bucketized"}}, {"n": "text"}, "features.n"),
        ({"n": {"kind": "vector", "length": 2}}, {"n": "text"}, "features.n"),
        ({"n": {"kind": "sequence", "values": "numbers"}}, {"n": "text"}, "features.n"),
        ({"n": {"kind": "sequence"}}, {"n": "text"}, ""),
        ({"n": {"kind": "image", "height": 8, "width": 8}}, {"n": "number"}, "features.n"),
        ({"n": {"kind": "image", "height": 8, "width": 8}}, {"n": "text"}, ""),
        ({"n": {"kind": "bag", "weights": "w"}}, {"w": "text"}, "features.n.weights"),
        ({"n": {"kind": "bag", "weights": "w"}}, {"w": "number", "n": "text"}, ""),
        ({"n": NUMBER}, {}, ""),
        # What is made of columns is of the kind that its expression gives, whatever a column of its name holds.
        ({"n": {**NUMBER, "expression": "models.own.miles(m)"}}, {"n": "text", "m": "text"}, ""),
        ({"n": {**NUMBER, "expression": "len(m)"}}, {"n": "text", "m": "text"}, ""),
        ({"n": {**NUMBER, "expression": "m + 1"}}, {"m": "text"}, "features.n.expression"),
    ],
)
def test_a_feature_reads_values_of_its_kind(features, kinds, where):
    described = table(features)
    if not where:
        described.check_kinds(kinds)
        return
    with pytest.raises(Misfit) as refused:
        described.check_kinds(kinds)
    assert ".".join(refused.value.key) == where
