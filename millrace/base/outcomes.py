"""How a run, a stage, a rehearsal, a job or a judge ended, in the same few words wherever it is shown.

| word | of | exit code | means |
|---|---|---|---|
| waiting | a stage | | its turn has not come |
| running | a run, a stage | | a process works on it, also between two stages |
| done | a run, a stage | 0 | it did its work |
| cached | a run, a stage | 0 | nothing had changed: an earlier execution's artifacts were taken |
| skipped | a stage | | it did not get its turn, or had nothing to do |
| blocked | a run, a stage | 3 | a gate said no, whichever gate it was |
| bad input | a run, a stage | 2 | the input cannot be used as it is |
| failed | a run, a stage | 1 | a fault |
| interrupted | a run, a stage | 130 | a signal asked it to end |
| killed | a run, a stage | | its process is gone, and did not say how it ended |
"""

import enum
from typing import Optional


class State(str, enum.Enum):
    """What a run or a stage is doing, or how it ended."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    BAD_INPUT = "bad input"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    KILLED = "killed"

    def __str__(self) -> str:
        """Its word, in every Python."""
        return self.value


FAULT = 1
BAD_INPUT = 2
REFUSED = 3
INTERRUPTED = 130

_ENDINGS = {
    0: State.DONE,
    BAD_INPUT: State.BAD_INPUT,
    REFUSED: State.BLOCKED,
    INTERRUPTED: State.INTERRUPTED,
}


def ending(exit_code: int) -> State:
    """Says how something ended.

    Args:
        exit_code: 0 done, 1 a fault, 2 bad input, 3 a gate said no, 130 interrupted.

    Returns:
        What a gate stopped is `blocked`, as its stage is in the journal, whichever gate it was.
    """
    return _ENDINGS.get(exit_code, State.FAILED)


def blessing(verdict: Optional[bool]) -> str:
    """Says what a judge decided; nothing when it did not get that far."""
    if verdict is None:
        return ""
    return "blessed" if verdict else "not blessed"
