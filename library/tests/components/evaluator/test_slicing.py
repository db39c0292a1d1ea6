"""Rows of slices against TFMA's own slicing, example by example."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.api.types import VarLenTensorValue
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from millrace.components.evaluator.slicing import slice_rows

SPECS = [
    slicer_lib.SingleSliceSpec(),
    slicer_lib.SingleSliceSpec(columns=["hour"]),
    slicer_lib.SingleSliceSpec(columns=["paid"]),
    slicer_lib.SingleSliceSpec(columns=["paid"], features=[("hour", 3)]),
    slicer_lib.SingleSliceSpec(features=[("hour", "3")]),
    slicer_lib.SingleSliceSpec(columns=["hour", "paid", "made"]),
    slicer_lib.SingleSliceSpec(spec=config_pb2.SlicingSpec(feature_keys=["absent"])),
]
NAMES = {"hour", "paid", "made", "absent"}


def ragged(rows, kind):
    values = [value for row in rows for value in row]
    indices = [(at, place) for at, row in enumerate(rows) for place in range(len(row))]
    return VarLenTensorValue(
        values=np.array(values, dtype=kind),
        indices=np.array(indices, dtype=np.int64).reshape(-1, 2),
        dense_shape=np.array([len(rows), max(map(len, rows), default=0)]),
    )


def row_by_row(transformed, features, size):
    found = {}
    for row in range(size):
        one = [{name: values[row : row + 1] for name, values in source.items()} for source in transformed]
        raw = {
            name: np.asarray(values.values)[values.indices[:, 0] == row]
            if isinstance(values, VarLenTensorValue)
            else values[row : row + 1]
            for name, values in features.items()
        }
        for key in set(slicer_lib.get_slices_for_features_dicts(one, raw, SPECS)):
            found.setdefault(key, []).append(row)
    return found


hours = st.lists(st.integers(1, 4), max_size=2)
paid = st.sampled_from([[], [b"Cash"], [b"Card"], ["Ünbekannt".encode()]])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(hours, paid, st.sampled_from([0.5, 1.5])), min_size=1, max_size=12), st.booleans())
def test_rows_are_tfma_s(table, with_transformed):
    features = {
        "hour": ragged([row[0] for row in table], np.int64),
        "paid": ragged([row[1] for row in table], object),
    }
    made = np.array([[row[2]] for row in table], dtype=np.float32)
    transformed = [{"made": made, "paid": made}] if with_transformed else []
    ours = slice_rows(SPECS, transformed, features, NAMES, len(table))
    assert {key: rows.tolist() for key, rows in ours.items()} == row_by_row(transformed, features, len(table))


def test_dense_features_of_two_values_put_a_row_into_two_slices():
    ours = slice_rows(SPECS[1:2], [], {"hour": np.array([[1, 2], [2, 2]])}, {"hour"}, 2)
    assert {key: rows.tolist() for key, rows in ours.items()} == {(("hour", 1),): [0], (("hour", 2),): [0, 1]}


def test_two_specs_of_one_slice_count_a_row_once():
    ours = slice_rows([SPECS[1], SPECS[4]], [], {"hour": np.array([[3], [4]])}, {"hour"}, 2)
    assert ours[(("hour", 3),)].tolist() == [0]


def test_a_value_that_is_not_text_is_refused_as_by_tfma():
    with pytest.raises(ValueError, match="non-UTF8"):
        slice_rows(SPECS[2:3], [], {"paid": np.array([[b"\xff"]], dtype=object)}, {"paid"}, 1)
