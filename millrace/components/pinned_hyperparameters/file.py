"""The file of a pinned search: what a Tuner found, or values by name that a person wrote."""

from pathlib import Path

from millrace.base import files
from millrace.base.errors import BadInput


def read_pinned(file: str) -> str:
    """Reads the file's text; the Trainer reads what it says.

    Args:
        file: its path.

    Returns:
        The text, JSON.

    Raises:
        BadInput: there is no such file, or it is no text.
    """
    remedy = "fix tuning.pinned, or run once with tuning.enabled=true and copy what the Tuner found"
    try:
        return files.read_text(Path(file), BadInput, remedy)
    except FileNotFoundError as error:
        raise BadInput("the file of pinned hyperparameters is not there", where=file, remedy=remedy) from error
