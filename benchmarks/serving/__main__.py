"""`python -m benchmarks.serving`: the model server, alone and behind the gateway, beside bare runs of its model."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import click
import grpc
import psutil
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from tensorflow_serving.apis import predict_pb2

from benchmarks import report
from benchmarks.serving.load import HOST, Load, asks_grpc, asks_rest, measure, measure_wrk
from benchmarks.serving.requests import NAME, json_request, warm_up_request
from millrace.base.numbers import counted
from millrace.model_server import lifeline
from millrace.model_server.client import Client, NoAnswer
from millrace.model_server.server_process import Ports, ServerProcess
from millrace.serving.envoy_config import WHOLE, Listener, Traffic, Upstream
from millrace.serving.gateway import Gateway, require_envoy

_START_SECONDS = 120.0
_MEMORY = 8 << 30
_CONFIG = """model_config_list {{ config {{
  name: "{name}" base_path: "{folder}/versions"
  logging_config {{
    log_collector_config {{ filename_prefix: "{folder}/log/requests" }}
    sampling_config {{ sampling_rate: {rate} }}
  }}
}} }}"""
# Half a millisecond is what a request of the default model takes anyway.
_BATCHING = "batch_timeout_micros { value: 500 } max_enqueued_batches { value: 1000 }"


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seconds", default=10.0, show_default=True, help="Of each load; 3600 shows whether memory grows.")
@click.option("--clients", default=8, show_default=True, help="That ask at once.")
@click.option("--signature", default="predict_json", show_default=True)
@click.option("--only", default="", help="Loads whose name contains this, such as 'batches, gRPC'.")
@click.option("--log", is_flag=True, help="The server also logs every request.")
@click.option("--gateway", is_flag=True, help="Ask through Envoy as well.")
@click.option("--wrk", is_flag=True, help="REST is asked by wrk (apt-get install wrk), a lighter client than Python.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the numbers here.")
def main(
    model: Path,
    seconds: float,
    clients: int,
    signature: str,
    only: str,
    log: bool,
    gateway: bool,
    wrk: bool,
    file: Optional[Path],
) -> None:
    """Measure the server of a pushed MODEL (the folder of a version) beside a bare loop of session runs.

    It is asked with a row of the warm-up requests that came with the model.
    """
    console = Console(highlight=False, width=120)
    console.print("  ".join(f"{key} {value}" for key, value in report.machine().items()), soft_wrap=True)
    request = warm_up_request(model, signature)
    loads = [_bare(model, request, min(seconds, 30.0))]
    for batches in (False, True):
        with _server(model, batches, log) as (server, ports):
            name, processes = "batches" if batches else "single", [server]
            loads += _asked(name, ports, processes, request, seconds, clients, only, wrk)
            if gateway:
                with _gateway(ports) as (envoy, port):
                    name, through = f"{name}, gateway", Ports(rest=port, grpc=port)
                    loads += _asked(name, through, [server, envoy], request, seconds, clients, only, wrk)
    console.print(_table(loads))
    if file:
        file.write_text(json.dumps([_plain(load, loads[0]) for load in loads], indent=1), encoding="utf-8")


def _bare(model: Path, request: predict_pb2.PredictRequest, seconds: float) -> Load:
    """Session runs in this process, with arrays that are there already."""
    graph = tf.Graph()
    with tf.compat.v1.Session(graph=graph) as session, graph.as_default():
        meta_graph = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], str(model))
        signature = meta_graph.signature_def[request.model_spec.signature_name]
        feeds = {signature.inputs[alias].name: tf.make_ndarray(tensor) for alias, tensor in request.inputs.items()}
        fetches = {alias: info.name for alias, info in signature.outputs.items()}
        return measure(
            "bare runs, 1 client", [lambda: session.run(fetches, feeds) and None], seconds, [psutil.Process()]
        )


@contextmanager
def _server(model: Path, batches: bool, log: bool) -> Iterator[tuple[psutil.Process, Ports]]:
    """A server of the model, as a process, and where it listens."""
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "server.log", "wb") as output:
        base, config, parameters = (Path(folder) / name for name in ("versions", "models.config", "batching.txt"))
        base.mkdir()
        (base / "1").symlink_to(model.resolve())
        config.write_text(_CONFIG.format(name=NAME, folder=folder, rate=float(log)))
        parameters.write_text(_BATCHING)
        flags = [f"--model_config_file={config}"]
        if batches:
            flags += ["--enable_batching", f"--batching_parameters_file={parameters}"]
        with ServerProcess("process", None, NAME, Path(folder), output, _MEMORY, flags) as server:
            ports = _wait(server)
            yield _process("millrace.model_server"), ports


@contextmanager
def _gateway(ports: Ports) -> Iterator[tuple[psutil.Process, int]]:
    """An Envoy over the server, as a process, and its one port."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        listener = Listener(HOST, 0, "x-user-id", 60.0, place, place / "admin")
        upstream, traffic = Upstream(1, ports.rest, ports.grpc), Traffic({1: WHOLE})
        with Gateway(require_envoy(), listener, [upstream], traffic, place / "envoy.log") as running:
            yield _process("--disable-hot-restart"), running.port


def _asked(
    name: str,
    ports: Ports,
    processes: Sequence[psutil.Process],
    request: predict_pb2.PredictRequest,
    seconds: float,
    clients: int,
    only: str,
    wrk: bool,
) -> Iterator[Load]:
    """By both protocols, from one client and from several."""
    body, path = json_request(request), f"/v1/models/{NAME}:predict"
    for count in sorted({1, clients}):
        title = f"{name}, gRPC, {counted(count, 'client')}"
        if only in title:
            with grpc.insecure_channel(f"{HOST}:{ports.grpc}") as channel:
                yield measure(title, [asks_grpc(channel, request)] * count, seconds, processes)
    for count in sorted({1, clients}):
        title = f"{name}, REST, {counted(count, 'client')}"
        if only in title and wrk:
            yield measure_wrk(title, f"http://{HOST}:{ports.rest}{path}", body, count, seconds, processes)
        elif only in title:
            yield measure(title, [asks_rest(ports.rest, path, body) for _ in range(count)], seconds, processes)


def _wait(server: ServerProcess) -> Ports:
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends and server.exit_code() is None:
        if server.ports:
            with Client(server.ports, NAME, 5.0) as client:
                try:
                    if client.state()[0] == "AVAILABLE":
                        return server.ports
                except NoAnswer:
                    pass
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def _process(word: str) -> psutil.Process:
    """The process that was started with a word in its command, and not what sees to its end."""
    started = psutil.Process().children(recursive=True)
    return next(one for one in started if word in one.cmdline() and str(lifeline.__file__) not in one.cmdline())


def _table(loads: list[Load]) -> Table:
    table = Table("", "answers/s", "of bare runs", "p50 ms", "p99 ms", "ms of processor", "MiB", "grown by")
    for load in loads:
        table.add_row(
            load.name,
            f"{load.per_second:.0f}",
            f"{load.per_second / loads[0].per_second:.2f}",
            f"{load.p50:.2f}",
            f"{load.p99:.2f}",
            f"{load.cpu_milliseconds:.2f}",
            f"{load.memory[-1]:.0f}",
            f"{load.growth:+.1f}",
        )
    return table


def _plain(load: Load, bare: Load) -> dict[str, object]:
    return {
        "name": load.name,
        "requests": load.requests,
        "seconds": load.seconds,
        "per_second": load.per_second,
        "of_bare": load.per_second / bare.per_second,
        "p50_milliseconds": load.p50,
        "p99_milliseconds": load.p99,
        "cpu_milliseconds": load.cpu_milliseconds,
        "memory_mib": list(load.memory),
    }


if __name__ == "__main__":
    main()
