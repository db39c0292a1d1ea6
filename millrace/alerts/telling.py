"""Tells a notice by every channel, again where one is down for a moment, and never for longer than is said.

Each channel has a thread of its own: none waits for another, and one that hangs in a name's look-up is left behind.
"""

import threading
import time
from collections.abc import Callable, Sequence

from millrace.alerts.channels import Channel, Notice

SECONDS = 10.0
"""How long telling takes at most, all channels and all tries together."""

_TRY_SECONDS = 5.0
_WAITS = (0.5, 2.0)


def tell(
    channels: Sequence[Channel],
    notice: Notice,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, str]:
    """Tells a notice.

    Args:
        channels: by which; none is tried more than three times.
        notice: what to tell.
        seconds: how long it may take in all.
        clock: seconds that only grow.
        sleep: waits so many seconds between two tries.

    Returns:
        By the channel's name a sentence that says why it did not deliver; empty when every one did. Nothing is raised.
    """
    troubles = {channel.name: "it did not answer in time" for channel in channels}
    deadline = clock() + seconds

    def work(channel: Channel) -> None:
        troubles[channel.name] = _try(channel, notice, deadline, clock, sleep)

    threads = [threading.Thread(target=work, args=(one,), name=one.name, daemon=True) for one in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - clock()))
    # A copy of what is known now: a thread that was left behind may still write.
    return {name: trouble for name, trouble in dict(troubles).items() if trouble}


def _try(
    channel: Channel, notice: Notice, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> str:
    try:
        if lack := channel.lacks():
            return lack
        trouble = channel.send(notice, min(_TRY_SECONDS, deadline - clock()))
        for wait in _WAITS:
            if not trouble or clock() + wait >= deadline:
                break
            sleep(wait)
            trouble = channel.send(notice, min(_TRY_SECONDS, deadline - clock()))
        return trouble
    except Exception as error:  # a channel's own fault must not end what tells
        return f"it failed ({type(error).__name__})"
