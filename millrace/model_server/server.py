"""A whole server in this process, put together as its flags say."""

import argparse
import json
import logging
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from millrace.base import files
from millrace.model_server import grpc_service, model_config, option_files, rest
from millrace.model_server.batching import Batching
from millrace.model_server.models import ConfigFile, Models
from millrace.model_server.versions import Loading

if TYPE_CHECKING:
    from millrace.model_server.metrics import Metrics

_THREADS = 16
# Whoever waits for a batch holds a thread.
_THREADS_WITH_BATCHES = 64


def serve(flags: argparse.Namespace, stop: threading.Event) -> None:
    """Listens, loads and answers.

    Args:
        flags: of `python -m millrace.model_server`.
        stop: ends it, in order.

    Raises:
        BadInput: a file that the flags name cannot be used.
        OSError: a port cannot be had, or the file of the ports not be written.
    """
    configs = _configs(flags)
    batching = _batching(flags)
    pause = flags.load_retry_interval_micros / 1e6
    loading = Loading(flags.enable_model_warmup, flags.max_num_load_retries, pause, batching)
    models = Models(loading, flags.file_system_poll_wait_seconds)
    metrics_path = _metrics_path(flags)
    metrics = _metrics(models) if metrics_path else None
    chosen = bool(flags.ports_file)
    ports = {"grpc": 0, "rest": 0}
    if flags.port or chosen:
        port, threads = 0 if chosen else flags.port, _THREADS_WITH_BATCHES if batching else _THREADS
        reloads = flags.reload_config
        grpc_server, ports["grpc"] = grpc_service.start(models, flags.host, port, threads, metrics, reloads)
        logging.info("Running gRPC ModelServer at %s:%d", flags.host, ports["grpc"])
    if flags.rest_api_port or chosen:
        port, timeout = 0 if chosen else flags.rest_api_port, flags.rest_api_timeout_in_ms
        ports["rest"] = rest.start(models, flags.host, port, timeout, metrics, metrics_path)
        logging.info("Exporting HTTP/REST API at %s:%d", flags.host, ports["rest"])
    if chosen:
        files.write(Path(flags.ports_file), json.dumps(ports))
    # Only now: a server that listens has not looked at a model yet, so what happened before is not the model's fault.
    models.serve(configs)
    if flags.model_config_file:
        config_file = ConfigFile(Path(flags.model_config_file), models, configs)
        signal.signal(signal.SIGHUP, lambda *_: config_file.ask())
        poll_seconds = flags.model_config_file_poll_wait_seconds
        threading.Thread(target=config_file.watch, args=(poll_seconds,), daemon=True).start()
    stop.wait()
    if ports["grpc"]:
        grpc_server.stop(grace=1.0).wait()
    models.close_logs()


def _configs(flags: argparse.Namespace) -> model_config.ModelConfigs:
    if flags.model_config_file:
        return model_config.read(Path(flags.model_config_file))
    path = flags.model_base_path
    path = path if "://" in path else os.path.abspath(path)
    return {flags.model_name: model_config.ModelConfig(name=flags.model_name, base_path=path)}


def _batching(flags: argparse.Namespace) -> Optional[Batching]:
    if not flags.enable_batching:
        return None
    file = flags.batching_parameters_file
    return Batching(option_files.read_batching_parameters(Path(file) if file else None))


def _metrics_path(flags: argparse.Namespace) -> str:
    file = flags.monitoring_config_file
    return option_files.read_metrics_path(Path(file)) if file else ""


def _metrics(models: Models) -> "Metrics":
    from millrace.model_server.metrics import Metrics

    return Metrics(models)
