"""What the server counts, as Prometheus reads it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from millrace.model_server.models import Models

# Half a millisecond to half a minute, in steps of two to three.
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_MODEL = ("model", "version", "api", "method")


class Metrics:
    """Requests by model and version, the request logs, what is served, and the process.

    Args:
        models: what is served.
    """

    def __init__(self, models: Models) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "model_server_requests", "Requests by what came of them", (*_MODEL, "code"), registry=self._registry
        )
        self._seconds = Histogram(
            "model_server_request_seconds", "From the request to its answer", _MODEL, buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._registry.register(_Served(models))
        ProcessCollector(registry=self._registry)

    def observe(self, model: str, version: str, api: str, method: str, code: str, seconds: float) -> None:
        """Counts a request.

        Args:
            model: its name; empty where what was asked for is not served.
            version: the number of the version that it went to.
            api: `gRPC` or `REST`.
            method: `Predict`, `Classify` or `Regress`.
            code: the name of its status in google.rpc.Code.
            seconds: from its arrival on.
        """
        self._requests.labels(model, version, api, method, code).inc()
        self._seconds.labels(model, version, api, method).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)


class _Served(Collector):
    """What others count, looked at when somebody asks."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        available = GaugeMetricFamily("model_server_available", "Versions that answer", labels=("model", "version"))
        written = CounterMetricFamily("model_server_log_written", "Requests that were logged", labels=("model",))
        dropped = CounterMetricFamily("model_server_log_dropped", "Requests not logged", labels=("model", "reason"))
        for name in self._models.names():
            for version in self._models.available(name):
                available.add_metric((name, str(version)), 1)
            log = self._models.request_log(name)
            if log:
                written.add_metric((name,), log.written)
                for reason, count in log.dropped.items():
                    dropped.add_metric((name, reason), count)
        yield from (available, written, dropped)
