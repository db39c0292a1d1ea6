"""The names that somebody may have meant by one that is not there."""

import difflib
from collections.abc import Iterable
from pathlib import PurePath

# Of difflib's ratio. At .6 one slip in a word of four letters is found, and words of another meaning are not.
_CLOSE = 0.6


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """The known names that a name is most like, whatever the case of its letters.

    Args:
        name: what was written.
        known: the names that there are.
        count: how many to return at most.

    Returns:
        Known names, the nearest first; none when none is near.
    """
    by_lower = {one.lower(): one for one in sorted(known, reverse=True)}
    return [by_lower[one] for one in difflib.get_close_matches(name.lower(), by_lower, n=count, cutoff=_CLOSE)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that is not there.

    Args:
        name: what was written.
        known: the names that there are.

    Returns:
        `; did you mean NAME?`, or nothing when no known name is near.
    """
    near = nearest(name, known)
    return f"; did you mean {near[0]}?" if near else ""


def did_you_mean_file(path: str, known: Iterable[str]) -> str:
    """The end of a message about a file that is not there; folders and endings alone make no two files alike.

    Args:
        path: what was written.
        known: the paths that there are.

    Returns:
        `; did you mean PATH?`, or nothing when no known file has a name that is near.
    """
    by_stem = {PurePath(one).stem: one for one in known}
    near = nearest(PurePath(path).stem, by_stem)
    return f"; did you mean {by_stem[near[0]]}?" if near else ""
