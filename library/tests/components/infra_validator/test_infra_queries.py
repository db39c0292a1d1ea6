"""Eval examples become requests that fit a signature, or the reason says why they cannot."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from millrace.components.infra_validator.queries import CannotAsk, input_columns, plan


def signature(**inputs: tf.TensorSpec):
    """A SignatureDef, as saving a function with these inputs makes it."""
    info = tf.compat.v1.saved_model.build_tensor_info
    with tf.Graph().as_default():
        return tf.compat.v1.saved_model.build_signature_def(
            {name: info(tf.compat.v1.placeholder(spec.dtype, spec.shape)) for name, spec in inputs.items()},
            {"probabilities": info(tf.compat.v1.placeholder(tf.float32, [None, 1]))},
        )


def test_a_single_string_input_takes_the_records(records):
    found = plan("serving_default", signature(examples=tf.TensorSpec([None], tf.string)), records, 3)
    assert [query.inputs["examples"].tolist() for query in found.singles] == [[record] for record in records[:3]]
    assert (found.batch.inputs["examples"].tolist(), found.batch.batch) == (records[:3], 3)


def test_columns_come_from_complete_examples(records):
    columns = signature(distance=tf.TensorSpec([None, 1], tf.float64), payment=tf.TensorSpec([None], tf.string))
    found = plan("serving_default", columns, records, 40)
    assert found.batch.batch == 30
    assert found.batch.inputs["distance"].shape == (30, 1)
    assert found.batch.inputs["payment"].tolist()[:4] == [b"Cash", b"Credit Card", b"No Charge", b"Cash"]


def test_the_json_signature_is_asked_with_missing_values_too(records):
    columns = signature(payment=tf.TensorSpec([None], tf.string), census_tract=tf.TensorSpec([None], tf.float64))
    found = plan("predict_json", columns, records, 40)
    assert found.batch.inputs["payment"].tolist()[3] == b""
    assert np.isnan(found.batch.inputs["census_tract"]).all()


def test_an_input_takes_the_column_that_the_model_says_is_behind_it(records, tmp_path):
    about = tmp_path / "assets.extra" / "millrace.json"
    about.parent.mkdir()
    about.write_text(json.dumps({"inputs": {"payment": "payment_xabc", "distance": "distance"}}))
    columns = signature(payment_xabc=tf.TensorSpec([None], tf.string), distance=tf.TensorSpec([None], tf.float64))
    found = plan("predict_json", columns, records, 2, input_columns(tmp_path))
    assert found.batch.inputs["payment_xabc"].tolist() == [b"Cash", b"Credit Card"]
    assert input_columns(tmp_path / "elsewhere") == {}


@pytest.mark.parametrize(
    "inputs, said",
    [
        ({"pixels": tf.TensorSpec([None, 28, 28], tf.float32)}, "pixels"),
        ({"distance": tf.TensorSpec([None, 2], tf.float32)}, "distance"),
        ({"distance": tf.TensorSpec([None], tf.int64), "payment": tf.TensorSpec([None], tf.string)}, "distance"),
    ],
)
def test_what_the_examples_do_not_hold_is_said(records, inputs, said):
    with pytest.raises(CannotAsk, match=rf"no eval example .*\({said}\)"):
        plan("serving_default", signature(**inputs), records, 4)


def test_a_string_input_named_as_a_feature_gets_that_feature(records):
    found = plan("serving_default", signature(payment=tf.TensorSpec([None], tf.string)), records, 2)
    assert found.batch.inputs["payment"].tolist() == [b"Cash", b"Credit Card"]


def test_a_warm_up_record_holds_the_request(records):
    found = plan("serving_default", signature(examples=tf.TensorSpec([None], tf.string)), records, 1)
    log = prediction_log_pb2.PredictionLog.FromString(found.singles[0].warm_up_record("taxi"))
    request = log.predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("taxi", "serving_default")
    assert tf.make_ndarray(request.inputs["examples"]).tolist() == [records[0]]


def test_lists_of_any_length_are_sent_whole_and_end_in_nothing_where_others_are_longer():
    rows = [{"tags": [b"a"], "sizes": [1.0, 2.0]}, {"tags": [b"b", b"c"]}]
    made = []
    for row in rows:
        example = tf.train.Example()
        example.features.feature["tags"].bytes_list.value.extend(row["tags"])
        example.features.feature["sizes"].float_list.value.extend(row.get("sizes", []))
        made.append(example.SerializeToString())
    lists = signature(tags=tf.TensorSpec([None, None], tf.string), sizes=tf.TensorSpec([None, None], tf.float64))
    found = plan("predict_json", lists, made, 2)
    assert [query.inputs["tags"].tolist() for query in found.singles] == [[[b"a"]], [[b"b", b"c"]]]
    assert found.batch.inputs["tags"].tolist() == [[b"a", b""], [b"b", b"c"]]
    np.testing.assert_array_equal(found.batch.inputs["sizes"], [[1.0, 2.0], [np.nan, np.nan]])
