"""A model in the server's process: what it refuses before it runs, what it answers, and which version is served."""

import numpy as np
import pytest
import tensorflow as tf
from local_models import load_models
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_status_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
)

from millrace.model_server import limits
from millrace.model_server.inference import classify, regress
from millrace.model_server.json_examples import read_examples
from millrace.model_server.servable import WARM_UP_FILE, Servable
from millrace.model_server.versions import Loading

Status = get_model_status_pb2.ModelVersionStatus
CLASSIFY, REGRESS = classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest
INVALID, PRECONDITION = tf.errors.InvalidArgumentError, tf.errors.FailedPreconditionError


def _of(give):
    return lambda inputs: give(tf.size(inputs))


class Answers(tf.Module):
    """Signatures whose outputs are all that differs between them."""

    def __init__(self):
        super().__init__()
        examples = tf.TensorSpec([None], tf.string, name="inputs")
        of = {
            "scores": lambda n: {"scores": tf.fill([n, 2], 0.5)},
            "classes": lambda n: {"classes": tf.fill([n, 2], "far")},
            "flat": lambda n: {"scores": tf.fill([n], 0.5)},
            "one_row": lambda n: {"scores": tf.fill([1, 2], 0.5)},
            "column": lambda n: {"outputs": tf.fill([n, 1], 2.5)},
            "plain": lambda n: {"outputs": tf.fill([n], 2.5)},
            "pairs": lambda n: {"outputs": tf.fill([n, 2], 2.5)},
            "other": lambda n: {"probabilities": tf.fill([n, 2], 0.5)},
        }
        self.functions = {name: tf.function(_of(give)).get_concrete_function(examples) for name, give in of.items()}
        self.functions["two"] = tf.function(
            lambda a, b: {"sum": a + b, "difference": a - b},
            input_signature=[tf.TensorSpec([None], tf.float32, name=name) for name in "ab"],
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path, module = tmp_path_factory.mktemp("models"), Answers()
    tf.saved_model.save(module, str(path / "7"), signatures=dict(module.functions))
    return path


@pytest.fixture(scope="module")
def servable(folder):
    return Servable("taxi", 7, str(folder / "7"))


def asked(kind, signature, examples=3):
    request = kind()
    request.model_spec.signature_name = signature
    for _ in range(examples):
        request.input.example_list.examples.add()
    return request


def predict(signature="two", wanted=(), **inputs):
    request = predict_pb2.PredictRequest(output_filter=wanted)
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


ONE, TWO = np.float32([1, 2]), np.float32([10, 20])


def test_a_prediction_is_stamped_and_gives_the_outputs_wanted(servable):
    whole = servable.predict(predict(a=ONE, b=TWO), 10)
    assert (whole.model_spec.name, whole.model_spec.version.value) == ("taxi", 7)
    assert whole.model_spec.signature_name == "two"
    assert {name: tf.make_ndarray(value).tolist() for name, value in whole.outputs.items()} == {
        "sum": [11.0, 22.0],
        "difference": [-9.0, -18.0],
    }
    assert list(servable.predict(predict(wanted=["sum"], a=ONE, b=TWO), None).outputs) == ["sum"]


@pytest.mark.parametrize(
    ("request_", "kind", "words"),
    [
        (predict("three", a=ONE), PRECONDITION, 'Serving signature key "three" not found'),
        (predict("", a=ONE), PRECONDITION, 'Serving signature key "serving_default" not found'),
        (predict(a=ONE), INVALID, r"does not match signature: 1!=2 .* Missing but required: {b}"),
        (predict(a=ONE, b=TWO, c=ONE), INVALID, r"3!=2 .* Sent extra: {c}"),
        (predict(a=ONE, c=TWO), INVALID, r"Sent extra: {c}. Missing but required: {b}"),
        (predict(a=ONE, b=np.float64([1, 2])), INVALID, r"Expects arg\[b\] to be float32 but float64"),
        (predict(a=ONE, b=[1, 2]), INVALID, r"Expects arg\[b\] to be float32 but int32"),
        (predict(wanted=["sum", "mean"], a=ONE, b=TWO), INVALID, r"not found in signature: mean .*{difference,sum}"),
        (predict(a=ONE, b=np.float32([[1], [2]])), INVALID, "[Ss]hape"),
    ],
)
def test_what_does_not_fit_a_signature_is_refused_as_tensorflow_serving_does(servable, request_, kind, words):
    with pytest.raises(kind, match=words):
        servable.predict(request_, 10)


def test_a_label_or_a_score_alone_classifies(servable):
    of_scores = classify(servable, asked(CLASSIFY, "scores"), 10)
    assert [[(c.label, c.score) for c in one.classes] for one in of_scores.result.classifications] == (
        [[("", 0.5), ("", 0.5)]] * 3
    )
    assert of_scores.model_spec.signature_name == "scores"
    of_classes = classify(servable, asked(CLASSIFY, "classes", 1), 10)
    assert [(c.label, c.score) for c in of_classes.result.classifications[0].classes] == [("far", 0.0)] * 2


@pytest.mark.parametrize("signature", ["column", "plain"])
def test_a_regression_is_a_number_per_example(servable, signature):
    response = regress(servable, asked(REGRESS, signature), 10)
    assert [one.value for one in response.result.regressions] == [2.5] * 3
    assert response.model_spec.signature_name == signature


@pytest.mark.parametrize(
    ("call", "kind", "signature", "examples", "words"),
    [
        (classify, CLASSIFY, "flat", 3, r"scores of rank 2 with 3 rows, got shape \[3\]"),
        (classify, CLASSIFY, "one_row", 3, r"with 3 rows, got shape \[1, 2\]"),
        (classify, CLASSIFY, "other", 3, r"output among \['classes', 'scores'\], got"),
        (classify, CLASSIFY, "scores", 0, "Input is empty"),
        (classify, CLASSIFY, "two", 3, r"one input tensor named inputs, got \['a', 'b'\]"),
        (regress, REGRESS, "pairs", 3, r"outputs of rank 1 with 3 rows, got shape \[3, 2\]"),
        (regress, REGRESS, "scores", 3, r"output among \['outputs'\], got"),
    ],
)  # fmt: skip
def test_a_signature_of_another_method_is_refused(servable, call, kind, signature, examples, words):
    with pytest.raises(INVALID, match=words):
        call(servable, asked(kind, signature, examples), 10)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "'examples' value to be a list"),
        ({"examples": []}, "list/array that is not empty"),
        ({"examples": [3]}, "Example must be JSON object"),
        ({"examples": [{"a": [1, 2.0]}]}, "Unexpected element type in feature: a"),
        ({"examples": [{"a": None}]}, "Feature: a has element with unexpected JSON type"),
        ({"examples": [{"a": {"b64": "?"}}]}, "base64"),
        ({"examples": [{"a": 99999999999999999999}]}, "Feature: a: "),
        ({"examples": [{"a": [1, -(2**63) - 1]}]}, "Feature: a: "),
    ],
)
def test_json_that_holds_no_examples_is_refused(document, words):
    with pytest.raises(INVALID, match=words):
        read_examples(document, regression_pb2.RegressionRequest())


def test_json_examples_have_the_type_of_their_values():
    given = {"i": 3, "f": [0.5, 1.5], "t": "é", "b": {"b64": "/w=="}, "none": []}
    request = read_examples({"examples": [given], "signature_name": "s"}, regression_pb2.RegressionRequest())
    feature = request.input.example_list.examples[0].features.feature
    assert request.model_spec.signature_name == "s"
    assert (feature["i"].int64_list.value[:], feature["f"].float_list.value[:]) == ([3], [0.5, 1.5])
    assert (feature["t"].bytes_list.value[:], feature["b"].bytes_list.value[:]) == (["é".encode()], [b"\xff"])
    assert feature["none"].WhichOneof("kind") is None


def proto(dtype, *sizes, unknown=False):
    made = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    made.tensor_shape.unknown_rank = unknown
    for size in sizes:
        made.tensor_shape.dim.add(size=size)
    return made


TOO_LARGE = tf.errors.ResourceExhaustedError


@pytest.mark.parametrize("dtype, width", [(tf.float32, 4), (tf.int64, 8), (tf.bool, 1), (tf.string, 40)])
def test_tensors_may_be_as_large_as_a_request_and_no_larger(dtype, width):
    most = limits.MOST_REQUEST_BYTES // width
    limits.require_bounded({"a": proto(dtype, most)})
    limits.require_bounded({"a": proto(dtype, 2, most // 2)})
    limits.require_bounded({"a": proto(dtype), "b": proto(dtype, 2**40, 0), "c": proto(dtype, most - 1)})
    with pytest.raises(TOO_LARGE, match=f"takes {(most + 1) * width} bytes, and"):
        limits.require_bounded({"a": proto(dtype, most + 1)})
    with pytest.raises(TOO_LARGE):
        limits.require_bounded({"a": proto(dtype, 2**31, 2**31, 2**31)})
    with pytest.raises(
        TOO_LARGE, match=f"input b .* takes {width} bytes, with the inputs before it {(most + 1) * width}"
    ):
        limits.require_bounded({"a": proto(dtype, most), "b": proto(dtype, 1)})


def test_a_string_counts_with_its_text_each_time_that_it_stands_for_another():
    text, most = b"x" * 1000, limits.MOST_REQUEST_BYTES // 1040
    one = proto(tf.string, most)
    one.string_val.append(text)
    limits.require_bounded({"a": one})
    one.tensor_shape.dim[0].size = most + 1
    with pytest.raises(TOO_LARGE, match=f"takes {(most + 1) * 1040} bytes"):
        limits.require_bounded({"a": one})
    with pytest.raises(TOO_LARGE, match="takes 1200000000 bytes"):
        limits.require_bounded({"a": proto(tf.string, 30_000_000)})


def test_a_context_counts_for_each_example_that_shares_it(servable):
    request = asked(CLASSIFY, "scores", 0)
    request.input.example_list_with_context.context.features.feature["a"].bytes_list.value.append(b"x" * 100_000)
    for _ in range(3000):
        request.input.example_list_with_context.examples.add()
    with pytest.raises(TOO_LARGE, match="3000 examples take 3001"):
        classify(servable, request, 10)


def test_examples_are_counted_before_one_of_them_is_looked_at(servable, monkeypatch):
    monkeypatch.setattr(limits, "MOST_REQUEST_BYTES", 120)
    assert len(classify(servable, asked(CLASSIFY, "scores", 3), 10).result.classifications) == 3
    with pytest.raises(TOO_LARGE, match="4 examples take 160 bytes or more, and 120 are allowed"):
        classify(servable, asked(CLASSIFY, "scores", 4), 10)


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b'{"instances": [[],[],[]]}', 7),
        (b'{"instances": [{"a": 1, "b": "x,[{"}, {"a": 2}]}', 6),
        (rb'{"inputs": "\\", "a": "\",[\\\",", "b": [1]}', 4),
    ],
)
def test_the_values_of_a_json_text_are_counted_before_they_are_built(body, values, monkeypatch):
    """A value is what may follow a bracket or a comma that is not in a text."""
    monkeypatch.setattr(limits, "MOST_JSON_VALUES", values)
    limits.require_few_values(body)
    monkeypatch.setattr(limits, "MOST_JSON_VALUES", values - 1)
    with pytest.raises(TOO_LARGE, match=f"up to {values} values, and a request may have {values - 1}"):
        limits.require_few_values(body)


def test_the_values_of_a_long_json_text_are_counted_in_pieces(monkeypatch):
    text = "," * (3 << 20)
    limits.require_few_values(f'["{text}", 1]'.encode())
    with pytest.raises(TOO_LARGE, match=f"up to {(3 << 20) + 2} values"):
        limits.require_few_values(f'["{text}" {text}, 1]'.encode())


def test_a_deadline_is_one_for_all_that_a_request_does():
    now = [100.0]
    deadline = limits.Deadline(30, lambda: now[0])
    now[0] = 129.5
    assert deadline.left() == 0.5
    now[0] = 130.0
    with pytest.raises(tf.errors.DeadlineExceededError):
        deadline.left()


@pytest.mark.parametrize("tensor", [proto(tf.float32, -1), proto(tf.float32, 3, -2), proto(tf.float32, unknown=True)])
def test_a_tensor_without_a_whole_shape_is_refused(tensor):
    with pytest.raises(INVALID, match="input a has no complete shape"):
        limits.require_bounded({"a": tensor})


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (proto(tf.float32, *[1] * 254), "input a is no tensor"),
        (proto(tf.float32, *[1] * 300), "300 dimensions, and a tensor has 254 at most"),
        (proto(tf.float32, 2**62, 2**62, 2**62, 2**62, 0), r"more than 2\*\*63 - 1 elements"),
        (proto(tf.float32, 2**62, 0), "input a is no tensor"),
        (tensor_pb2.TensorProto(dtype=99), r"Expects arg\[a\] to be float32 but type 99"),
        (tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, tensor_content=b"abc"), "input a is no tensor"),
    ],
)
def test_what_is_no_tensor_is_the_clients_mistake(servable, tensor, words):
    request = predict(b=TWO)
    request.inputs["a"].CopyFrom(tensor)
    with pytest.raises(INVALID, match=words):
        servable.predict(request, 10)


def states(models, version=None):
    return {one.version: one.state for one in models.status("taxi", version).model_version_status}


def test_the_newest_number_is_served_and_found_by_its_name_alone(folder, tmp_path):
    for name in ("7", "10", "tmp", "11.part", "9" * 20, "²"):
        (tmp_path / name).mkdir()
    for name in ("7", "10"):
        tf.io.gfile.rmtree(str(tmp_path / name))
        (tmp_path / name).symlink_to(folder / "7")
    models = load_models(tmp_path)
    assert states(models) == {10: Status.AVAILABLE}
    assert models.servable("taxi", None).version == models.servable("taxi", 10).version == 10
    for name, version in (("bus", None), ("taxi", 7), ("taxi", 99)):
        with pytest.raises(tf.errors.NotFoundError, match="Servable not found for request"):
            models.servable(name, version)
        with pytest.raises(tf.errors.NotFoundError, match=f"Could not find .* of model {name}"):
            models.status(name, version if version else None)


@pytest.mark.parametrize("warm_up", [True, False])
def test_a_model_that_fails_its_own_requests_is_not_served_unless_they_are_left_out(folder, tmp_path, warm_up):
    tf.io.gfile.makedirs(str(tmp_path / "7"))
    for child in (folder / "7").iterdir():
        (tmp_path / "7" / child.name).symlink_to(child)
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(predict(a=ONE))
    (tmp_path / "7" / WARM_UP_FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "7" / WARM_UP_FILE)) as writer:
        writer.write(log.SerializeToString())
    assert states(load_models(tmp_path, loading=Loading(warm_up))) == {7: Status.END if warm_up else Status.AVAILABLE}
