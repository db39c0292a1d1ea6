"""What a preprocessing function cannot be, and which row a transformation fails on."""

import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.beam.analyzer_cache import DatasetKey
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from millrace.components.transform import plan
from millrace.components.transform.graph import Graph

SPECS = {name: tf.TensorSpec([None, 1], tf.float32) for name in ("a", "b")}


def made(function, folder, **more):
    return plan.make(function, SPECS, [DatasetKey("data")], str(folder), **{"with_cache": False, **more})


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda inputs: None, "must return a dict of tensors, and not None"),
        (lambda inputs: {}, r"must return a dict of tensors, and not \{\}"),
        (lambda inputs: inputs["a"], "must return a dict of tensors, and not <tf"),
    ],
)
def test_a_function_that_gives_no_outputs_is_refused(tmp_path, function, words):
    with pytest.raises(ValueError, match=words):
        made(function, tmp_path)


def test_the_columns_that_are_read_are_those_that_analyzers_and_outputs_need(tmp_path):
    of_both = made(lambda inputs: {"x": inputs["a"] - tft.mean(inputs["b"])}, tmp_path)
    assert (of_both.analyzed_columns, set(of_both.transformed_columns)) == (("b",), {"a"})
    plain = made(lambda inputs: {"x": inputs["a"] + 1}, tmp_path)
    assert (plain.analyzed_columns, plain.transformed_columns) == ((), ("a",))
    assert not of_both.cache and made(lambda i: {"x": i["a"] - tft.mean(i["b"])}, tmp_path, with_cache=True).cache


def test_what_needs_no_column_is_left_to_beam(tmp_path):
    with pytest.raises(plan.NeedsBeam, match="need no column"):
        made(lambda inputs: {"x": tf.constant([1.0])}, tmp_path)


def test_more_of_a_cache_than_tfx_holds_is_left_to_beam(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_MAX_STAGES", 2 * plan._STAGES_PER_ENTRY - 1)

    def two(inputs):
        return {"x": inputs["a"] - tft.mean(inputs["b"]), "y": inputs["b"] - tft.min(inputs["a"])}

    with pytest.raises(plan.NeedsBeam, match="are too many for a cache"):
        made(two, tmp_path, with_cache=True)
    assert made(two, tmp_path).transformed_columns


def graph_of(function):
    schema = schema_pb2.TensorRepresentation()
    schema.dense_tensor.column_name = "a"
    schema.dense_tensor.shape.SetInParent()
    return Graph(function, TensorAdapterConfig(pa.schema([("a", pa.large_list(pa.int64()))]), {"a": schema}))


def rows(*values):
    return pa.RecordBatch.from_arrays([pa.array([[value] for value in values], pa.large_list(pa.int64()))], ["a"])


@pytest.mark.parametrize("place", [0, 3, 6, 9])
def test_the_row_that_a_transformation_fails_on_is_named_by_its_values(place):
    def no_sevens(tensors):
        tf.debugging.assert_none_equal(tensors["a"], tf.constant(77, tf.int64))
        return {"x": tensors["a"] * 2}

    graph = graph_of(no_sevens)
    assert graph.apply(rows(1, 2))["x"].numpy().tolist() == [2, 4]
    values = [77 if at == place else at for at in range(10)]
    with pytest.raises(ValueError, match=r"the transformation fails on the row a=\[77\]: "):
        graph.apply(rows(*values))


def test_where_only_rows_together_fail_their_number_is_told():
    def not_all_alike(tensors):
        tf.debugging.assert_less(tf.size(tensors["a"]), 4)
        return tensors

    with pytest.raises(ValueError, match="the transformation fails on 5 rows together: "):
        graph_of(not_all_alike).apply(rows(1, 2, 3, 4, 5))
