"""The log of requests: written by a thread, read by one reader, and never in an answer's way."""

import errno
import os
import resource
import threading
import time
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2
from tensorflow_serving.config import logging_config_pb2

from millrace.base.errors import DataError
from millrace.model_server.logged_requests import LoggedRequest, logged_requests
from millrace.model_server.request_log import RequestLog
from millrace.model_server.request_shards import RequestShards


def config(folder, rate: float = 1.0) -> logging_config_pb2.LoggingConfig:
    config = logging_config_pb2.LoggingConfig()
    config.log_collector_config.filename_prefix = str(folder / "taxi" / "requests")
    config.sampling_config.sampling_rate = rate
    return config


def exchange(value: float = 1.0, length: int = 1):
    request, response = predict_pb2.PredictRequest(), predict_pb2.PredictResponse()
    request.model_spec.name = "taxi"
    request.inputs["distance"].CopyFrom(tf.make_tensor_proto(np.full((length, 1), value, np.float32)))
    request.inputs["payment"].CopyFrom(tf.make_tensor_proto([[b"Cash"]]))
    response.model_spec.name, response.model_spec.signature_name = "taxi", "predict_json"
    response.model_spec.version.value = 7
    response.outputs["probabilities"].CopyFrom(tf.make_tensor_proto([[0.5]]))
    return request, response


def logged(folder) -> list[LoggedRequest]:
    return list(logged_requests(folder / "taxi"))


def test_what_was_asked_and_answered_is_read_again(tmp_path):
    log = RequestLog(config(tmp_path))
    before = datetime.now(timezone.utc).replace(microsecond=0)
    log.offer("trip-1", *exchange(2.5))
    log.close()
    [found] = logged(tmp_path)
    assert (found.request_id, found.model, found.version, found.signature) == ("trip-1", "taxi", 7, "predict_json")
    assert before <= found.time <= datetime.now(timezone.utc)
    assert {name: value.tolist() for name, value in found.inputs.items()} == {
        "distance": [[2.5]],
        "payment": [[b"Cash"]],
    }
    assert found.outputs["probabilities"].tolist() == [[0.5]]
    assert (log.written, dict(log.dropped)) == (1, {})
    [shard] = (tmp_path / "taxi").iterdir()
    assert shard.name.startswith("requests-") and shard.name.endswith(".tfrecord")


def test_classifications_and_regressions_are_logged_too(tmp_path):
    example = tf.train.Example()
    example.features.feature["distance"].float_list.value.append(0.25)
    log = RequestLog(config(tmp_path))
    request, response = classification_pb2.ClassificationRequest(), classification_pb2.ClassificationResponse()
    request.input.example_list.examples.append(example)
    response.result.classifications.add().classes.add(label="far", score=0.25)
    log.offer("a", request, response)
    request, response = regression_pb2.RegressionRequest(), regression_pb2.RegressionResponse()
    request.input.example_list.examples.extend([example, example])
    response.result.regressions.add(value=1.5)
    log.offer("b", request, response)
    log.close()
    classified, regressed = logged(tmp_path)
    assert classified.inputs["inputs"].tolist() == [example.SerializeToString()]
    assert (classified.outputs["classes"].tolist(), classified.outputs["scores"].tolist()) == ([[b"far"]], [[0.25]])
    assert (len(regressed.inputs["inputs"]), regressed.outputs["outputs"].tolist()) == (2, [1.5])


def test_a_share_is_drawn(tmp_path):
    log = RequestLog(config(tmp_path, rate=0.25))
    for number in range(400):
        log.offer(str(number), *exchange())
    log.close()
    assert 50 < len(logged(tmp_path)) == log.written < 150


def test_what_is_being_written_is_read_up_to_the_cut(tmp_path):
    log = RequestLog(config(tmp_path))
    for number in range(3):
        log.offer(str(number), *exchange())
    [shard] = wait_for(lambda: len(logged(tmp_path)) == 3 and list((tmp_path / "taxi").iterdir()))
    assert shard.name.endswith(".tfrecord.open")
    whole = shard.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 40, len(whole) // 3 + 5, 5):
        shard.write_bytes(whole[:cut])
        assert [one.request_id for one in logged(tmp_path)] == ["0", "1", "2"][: cut * 3 // len(whole)]
    log.close()


def test_shards_of_before_a_time_are_left_unread(tmp_path):
    for name in ("old", "new"):
        log = RequestLog(config(tmp_path))
        log.offer(name, *exchange())
        log.close()
        if name == "old":
            [shard] = (tmp_path / "taxi").iterdir()
            os.utime(shard, (1000.0, 1000.0))
    since = datetime.fromtimestamp(2000, timezone.utc)
    assert [one.request_id for one in logged_requests(tmp_path / "taxi", newer_than=since)] == ["new"]


def test_old_requests_of_a_shard_that_still_grows_are_left_out(tmp_path):
    log = RequestLog(config(tmp_path))
    log.offer("old", *exchange())
    log.close()
    [shard] = (tmp_path / "taxi").iterdir()
    later = datetime.fromtimestamp(time.time() + 60, timezone.utc)
    os.utime(shard, (later.timestamp(), later.timestamp()))
    assert list(logged_requests(tmp_path / "taxi", newer_than=later)) == []
    assert len(list(logged_requests(tmp_path / "taxi", newer_than=later - timedelta(seconds=70)))) == 1


def test_of_what_came_later_only_that_it_came_is_read(tmp_path):
    log = RequestLog(config(tmp_path))
    log.offer("one", *exchange())
    log.close()
    now = datetime.now(timezone.utc)
    [within] = logged_requests(tmp_path / "taxi", until=now + timedelta(seconds=60))
    [later] = logged_requests(tmp_path / "taxi", until=now - timedelta(seconds=60))
    assert within.inputs and within.outputs and (later.inputs, later.outputs) == ({}, {})
    assert (later.request_id, later.version, later.time) == (within.request_id, within.version, within.time)


def test_a_shard_that_is_removed_while_others_are_read_ends_nobody_s_reading(tmp_path):
    for name in ("a", "b"):
        log = RequestLog(config(tmp_path))
        log.offer(name, *exchange())
        log.close()
    reading = logged_requests(tmp_path / "taxi")
    assert next(reading).request_id == "a"
    sorted((tmp_path / "taxi").iterdir())[-1].unlink()
    assert list(reading) == []


def test_a_whole_shard_that_is_damaged_is_an_error(tmp_path):
    log = RequestLog(config(tmp_path))
    log.offer("a", *exchange())
    log.close()
    [shard] = (tmp_path / "taxi").iterdir()
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match="the file is damaged"):
        logged(tmp_path)
    with tf.io.TFRecordWriter(str(shard)) as writer:
        writer.write(b"\xff\xff\xff")
    with pytest.raises(DataError, match="no PredictionLog"):
        logged(tmp_path)
    assert list(logged_requests(tmp_path / "none")) == []


def wait_for(condition):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def test_shards_end_by_size_and_by_time(tmp_path):
    now = [0.0]
    shards = RequestShards(str(tmp_path / "r"), shard_bytes=100, shard_seconds=60, clock=lambda: now[0])
    assert shards.seconds_left() is None
    for _ in range(3):
        shards.add(b"x" * 50)
    (whole,) = tmp_path.glob("*.tfrecord")
    (opened,) = tmp_path.glob("*.open")
    assert sum(1 for _ in tf.data.TFRecordDataset(str(whole))) == 2
    now[0] = 59.0
    assert shards.seconds_left() == 1.0
    now[0] = 60.0
    shards.add(b"y")
    assert (len(list(tmp_path.glob("*.tfrecord"))), list(tmp_path.glob("*.open"))) == (2, [])
    assert opened.name.removesuffix(".open") in {path.name for path in tmp_path.iterdir()}
    assert shards.saved == 4


def test_a_shard_nobody_adds_to_is_ended_when_its_time_is_over(tmp_path):
    shards = RequestShards(config(tmp_path).log_collector_config.filename_prefix, shard_seconds=0.05)
    log = RequestLog(config(tmp_path), shards)
    log.offer("a", *exchange())
    wait_for(lambda: list((tmp_path / "taxi").glob("*.tfrecord")) if (tmp_path / "taxi").exists() else None)
    log.close()


class SlowDisk:
    """Takes records when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.records: list[bytes] = []

    def write(self, record: bytes) -> None:
        self.let.wait(20)
        self.records.append(record)

    def flush(self) -> None:
        self.let.wait(20)

    def close(self) -> None:
        pass


def test_a_slow_disk_stops_no_answer_and_what_does_not_fit_is_counted(tmp_path):
    disk = SlowDisk()
    shards = RequestShards(str(tmp_path / "taxi" / "requests"), open_writer=lambda path: disk)
    size = sum(one.ByteSize() for one in exchange())
    log = RequestLog(config(tmp_path), shards, waiting_bytes=10 * size)
    started = time.monotonic()
    for number in range(50):
        log.offer(str(number), *exchange())
    assert time.monotonic() - started < 5
    assert log.dropped["queue"] == 40
    disk.let.set()
    wait_for(lambda: len(disk.records) == 10)
    log.offer("again", *exchange())
    wait_for(lambda: log.written == 11)


def test_a_full_disk_is_counted_and_when_there_is_room_writing_goes_on(tmp_path):
    """A limit on the size of files is the kernel's no to a write, as a full disk is."""
    now = [0.0]
    log = RequestLog(config(tmp_path), clock=lambda: now[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        for number in range(20):
            log.offer(str(number), *exchange(length=1000))
        wait_for(lambda: log.written + log.dropped["disk"] == 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.dropped["disk"] >= 15
    log.offer("too soon", *exchange())
    wait_for(lambda: log.written + log.dropped["disk"] == 21)
    written = log.written
    now[0] = 6.0
    log.offer("room", *exchange())
    wait_for(lambda: log.written == written + 1)
    log.close()
    assert [one.request_id for one in logged(tmp_path)][-1] == "room"


def test_a_folder_that_cannot_be_made_is_counted(tmp_path):
    (tmp_path / "taxi").write_text("a file")
    log = RequestLog(config(tmp_path))
    log.offer("a", *exchange())
    wait_for(lambda: log.dropped["disk"] == 1)
    log.close()


def test_a_failing_close_leaves_nothing_uncounted(tmp_path):
    class Failing(SlowDisk):
        def close(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    disk = Failing()
    disk.let.set()
    log = RequestLog(config(tmp_path), RequestShards(str(tmp_path / "r"), open_writer=lambda path: disk))
    log.offer("a", *exchange())
    wait_for(lambda: log.written == 1)
    log.close()
    assert sum(log.dropped.values()) == 0
