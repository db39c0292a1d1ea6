"""Rows explained by an exported model: parts, what would be if, rows alike, what matters, and what is refused."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from exported_models import export_digits
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import BadInput, DataError, InputRefused
from millrace.cli.serving.explain import bar, explain
from millrace.explanation.explainer import Attributions, Explainer
from millrace.explanation.importances import importances
from millrace.explanation.json_values import of_batch
from millrace.explanation.neighbours import nearest_rows
from millrace.explanation.rows import of_request
from millrace.explanation.training_rows import TrainingRow
from millrace.explanation.what_if import changes_of, moved
from millrace.model_server.about import read_about

ROW = {"seats": 3, "fare": 12.0, "miles": 4.0, "company": "Green cabs", "route taken": [1.0, 2.0], "place": [2.0, 5.0]}
DOMAINS = text_format.Parse(
    """
    string_domain { name: "companies" value: "Blue" value: "Green cabs" }
    feature { name: "seats" type: INT int_domain { min: 1 max: 8 } }
    feature { name: "fare" type: FLOAT float_domain { max: 400 } }
    feature { name: "company" type: BYTES domain: "companies" }
    """,
    schema_pb2.Schema(),
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model of each task, exported once."""
    done = {}

    def of(task, explained=True):
        key = task, explained
        if key not in done:
            done[key] = export_digits(tmp_path_factory.mktemp(task), task, explained=explained)
        return done[key]

    return of


@pytest.fixture
def explainer(exported):
    def of(task="regression"):
        return Explainer(exported(task), read_about(str(exported(task))), "version 7")

    return of


def test_parts_of_a_sum_are_what_each_column_adds(explainer):
    [[one]] = explainer().explain([ROW])
    assert [part.column for part in one.parts][:2] == ["seats", "fare"]
    parts = {part.column: part for part in one.parts}
    assert parts["fare"].attribution == pytest.approx(2 * 1.5) and parts["fare"].baseline == 10.0
    assert parts["seats"].attribution == pytest.approx(1) and parts["tolls"].value is None
    assert parts["company"].attribution == pytest.approx(6 * 1.5**4, abs=1e-3)
    total = sum(part.attribution for part in one.parts)
    assert total == pytest.approx(one.prediction - one.baseline, abs=1e-3) and one.explained_class is None


def test_a_class_and_what_it_would_be_with_another_value(explainer):
    model = explainer("multiclass")
    [why] = model.explain([ROW])
    [then] = moved(model, ROW, why, changes_of(["fare=300"], model.about, DOMAINS))
    assert then.before == why[0].prediction and then.explained_class == why[0].explained_class == "large"
    assert then.after > then.before and then.label_after == "large"
    binary = explainer("binary")
    [why] = binary.explain([ROW])
    [then] = moved(binary, ROW, why, {"fare": None})
    assert then.label_after in ("small", "large") and then.after != then.before


def test_a_number_and_what_it_would_be_with_another_value(explainer):
    model = explainer("regression")
    [why] = model.explain([ROW])
    [then] = moved(model, ROW, why, {"fare": 14.0})
    assert (then.explained_class, then.label_after, then.before) == (None, None, why[0].prediction)
    assert then.after - then.before == pytest.approx(2 * 1.5, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fares=3", "the model reads no column fares; did you mean fare"),
        ("fare", "names no value"),
        ("fare=high", "fare reads a number, and 'high' is none"),
        ("fare=nan", "fare reads a number, and 'nan' is none"),
        ("miles=1e400", "miles reads a number, and '1e400' is none"),
        ("seats=9223372036854775808", "seats reads a whole number"),
        ("fare=1000", "fare is from -inf to 400 by the schema, and 1000.0 is not"),
        ("seats=9", "seats is from 1 to 8 by the schema"),
        ("seats=2.5", "seats reads a whole number"),
        ("seats=", "seats cannot be missing"),
        ("company=Blu", "Blu is no company that the schema knows; did you mean Blue"),
        ("place=3", "place is a list of 2 numbers"),
    ],
)
def test_another_value_lies_within_what_the_schema_allows(exported, text, words):
    with pytest.raises(BadInput, match=words) as told:
        changes_of([text], read_about(str(exported("regression"))), DOMAINS)
    assert text in f"{told.value.where} {told.value.what}"


@pytest.mark.parametrize(("count", "named"), [(8, ": v0, v1, v2, v3, v4, v5, v6, v7"), (9, ", v7 and more")])
def test_of_many_values_that_a_schema_knows_eight_are_named(exported, count, named):
    schema = schema_pb2.Schema()
    schema.CopyFrom(DOMAINS)
    schema.string_domain[0].value[:] = [f"v{number}" for number in range(count)]
    with pytest.raises(BadInput) as told:
        changes_of(["company=Blue"], read_about(str(exported("regression"))), schema)
    assert told.value.remedy.endswith(named)


def test_values_that_are_allowed(exported):
    about = read_about(str(exported("regression")))
    assert changes_of(["seats=8", "company=Blue", "miles="], about, DOMAINS) == {
        "seats": 8,
        "company": "Blue",
        "miles": None,
    }
    assert changes_of(["fare=1e6"], about, None) == {"fare": 1e6}


def test_a_model_from_before_there_were_explanations(exported):
    folder = exported("regression", explained=False)
    with pytest.raises(InputRefused, match="version 3 has no signature explain: it is from before"):
        Explainer(folder, read_about(str(folder)), "version 3")


def test_rows_that_the_model_does_not_read_and_a_signature_that_is_not_there(explainer):
    with pytest.raises(DataError, match=r"far.*no column that the model knows; did you mean fare"):
        explainer().explain([{**ROW, "far": 3}])
    with pytest.raises(InputRefused, match="has no signature embed"):
        explainer().embed([ROW])


def test_a_model_whose_file_is_damaged_is_named_with_its_folder(exported, tmp_path):
    folder = shutil.copytree(exported("regression"), tmp_path / "7")
    about = read_about(str(folder))
    (folder / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(InputRefused, match="the model cannot be loaded") as told:
        Explainer(folder, about, "version 7")
    assert told.value.where == str(folder)


class Seen:
    """A model that sees a row by its fare alone."""

    def embed(self, rows):
        return np.array([[row["fare"]] for row in rows])


def test_the_training_rows_that_lie_nearest():
    known = [
        TrainingRow(at + 1, {"fare": fare, "company": "Blue"}, {"tip": at}) for at, fare in enumerate([9.0, 1.0, 4.0])
    ]
    [near] = nearest_rows(Seen(), [{"fare": 4.5, "company": "Blue"}], known, 2)
    assert [(one.number, one.distance, one.labels["tip"], one.differs) for one in near] == [
        (3, 0.5, 2, {"fare": 4.0}),
        (2, 3.5, 1, {"fare": 1.0}),
    ]


def test_a_number_of_32_bits_is_the_one_that_was_written():
    known = [TrainingRow(1, {"fare": float(np.float32(3.2)), "miles": None}, {})]
    [[one]] = nearest_rows(Seen(), [{"fare": 3.2, "miles": 1.5}], known, 1)
    assert one.differs == {"miles": None}


def test_what_matters_is_the_mean_size():
    first, second = importances(Attributions("", np.array([[1.0, -4.0], [-1.0, 2.0]]), np.zeros((2, 2))), ["a", "b"])
    assert (first.column, first.importance, first.share) == ("b", 3.0, 0.75)
    assert first.error == pytest.approx(1.0) and second.error == 0


def test_decoded_examples_as_json(exported):
    about = read_about(str(exported("regression")))
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([[1.5], None], pa.large_list(pa.float32())),
            pa.array([[b"Blau"], [b"\xff"]], pa.large_list(pa.large_binary())),
            pa.array([[1.0, float("nan")], []], pa.large_list(pa.float32())),
            pa.array([[2.0, 5.0], [float("nan")] * 2], pa.large_list(pa.float32())),
        ],
        ["fare", "company", "route taken", "place"],
    )
    first, second = of_batch(batch, about.columns)
    assert (first["fare"], first["company"], first["route taken"], first["seats"]) == (1.5, "Blau", [1.0, None], None)
    assert (second["fare"], second["company"], second["route taken"]) == (None, {"b64": "/w=="}, None)
    assert (first["place"], second["place"]) == ([2.0, 5.0], None)


@pytest.mark.parametrize("body", [ROW, [ROW], {"instances": [ROW]}, {"signature_name": "explain", "instances": ROW}])
def test_the_forms_of_a_request(tmp_path, body):
    place = tmp_path / "request.json"
    place.write_text(json.dumps(body))
    assert of_request(str(place)) == [ROW]


def test_a_request_that_is_none(tmp_path):
    place = tmp_path / "request.json"
    place.write_text("[1, 2]")
    with pytest.raises(BadInput, match="a request has rows"):
        of_request(str(place))
    place.write_text("{")
    with pytest.raises(DataError, match="JSON"):
        of_request(str(place))


def test_the_command_explains_a_request(exported, tmp_path):
    request = tmp_path / "request.json"
    request.write_text(json.dumps(ROW))
    options = ["--model", str(exported("regression")), "--request", str(request), "-c", "conf/taxi.yaml"]
    options += ["--set", f"root={tmp_path}/runs"]
    shown = CliRunner().invoke(explain, [*options, "--top", "2"], catch_exceptions=False)
    assert shown.exit_code == 0 and "5 columns more" in shown.output and "█" in shown.output
    printed = CliRunner().invoke(explain, [*options, "--json"], catch_exceptions=False)
    [row] = json.loads(printed.output)["rows"]
    [explained] = row["explanations"]
    assert len(explained["parts"]) == 7 and explained["output"] is explained["explained_class"] is None
    with pytest.raises(BadInput, match="what the model learned from is not known"):
        CliRunner().invoke(explain, [*options, "--nearest", "2"], catch_exceptions=False)


def test_the_command_explains_what_a_pipe_sends(exported, tmp_path):
    options = [
        "--model",
        str(exported("regression")),
        "-c",
        "conf/taxi.yaml",
        "--set",
        f"root={tmp_path}/runs",
        "--json",
    ]
    piped = CliRunner().invoke(explain, [*options, "--request", "-"], json.dumps(ROW), catch_exceptions=False)
    [row] = json.loads(piped.output)["rows"]
    [explained] = row["explanations"]
    assert {part["column"]: part["value"] for part in explained["parts"]}["company"] == "Green cabs"
    with pytest.raises(DataError, match="JSON") as told:
        CliRunner().invoke(explain, [*options, "--request", "-"], "{", catch_exceptions=False)
    assert told.value.where == "standard input"


def test_bars():
    assert (
        bar(-2.0, 4.0) == "      ██████|" and bar(4.0, 4.0) == " " * 12 + "|" + "█" * 12 and bar(0, 0) == " " * 12 + "|"
    )
