"""What a graph says went wrong, in one line: TensorFlow puts pages around it."""

_AROUND = ("[[", "Graph execution error", "Detected at node", "File ", "<stack", "Stack trace")
_LONGEST = 300


def telling_line(message: str) -> str:
    """The line that says what went wrong.

    Args:
        message: of an error of TensorFlow's.

    Returns:
        The line without a full stop, 300 characters of it at most; empty where there is none.
    """
    lines = [line.strip() for line in message.splitlines()]
    telling = next((line for line in lines if line and not line.startswith(_AROUND)), "")
    return (telling if len(telling) <= _LONGEST else f"{telling[: _LONGEST - 3]}...").rstrip(".")
