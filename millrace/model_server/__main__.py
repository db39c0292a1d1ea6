"""The model server's process: flags, listening, and an orderly end.

The flags are `tensorflow_model_server`'s own, with its names and meanings. Three are ours: `--host`, since the server
listens on the loopback interface unless told otherwise, `--ports_file`, which asks for ports that the operating
system chooses, and `--reload_config`, without which no caller changes what is served.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Optional

from millrace.base.errors import BadInput
from millrace.base.garbage import look_seldom
from millrace.base.outcomes import BAD_INPUT, FAULT


def parse_flags(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Reads the command line.

    Args:
        argv: the arguments without the program's name; the process's own when left out.

    Returns:
        The flags as attributes.
    """
    parser = argparse.ArgumentParser(
        prog="python -m millrace.model_server",
        description="Serves SavedModels on this machine, as TensorFlow Serving would.",
        allow_abbrev=False,
    )
    flag = parser.add_argument
    flag("--model_base_path", help="a folder with one numbered folder per version, of which the newest is served")
    flag("--model_name", default="default")
    flag("--model_config_file", help="a ModelServerConfig as text: several models and versions; SIGHUP reads it again")
    flag("--model_config_file_poll_wait_seconds", type=float, default=0.0, help="0 reads it again by SIGHUP alone")
    flag("--monitoring_config_file", help="a MonitoringConfig as text: where REST shows metrics to Prometheus")
    flag("--enable_batching", type=_boolean, nargs="?", const=True, default=False, help="run requests together")
    flag("--batching_parameters_file", help="BatchingParameters as text; for --enable_batching")
    flag("--host", default="127.0.0.1", help="the interface to listen on")
    flag("--port", type=int, default=8500, help="gRPC; 0 turns it off")
    flag("--rest_api_port", type=int, default=0, help="REST; 0 turns it off")
    flag("--rest_api_timeout_in_ms", type=int, default=30_000)
    flag("--enable_model_warmup", type=_boolean, default=True, help="replay assets.extra/tf_serving_warmup_requests")
    flag("--file_system_poll_wait_seconds", type=float, default=1.0, help="0 looks when the configuration changes")
    flag("--max_num_load_retries", type=int, default=5)
    flag("--load_retry_interval_micros", type=int, default=60_000_000)
    flag("--reload_config", type=_boolean, default=True, help="whether ModelService's ReloadConfig is answered")
    flag("--ports_file", help="listen on ports that the system chooses and write them here as JSON (grpc, rest)")
    flags = parser.parse_args(argv)
    if not (flags.model_base_path or flags.model_config_file):
        parser.error("name --model_base_path or --model_config_file")
    return flags


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Serves until SIGTERM or SIGINT.

    Args:
        argv: the arguments without the program's name.

    Returns:
        The exit code: 0 after an orderly end, 1 when a port cannot be had, or the file of the ports not be written,
        2 when what is to be served cannot be read.
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
        from millrace.model_server.server import serve

        serve(flags, stop)
    except BadInput as error:
        logging.error("%s", error)
        return BAD_INPUT
    except OSError as error:
        logging.error("cannot start on %s: %s", flags.host, error)
        return FAULT
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


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # A request that never ends keeps its thread: an ordinary exit would wait for it for ever.
    os._exit(code)
