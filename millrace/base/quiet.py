"""Sends what libraries print to the run's log, at the level of file descriptors, since half of it is C++."""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Optional, TextIO

from millrace.base import secret_filter, secrets
from millrace.base.noise import LeaveOut

LONGEST_MESSAGE = 4000


class _Abridge(logging.Filter):
    """Cuts what nobody can read."""

    def filter(self, record: logging.LogRecord) -> bool:
        # What is cut in two is searched for no more.
        text = secrets.cut(record.getMessage())
        if len(text) > LONGEST_MESSAGE:
            text = f"{text[:LONGEST_MESSAGE]} ... ({len(text)} characters)"
        record.msg, record.args = text, None
        return True


@contextlib.contextmanager
def output_to(log: Path) -> Iterator[TextIO]:
    """Redirects standard output and standard error of this process and its children to a file.

    What is known as a secret by then reaches the file in no spelling, whether Python's logging, a traceback or C++
    prints it.

    Args:
        log: the file, appended to.

    Yields:
        A stream to where standard output went before, for what a person should see.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    target, cutting = _target(log)
    handler = logging.StreamHandler(os.fdopen(os.dup(target), "w", buffering=1))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.addFilter(LeaveOut())
    handler.addFilter(_Abridge())
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    terminal = os.fdopen(os.dup(saved[0]), "w", buffering=1, encoding=encoding, errors="backslashreplace")
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield terminal
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # a full disk; what follows must reach the person
                stream.flush()
        logging.captureWarnings(False)
        root.level, root.handlers[:] = before
        for descriptor, original in zip((1, 2), saved, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(target)
        with contextlib.suppress(OSError):
            handler.stream.close()
        if cutting:
            # It ends when the last process that prints does; one that is left behind is not waited for.
            with contextlib.suppress(subprocess.TimeoutExpired):
                cutting.wait(timeout=5)
        # Last, since it fails where a person's stream takes no more, which is told when all is as it was.
        terminal.close()


def load_tensorflow() -> None:
    """Imports TensorFlow for who waits for an answer, without what its C++ logs of GPUs that are not there.

    The first lines of TensorFlow 2.21 heed no level that an environment variable sets.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with output_to(Path(os.devnull)):
        import tensorflow  # noqa: F401


def _target(log: Path) -> tuple[int, Optional[subprocess.Popen[bytes]]]:
    """Where the output goes: to the file, by way of a process that cuts the secrets out where there are some."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    spellings = secrets.spellings(secrets.values())
    if not spellings:
        return file, None
    reading, writing = os.pipe()
    cutting = subprocess.Popen(
        [sys.executable, "-I", "-S", secret_filter.__file__],
        stdin=reading,
        stdout=file,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(reading)
    os.close(file)
    with open(writing, "wb", closefd=False) as stream:
        stream.write(json.dumps([spellings, secrets.CUT]).encode() + b"\n")
    return writing, cutting
