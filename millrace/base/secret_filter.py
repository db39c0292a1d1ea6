"""A process of its own between what a run prints and its log: copies its input to its output without the secrets.

It is a process so that it outlives a crash of what it listens to, and so that C++ code, which may hold Python's lock
while it prints, never waits for it. Started by its path: it imports nothing of Millrace.

The input begins with a line of JSON, `[spellings, replacement]`. An argument or a variable of the environment could
not hold it: Linux gives each of them 128 KiB (MAX_ARG_STRLEN), and the spellings of a long secret take more.
"""

import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from io import BufferedReader

# A line that grows longer is copied in pieces, each with a margin in which a secret may begin.
LONGEST_LINE = 1 << 20


def pattern(spellings: Sequence[str]) -> "re.Pattern[str]":
    """What finds any of the spellings.

    Args:
        spellings: at least one, none of them empty; where several begin at one place, the first of them counts.

    Returns:
        The expression, grouped by first characters: a long secret has a thousand spellings, and trying each of them
        at each place took 3 s per MB.
    """
    groups: dict[str, list[str]] = {}
    for spelling in spellings:
        groups.setdefault(spelling[0], []).append(re.escape(spelling[1:]))
    return re.compile("|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items()))


def copy(source: BufferedReader, target: int, spellings: Sequence[str], replacement: str) -> None:
    """Copies until the source ends.

    Args:
        source: what is read.
        target: the descriptor that is written to.
        spellings: what is cut out, the longest first.
        replacement: what is put in its place.
    """
    # Latin-1 has a character for each byte, and takes any.
    encoded = [spelling.encode("utf-8", errors="surrogateescape").decode("latin-1") for spelling in spellings]
    secret, margin = pattern(encoded), len(encoded[0])
    held = b""

    def cut(data: bytes) -> bytes:
        return secret.sub(replacement, data.decode("latin-1")).encode("latin-1")

    while chunk := source.read1(1 << 16):
        held += chunk
        end = max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
        if not end and len(held) > LONGEST_LINE:
            held = cut(held)
            end = max(0, len(held) - margin)
        _write(target, cut(held[:end]))
        held = held[end:]
    _write(target, cut(held))


def _write(target: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(target, data) :]
        except OSError:  # a full disk; whoever prints must not be stopped by it
            return


if __name__ == "__main__":
    # Ctrl-C reaches every process of the terminal; this one ends with what it listens to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(0, "rb") as source:
        copy(source, 1, *json.loads(source.readline()))
    sys.exit(0)
