"""Derived columns in TensorFlow: beside Python's own evaluation of the same text, and what is missing."""

import math
import sys
import types
from datetime import datetime

import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import ConfigError, InputRefused
from millrace.features.description import FeatureTable
from millrace.training.expressions import with_derived_columns

NAN = float("nan")
NAMES = {
    "log": math.log, "exp": math.exp, "sqrt": math.sqrt, "abs": abs, "min": min, "max": max, "floor": math.floor,
    "ceil": math.ceil, "round": round, "len": len, "lower": str.lower, "where": lambda c, a, b: a if c else b,
}  # fmt: skip


def table(**features):
    kinds = {name: {"kind": "categorical", "expression": one} for name, one in features.items()}
    return FeatureTable.model_validate({"label": {"column": "y", "task": "regression"}, "features": kinds})


def derived(inputs, **features):
    columns = with_derived_columns({name: tf.constant(values) for name, values in inputs.items()}, table(**features))
    return {name: columns[name].numpy().tolist() for name in features}


def by_python(text, row):
    try:
        value = eval(text, {"__builtins__": {}}, {**NAMES, **row})
    except (ZeroDivisionError, ValueError, OverflowError):
        return NAN
    value = NAN if isinstance(value, complex) else value
    return value.encode() if isinstance(value, str) else float(value)


def rows_of_all_sorts():
    """Numbers of all sizes, equal ones and zeros among them, and texts, 200 rows."""
    random = np.random.default_rng(3)
    sizes = 10.0 ** random.integers(-3, 4, (200, 2))
    numbers = np.where(
        random.random((200, 2)) < 0.5, random.normal(size=(200, 2)) * sizes, random.integers(-3, 4, (200, 2))
    )
    texts = random.choice(["Cash", "cash", "Größe", "x"], 200)
    return [(float(a), float(b), str(t)) for (a, b), t in zip(numbers, texts, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "a / (b / 3600)", "a // b", "a % b", "a ** 2 - b", "a ** 0.5", "-a + abs(b)", "log(a) + sqrt(b)", "exp(a)",
        "min(a, b, 3) - max(a, 0)", "floor(a) + ceil(b) + round(a)", "0 < a <= b", "a < 1 or b > 2 and not a == b",
        "where(a > b, a, b)", "(a > 0) + (b > 0)", "t in ('Cash', 'x')", "t != 'Cash'", "len(t) * a", "lower(t)",
        "where(a > b and t == 'x', t, 'other')",
    ],
)  # fmt: skip
def test_an_expression_gives_what_python_gives(text):
    rows = rows_of_all_sorts()
    columns = {"a": [a for a, _, _ in rows], "b": [b for _, b, _ in rows], "t": [t for _, _, t in rows]}
    inputs = {"a": np.array(columns["a"]), "b": np.array(columns["b"]), "t": columns["t"]}
    expected = [by_python(text, {"a": a, "b": b, "t": t}) for a, b, t in rows]
    (result,) = derived(inputs, z=text).values()
    if isinstance(expected[0], bytes):
        assert result == expected
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def test_what_is_missing_stays_missing():
    inputs = {"a": [1.0, NAN, 3.0, math.inf], "b": np.array([2, 0, 0, 4]), "t": ["x", " ", "y", "x"]}
    result = derived(
        inputs,
        ratio="a / b",
        larger="a > b",
        same="t == 'x'",
        text="where(a > 0, t, 'none')",
        filled="coalesce(a, b)",
        asked="is_missing(a)",
        both="a > 0 and b > 5",
        either="a > 0 or b > 3",
    )
    np.testing.assert_array_equal(result["ratio"], [0.5, NAN, NAN, NAN])
    np.testing.assert_array_equal(result["larger"], [0, NAN, 1, NAN])
    np.testing.assert_array_equal(result["same"], [1, NAN, 0, 1])
    assert result["text"] == [b"x", b"", b"y", b""]
    np.testing.assert_array_equal(result["filled"], [1, 0, 3, 4])
    np.testing.assert_array_equal(result["asked"], [0, 1, 0, 1])
    np.testing.assert_array_equal(result["both"], [0, 0, 0, 0])  # false whatever a would be
    np.testing.assert_array_equal(result["either"], [1, NAN, 1, 1])


def test_columns_that_come_without_values_are_missing_and_integers_are_exact():
    sparse = tf.SparseTensor([[0, 0], [2, 0]], tf.constant([2**52 + 1, 5], tf.int64), [3, 1])
    columns = with_derived_columns({"a": sparse}, table(z="a + 1"))
    np.testing.assert_array_equal(columns["z"].numpy(), [2**52 + 2, NAN, 6])


def test_dates_are_taken_apart_as_pythons_calendar_does():
    moments = [datetime(2031, 1, 6, 17, 30, 5), datetime(1969, 12, 31, 23, 59, 59), datetime(2024, 2, 29)]
    texts = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in moments] + ["soon"]
    stamps = np.array([(moment - datetime(1970, 1, 1)).total_seconds() for moment in moments] + [NAN])
    for part, expected in {
        "seconds": stamps[:3],
        "days": [(moment - datetime(1970, 1, 1)).days for moment in moments],
        "month": [1, 12, 2],
        "day": [6, 31, 29],
        "weekday": [0, 2, 3],
        "hour": [17, 23, 0],
    }.items():
        of_texts = f"{part}(t, '%Y-%m-%d %H:%M:%S')"
        result = derived({"t": texts, "u": stamps}, of_texts=of_texts, of_stamps=f"{part}(u, 'unix')")
        np.testing.assert_array_equal(result["of_texts"], [*expected, NAN])
        np.testing.assert_array_equal(result["of_stamps"], [*expected, NAN])


def test_a_derived_feature_may_be_made_of_another_whatever_their_order():
    result = derived({"a": [2.0, 0.0]}, last="second + 1", second="first * 10", first="1 / a")
    np.testing.assert_array_equal(result["last"], [6, NAN])


@pytest.fixture
def own(monkeypatch):
    module = types.ModuleType("own_features")
    monkeypatch.setitem(sys.modules, "own_features", module)
    return module


def test_a_function_of_the_project_is_given_its_columns_and_makes_one(own):
    own.initial = lambda company, fare: tf.where(fare > 3.0, tf.strings.substr(company, 0, 1), "")
    inputs = {"company": ["Blue", "Red", ""], "fare": [2.0, 1.0, NAN]}
    assert derived(inputs, initial="own_features.initial(company, double)", double="fare * 2")["initial"] == [
        b"B",
        b"",
        b"",
    ]


def test_a_function_may_stand_among_others_and_is_given_constants_as_columns(own):
    own.above = lambda values, limit: tf.boolean_mask(values, values > -1e9) * 0 + tf.maximum(values, limit)
    np.testing.assert_array_equal(derived({"a": [1.0, 5.0]}, z="10 * own_features.above(a, 2)")["z"], [20, 50])


@pytest.mark.parametrize("result", [3.0, tf.constant([[1.0]])])
def test_a_function_that_makes_no_column_is_refused(own, result):
    own.wrong = lambda a: result
    with pytest.raises(ConfigError, match=r"features\.z\.expression: own_features\.wrong returned .*one value a row"):
        derived({"a": [1.0]}, z="own_features.wrong(a) + 1")


def test_a_column_of_another_type_is_refused_where_the_schema_tells_it():
    with pytest.raises(InputRefused, match=r"\+ wants a number, and t is a text") as refused:
        derived({"t": ["x"]}, z="t + 1")
    assert refused.value.where == "features.z.expression"
