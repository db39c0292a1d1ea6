"""`python -m benchmarks.serving`: the model server by both protocols, with and without batches, beside bare runs."""

import json
import tempfile
import time
from collections.abc import Iterator
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
from benchmarks.serving.load import HOST, Ask, Load, asks_grpc, asks_rest, measure
from benchmarks.serving.requests import NAME, json_request, warm_up_request
from millrace.model_server.client import Client, NoAnswer
from millrace.model_server.server_process import Ports, ServerProcess

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
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the numbers here.")
def main(model: Path, seconds: float, clients: int, signature: str, only: str, log: bool, file: Optional[Path]) -> None:
    """Measure the server of a pushed MODEL (the folder of a version) beside a bare loop of session runs.

    It is asked with a row of the warm-up requests that came with the model.
    """
    console = Console(highlight=False, width=120)
    console.print("  ".join(f"{key} {value}" for key, value in report.machine().items()), soft_wrap=True)
    request = warm_up_request(model, signature)
    loads = [_bare(model, request, min(seconds, 30.0))]
    for batches in (False, True):
        loads += _served(model, request, seconds, clients, batches, only, log)
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
        return measure("bare runs, 1 client", [lambda: session.run(fetches, feeds) and None], seconds, psutil.Process())


def _served(
    model: Path,
    request: predict_pb2.PredictRequest,
    seconds: float,
    clients: int,
    batches: bool,
    only: str,
    log: bool,
) -> Iterator[Load]:
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
            process = _process()
            for protocol in ("gRPC", "REST"):
                for count in sorted({1, clients}):
                    name = f"{'batches' if batches else 'single'}, {protocol}, {count} client{'s' if count > 1 else ''}"
                    if only in name:
                        with grpc.insecure_channel(f"{HOST}:{ports.grpc}") as channel:
                            asks = [_ask(protocol, ports, channel, request) for _ in range(count)]
                            yield measure(name, asks, seconds, process)


def _ask(protocol: str, ports: Ports, channel: grpc.Channel, request: predict_pb2.PredictRequest) -> Ask:
    if protocol == "gRPC":
        return asks_grpc(channel, request)
    return asks_rest(ports.rest, f"/v1/models/{NAME}:predict", json_request(request))


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


def _process() -> psutil.Process:
    """The server itself, and not what sees to its end."""
    started = psutil.Process().children(recursive=True)
    return next(one for one in started if one.cmdline()[1:3] == ["-m", "millrace.model_server"])


def _table(loads: list[Load]) -> Table:
    table = Table("", "answers/s", "of bare runs", "p50 ms", "p99 ms", "server ms of processor", "MiB", "grown by")
    for load in loads:
        table.add_row(
            load.name,
            f"{load.per_second:.0f}",
            f"{load.per_second / loads[0].per_second:.2f}",
            f"{load.percentile(50):.2f}",
            f"{load.percentile(99):.2f}",
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
        "p50_milliseconds": load.percentile(50),
        "p99_milliseconds": load.percentile(99),
        "cpu_milliseconds": load.cpu_milliseconds,
        "memory_mib": list(load.memory),
    }


if __name__ == "__main__":
    main()
