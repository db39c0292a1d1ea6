"""The standard streams and the screen's width of a command, so that whatever prints may take them for granted."""

import io
import os
import sys


def prepare() -> None:
    """Opens the streams that are closed, has what one cannot show printed as its code, and forgets a width of 0."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Else the next file that is opened gets the number, and what C++ prints goes into it.
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor and not _is_open(descriptor):
                os.dup2(null, descriptor)
                os.close(null)
                null = descriptor
            setattr(sys, name, os.fdopen(null, "w" if descriptor else "r", encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        # A file name may be half in another encoding, and a terminal may take ASCII alone.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A terminal whose size nobody has told says 0; rich would print into no columns at all.
    if not os.environ.get("COLUMNS", "").strip("0"):
        os.environ.pop("COLUMNS", None)


def width(descriptor: int) -> int:
    """The columns of a terminal.

    Args:
        descriptor: of the terminal.

    Returns:
        How many it has; 80 when it does not say.
    """
    return os.get_terminal_size(descriptor).columns or 80


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
