"""What is the machine's fault and nobody's verdict: a full disk, no memory, no more files. The one table of them.

A gate that meets one of these has judged nothing, and a run that ends by one has failed (`errors.describe`).
TensorFlow, Beam and TFMA wrap the system's errors in their own, so that the words are what is left of them.
"""

import errno
import os
import re
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class MachineFault:
    """One way in which a machine lets down what runs on it.

    Args:
        what: the end of a sentence, what is wrong.
        remedy: what a person does about it.
        words: how the operating system, SQLite and TensorFlow's file system say it.
        errnos: the system's numbers for it.
    """

    what: str
    remedy: str
    words: re.Pattern[str]
    errnos: frozenset[int] = frozenset()


DISK_FULL = MachineFault(
    "the disk is full",
    "make room (temporary files are in TMPDIR), or set root to another disk; then run again",
    re.compile(r"No space left on device|disk is full", re.I),
    frozenset({errno.ENOSPC}),
)
_FAULTS = (
    DISK_FULL,
    MachineFault(
        "the file system takes no more",
        DISK_FULL.remedy,
        re.compile(r"Disk quota exceeded|File too large", re.I),
        frozenset({errno.EDQUOT, errno.EFBIG}),
    ),
    MachineFault(
        "another program has taken the port",
        "run again, when that one is done",
        re.compile(r"Address already in use|address in use|failed to bind", re.I),
        frozenset({errno.EADDRINUSE}),
    ),
    MachineFault(
        "too many files are open",
        "raise `ulimit -n`, then run again",
        re.compile(r"Too many open files", re.I),
        frozenset({errno.EMFILE, errno.ENFILE}),
    ),
    MachineFault(
        "there is not enough memory",
        "end what else takes memory, or take a larger machine; then run again",
        re.compile(r"Cannot allocate memory|std::bad_alloc|OOM when allocating|MemoryError", re.I),
        frozenset({errno.ENOMEM}),
    ),
    MachineFault(
        "the machine's files or processes cannot be used",
        "see that the file can be read and the disk written, and that TMPDIR names a folder of yours; then run again",
        # Google's services say in nearly the same words that an account may not do something.
        re.compile(
            r"Input/output error|Stale file handle|Read-only file system|No usable temporary directory|"
            r"Permission denied(?! (?:on|for|to|by)\b)|Resource temporarily unavailable|can't start new thread",
            re.I,
        ),
        frozenset({errno.EIO, errno.ESTALE, errno.EROFS, errno.EAGAIN, errno.EACCES}),
    ),
)


def in_words(text: str) -> Optional[MachineFault]:
    """The fault that a message or a log speaks of; None when it speaks of none."""
    return next((fault for fault in _FAULTS if fault.words.search(text)), None)


def of(error: BaseException) -> Optional[tuple[MachineFault, str]]:
    """The fault that one exception is, whatever caused it, and the words for it; None when it is none.

    Args:
        error: as caught. A number of the system counts more than its words, which may be translated.
    """
    if isinstance(error, OSError) and error.errno is not None:
        fault = next((fault for fault in _FAULTS if error.errno in fault.errnos), None)
        if fault:
            return fault, f"{os.strerror(error.errno)}: {error.filename or ''}"
    text = f"{type(error).__name__}: {error}"
    fault = in_words(text)
    return (fault, text) if fault else None
