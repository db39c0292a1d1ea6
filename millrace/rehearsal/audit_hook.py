"""Runs in a task's interpreter: hides this machine's files from Python, where the system cannot hide them from all.

Copied into the rehearsal's environment and imported when Python starts; it must stand alone. It sees what Python itself
opens and lists, which is most; what compiled libraries and other programs open it does not see.
"""

import errno
import json
import os
import sys
from typing import Any

VIEW_VARIABLE = "MILLRACE_REHEARSAL_VIEW"
_WATCHED = frozenset({"open", "os.listdir", "os.scandir", "os.chdir"})


class View:
    """What a task may see.

    Args:
        places: absolute paths of files and folders.
    """

    def __init__(self, places: list[str]) -> None:
        self._places = tuple(place.rstrip("/") for place in places)
        self._folders = tuple(f"{place}/" for place in self._places)

    def allows(self, path: Any) -> bool:
        """Whether a path lies in one of the places, or above one, as in a container's tree."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True
        whole = os.path.abspath(os.fsdecode(path))
        if whole in self._places or whole.startswith(self._folders):
            return True
        return any(place.startswith(f"{whole.rstrip('/')}/") for place in self._places)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: what is outside is not there."""
        if event in _WATCHED and arguments and not self.allows(arguments[0]):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fsdecode(arguments[0]))


def begin() -> None:
    """Hides from this process all that is not named to it."""
    text = os.environ.get(VIEW_VARIABLE)
    if text:
        sys.addaudithook(View(json.loads(text)))


begin()
