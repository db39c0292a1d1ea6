"""Labels that come later: joined by the request's id with who answered and what, all of a table or none."""

import json

import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import csv, parquet
from tensorflow_serving.apis import prediction_log_pb2

from millrace.base.errors import BadInput, DataError
from millrace.serving import labels
from millrace.serving.labels import LabelStore, add_labels, remove_labels
from millrace.serving.logged_decisions import LoggedComparison, LoggedDecision, class_name, differ


@pytest.fixture
def answered(tmp_path):
    """Four requests that the gateway answered, the first two by version 1."""
    with open(tmp_path / "access.log", "w") as log:
        for name, version in {"a": 1, "b": 1, "c": 2, "d": 2}.items():
            fields = {
                "time": "1.0",
                "id": name,
                "cluster": f"{version}-rest",
                "path": "/v1/models/taxi:predict",
                "code": 200,
                "grpc": None,
            }
            log.write(json.dumps({**fields, "ms": 3, "flags": "-"}) + "\n")
    return tmp_path


@pytest.fixture
def store(tmp_path):
    return LabelStore(tmp_path / "kept" / "labels.db")


@pytest.fixture
def logged(monkeypatch):
    """The log of requests says what the model decided."""
    said = {"a": ("yes",), "b": ("no",), "c": ("no",), "d": ("yes", "no")}
    scores = {"a": 0.8, "b": 0.3, "c": 0.1}

    def decisions_of(_):
        for name, of in said.items():
            answered_by = 1 if name in "ab" else 2
            probable = ((scores[name],), ("no", "yes")) if name in scores else ()
            yield LoggedDecision(name, 3 - answered_by, 1.0, ("mirrored",), (0.5,), ("no", "yes"))
            yield LoggedDecision(name, answered_by, 1.0, of, *probable)

    monkeypatch.setattr(labels, "logged_decisions", decisions_of)


def add(store, folder, table, label="tips", reward=None, key="request_id"):
    return add_labels(store, table, key, label, reward, folder, folder)


def written(folder, columns, name="labels.csv"):
    table = pa.table(columns)
    (csv.write_csv if name.endswith("csv") else parquet.write_table)(table, folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])
def test_a_label_says_whether_the_version_that_answered_was_wrong(store, answered, logged, name):
    added = add(store, answered, written(answered, {"request_id": ["a", "c"], "tips": ["yes", "yes"]}, name))
    assert (added.labels, added.by_version) == (2, {1: (0.0, 1), 2: (1.0, 1)})
    tallies, number = store.since(0)
    assert tallies == {1: {0.0: 1}, 2: {1.0: 1}}
    add(store, answered, written(answered, {"request_id": ["b"], "tips": ["yes"]}))
    assert store.since(number) == ({1: {1.0: 1}}, number + 1)
    assert store.since(number + 1) == ({}, number + 1)
    assert store.labelled(1.0) == {1: 2, 2: 1} and store.labelled(1.5) == {}
    assert store.scored(1, answered_since=1.0) == ([1, 1], [[0.8], [0.3]])
    assert store.scored(1, answered_since=1.5) == ([], []), "answered before"
    add(store, answered, written(answered, {"request_id": ["d"], "earned": [1.0]}), reward="earned")
    assert store.scored(2, 0.0) == ([1], [[0.1]]), "a reward is no label"


@pytest.mark.parametrize(
    ("decided", "classes", "value", "wrong"),
    [("1", ("0", "1"), "1.0", 0), ("false", ("true", "false"), "false", 0), ("1", ("0", "1"), "0", 1)],
)
def test_a_label_is_read_as_its_class_and_an_id_as_text(store, answered, monkeypatch, decided, classes, value, wrong):
    monkeypatch.setattr(labels, "logged_decisions", lambda _: [LoggedDecision("007", 1, 1.0, (decided,))])
    line = (answered / "access.log").read_text().splitlines()[0].replace('"id": "a"', '"id": "007"')
    (answered / "access.log").write_text(line + "\n")
    table = answered / "labels.csv"
    table.write_text("request_id,tips\n007,maybe\n")
    with pytest.raises(DataError, match="'maybe', which is no class; nothing was added"):
        add_labels(store, table, "request_id", "tips", None, answered, answered, classes)
    table.write_text(f"request_id,tips\n007,{value}\n")
    added = add_labels(store, table, "request_id", "tips", None, answered, answered, classes)
    assert added.by_version == {1: (wrong, 1)}


def test_a_reward_needs_no_label_and_no_log_of_requests(store, answered):
    table = written(answered, {"id": ["a", "d"], "earned": [0.25, 1]})
    added = add(store, answered, table, reward="earned", key="id")
    assert added.by_version == {1: (0.75, 1), 2: (0.0, 1)}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"request_id": ["a", "x"], "tips": ["yes", "no"]}, "1 of 2 requests are not in the gateway's access log"),
        ({"request_id": ["a", "d"], "tips": ["yes", "no"]}, "or asked for several rows: d; nothing was added"),
        ({"request_id": ["a", "a"], "tips": ["yes", "no"]}, "1 request in several rows: a"),
        ({"request_id": ["a", "b"], "tip": ["yes", "no"]}, "there is no column tips; did you mean tip?"),
        ({"request_id": ["a", None], "tips": ["yes", "no"]}, "row 2 has no request_id"),
    ],
)
def test_a_table_with_a_mistake_adds_nothing(store, answered, logged, columns, words):
    with pytest.raises(BadInput) as refusal:
        add(store, answered, written(answered, columns))
    assert words in str(refusal.value)
    assert store.since(0) == ({}, 0)


def test_a_second_label_for_a_request_is_refused_with_all_of_its_table(store, answered, logged):
    add(store, answered, written(answered, {"request_id": ["a"], "tips": ["yes"]}))
    with pytest.raises(BadInput, match="1 of 2 requests have a label already: a; nothing was added"):
        add(store, answered, written(answered, {"request_id": ["b", "a"], "tips": ["yes", "no"]}))
    assert store.since(0)[1] == 1


def test_a_reward_that_is_none_and_a_file_that_is_no_table(store, answered):
    with pytest.raises(DataError, match="reward is a number from 0, bad, to 1, good"):
        add(store, answered, written(answered, {"request_id": ["a"], "earned": [7.5]}), reward="earned")
    with pytest.raises(DataError, match="is no table"):
        add(store, answered, answered / "labels.xlsx")


def test_labels_are_put_right_in_their_place_and_taken_away(store, answered, logged):
    before = add(store, answered, written(answered, {"request_id": ["a", "c"], "tips": ["no", "yes"]}))
    assert before.by_version == {1: (1.0, 1), 2: (1.0, 1)} and store.corrections() == 0
    right = written(answered, {"request_id": ["a"], "tips": ["yes"]})
    replaced = add_labels(store, right, "request_id", "tips", None, answered, answered, replaces=True)
    assert (replaced.labels, replaced.by_version, store.corrections()) == (1, {1: (0.0, 1)}, 1)
    assert store.since(0) == ({1: {0.0: 1}, 2: {1.0: 1}}, 2)
    assert store.since(0, 1) == ({1: {0.0: 1}}, 1), "it stands where it stood"
    assert [(name, one.wrong, one.class_id) for name, one in store.labels().items()] == [("a", 0.0, 1), ("c", 1.0, 1)]

    gone = remove_labels(store, written(answered, {"request_id": ["c"]}), "request_id")
    assert (gone.labels, gone.by_version, store.corrections()) == (1, {2: (1.0, 1)}, 2)
    assert list(store.labels()) == ["a"]
    add(store, answered, written(answered, {"request_id": ["c"], "tips": ["no"]}))
    assert store.since(2) == ({2: {0.0: 1}}, 3), "labelled again, it is a new one"


def test_a_correction_of_what_has_no_label_changes_nothing(store, answered, logged):
    add(store, answered, written(answered, {"request_id": ["a"], "tips": ["yes"]}))
    both = written(answered, {"request_id": ["a", "b"], "tips": ["no", "no"]})
    with pytest.raises(BadInput, match="1 of 2 requests have no label: b; nothing has changed"):
        add_labels(store, both, "request_id", "tips", None, answered, answered, replaces=True)
    with pytest.raises(BadInput, match="1 of 2 requests have no label: b; nothing has changed"):
        remove_labels(store, both, "request_id")
    assert store.since(0) == ({1: {0.0: 1}}, 1) and store.corrections() == 0


def test_of_several_outputs_a_label_is_compared_with_its_own(store, answered, monkeypatch):
    of = {"far": ("no",), "tips": ("yes",)}
    said = LoggedDecision("a", 1, 1.0, ("far: no; tips: yes",), by_output=of)
    monkeypatch.setattr(labels, "logged_decisions", lambda _: [said])
    table = written(answered, {"request_id": ["a"], "tips": ["yes"]})
    added = add_labels(store, table, "request_id", "tips", None, answered, answered, ("no", "yes"), output="tips")
    assert added.by_version == {1: (0.0, 1)}


def test_a_whole_number_names_its_class_however_a_table_has_it():
    assert [class_name(value) for value in (1, 1.0, b"1", " 1 ", 1.5, "yes")] == ["1", "1", "1", "1", "1.5", "yes"]


def test_numbers_that_differ_by_rounding_are_one_decision():
    assert not differ((3.5, 0.0), (3.5000001, 0.0)) and differ((3.5,), (3.6,))
    assert differ(("yes",), ("no",)) and differ(("yes",), ("yes", "no"))


class WrittenLog:
    """A shard that grows, as a server writes it."""

    def __init__(self, folder):
        self.shard = folder / "requests-1.tfrecord.open"
        self._writer = tf.io.TFRecordWriter(str(self.shard))

    def write(self, *answers):
        for request_id, version, at, label in answers:
            log = prediction_log_pb2.PredictionLog()
            log.log_metadata.request_origin, log.log_metadata.timestamp_secs = request_id, at
            log.log_metadata.model_spec.version.value = version
            log.predict_log.response.outputs["label"].CopyFrom(tf.make_tensor_proto([label]))
            self._writer.write(log.SerializeToString())
        self._writer.flush()

    def forget(self):
        """Makes nothing of what was written so far: who reads it again fails."""
        with open(self.shard, "r+b") as file:
            file.write(bytes(self.shard.stat().st_size))


def test_two_versions_are_compared_on_the_requests_that_both_answered_each_once(tmp_path):
    """And each is read once, though its shard still grows and is renamed when it is whole."""
    log, now = WrittenLog(tmp_path), [131.0]
    comparison = LoggedComparison(tmp_path, clock=lambda: now[0])
    log.write(("a", 1, 100, "yes"), ("a", 2, 101, "yes"), ("b", 1, 110, "yes"), ("b", 2, 110, "no"))
    log.write(("c", 1, 120, "yes"), ("d", 1, 150, "no"))
    assert comparison.since(90.0, 1, 2) == ({}, 90.0), "too soon"
    now[0] = 160.0
    tally, until = comparison.since(90.0, 1, 2)
    assert (tally, until) == ({0.0: 1, 1.0: 1}, 140.0)
    log.forget()
    log.write(("d", 2, 149, "yes"), ("e", 1, 170, "yes"), ("e", 2, 171, "yes"), ("f", 3, 171, "no"))
    now[0] = 200.0
    assert comparison.since(until, 1, 2) == ({1.0: 1, 0.0: 1}, 180.0)
    log.forget()
    log.shard.rename(tmp_path / "requests-1.tfrecord")
    now[0] = 300.0
    assert comparison.since(180.0, 1, 2) == ({}, 280.0)


def test_a_comparison_of_other_versions_or_of_another_time_begins_anew(tmp_path):
    log = WrittenLog(tmp_path)
    log.write(("a", 1, 100, "yes"), ("a", 2, 101, "no"), ("a", 3, 101, "yes"))
    comparison = LoggedComparison(tmp_path, clock=lambda: 160.0)
    for _ in range(2):
        assert comparison.since(90.0, 1, 2) == ({1.0: 1}, 140.0)
    assert comparison.since(90.0, 1, 3) == ({0.0: 1}, 140.0)
