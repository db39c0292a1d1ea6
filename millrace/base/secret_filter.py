"""A process of its own between what a run prints and its log: copies its input to its output without the secrets.

It is a process so that it outlives a crash of what it listens to, and so that C++ code, which may hold Python's lock
while it prints, never waits for it. Started by its path: it imports nothing of Millrace.
"""

import json
import os
import re
import signal
import sys

# A line that grows longer is copied in pieces, each with a margin in which a secret may begin.
LONGEST_LINE = 1 << 20


def copy(source: int, target: int, spellings: list[str], replacement: str) -> None:
    """Copies until the source ends.

    Args:
        source: the descriptor that is read.
        target: the descriptor that is written to.
        spellings: what is cut out, the longest first.
        replacement: what is put in its place.
    """
    encoded = [spelling.encode("utf-8", errors="surrogateescape") for spelling in spellings]
    pattern = re.compile(b"|".join(map(re.escape, encoded)))
    held = b""
    while chunk := os.read(source, 1 << 16):
        held += chunk
        end = max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
        if not end and len(held) > LONGEST_LINE:
            held = pattern.sub(replacement.encode(), held)
            end = max(0, len(held) - len(encoded[0]))
        _write(target, pattern.sub(replacement.encode(), held[:end]))
        held = held[end:]
    _write(target, pattern.sub(replacement.encode(), held))


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
    copy(0, 1, *json.loads(os.environ.pop("MILLRACE_SPELLINGS")))
    sys.exit(0)
