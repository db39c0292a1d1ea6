"""How a run, a rehearsal, a job or a judge ended, in the same few words wherever it is shown."""

from typing import Optional

_ENDINGS = {0: "done", 2: "bad input", 3: "blocked", 130: "interrupted"}


def ending(exit_code: int) -> str:
    """Says how something ended.

    Args:
        exit_code: 0 done, 1 a fault, 2 bad input, 3 a gate said no, 130 interrupted.

    Returns:
        One or two words. What a gate stopped is `blocked`, as its stage is in the journal, whichever gate it was.
    """
    return _ENDINGS.get(exit_code, "failed")


def blessing(verdict: Optional[bool]) -> str:
    """Says what a judge decided; nothing when it did not get that far."""
    if verdict is None:
        return ""
    return "blessed" if verdict else "not blessed"
