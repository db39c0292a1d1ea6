"""What is the machine's fault and nobody's verdict: a full disk, no memory, no more files.

A gate that meets one of these has judged nothing. TensorFlow, Beam and TFMA wrap the system's errors in their own, so
that the words are what is left of them.
"""

import errno
import os
import re
from collections.abc import Iterator
from typing import Optional

from millrace.base.errors import CouldNotJudge

_ROOM = "make room (temporary files are in TMPDIR), then run again"
_FAULTS = (
    (re.compile(r"No space left on device|disk is full", re.I), "the disk is full", _ROOM),
    (re.compile(r"Disk quota exceeded|File too large", re.I), "the file system takes no more", _ROOM),
    (
        re.compile(r"Address already in use|address in use|failed to bind", re.I),
        "another program has taken the port",
        "run again, when that one is done",
    ),
    (re.compile(r"Too many open files", re.I), "too many files are open", "raise `ulimit -n`, then run again"),
    (
        re.compile(r"Cannot allocate memory|std::bad_alloc|OOM when allocating|MemoryError", re.I),
        "there is not enough memory",
        "end what else takes memory, or take a larger machine; then run again",
    ),
    (
        re.compile(
            r"Input/output error|Stale file handle|Read-only file system|No usable temporary directory|"
            r"Permission denied|Resource temporarily unavailable|can't start new thread",
            re.I,
        ),
        "the machine's files or processes cannot be used",
        "see that the disk can be written and that TMPDIR names a folder that is yours; then run again",
    ),
)
_ERRNOS = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE,
        errno.EROFS, errno.EAGAIN, errno.EACCES, errno.EADDRINUSE,
    }
)  # fmt: skip


def in_words(text: str) -> Optional[tuple[str, str]]:
    """The machine's fault that a message or a log speaks of, and its remedy; None when it speaks of none."""
    return next(((what, remedy) for words, what, remedy in _FAULTS if words.search(text)), None)


def machine_fault(error: BaseException) -> Optional[CouldNotJudge]:
    """The failure to raise in place of an error that the machine caused.

    Args:
        error: as caught; its causes are looked at too.

    Returns:
        `CouldNotJudge`, with a remedy; None when the error does not say that the machine is at fault.
    """
    for cause in _causes(error):
        if isinstance(cause, CouldNotJudge):
            return cause
        text = f"{type(cause).__name__}: {cause}"
        if isinstance(cause, OSError) and cause.errno in _ERRNOS:
            text = f"{os.strerror(cause.errno)}: {cause.filename or ''}"
        fault = in_words(text)
        if fault:
            return CouldNotJudge(f"{fault[0]} ({text.splitlines()[0][:300].rstrip(': ')})", remedy=fault[1])
    return None


def _causes(error: Optional[BaseException]) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
