"""A table is scored as its rows are by a server; what was scored outlives an interruption and a full disk."""

import errno
import json
import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from exported_models import export_digits
from prediction_tables import rows, write_table
from tensorflow_serving.apis import predict_pb2

from millrace.base.errors import BadInput, MillraceError
from millrace.model_server import json_rows, json_tensor
from millrace.model_server.about import read_about
from millrace.model_server.servable import Servable
from millrace.prediction import work_folder
from millrace.prediction.predict import predict
from millrace.prediction.work_folder import WorkFolder


class Told:
    """Takes how far a prediction is; may interrupt it once so many rows are scored."""

    def __init__(self, until=None):
        self.until, self.scored = until, []

    def show(self, progress):
        if progress.doing == "scoring":
            self.scored.append(progress.rows)
            if self.until is not None and progress.rows >= self.until:
                raise KeyboardInterrupt


def score(table, out, model, data, keys=("id",), told=None, part_rows=100_000):
    folder, about = model
    return predict(str(table), out, folder, about, data, keys, (told or Told()).show, None, part_rows)


def answers(file):
    table = pq.read_table(file) if file.suffix == ".parquet" else pa.csv.read_csv(file)
    return table.to_pydict()


def asked(folder, about, table):
    """What the server says of the same rows, asked by JSON."""
    servable = Servable("digits", 7, str(folder))
    infos = servable.signatures["predict_json"].inputs
    # A client's rows have what the model does not read, and lack what nobody knows.
    given = [{name: value for name, value in row.items() if name != "id" and value is not None} for row in table]
    _, tensors = json_rows.read_rows(json.loads(json.dumps({"instances": given})), about, infos)
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = "predict_json"
    for alias, tensor in tensors.items():
        request.inputs[alias].CopyFrom(tensor)
    return json_tensor.write_outputs("instances", servable.predict(request, None).outputs)["predictions"]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "tfrecord"])
def test_a_table_and_a_request_are_answered_alike(kind, tmp_path, digits, data):
    table = write_table(tmp_path / f"table.{kind}", rows(150))
    assert score(table, tmp_path / "out.parquet", digits, data) == 150
    result = answers(tmp_path / "out.parquet")
    assert list(result) == ["row", "id", "prediction"]
    assert result["id"] == [row["id"] for row in rows(150)]
    assert np.allclose(result["prediction"], asked(*digits, rows(150)), rtol=1e-6)
    assert len({round(value, 3) for value in result["prediction"]}) > 100


def test_classes_have_their_names_and_the_csv_says_the_same(tmp_path, data):
    folder = export_digits(tmp_path, "multiclass")
    about = read_about(str(folder))
    table = write_table(tmp_path / "t.parquet", rows(60))
    score(table, tmp_path / "out.csv", (folder, about), data, keys=())
    result = answers(tmp_path / "out.csv")
    names = ["none", "small", "large"]
    assert list(result) == ["row", "label", *(f"probability_{name}" for name in names)]
    by_class = np.array([result[f"probability_{name}"] for name in names])
    assert np.allclose(by_class.sum(axis=0), 1, atol=1e-5)
    assert result["label"] == [names[best] for best in by_class.argmax(axis=0)]
    score(table, tmp_path / "out.parquet", (folder, about), data, keys=())
    assert answers(tmp_path / "out.parquet")["label"] == result["label"]


def test_a_binary_answer_has_both_probabilities(tmp_path, data):
    folder = export_digits(tmp_path, "binary")
    about = read_about(str(folder))
    score(write_table(tmp_path / "t.jsonl", rows(60)), tmp_path / "out.parquet", (folder, about), data)
    result = answers(tmp_path / "out.parquet")
    small, large = (np.array(result[f"probability_{name}"]) for name in ("small", "large"))
    assert np.allclose(small + large, 1)
    assert result["label"] == ["large" if one > 0.5 else "small" for one in large]
    assert 0 < sum(one > 0.5 for one in large) < 60
    assert np.allclose(large, [one["probabilities"] for one in asked(folder, about, rows(60))])


def test_after_an_interruption_the_same_command_goes_on(tmp_path, digits, data):
    table, out = write_table(tmp_path / "t.parquet", rows(200)), tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        score(table, out, digits, data, told=Told(until=120), part_rows=40)
    assert not out.exists()
    told = Told()
    assert score(table, out, digits, data, told=told, part_rows=40) == 200
    assert told.scored == [120, 160, 200], "80 rows were kept, in parts of 40"
    assert answers(out)["row"] == list(range(1, 201))
    assert not list(tmp_path.glob("*.partial"))
    whole = tmp_path / "whole.csv"
    score(table, whole, digits, data, keys=("id", "id"))  # a key that is named twice is one
    assert whole.read_bytes() == out.read_bytes()


def test_another_table_or_key_begins_anew(tmp_path, digits, data):
    table, out = write_table(tmp_path / "t.parquet", rows(200)), tmp_path / "out.parquet"

    def interrupted(keys):
        told = Told(until=80)
        with pytest.raises(KeyboardInterrupt):
            score(table, out, digits, data, keys, told, part_rows=40)
        return told.scored[0]

    assert interrupted(("id",)) == 40
    assert interrupted(()) == 40, "another key"
    write_table(table, rows(120))
    told = Told()
    assert score(table, out, digits, data, (), told, part_rows=40) == 120
    assert told.scored[0] == 40, "another table"
    assert answers(out)["row"] == list(range(1, 121))


@pytest.mark.parametrize("change", ["model", "reading"])
def test_what_another_model_scored_or_another_reading_is_not_gone_on_with(tmp_path, digits, data, change):
    folder = shutil.copytree(digits[0], tmp_path / "model")
    model = folder, digits[1]
    table, out = write_table(tmp_path / "t.parquet", rows(120)), tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        score(table, out, model, data, told=Told(until=120), part_rows=40)
    if change == "model":
        os.utime(folder / "saved_model.pb", ns=(1, 1))
    else:
        data = data.model_copy(update={"missing": ("N/A",)})
    told = Told()
    score(table, out, model, data, told=told, part_rows=40)
    assert told.scored[0] == 40


def test_a_full_disk_loses_nothing(tmp_path, digits, data, monkeypatch):
    table, out = write_table(tmp_path / "t.parquet", rows(200)), tmp_path / "out.parquet"
    out.write_text("what was there")
    write, written = pq.write_table, []

    def fills_up(rows, where):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(where)
        write(rows, where)

    with monkeypatch.context() as disk:
        disk.setattr(work_folder.pq, "write_table", fills_up)
        with pytest.raises(MillraceError, match="no space left; 80 rows of 200 are scored and kept") as told:
            score(table, out, digits, data, part_rows=40)
    assert told.value.exit_code == 1
    assert out.read_text() == "what was there"
    progress = Told()
    score(table, out, digits, data, told=progress, part_rows=40)
    assert progress.scored[0] == 120
    assert answers(out)["row"] == list(range(1, 201))


def begun(out, parts=3):
    """A work folder with parts of 20 rows, let go as by who was killed."""
    with WorkFolder(out) as work:
        assert work.begin({"table": "t"}) == 0
        for place in range(parts):
            work.add(pa.table({"row": range(1 + 20 * place, 21 + 20 * place)}))


def test_two_at_once_are_not_mixed(tmp_path):
    out = tmp_path / "o.parquet"
    with WorkFolder(out) as first:
        first.begin({"table": "t"})
        with pytest.raises(BadInput, match="another millrace predict writes this result"):
            WorkFolder(out).begin({"table": "t"})
    with WorkFolder(out) as second:
        assert second.begin({"table": "t"}) == 0


@pytest.mark.parametrize(("harm", "left"), [("gone", 20), ("cut", 20), ("all gone", 0)])
def test_rows_behind_a_part_that_is_gone_or_cut_are_scored_again(tmp_path, harm, left):
    out = tmp_path / "o.parquet"
    begun(out)
    part = tmp_path / "o.parquet.partial" / f"part-0000{0 if harm == 'all gone' else 1}.parquet"
    if harm == "cut":
        part.write_bytes(part.read_bytes()[:50])
    else:
        part.unlink()
    with WorkFolder(out) as work:
        assert work.begin({"table": "t"}) == left
        for first in range(left + 1, 61, 20):
            work.add(pa.table({"row": range(first, first + 20)}))
        work.finish(60)
    assert answers(out)["row"] == list(range(1, 61))


def test_fewer_rows_than_the_table_has_are_no_result(tmp_path):
    out = tmp_path / "o.parquet"
    begun(out)
    with WorkFolder(out) as work:
        work.begin({"table": "t"})
        with pytest.raises(MillraceError, match="60 rows are scored, and the table has 61"):
            work.finish(61)
    assert not out.exists()


def test_a_folder_of_somebodys_own_is_left_alone_and_a_damaged_one_begun_anew(tmp_path):
    own = tmp_path / "o.parquet.partial"
    own.mkdir()
    (own / "notes.txt").write_text("precious")
    with pytest.raises(BadInput, match=r"this folder has notes\.txt"):
        WorkFolder(tmp_path / "o.parquet").begin({"table": "t"})
    assert (own / "notes.txt").read_text() == "precious"
    begun(tmp_path / "p.parquet")
    (tmp_path / "p.parquet.partial" / "prediction.json").write_bytes(b"\xff\xfe")
    begun(tmp_path / "p.parquet")


def test_what_cannot_be_written_is_told_before_anything_is_read(tmp_path, digits, data):
    table = write_table(tmp_path / "t.csv", rows(5))
    with pytest.raises(BadInput, match=r"name a file that ends in \.parquet or \.csv"):
        score(table, tmp_path / "out.txt", digits, data)
    with pytest.raises(BadInput, match="this is the table itself"):
        score(write_table(tmp_path / "t.parquet", rows(5)), tmp_path / "t.parquet", digits, data)
    with_prediction = write_table(tmp_path / "p.parquet", [{**row, "prediction": 1.0} for row in rows(5)])
    with pytest.raises(BadInput, match="prediction is a column of the answer, too"):
        score(with_prediction, tmp_path / "out.csv", digits, data, keys=("prediction",))
    (tmp_path / "a file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        score(write_table(tmp_path / "t.parquet", rows(5)), tmp_path / "a file" / "out.csv", digits, data)
