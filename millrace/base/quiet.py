"""Sends what libraries print to the run's log, at the level of file descriptors, since half of it is C++."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from millrace.base.noise import LeaveOut

LONGEST_MESSAGE = 4000


class _Abridge(logging.Filter):
    """Takes secret values out of log lines, since TFX logs its whole connection; and cuts what nobody can read."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if len(text) > LONGEST_MESSAGE:
            text = f"{text[:LONGEST_MESSAGE]} ... ({len(text)} characters)"
        record.msg, record.args = text, None
        return True


@contextlib.contextmanager
def output_to(log: Path, secrets: Sequence[str] = ()) -> Iterator[TextIO]:
    """Redirects standard output and standard error of this process and its children to a file.

    Args:
        log: the file, appended to.
        secrets: values that must not reach it.

    Yields:
        A stream to where standard output went before, for what a person should see.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    handler = logging.StreamHandler(os.fdopen(os.dup(target), "w", buffering=1))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.addFilter(LeaveOut())
    handler.addFilter(_Abridge(secrets))
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    terminal = os.fdopen(os.dup(saved[0]), "w", buffering=1, encoding="utf-8", errors="replace")
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        terminal.flush()
        logging.captureWarnings(False)
        root.level, root.handlers[:] = before
        for descriptor, original in zip((1, 2), saved, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(target)
        terminal.close()
        # What is left in the buffer finds no place on a full disk.
        with contextlib.suppress(OSError):
            handler.stream.close()
