"""An expression means the same before Transform, in Arrow, and in its graph; and is written as it reads."""

import numpy as np
import pyarrow as pa
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from millrace.components.example_gen import row_filter
from millrace.features.description import FeatureTable
from millrace.features.expression import SIGNATURES, ColumnValue, Constant, Operation, parse, shown
from millrace.training import expressions
from millrace.training.expressions import with_derived_columns

KINDS = {"i": "number", "f": "number", "t": "text", "u": "text"}
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 0.1, -2.5, 3.0, 1e200, 16777217.0]) | st.integers(-3, 3).map(float)
TEXTS = st.sampled_from(["a", "B", "", "größe", " a ", "two words"])
OF_CONDITIONS = {name for name, signature in SIGNATURES.items() if signature.in_conditions}


def trees(kind, names=sorted(OF_CONDITIONS), depth=3):
    """Expressions of a kind, of some operations, over the columns of `KINDS`."""
    column = st.sampled_from([name for name, its in KINDS.items() if its == ("text" if kind == "text" else "number")])
    leaves = column.map(ColumnValue) | (TEXTS if kind == "text" else NUMBERS).map(Constant)
    fitting = [name for name in names if SIGNATURES[name].gives == kind or (kind == "number" and name == "<")]
    if not depth or not fitting:
        return leaves

    def operation(name):
        takes = SIGNATURES[name].takes
        same = st.sampled_from(["number", "text"])

        def arguments(of_same):
            kinds = [of_same if one in ("same", "any") else "number" if one == "flag" else one for one in takes]
            return st.tuples(*(trees(one, names, depth - 1) for one in kinds)).map(lambda them: Operation(name, them))

        return same.flatmap(arguments)

    return leaves | st.sampled_from(fitting).flatmap(operation)


def reads_a_column(tree):
    return isinstance(tree, ColumnValue) or (isinstance(tree, Operation) and any(map(reads_a_column, tree.arguments)))


def negates_a_constant(tree):
    """What `parse` never gives: -1 is a constant."""
    return isinstance(tree, Operation) and (
        (tree.name == "negative" and isinstance(tree.arguments[0], Constant))
        or any(map(negates_a_constant, tree.arguments))
    )


CONDITIONS = trees("flag").filter(reads_a_column)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 3), st.none() | st.sampled_from([0.1, 0.0, -2.5, 3.0]), st.none() | TEXTS, TEXTS
    ),
    min_size=1,
    max_size=6,
)


SEEN = [(2, 0.1, "a", "B"), (-3, 3.0, " a ", "größe"), (0, None, None, ""), (None, -2.5, "B", "a")]


@settings(max_examples=120, deadline=None)
@given(condition=CONDITIONS, rows=ROWS)
@example(parse("f == 0.1"), SEEN)
@example(parse("f * 1 == 0.1"), SEEN)
@example(parse("i * 1e200 * 1e200 > 0"), SEEN)
@example(parse("i / 0 > 1 or not (f / i < 1)"), SEEN)
@example(parse("(i > 1) + (f > 1) >= 1"), SEEN)
@example(parse("max(i > 1, f) > 0 and abs(i > 1) == 1"), SEEN)
@example(parse("-(i > 1) < 0"), SEEN)
@example(parse("t == 'a' or lower(t) == 'b'"), SEEN)
@example(parse("t != lower(' a ')"), [(None, None, "a", "a")])
@example(parse("i and not f"), SEEN)
@example(parse("is_missing(f / i) or f in (3, 0.1)"), SEEN)
def test_a_condition_means_the_same_in_arrow_and_in_tensorflow(condition, rows):
    columns = dict(zip("iftu", zip(*rows, strict=True), strict=True))
    kinds = {"i": pa.int64(), "f": pa.float32(), "t": pa.large_binary(), "u": pa.large_binary()}
    types = {"i": tf.int64, "f": tf.float32, "t": tf.string, "u": tf.string}
    features, tensors = {}, {}
    for name, values in columns.items():
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        lists = [None if value is None else [value] for value in encoded]
        features[name] = pa.array(lists, pa.large_list(kinds[name]))
        there = [place for place, value in enumerate(encoded) if value is not None]
        tensors[name] = tf.SparseTensor(
            np.array([[place, 0] for place in there], np.int64).reshape(-1, 2),
            tf.constant([encoded[place] for place in there], types[name]),
            [len(rows), 1],
        )
    wanted = row_filter.wanted(pa.RecordBatch.from_arrays(list(features.values()), list(features)), condition)
    described = {"kind": "categorical", "expression": shown(condition)}
    table = FeatureTable.model_validate({"label": {"column": "y", "task": "regression"}, "features": {"z": described}})
    derived = with_derived_columns(tensors, table)["z"].numpy()
    np.testing.assert_array_equal(wanted, np.nan_to_num(derived) != 0, err_msg=shown(condition))


@settings(max_examples=300, deadline=None)
@given(tree=(trees("flag") | trees("number") | trees("text")).filter(reads_a_column), name=st.text(min_size=1))
def test_what_is_shown_reads_as_what_it_shows(tree, name):
    assert parse(shown(Operation("is_missing", (ColumnValue(name),)))).arguments[0] == ColumnValue(name)
    if not negates_a_constant(tree):
        assert parse(shown(tree)) == tree


def test_every_operation_has_its_evaluators_and_no_more():
    assert set(row_filter._OPERATIONS) == OF_CONDITIONS
    of_graph = set(expressions._DATE_PARTS) | set(expressions._OF_CELLS) | set(expressions._OF_VALUES)
    assert of_graph == set(SIGNATURES)
