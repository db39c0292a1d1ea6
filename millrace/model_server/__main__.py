"""The model server's process: flags, listening, and an orderly end.

The flags are `tensorflow_model_server`'s own, with its names and meanings. Two differ: the server always listens on
the loopback interface, and `--ports_file` (ours) asks for ports that the operating system chooses.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from millrace.base import files
from millrace.base.garbage import look_seldom

HOST = "127.0.0.1"


def parse_flags(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Reads the command line.

    Args:
        argv: the arguments without the program's name; the process's own when left out.

    Returns:
        The flags as attributes.
    """
    parser = argparse.ArgumentParser(
        prog="python -m millrace.model_server",
        description="Serves the newest version of a SavedModel on this machine, as TensorFlow Serving would.",
        allow_abbrev=False,
    )
    flag = parser.add_argument
    flag("--model_base_path", required=True, help="a folder with one numbered folder per version")
    flag("--model_name", default="default")
    flag("--port", type=int, default=8500, help="gRPC; 0 turns it off")
    flag("--rest_api_port", type=int, default=0, help="REST; 0 turns it off")
    flag("--rest_api_timeout_in_ms", type=int, default=30_000)
    flag("--enable_model_warmup", type=_boolean, default=True, help="replay assets.extra/tf_serving_warmup_requests")
    flag("--file_system_poll_wait_seconds", type=float, default=1.0, help="0 looks for versions once")
    flag("--max_num_load_retries", type=int, default=5)
    flag("--load_retry_interval_micros", type=int, default=60_000_000)
    flag("--ports_file", help="listen on ports that the system chooses and write them here as JSON (grpc, rest)")
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Serves until SIGTERM or SIGINT.

    Args:
        argv: the arguments without the program's name.

    Returns:
        The exit code: 0 after an orderly end, 1 when a port cannot be had, or the file of the ports not be written.
    """
    flags = parse_flags(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    look_seldom()
    _import_tensorflow_alone()
    # Only now: until here there is nothing to end in order, and a signal may end the process at once.
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        _serve(flags, stop)
    except OSError as error:
        logging.error("cannot start on %s: %s", HOST, error)
        return 1
    logging.info("stopped")
    return 0


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError("true or false")
    return text.lower() in ("true", "1")


def _import_tensorflow_alone() -> None:
    # `import tensorflow` also imports Keras, and swallows the ImportError when it cannot. A SavedModel's graph needs
    # none of it: a quarter of the start-up time and 100 MiB are saved. A None in sys.modules is Python's own way.
    sys.modules.setdefault("keras", None)  # type: ignore[arg-type]
    import tensorflow  # noqa: F401


def _serve(flags: argparse.Namespace, stop: threading.Event) -> None:
    from millrace.model_server import grpc_service, rest
    from millrace.model_server.versions import ModelVersions

    versions = ModelVersions(
        flags.model_name,
        flags.model_base_path,
        warm_up=flags.enable_model_warmup,
        load_retries=flags.max_num_load_retries,
        retry_seconds=flags.load_retry_interval_micros / 1e6,
    )
    chosen = bool(flags.ports_file)
    ports = {"grpc": 0, "rest": 0}
    if flags.port or chosen:
        grpc_server, ports["grpc"] = grpc_service.start(versions, HOST, 0 if chosen else flags.port)
        logging.info("Running gRPC ModelServer at %s:%d", HOST, ports["grpc"])
    if flags.rest_api_port or chosen:
        rest_port = 0 if chosen else flags.rest_api_port
        ports["rest"] = rest.start(versions, HOST, rest_port, flags.rest_api_timeout_in_ms)
        logging.info("Exporting HTTP/REST API at %s:%d", HOST, ports["rest"])
    if chosen:
        files.write(Path(flags.ports_file), json.dumps(ports))
    threading.Thread(target=versions.watch, args=(flags.file_system_poll_wait_seconds, stop), daemon=True).start()
    stop.wait()
    if ports["grpc"]:
        grpc_server.stop(grace=1.0).wait()


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # A request that never ends keeps its thread: an ordinary exit would wait for it for ever.
    os._exit(code)
