"""The page to try a model by hand: a field a column, a real row in them, the answer, and nothing from elsewhere."""

import html
import json
import re
import shlex
from urllib.parse import urlencode

import pytest
import tensorflow as tf
from exported_models import export_digits
from local_models import load_models
from tensorflow_serving.apis import prediction_log_pb2

from millrace.model_server import form, json_rows, json_tensor
from millrace.model_server.about import read_about
from millrace.model_server.example_row import JSON_SIGNATURE, example_row, request_body
from millrace.model_server.rest import Api
from millrace.model_server.servable import Servable

ROW = {"seats": 2, "fare": 12.5, "company": "A <b>", "place": [1.5, 2.0], "route taken": [1.0, 2.5]}


def shown(models, typed=None, query="model=digits"):
    """The page as a browser gets it, from the API over these models."""
    body = None if typed is None else urlencode(typed).encode()
    status, text = Api(models, 30.0).page(query, body, "http://127.0.0.1:8501", "")
    assert status == 200
    return text


def leave_request(folder, about, row):
    """A request beside the model, as InfraValidator leaves it."""
    with tf.Graph().as_default():
        loaded = Servable("digits", 7, str(folder))
    _, tensors = json_rows.read_rows({"instances": [row]}, about, loaded.signatures[JSON_SIGNATURE].inputs)
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = JSON_SIGNATURE
    for alias, tensor in tensors.items():
        log.predict_log.request.inputs[alias].CopyFrom(tensor)
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model of two classes, with a request beside it, as a server has it."""
    folder = tmp_path_factory.mktemp("form")
    place = export_digits(folder, "binary")
    leave_request(place, read_about(str(place)), ROW)
    return load_models(folder, "digits")


@pytest.fixture(scope="module")
def servable(models):
    """That model by itself."""
    return models.servable("digits", None)


def test_every_column_has_a_field_with_a_real_value(models):
    text = shown(models)
    assert '<input name="seats" value="2" inputmode="decimal">' in text
    assert '<input name="company" value="A &lt;b&gt;">' in text
    assert re.search(r'<textarea name="route_taken_x\w+" rows="3">1.0, 2.5</textarea>', text)
    assert "route taken <small>a list of numbers, with commas between</small>" in text
    assert 'role="status"' not in text


def test_what_is_typed_is_answered_and_stays_in_its_field(models):
    text = shown(models, {"seats": "3", "fare": "", "company": "Blue", "place": "1, 2"})
    assert re.search(r'<section role="status"><h2>tip</h2><p class="answer">(small|large)</p>', text)
    assert text.count("<meter ") == 2
    assert '<input name="seats" value="3"' in text
    assert '<input name="fare" value=""' in text


@pytest.mark.parametrize(
    "typed, told",
    [
        ({"seats": "many"}, 'seats of row 1 is "many", and the model reads a whole number'),
        ({}, "seats of row 1 is missing"),
        ({"seats": "1", "place": "1"}, "place of row 1 has 1 values"),
        ({"seats": "<script>"}, 'seats of row 1 is "<script>"'),
    ],
)
def test_what_cannot_be_read_is_told(models, typed, told):
    text = shown(models, typed)
    assert html.escape(told) in text
    assert 'role="alert"' in text
    assert "<script" not in text


def test_nothing_comes_from_elsewhere_and_nothing_runs(models):
    text = shown(models)
    assert not re.search(r"<script|<link|<img|javascript:|\son\w+=|style=|url\(", text)
    assert not re.search(r'(href|src|action)="(?!/)', text)
    policy = form.HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self'" in policy


def test_the_command_below_it_asks_for_the_same_row(models):
    command = html.unescape(re.search(r"<pre>(curl .*?)</pre>", shown(models), re.DOTALL)[1])
    words = shlex.split(command)
    assert words[:3] == ["curl", "http://127.0.0.1:8501/v1/models/digits/versions/7:predict", "-d"]
    assert json.loads(words[3]) == {"signature_name": "predict_json", "instances": [ROW]}


def test_a_row_can_be_written_as_tensorflow_serving_takes_it(servable):
    row = example_row(servable.path, servable.about)
    assert {name: value for name, value in row.items() if value is not None} == ROW
    [plain] = json.loads(request_body(row, servable.about, plain=True))["instances"]
    infos = servable.signatures[JSON_SIGNATURE].inputs
    assert set(plain) == set(infos), "TensorFlow Serving wants every key"
    _, tensors = json_tensor.read_inputs({"instances": [plain]}, infos)
    _, ours = json_rows.read_rows({"instances": [ROW]}, servable.about, infos)
    assert {name: tf.make_ndarray(one).tolist().__repr__() for name, one in tensors.items()} == {
        name: tf.make_ndarray(one).tolist().__repr__() for name, one in ours.items()
    }


def test_a_model_that_says_nothing_of_itself_has_no_fields(tmp_path, save_model):
    save_model(tmp_path / "1", serving_default="good")
    bare = load_models(tmp_path, "bare")
    assert "/v1/models/bare/versions/1/metadata" in shown(bare, query="")


def test_several_models_lead_to_each_other_and_one_that_is_not_there_is_told(models):
    text = form.page(models.servable("digits", None), ["a b"], "http://x", None, lambda path, body: (200, {}))
    assert '<a href="/?model=a%20b">a b</a>' in text
    status, text = Api(models, 30.0).page("model=<another>", None, "http://x", "")
    assert status == 404 and "There is no model &lt;another&gt; here" in text and "Load this page again" not in text
    assert '<a href="/?model=digits">digits</a>' in text
