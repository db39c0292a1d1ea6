"""Requests from several clients at once, for some seconds, and what they and the server took."""

import http.client
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

HOST = "127.0.0.1"
Ask = Callable[[], None]
"""Sends one request and waits for its answer."""
_WRK = """
function init(arguments)
  local body = assert(io.open(arguments[1], "rb"))
  wrk.method, wrk.body = "POST", body:read("*a")
  wrk.headers["Content-Type"] = "application/json"
end
function done(summary, latency)
  local of = summary.errors
  local failed = of.connect + of.read + of.write + of.status + of.timeout
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format("millrace %d %d %d %f %f", summary.requests, summary.duration, failed, p50, p99))
end
"""


@dataclass(frozen=True)
class Load:
    """What some seconds of requests came to.

    Args:
        name: what was asked, and how.
        requests: how many were answered.
        seconds: how long it took.
        p50: milliseconds within which half of the answers came.
        p99: milliseconds within which 99 of a hundred came.
        cpu_seconds: of the processor, of the measured processes alone.
        memory: their resident MiB, at equal distances in time.
    """

    name: str
    requests: int
    seconds: float
    p50: float
    p99: float
    cpu_seconds: float
    memory: Sequence[float]

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """Of processor time per answer."""
        return 1000 * self.cpu_seconds / self.requests

    @property
    def growth(self) -> float:
        """MiB between a tenth of the time, when everything was used once, and the end."""
        return self.memory[-1] - self.memory[len(self.memory) // 10]


def asks_grpc(channel: grpc.Channel, request: predict_pb2.PredictRequest) -> Ask:
    """Asks by gRPC."""
    predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
    return lambda: predict(request, timeout=60) and None


def asks_rest(port: int, path: str, body: bytes) -> Ask:
    """Asks by REST, over one connection that is kept.

    Raises:
        RuntimeError: an answer was an error.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    headers = {"Content-Type": "application/json"}

    def ask() -> None:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answer[:300].decode()}")

    return ask


def measure(name: str, asks: Sequence[Ask], seconds: float, processes: Sequence[psutil.Process]) -> Load:
    """Has every client ask again and again.

    Args:
        name: for the result.
        asks: one for each client.
        seconds: how long.
        processes: whose processor time and memory count.

    Raises:
        RuntimeError: a client's request failed.
    """
    for ask in asks:  # opens the connection
        ask()
    times: list[list[float]] = [[] for _ in asks]
    failures: list[Exception] = []
    ends = time.monotonic() + seconds

    def client(ask: Ask, mine: list[float]) -> None:
        try:
            while (start := time.perf_counter()) and time.monotonic() < ends:
                ask()
                mine.append((time.perf_counter() - start) * 1000)
        except Exception as error:  # told by the main thread
            failures.append(error)

    def run() -> None:
        threads = [threading.Thread(target=client, args=pair) for pair in zip(asks, times, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    taken, cpu, memory = _watched(run, seconds, processes)
    if failures:
        raise RuntimeError(f"{name}: {failures[0]}")
    milliseconds = [one for mine in times for one in mine]
    percents = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return Load(name, len(milliseconds), taken, percents[49], percents[98], cpu, memory)


def measure_wrk(
    name: str, url: str, body: bytes, clients: int, seconds: float, processes: Sequence[psutil.Process]
) -> Load:
    """Has wrk ask by REST, which leaves the processor to what it asks.

    Args:
        name: for the result.
        url: of a method.
        body: JSON.
        clients: connections.
        seconds: how long.
        processes: whose processor time and memory count.

    Raises:
        RuntimeError: there is no wrk, or a request failed.
    """
    if not shutil.which("wrk"):
        raise RuntimeError("there is no wrk here: apt-get install wrk")
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        script, content = Path(folder) / "ask.lua", Path(folder) / "body.json"
        script.write_text(_WRK)
        content.write_bytes(body)
        command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds:.0f}s", "-s", str(script), url, str(content)]

        def run() -> None:
            told.append(
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
            )

        _, cpu, memory = _watched(run, seconds, processes)
    answers, microseconds, failed, p50, p99 = map(float, told[0].rpartition("millrace ")[2].split())
    if failed:
        raise RuntimeError(f"{name}: {failed:.0f} of {answers:.0f} requests failed")
    return Load(name, int(answers), microseconds / 1e6, p50 / 1e3, p99 / 1e3, cpu, memory)


def _watched(
    run: Callable[[], None], seconds: float, processes: Sequence[psutil.Process]
) -> tuple[float, float, list[float]]:
    """The seconds that something takes, and what processes take meanwhile: seconds of the processor, resident MiB."""

    def worked() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    began, before, memory = time.monotonic(), worked(), []
    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        memory.append(sum(process.memory_info().rss for process in processes) / 2**20)
        thread.join(seconds / 50)
    return time.monotonic() - began, worked() - before, memory
