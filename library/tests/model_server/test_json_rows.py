"""Rows as a client has them: what may be left out, what stands for what, and what is told of the rest."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from millrace.model_server.about import About, ModelColumn, ModelOutput
from millrace.model_server.json_rows import read_rows, takes

ABOUT = About(
    (ModelOutput("", "tip", "regression"),),
    columns=(
        ModelColumn("seats", "seats", "INT", required=True),
        ModelColumn("fare", "fare", "FLOAT", required=True, missing=("N/A", "-9")),
        ModelColumn("Zahlung (€)", "Zahlung_x1", "BYTES", missing=("?",)),
        ModelColumn("tolls", "tolls", "INT"),
        ModelColumn("place", "place", "FLOAT", values=2),
        ModelColumn("route", "route", "FLOAT", values="many"),
        ModelColumn("tags", "tags", "BYTES", values="many"),
        ModelColumn("photo", "photo", "BYTES", image=True),
    ),
    unread=("tip", "driver"),
)


@pytest.fixture(scope="module")
def infos():
    """The inputs of a signature that takes these columns."""
    with tf.Graph().as_default():
        info = tf.compat.v1.saved_model.build_tensor_info
        return {
            column.input: info(
                tf.compat.v1.placeholder(
                    tf.string if column.type == "BYTES" else tf.float64,
                    [None] if column.values == 1 else [None, None if column.values == "many" else column.values],
                )
            )
            for column in ABOUT.columns
        }


@pytest.fixture(scope="module")
def read(infos):
    """Reads a body; gives each tensor as lists, with None for NaN."""

    def reads(body):
        form, tensors = read_rows(json.loads(json.dumps(body)), ABOUT, infos)
        values = {name: tf.make_ndarray(tensor) for name, tensor in tensors.items()}
        return form, {name: _plain(value) for name, value in values.items()}

    return reads


def _plain(array):
    return np.where(np.array([one != one for one in array.reshape(-1)]).reshape(array.shape), None, array).tolist()


ROW = {"seats": 2, "fare": 12.5}
NOTHING = {
    "seats": [2.0], "fare": [12.5], "Zahlung_x1": [b""], "tolls": [None], "place": [[None, None]], "route": [[None]],
    "tags": [[b""]], "photo": [b""],
}  # fmt: skip


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(["tolls", "place", "route", "tags", "photo", "Zahlung (€)"])])
def test_an_absent_key_and_null_are_missing(read, nothing):
    assert read({"instances": [{**ROW, **nothing}]}) == ("instances", NOTHING)


def test_one_row_needs_no_list_around_it(read):
    assert read({"instances": ROW}) == ("instances", NOTHING)


@pytest.mark.parametrize(
    "given, input_, tensor",
    [
        ({"fare": 12}, "fare", [12.0]),
        ({"fare": None}, "fare", [None]),
        ({"fare": "N/A"}, "fare", [None]),
        ({"fare": " -9 "}, "fare", [None]),
        ({"fare": ""}, "fare", [None]),
        ({"fare": float("nan")}, "fare", [None]),
        ({"seats": 3.0}, "seats", [3.0]),
        ({"tolls": True}, "tolls", [1.0]),
        ({"Zahlung (€)": "bar"}, "Zahlung_x1", [b"bar"]),
        ({"Zahlung_x1": "bar"}, "Zahlung_x1", [b"bar"]),
        ({"Zahlung (€)": {"b64": "YmFy"}}, "Zahlung_x1", [b"bar"]),
        # The model's own graph knows those among texts.
        ({"Zahlung (€)": "?"}, "Zahlung_x1", [b"?"]),
        ({"place": [1, 2.5]}, "place", [[1.0, 2.5]]),
        ({"place": []}, "place", [[None, None]]),
        ({"place": [1, None]}, "place", [[1.0, None]]),
        ({"route": []}, "route", [[None]]),
        ({"route": [1, None, 3]}, "route", [[1.0, None, 3.0]]),
        ({"tags": ["a", "b"]}, "tags", [[b"a", b"b"]]),
        ({"photo": {"b64": "AAE="}}, "photo", [b"\0\1"]),
        ({"driver": "Ann", "tip": 3.5}, "fare", [12.5]),
    ],
)
def test_values_are_read_as_they_are_written(read, given, input_, tensor):
    assert read({"instances": [{**ROW, **given}]})[1][input_] == tensor


def test_lists_of_several_rows_are_as_long_as_they_are(read):
    _, values = read({"instances": [{**ROW, "route": [1], "tags": ["a"]}, {**ROW, "route": [1, 2, 3]}, ROW]})
    assert values["route"] == [[1.0, None, None], [1.0, 2.0, 3.0], [None, None, None]]
    assert values["tags"] == [[b"a"], [b""], [b""]]


def test_columns_may_be_sent_too(read):
    form, values = read({"inputs": {"seats": [1, 2], "fare": [1, None], "route": [[], [4]], "driver": ["a", "b"]}})
    assert (form, values["seats"], values["fare"]) == ("inputs", [1.0, 2.0], [1.0, None])
    assert (values["route"], values["tolls"]) == ([[None], [4.0]], [None, None])


@pytest.mark.parametrize(
    "body, told",
    [
        ({"instances": [{**ROW, "fair": 1}]}, r"^row 1 has fair, which is no column .*; did you mean fare\?"),
        ({"instances": [ROW, {**ROW, "xyz": 1}]}, r"^row 2 has xyz, .*; it reads seats, fare, Zahlung"),
        ({"instances": [{**ROW, " fare": 1}]}, r'^row 1 has " fare", which is no column .*; did you mean fare\?'),
        (
            {"instances": [{**ROW, "fare": "twelve"}]},
            r'fare of row 1 is "twelve", and the model reads a number, or null',
        ),
        ({"instances": [{**ROW, "fare": [1]}]}, r"fare of row 1 is \[1\], and the model reads a number"),
        ({"instances": [ROW, {**ROW, "tolls": 2.5}]}, r"tolls of row 2 is 2.5, and the model reads a whole number"),
        ({"instances": [{**ROW, "tolls": 2**53 + 1}]}, r"tolls of row 1 is 9007199254740993: whole numbers are exact"),
        ({"instances": [{**ROW, "fare": 10**400}]}, r"fare of row 1 is 1000"),
        ({"instances": [{**ROW, "Zahlung (€)": 5}]}, r'Zahlung \(€\) of row 1 is 5, .* a text, .*; write "5"'),
        ({"instances": [{**ROW, "Zahlung (€)": True}]}, r"Zahlung \(€\) of row 1 is true, .* a text"),
        ({"instances": [{**ROW, "place": [1]}]}, r"place of row 1 has 1 values, .* a list of 2 numbers"),
        ({"instances": [{**ROW, "place": 1}]}, r"place of row 1 is 1, .* a list of 2 numbers"),
        ({"instances": [{**ROW, "tags": "a"}]}, r'tags of row 1 is "a", .* a list of texts'),
        ({"instances": [{**ROW, "tags": [1]}]}, r"tags of row 1 is 1, .* a list of texts"),
        ({"instances": [{**ROW, "photo": "a.png"}]}, r'photo of row 1 is "a.png", .* an image as \{"b64": "..."\}'),
        ({"instances": [{**ROW, "photo": {"b64": "?"}}]}, r"photo of row 1: Unable to base64 decode"),
        ({"instances": [{**ROW, "Zahlung (€)": "\ud800"}]}, r"Zahlung \(€\) of row 1 has half of a character"),
        ({"instances": [{**ROW, "tolls": 1e300}]}, r"tolls of row 1 is 1e\+300: whole numbers are exact up to 2\*\*53"),
        ({"instances": [{**ROW, "tolls": 2.0**60}]}, r"tolls of row 1 is .*: whole numbers are exact up to 2\*\*53"),
        ({"instances": [{**ROW, "tolls": float("inf")}]}, r"tolls of row 1 is Infinity, and the model reads a whole"),
        ({"instances": [{**ROW, "seats": float("nan")}]}, r"seats of row 1 is missing: a whole number"),
        ({"instances": [{**ROW, "seats": 2.5}]}, r"seats of row 1 is 2.5, and the model reads a whole number$"),
        ({"instances": [{"fare": 1}]}, r"seats of row 1 is missing: a whole number, which the schema promises"),
        ({"instances": [{**ROW, "seats": None}]}, r"seats of row 1 is missing"),
        ({"instances": []}, r'"instances" is a list of rows'),
        ({"instances": [3]}, r"^row 1 is 3, and a row is an object"),
        ({"inputs": [ROW]}, r'"inputs" is an object of columns'),
        ({"inputs": {"fare": 1}}, r"inputs.fare is 1, and a column is a list"),
        ({"inputs": {"fare": [1], "seats": [1, 2]}}, r"inputs.fare has 1 values and inputs.seats has 2"),
        ({"inputs": {"fair": [1]}}, r"inputs has fair"),
        ({}, r'either "instances", a list of rows, or "inputs"'),
    ],
)
def test_what_cannot_be_read_is_told_by_row_and_column(read, body, told):
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        read(body)
    assert re.search(told, refused.value.message), refused.value.message


def test_only_the_signature_of_columns_is_read_so(infos):
    assert takes(ABOUT, infos)
    assert not takes(ABOUT, {"examples": None})
    assert not takes(About(ABOUT.outputs), infos)


def test_what_a_model_says_of_itself_survives_its_file():
    assert About.from_json(json.loads(json.dumps(ABOUT.to_json()))) == ABOUT
    several = About((ModelOutput("a", "tip", "regression"), ModelOutput("b", "kind", "multiclass", ("x", "y"))))
    assert About.from_json(json.loads(json.dumps(several.to_json()))) == several
    assert About.from_json({"label": "y", "task": "binary", "classes": [0, 1], "inputs": {"a": "a"}}).columns == ()
