"""How loaded the machine is: a computation whose processor time is known, beside the clock.

A model is too slow when it computes for too long, and not when others compute in its place. Without others, as many
threads as there are processors get all of the time that passes; what they lack of it others have taken, on this machine
or, where a virtual machine lies, on the host. A container's own quota is no load: it has that much and no more.
"""

import hashlib
import threading
import time

from millrace.base.cores import cores, processors

_SECONDS = 0.3
_BLOCK = bytes(1 << 20)  # hashing it takes about a millisecond, without Python's lock


def slowdown(seconds: float = _SECONDS) -> float:
    """Measures how many times longer than on an idle machine a computation takes here and now.

    Args:
        seconds: how long to measure.

    Returns:
        1 on an idle machine, 2 when others take half of what this process may use; never below 1.
    """
    used: list[float] = []

    def compute() -> None:
        while time.monotonic() < deadline:
            hashlib.sha256(_BLOCK).digest()
        used.append(time.thread_time())  # of this thread, from its start

    started = time.monotonic()
    deadline = started + seconds
    threads = [threading.Thread(target=compute) for _ in range(cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(1.0, (time.monotonic() - started) * processors() / max(sum(used), 1e-3))
