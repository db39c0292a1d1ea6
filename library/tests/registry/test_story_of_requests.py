"""What a version answered, and what another would have answered to the very same requests."""

import time
from datetime import datetime, timezone
from pathlib import Path

import tensorflow as tf
from saved_models import example
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.config import logging_config_pb2

from millrace.config.paths import layout
from millrace.metadata.run_summaries import Runs
from millrace.model_server.request_log import RequestLog
from millrace.model_server.servable import Servable
from millrace.registry.intake import open_registry, up_to_date
from millrace.registry.questions import logged
from millrace.registry.story import LATELY, story

DISTANCES = [0.2, 1.2, 1.4, 3.0]
REQUESTS = 6


def log_requests(folder: Path, version, kept_as: str = "serving_default") -> None:
    """Has a version answer requests of four rows, and the log of a server keep them, as of the signature named."""
    config = logging_config_pb2.LoggingConfig()
    config.log_collector_config.filename_prefix = str(folder / "requests")
    config.sampling_config.sampling_rate = 1.0
    log, model = RequestLog(config), Servable("taxi", version.number, str(version.folder))
    for number in range(REQUESTS):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "taxi", "serving_default"
        records = [example(distance, "Cash") for distance in DISTANCES]
        request.inputs["examples"].CopyFrom(tf.make_tensor_proto(records))
        answer = model.predict(request, None)
        request.model_spec.signature_name = answer.model_spec.signature_name = kept_as
        log.offer(f"{kept_as}-{number}", request, answer)
    log.close()


def test_logged_requests_are_replayed_on_both_and_counted_for_the_one_that_answered(two_versions):
    runs = Runs(two_versions)
    with open_registry(two_versions) as registry:
        up_to_date(registry, runs)
        champion, before = registry.version("champion"), registry.version("11")
        log_requests(Path(layout(two_versions).requests), champion)
        told = story(registry, runs, champion, time.time())
        assert told.answered and (told.answered.requests, told.answered.rows) == (REQUESTS, 24)
        assert told.answered.decisions == {"near": REQUESTS, "far": 3 * REQUESTS}
        assert told.replay and told.replay.asked == "6 requests of the last seven days"
        assert told.replay.changes == {"far -> near": 2 * REQUESTS} and told.replay.share == 0.5
        other = story(registry, runs, before, time.time())
        assert other.answered is None and other.replay
        assert (other.replay.now, other.replay.then, other.replay.flipped) == (12, 11, 12)
        later = story(registry, runs, champion, time.time() + LATELY.total_seconds() + 60)
        assert later.answered is None and later.replay
        assert later.replay.asked == "40 examples of test of run 20310101-000002"
        assert story(registry, runs, champion, time.time(), asks=False).replay is None


def test_requests_of_a_kind_are_asked_together_and_those_that_ask_why_not_at_all(two_versions):
    folder = Path(layout(two_versions).requests)
    with open_registry(two_versions) as registry:
        up_to_date(registry, Runs(two_versions))
        log_requests(folder, registry.version("champion"), "serving_default")
        log_requests(folder, registry.version("champion"), "explain")
    told = logged(folder, datetime.now(timezone.utc) - LATELY)
    assert told.requests == REQUESTS and told.answered[12].requests == REQUESTS
    (question,) = told.questions
    assert question.signature == "serving_default" and question.inputs
    asked = [tf.train.Example.FromString(record) for record in question.inputs["examples"]]
    assert asked == [tf.train.Example.FromString(example(distance, "Cash")) for distance in DISTANCES] * REQUESTS


def test_why_nothing_can_be_said_is_said(two_versions):
    runs = Runs(two_versions)
    with open_registry(two_versions) as registry:
        up_to_date(registry, runs)
        first = registry.version("11")
        (first.folder / "saved_model.pb").write_bytes(b"no model")
        told = story(registry, runs, registry.version("champion"), time.time())
        assert told.replay is None and "version 11 cannot be asked" in told.no_replay
        registry.reject(first, "it is broken")
        told = story(registry, runs, registry.version("champion"), time.time())
        assert told.no_replay == "there is no version to go back to"
