"""How many processors this process may use: what it is bound to, and what its control groups let it have."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores(groups: Path = _GROUPS, own: Path = _OWN) -> int:
    """Counts the processors for the work of this process; a container's or a batch job's share is less than a machine.

    Args:
        groups: where the control groups are mounted.
        own: the file that says in which of them this process is.

    Returns:
        At least 1; a share of one and a half processors counts as 2.
    """
    return max(1, math.ceil(processors(groups, own)))


def processors(groups: Path = _GROUPS, own: Path = _OWN) -> float:
    """The processors for the work of this process as they are, half a one too.

    Args:
        groups: where the control groups are mounted.
        own: the file that says in which of them this process is.

    Returns:
        Above 0; of a machine without limits a whole number.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([float(bound), *_shares(groups, own)])


def _shares(groups: Path, own: Path) -> Iterator[float]:
    """The share of each group that has a limit. A group cannot have more than those above it."""
    for controllers, path in _memberships(own):
        # A group is seen from within its own container as the root.
        for group in (path, *path.parents, Path()):
            if controllers == "":  # version 2: one tree for all
                share = _share(_words(groups / group / "cpu.max"))
            elif "cpu" in controllers.split(","):
                files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                share = _share([word for file in files for word in _words(groups / "cpu" / group / file)])
            else:
                continue
            if share is not None:
                yield share


def _memberships(own: Path) -> Iterator[tuple[str, Path]]:
    """Controllers and path below their mount, of each line `ID:CONTROLLERS:/PATH`."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        yield controllers, Path(path.lstrip("/"))


def _share(words: list[str]) -> Optional[float]:
    """The quota over its period, both in microseconds; None where there is no limit (`max`, or -1)."""
    if len(words) != 2 or words[0] in ("max", "-1"):
        return None
    return int(words[0]) / int(words[1])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except OSError:
        return []
