"""Requests from several clients at once, for some seconds, and what they and the server took."""

import http.client
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
import psutil
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

HOST = "127.0.0.1"
Ask = Callable[[], None]
"""Sends one request and waits for its answer."""


@dataclass(frozen=True)
class Load:
    """What some seconds of requests came to.

    Args:
        name: what was asked, and how.
        requests: how many were answered.
        seconds: how long it took.
        milliseconds: of each answer, in order.
        cpu_seconds: of the processor, of the server alone.
        memory: the server's resident MiB, at equal distances in time.
    """

    name: str
    requests: int
    seconds: float
    milliseconds: Sequence[float]
    cpu_seconds: float
    memory: Sequence[float]

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds

    def percentile(self, percent: int) -> float:
        """Milliseconds within which so many percent of the answers came."""
        return statistics.quantiles(self.milliseconds, n=100, method="inclusive")[percent - 1]

    @property
    def cpu_milliseconds(self) -> float:
        """Of the server's processor time per answer."""
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


def measure(name: str, asks: Sequence[Ask], seconds: float, server: psutil.Process) -> Load:
    """Has every client ask again and again.

    Args:
        name: for the result.
        asks: one for each client.
        seconds: how long.
        server: the process whose processor time and memory count.

    Raises:
        RuntimeError: a client's request failed.
    """
    for ask in asks:  # opens the connection
        ask()
    times: list[list[float]] = [[] for _ in asks]
    failures: list[Exception] = []
    began, worked = time.monotonic(), sum(server.cpu_times()[:2])
    ends = began + seconds

    def client(ask: Ask, mine: list[float]) -> None:
        try:
            while (start := time.perf_counter()) and time.monotonic() < ends:
                ask()
                mine.append((time.perf_counter() - start) * 1000)
        except Exception as error:  # told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=client, args=pair) for pair in zip(asks, times, strict=True)]
    for thread in threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append(server.memory_info().rss / 2**20)
        for thread in threads:
            thread.join(seconds / 50 / len(threads))
    taken, cpu = time.monotonic() - began, sum(server.cpu_times()[:2]) - worked
    if failures:
        raise RuntimeError(f"{name}: {failures[0]}")
    all_times = sorted(one for mine in times for one in mine)
    return Load(name, len(all_times), taken, all_times, cpu, memory)
