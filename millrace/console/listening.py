"""The console as a process: a port of the loopback interface, a token, and a server until someone ends it."""

import contextlib
import errno
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Optional

import uvicorn

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.console.page import Page
from millrace.console.pages import PAGES
from millrace.console.server import application

FIRST_PORT = 8710
_TRIED = 50
HOST = "127.0.0.1"


def open_port(port: Optional[int] = None) -> socket.socket:
    """A socket of the loopback interface, bound.

    Args:
        port: the one that a person named; None for the first that is free from `FIRST_PORT` on.

    Raises:
        BadInput: the port is taken, or may not be had; or none of fifty is free.
    """
    for candidate in [port] if port is not None else range(FIRST_PORT, FIRST_PORT + _TRIED):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # A console that has just ended leaves connections behind that its system still waits for.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, candidate))
            listening.listen()
        except OSError as error:
            listening.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        return listening
    if port is None:
        raise BadInput(
            f"no port from {FIRST_PORT} to {FIRST_PORT + _TRIED - 1} is free", remedy="name a free one with --port"
        )
    raise BadInput(
        f"the port {port} is taken, or may not be had",
        where="--port",
        remedy="name another one, or leave --port out: the console then takes one that is free",
    )


def serve(config: Config, listening: socket.socket, token: str, report_fault: Callable[[str], None]) -> None:
    """Answers until SIGINT or SIGTERM.

    Args:
        config: the pipeline's configuration.
        listening: a bound socket.
        token: without which nothing is shown.
        report_fault: takes the traceback of an error that is nobody's input.
    """
    port = listening.getsockname()[1]
    settings = uvicorn.Config(
        application(config, token, port, report_fault=report_fault),
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        # A browser that follows a run never closes its connection by itself.
        timeout_graceful_shutdown=1,
    )
    # uvicorn raises the signal again once it has ended.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])


@contextlib.contextmanager
def answering(
    config: Config,
    token: str,
    pages: Sequence[Page] = PAGES,
    report_fault: Callable[[str], None] = lambda text: None,
) -> Iterator[int]:
    """A console in a thread of this process, for what asks it: a test, a measurement, a photographer.

    Args:
        config: the pipeline's configuration.
        token: without which nothing is shown.
        pages: what it can show.
        report_fault: takes the traceback of an error that is nobody's input.

    Yields:
        Its port, once it answers.
    """
    with contextlib.closing(open_port(0)) as listening:
        port: int = listening.getsockname()[1]
        app = application(config, token, port, pages, report_fault=report_fault)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield port
        finally:
            server.should_exit = True
            thread.join()


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)
