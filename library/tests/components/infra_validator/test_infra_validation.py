"""Sound models pass a real server, broken ones are refused with their reason, and nothing is ever left behind."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import tensorflow as tf
from saved_models import SERIALIZED

from millrace.base.cores import cores
from millrace.base.errors import BadInput, CouldNotJudge
from millrace.components.infra_validator import validation
from millrace.components.infra_validator.report import Report
from millrace.components.infra_validator.section import InfraValidation
from millrace.components.infra_validator.slowdown import slowdown
from millrace.model_server.confined import landlock

PATIENT = InfraValidation(tries=1)
BINARY = InfraValidation(tries=1, platform="tensorflow_model_server")
IN_A_MOUNT_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
CAN_MOUNT = (
    bool(shutil.which("unshare"))
    and subprocess.run([*IN_A_MOUNT_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
)


def validate(*given, load=1.0):
    """On a machine of that load: the tests' own machine may have any."""
    return validation.validate(*given, measure_slowdown=lambda: load)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """Every test ends without a process or a temporary file of its own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = set(psutil.Process().children(recursive=True))
    yield
    children = set(psutil.Process().children(recursive=True)) - before
    assert [one.cmdline() for one in children if one.status() != psutil.STATUS_ZOMBIE] == []
    assert list(scratch.glob("infra-validator-*")) == []


@pytest.mark.slow
def test_two_models_at_once(tmp_path, good_model, save_model, records):
    """A sound one and one whose signature raises, in two servers at the same time."""
    raising = save_model(tmp_path / "raising", serving_default="raises")
    with ThreadPoolExecutor(2) as pool:
        good = pool.submit(validate, good_model, records, InfraValidation(), tmp_path / "good.log")
        bad = pool.submit(validate, raising, records, InfraValidation(), tmp_path / "bad.log")
    report, plans = good.result()
    assert (report.blessed, report.reason, report.tries, report.examples) == (True, "", 1, 16)
    assert [plan.batch.signature for plan in plans] == ["serving_default", "predict_json"]
    assert report.signatures["serving_default"].requests == 2 * (1 + 16 + 1)
    assert report.signatures["serving_default"].outputs["probabilities"]["shape"] == [16, 1]
    assert set(report.signatures["predict_json"].p95_milliseconds) == {"gRPC", "REST"}
    assert report.load_seconds > 0
    assert 100 < report.peak_mib < 4096
    assert json.loads(report.to_json())["limits"]["memory_mib"] == 4096
    assert any(" is available after " in line for line in report.log_tail)

    report, plans = bad.result()
    assert (report.blessed, plans, report.tries) == (False, [], 1)
    assert report.reason.startswith("predict: the model's signature serving_default raised: assertion failed: [no such")
    assert "no such trip" in report.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "method, limits, reason",
    [
        ("nan", PATIENT, "predict: serving_default by gRPC: output probabilities is NaN for 1 of 1 examples"),
        (
            "one_row",
            PATIENT,
            "predict: serving_default by gRPC: output probabilities has shape [1, 1] for a batch of 16 examples; "
            "its first dimension must be the batch",
        ),
        ("hangs", InfraValidation(tries=1, request_seconds=2), "predict: no answer by gRPC within 2 s"),
        ("aborts", InfraValidation(tries=2), "predict: the server crashed (signal SIGABRT); its log says: "),
        ("hoards", InfraValidation(tries=2, memory_mib=1000), "memory: the server used "),
        ("good", InfraValidation(tries=2, p95_milliseconds=0.001), "latency: p95 of serving_default by gRPC is "),
    ],
)
def test_refusals(tmp_path, save_model, records, method, limits, reason):
    model = save_model(tmp_path / "model", serving_default=method)
    report, plans = validate(model, records[12:], limits, tmp_path / "server.log")
    assert (report.blessed, plans) == (False, [])
    assert report.reason.startswith(reason)
    # Only what can pass is tried again: here the latency.
    assert report.tries == (2 if method == "good" else 1)
    if method == "hoards":
        assert 1000 < report.peak_mib < 1600
        assert report.reason.endswith(" MiB, over the limit of 1000 MiB")
    if method == "aborts":
        assert "out of trips" in report.reason


class Diary(tf.saved_model.experimental.TrackableResource):
    """A resource whose making, when a model is loaded, writes a file."""

    def __init__(self, place):
        super().__init__()
        self._place = place
        assert self.resource_handle is not None

    def _create_resource(self):
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[])

    def _initialize(self):
        tf.io.write_file(self._place, "dear diary")


@pytest.mark.slow
@pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")
def test_a_model_that_writes_when_it_is_loaded_is_refused_and_not_the_machine(tmp_path, records):
    model, place = tf.Module(), tmp_path / "written"
    model.diary = Diary(str(place))
    answer = tf.function(lambda examples: {"p": tf.ones([tf.size(examples), 1])}, input_signature=SERIALIZED)
    tf.saved_model.save(model, str(tmp_path / "model"), {"serving_default": answer.get_concrete_function()})
    place.unlink(missing_ok=True)
    report, _ = validate(tmp_path / "model", records[12:], PATIENT, tmp_path / "server.log")
    assert not report.blessed and not place.exists()
    assert "load: " in report.reason and "a model writes into its own folder alone" in report.reason


@pytest.mark.slow
@pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")
def test_a_model_writes_nothing_beside_its_own_folder(tmp_path, save_model, records):
    model = save_model(tmp_path / "model", serving_default="writes")
    report, _ = validate(model, records[12:], PATIENT, tmp_path / "server.log")
    assert not report.blessed
    assert "model.written; Permission denied; a model writes into its own folder alone" in report.reason
    assert not (tmp_path / "model.written").exists()


@pytest.mark.slow
def test_what_is_no_saved_model(tmp_path, records):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.h5").write_bytes(b"HDF")
    report, _ = validate(tmp_path / "model", records, InfraValidation(), tmp_path / "server.log")
    assert report.reason.startswith("load: the model cannot be loaded: ")
    assert "saved_model.pb" in report.reason or "SavedModel" in report.reason
    assert (report.blessed, report.tries, report.signatures) == (False, 1, {})


@pytest.mark.slow
def test_a_start_that_takes_too_long_is_tried_again(tmp_path, good_model, records):
    limits = InfraValidation(tries=2, load_seconds=0.5)
    log = tmp_path / "server.log"
    with pytest.raises(CouldNotJudge, match=r"the server did not start to listen within 0\.5 s") as failure:
        validate(good_model, records, limits, log)
    assert "infra_validation.load_seconds" in failure.value.remedy
    assert log.read_text().count("---- try ") == 2


@pytest.mark.slow
def test_the_binary_on_path(tmp_path, monkeypatch, good_model, records):
    """A real executable of that name, which understands the same flags, stands for TensorFlow Serving's."""
    binary = tmp_path / "bin" / "tensorflow_model_server"
    binary.parent.mkdir()
    module = "millrace.model_server"
    binary.write_text(f'#!/bin/sh\necho "started as $0 $@"\nexec {sys.executable} -m {module} "$@"\n')
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
    log = tmp_path / "server.log"
    report, plans = validate(good_model, records, BINARY, log)
    assert (report.blessed, report.platform, len(plans)) == (True, "tensorflow_model_server", 2)
    assert "--rest_api_port=" in log.read_text()
    assert "--ports_file" not in log.read_text()


def test_no_binary_on_path_is_no_verdict(tmp_path, monkeypatch, good_model, records):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="tensorflow_model_server is not on PATH") as refused:
        validate(good_model, records, BINARY, tmp_path / "server.log")
    assert (refused.value.exit_code, refused.value.where) == (2, "infra_validation.platform")


@pytest.mark.slow
@pytest.mark.parametrize(
    "method, limits, load",
    [
        ("good", InfraValidation(tries=2, p95_milliseconds=0.001), 1e9),
        ("hangs", InfraValidation(tries=1, request_seconds=1), 1.6),
    ],
)
def test_what_takes_too_long_on_a_machine_that_others_keep_busy_is_no_verdict(
    tmp_path, save_model, records, method, limits, load
):
    model = save_model(tmp_path / "model", serving_default=method)
    with pytest.raises(CouldNotJudge, match="times as long here") as failure:
        validate(model, records, limits, tmp_path / "server.log", load=load)
    assert failure.value.exit_code == 1
    assert "run again" in failure.value.remedy


@pytest.mark.slow
def test_a_server_that_somebody_kills_below_its_limit_is_no_verdict(tmp_path, save_model, records):
    model = save_model(tmp_path / "model", serving_default="hangs")
    log = tmp_path / "server.log"
    with ThreadPoolExecutor(1) as pool:
        trial = pool.submit(validate, model, records, PATIENT, log)
        assert wait_until(lambda: log.exists() and " is available after " in log.read_text(), 120)
        for process in psutil.Process().children(recursive=True):
            # The lifeline names the server too; the kernel takes the server.
            if process.cmdline()[1:3] == ["-m", "millrace.model_server"]:
                process.kill()
        with pytest.raises(CouldNotJudge, match=r"was killed at \d+ MiB, below its limit of 4096 MiB"):
            trial.result()


FULL_DISK = """
import subprocess, sys, tempfile
from pathlib import Path
from millrace.base.errors import CouldNotJudge
from millrace.components.infra_validator.section import InfraValidation
from millrace.components.infra_validator.validation import validate
folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
tempfile.tempdir = str(folder)
def fill():
    with open(folder / "full", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
try:
    fill()
except OSError:
    pass
model, record, log = Path(sys.argv[2]), bytes.fromhex(sys.argv[3]), Path(sys.argv[4])
try:
    validate(model, [record], InfraValidation(tries=1), log)
except CouldNotJudge as error:
    print("could not judge:", error.what, "|", error.remedy)
(folder / "full").unlink()
report, _ = validate(model, [record], InfraValidation(tries=1, p95_milliseconds=1e9), log)
print("then:", report.blessed, report.reason)
"""


@pytest.mark.slow
@pytest.mark.skipif(not CAN_MOUNT, reason="needs a mount namespace")
def test_a_full_disk_is_no_verdict_and_with_room_the_model_is_judged(tmp_path, good_model, records):
    (tmp_path / "full").mkdir()
    given = [str(tmp_path / "full"), str(good_model), records[0].hex(), str(tmp_path / "server.log")]
    done = subprocess.run(
        [*IN_A_MOUNT_NAMESPACE, sys.executable, "-c", FULL_DISK, *given],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    first, then = done.stdout.splitlines()
    assert first.startswith("could not judge: the model could not be judged: ")
    assert "No space left on device" in first
    assert "make room" in first
    assert then == "then: True "


def test_no_folder_for_temporary_files_is_no_verdict(tmp_path, monkeypatch, good_model, records):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "not-there")])
    with pytest.raises(CouldNotJudge, match="No usable temporary directory") as failure:
        validate(good_model, records, PATIENT, tmp_path / "server.log")
    assert "TMPDIR" in failure.value.remedy


@pytest.mark.parametrize(
    ("limit", "words", "machines"),
    [
        (64, "OOM when allocating tensor with shape[99]", False),  # as much as the limit was free
        (10**9, "OOM when allocating tensor with shape[99]", True),
        (64, "[Errno 28] No space left on device", True),
        (10**9, "assertion failed: [no such trip]", False),
    ],
)
def test_no_memory_is_the_models_where_its_limit_was_free(tmp_path, limit, words, machines):
    report = Report("process", {})
    one_try = validation._Try(InfraValidation(memory_mib=limit), tmp_path, io.BytesIO(), tmp_path / "log", report)
    assert (one_try._of(words, "why").excused_from == 1.0) == machines


def test_the_slowdown_is_what_others_take_of_the_processors():
    """Twice as many threads as there are processors compute beside it: whoever else does only makes it more."""
    ended = threading.Event()

    def compute():
        while not ended.is_set():
            hashlib.sha256(bytes(1 << 20)).digest()

    with ThreadPoolExecutor(2 * cores()) as pool:
        for _ in range(2 * cores()):
            pool.submit(compute)
        try:
            assert slowdown(0.2) > 1.5
        finally:
            ended.set()


@pytest.mark.slow
def test_no_orphan_when_the_pipeline_is_killed(tmp_path, save_model, records):
    """`kill -9` while a request hangs: the server is gone within a second or two, and so is its scratch folder."""
    model = save_model(tmp_path / "model", serving_default="hangs")
    scratch = tmp_path / "pipeline-scratch"
    scratch.mkdir()
    pipeline = textwrap.dedent(f"""
        from pathlib import Path
        from millrace.components.infra_validator.section import InfraValidation
        from millrace.components.infra_validator.validation import validate
        limits = InfraValidation(request_seconds=600)
        validate(Path({str(model)!r}), {records!r}, limits, Path({str(tmp_path / "server.log")!r}))
    """)
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, "-c", pipeline], env=environment, stderr=subprocess.DEVNULL) as process:
        log = tmp_path / "server.log"
        assert wait_until(lambda: log.exists() and " is available after " in log.read_text(), 120)
        family = psutil.Process(process.pid).children(recursive=True)
        assert any("millrace.model_server" in one.cmdline() for one in family)
        assert list(scratch.iterdir())
        process.kill()
    assert wait_until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family), 20)
    assert wait_until(lambda: not list(scratch.iterdir()), 20)


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()
