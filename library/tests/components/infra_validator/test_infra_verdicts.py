"""The verdict on each kind of model, by the service in this process, which is there at once.

What stands on PATH as TensorFlow Serving's program only waits, so that it can be killed, can end or take memory; at the
ports that it is given the services of this process listen, and speak of the model that a test serves.
"""

import json
import os
import sys
import tempfile
from types import SimpleNamespace

import pytest
import tensorflow as tf
from local_models import load_models

from millrace.base.errors import CouldNotJudge
from millrace.components.infra_validator import validation
from millrace.components.infra_validator.section import InfraValidation
from millrace.model_server import client, grpc_service, rest, server_process
from millrace.model_server.confined import landlock

WAITS = "exec sleep 600"


def section(**limits) -> InfraValidation:
    return InfraValidation(
        **{"tries": 1, "p95_milliseconds": 60_000.0, "platform": "tensorflow_model_server", **limits}
    )


@pytest.fixture
def judge(tmp_path, monkeypatch, records):
    """Tries a served model; the program's body is a shell script."""
    binary = tmp_path / "bin" / "tensorflow_model_server"
    binary.parent.mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    servers = []

    def tried(limits, model=None, script=WAITS, load=1.0, asked=records[12:]):
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
        folder = tmp_path / f"served-{len(servers)}"
        folder.mkdir()
        if model is not None:
            (folder / "1").symlink_to(model)
        models = load_models(folder, validation.MODEL_NAME)
        grpc_server, port = grpc_service.start(models, "127.0.0.1", 0)
        servers.append(grpc_server)
        ports = [port, rest.start(models, "127.0.0.1", 0, timeout_ms=5000)]
        monkeypatch.setattr(server_process, "_free_ports", lambda _: ports)
        try:
            return validation.validate(model or folder, asked, limits, tmp_path / "log", measure_slowdown=lambda: load)
        finally:
            assert list((tmp_path / "scratch").glob("infra-validator-*")) == []

    yield tried
    for server in servers:
        server.stop(grace=None)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, save_model):
    """The folder of a model with these signatures; made once."""
    made = {}

    def of(**signatures):
        key = tuple(signatures.items())
        if key not in made:
            made[key] = save_model(tmp_path_factory.mktemp("saved"), **signatures)
        return made[key]

    return of


def test_a_sound_model_is_blessed_with_what_was_measured(judge, good_model, monkeypatch):
    # The first request of each signature and protocol takes 9 s, the batch 5 s, and the others 1 to 16 ms.
    lasting = iter([9.0, *(number / 1000 for number in range(1, 17)), 5.0] * 4)
    clock = {"now": 100.0, "asked": False}

    def monotonic():
        clock["asked"] = not clock["asked"]
        if not clock["asked"]:
            clock["now"] += next(lasting)
        return clock["now"]

    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=monotonic))
    report, plans = judge(section(p95_milliseconds=16.5), good_model)
    assert (report.blessed, report.reason, report.tries, report.examples) == (True, "", 1, 16)
    assert [plan.batch.signature for plan in plans] == ["serving_default", "predict_json"]
    assert list(report.signatures) == ["serving_default", "predict_json"]
    for signature in report.signatures.values():
        assert signature.requests == 2 * (1 + 16 + 1)
        assert {way: round(value, 6) for way, value in signature.p50_milliseconds.items()} == {"gRPC": 9, "REST": 9}
        assert {way: round(value, 6) for way, value in signature.p95_milliseconds.items()} == {"gRPC": 16, "REST": 16}
    probabilities = report.signatures["serving_default"].outputs["probabilities"]
    assert (probabilities["dtype"], probabilities["shape"]) == ("float32", [16, 1])
    assert 0.2 < probabilities["min"] < probabilities["mean"] < probabilities["max"] < 0.8
    assert report.signatures["serving_default"].outputs["payment_bytes"] == {"dtype": "string", "shape": [16, 1]}
    assert report.load_seconds > 0 and report.slowdown == 0.0
    assert report.log_tail == ["---- try 1 of 1"]
    assert json.loads(report.to_json())["limits"]["p95_milliseconds"] == 16.5


def test_the_latency_is_the_95th_of_100_and_not_the_one_after_it(judge, good_model, records, monkeypatch):
    """Of 41 requests: the 39th by numpy's `higher`."""
    lasting = iter([9.0, *(number / 1000 for number in range(1, 42)), 5.0] * 4)
    times = (time for seconds in lasting for time in (0.0, seconds))
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: next(times)))
    report, _ = judge(section(examples=41), good_model, asked=(records * 2)[:41])
    measured = report.signatures["serving_default"]
    assert {way: round(value, 6) for way, value in measured.p95_milliseconds.items()} == {"gRPC": 39, "REST": 39}
    assert {way: round(value, 6) for way, value in measured.p50_milliseconds.items()} == {"gRPC": 21, "REST": 21}


@pytest.mark.parametrize(
    ("signatures", "limits", "reason"),
    [
        ({"serving_default": "nan"}, {}, "predict: serving_default by gRPC: output probabilities is NaN for 1 of 1"),
        (
            {"serving_default": "one_row"}, {},
            "predict: serving_default by gRPC: output probabilities has shape [1, 1] for a batch of 16 examples; "
        ),
        (
            {"serving_default": "raises"}, {},
            "predict: the model's signature serving_default raised: assertion failed: [no such trip",
        ),
        ({"serving_default": "hangs"}, {"request_seconds": 0.3}, "predict: no answer by gRPC within 0.3 s"),
        (
            {"scores": "classify", "price": "regress"}, {},
            "predict: the model has no signature serving_default; it has: price, scores",
        ),
        (
            {"serving_default": "good"}, {"p95_milliseconds": 1e-6},
            "latency: p95 of serving_default by gRPC is ",
        ),
    ],
)  # fmt: skip
def test_a_model_that_is_no_good_is_refused_with_its_reason(judge, saved, signatures, limits, reason):
    report, plans = judge(section(**limits), saved(**signatures))
    assert (report.blessed, plans) == (False, [])
    assert report.reason.startswith(reason)
    assert json.loads(report.to_json())["reason"] == report.reason


def test_an_answer_by_rest_is_judged_as_one_by_grpc(judge, good_model, monkeypatch):
    """A server whose protocols disagree."""
    whole = rest.Api.answer

    def other(self, method, path, body, request_id):
        status, value = whole(self, method, path, body, request_id)
        for row in value.get("predictions", []):
            row["probabilities"] = [row["probabilities"][0] + 0.25]
        return status, value

    monkeypatch.setattr(rest.Api, "answer", other)
    report, _ = judge(section(), good_model)
    assert report.reason == (
        "predict: serving_default: output probabilities differs by up to 0.25 between gRPC and REST, "
        "for the same examples"
    )


def test_only_what_can_pass_is_tried_again(judge, saved):
    slow = {"tries": 3, "p95_milliseconds": 1e-6}
    report, _ = judge(section(**slow), saved(serving_default="good"))
    assert (report.tries, len(report.earlier_reasons)) == (3, 2)
    assert all(reason.startswith("latency: ") for reason in report.earlier_reasons)
    report, _ = judge(section(tries=3), saved(serving_default="nan"))
    assert (report.tries, report.earlier_reasons) == (1, [])
    report, _ = judge(section(tries=2, request_seconds=0.2), saved(serving_default="hangs"))
    assert (report.tries, report.slowdown) == (2, 1.0)


@pytest.mark.parametrize(
    ("limits", "load", "judged"),
    [
        # A request that got no answer is the machine's from half as slow again; 1.4 times is not that.
        ({"request_seconds": 0.2}, 1.4, True),
        ({"request_seconds": 0.2}, 1.5, False),
    ],
)
def test_what_hangs_on_a_busy_machine_is_no_verdict(judge, saved, limits, load, judged):
    model = saved(serving_default="hangs")
    if judged:
        report, _ = judge(section(**limits), model, load=load)
        assert (report.blessed, report.slowdown) == (False, load)
        return
    with pytest.raises(CouldNotJudge, match=r"everything takes 1\.5 times as long here") as failure:
        judge(section(**limits), model, load=load)
    assert "run again" in failure.value.remedy


@pytest.mark.parametrize(("milliseconds", "load", "judged"), [(150, 1.4, True), (150, 1.6, False), (101, 1.05, True)])
def test_a_latency_is_the_machines_where_it_would_have_kept_to_the_limit_alone(
    judge, saved, monkeypatch, milliseconds, load, judged
):
    ticks = iter(tick for start in range(10**6) for tick in (start, start + milliseconds / 1000))
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    model, limits = saved(serving_default="good"), section(p95_milliseconds=100.0)
    if judged:
        report, _ = judge(limits, model, load=load)
        words = f"latency: p95 of serving_default by gRPC is {milliseconds} ms, over the limit of 100 ms"
        assert (report.blessed, report.reason, report.slowdown) == (False, words, load)
        return
    with pytest.raises(CouldNotJudge, match="p95 of serving_default") as failure:
        judge(limits, model, load=load)
    assert "infra_validation.p95_milliseconds" in failure.value.remedy


def test_a_latency_at_its_limit_is_within_it(judge, saved, monkeypatch):
    ticks = iter(tick for start in range(10**6) for tick in (start, start + 0.125))
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    report, _ = judge(section(p95_milliseconds=125.0), saved(serving_default="good"))
    assert report.blessed


def test_the_signature_for_json_may_take_what_the_examples_lack(judge, tmp_path):
    """It is not asked, and the report says why; the default one has to take them."""

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def default(self, examples):
            return {"scores": tf.ones([tf.size(examples)])}

        @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.float32, name="pixels")])
        def of_pixels(self, pixels):
            return {"scores": tf.reduce_sum(pixels, axis=[1, 2])}

    module = Model()
    both = {"serving_default": module.default, "predict_json": module.of_pixels}
    tf.saved_model.save(module, str(tmp_path / "both"), both)
    report, plans = judge(section(examples=3), tmp_path / "both")
    assert (report.blessed, report.examples, len(plans)) == (True, 3, 1)
    assert list(report.not_asked) == ["predict_json"] and "pixels" in report.not_asked["predict_json"]
    # Of three examples one has all that it takes; the report counts those of the signature that got more.
    both["predict_json"] = tf.function(
        lambda trips: {"scores": trips}, input_signature=[tf.TensorSpec([None], tf.int64, name="trips")]
    )
    tf.saved_model.save(module, str(tmp_path / "few"), both)
    seldom = tf.train.Example()
    seldom.features.feature["trips"].int64_list.value.append(3)
    report, plans = judge(section(), tmp_path / "few", asked=[b"", seldom.SerializeToString(), b""])
    assert (report.blessed, report.examples, [plan.batch.batch for plan in plans]) == (True, 3, [3, 1])
    tf.saved_model.save(module, str(tmp_path / "pixels"), {"serving_default": module.of_pixels})
    report, _ = judge(section(), tmp_path / "pixels")
    assert report.reason.startswith("predict: serving_default cannot be asked: no eval example has a value")


@pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")
def test_the_server_of_a_model_writes_nothing_beside_its_own_folder(judge, saved, tmp_path):
    script = f"echo x > within && echo x > {tmp_path}/outside; test -f within && {WAITS}"
    report, _ = judge(section(), saved(serving_default="good"), script=script)
    assert report.blessed, report.reason
    assert not (tmp_path / "outside").exists()


def test_what_cannot_be_loaded_is_refused_in_the_servers_words(judge, tmp_path):
    (tmp_path / "broken").mkdir()
    report, _ = judge(section(tries=2), tmp_path / "broken")
    assert report.reason.startswith("load: the model cannot be loaded: ")
    assert "broken" in report.reason or "SavedModel" in report.reason
    assert (report.tries, report.load_seconds, report.signatures) == (1, 0.0, {})


def test_a_model_that_is_not_there_in_time_is_tried_again_and_is_the_machines_on_a_busy_one(judge):
    """Nothing is served here, as while a model loads."""
    report, _ = judge(section(tries=2, load_seconds=0.3), load=1.2)
    words = "load: the model was not available within 0.3 s"
    assert (report.reason, report.tries, report.earlier_reasons) == (words, 2, [words])
    with pytest.raises(CouldNotJudge, match="not available within") as failure:
        judge(section(load_seconds=0.3), load=2.0)
    assert "raise infra_validation.load_seconds" in failure.value.remedy


CRASHES = "echo 'F0000 00:00:00.0 1 graph.cc:1] Check failed: no trips'; echo '    @ 0x1 main'; kill -ABRT $$"
FULL = "echo 'write failed: No space left on device'; exit 4"


@pytest.mark.parametrize(
    ("script", "limits", "outcome", "words"),
    [
        (
            CRASHES, {}, "refused",
            "load: the server crashed (signal SIGABRT); its log says: "
            "F0000 00:00:00.0 1 graph.cc:1] Check failed: no trips",
        ),
        ("kill -ABRT $$", {}, "refused", "load: the server crashed (signal SIGABRT)"),
        (
            "echo starting; echo; echo 'unknown flag'; exit 4", {}, "refused",
            "load: the server ended by itself (exit code 4); its log says: unknown flag",
        ),
        (FULL, {}, "machine", "ended by itself (exit code 4); its log says: write failed: No space left on device"),
        ("kill -KILL $$", {}, "machine", "MiB, below its limit of 4096 MiB, as the kernel does"),
        (
            f"exec {sys.executable} -S -c 'x = bytearray(200 << 20); import time; time.sleep(600)'",
            {"memory_mib": 100}, "refused", " MiB, over the limit of 100 MiB",
        ),
    ],
)  # fmt: skip
def test_a_server_that_ends_says_why(judge, tmp_path, script, limits, outcome, words):
    """Nothing is served: the server is waited for until it is gone."""
    if outcome == "refused":
        report, _ = judge(section(tries=2, **limits), script=script)
        assert words in report.reason and not report.blessed
        # The program opens its ports by itself: one that ended may have lost them to another.
        assert report.tries == (1 if "memory" in report.reason else 2)
        return
    with pytest.raises(CouldNotJudge) as failure:
        judge(section(tries=2, **limits), script=script)
    assert words in failure.value.what
    assert "run again" in failure.value.remedy
    assert (tmp_path / "log").read_text().count("---- try ") == 2, "what the machine did, it may not do again"


def test_a_model_that_takes_its_memory_while_it_is_asked_is_refused_for_that(judge, saved):
    take = "x = bytearray(200 << 20); import time; time.sleep(600)"
    report, _ = judge(
        section(memory_mib=100, request_seconds=3), saved(serving_default="hangs"),
        script=f"sleep 1; exec {sys.executable} -S -c '{take}'",
    )  # fmt: skip
    assert report.reason.startswith("memory: the server used ")
    assert 100 < report.peak_mib < 400
