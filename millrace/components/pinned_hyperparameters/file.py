"""The file of a pinned search: what a Tuner found, or values by name that a person wrote."""

from pathlib import Path

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
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the pinned hyperparameters cannot be read: {getattr(error, 'strerror', error)}",
            where=file,
            remedy="fix tuning.pinned, or run once with tuning.enabled=true and copy what the Tuner found",
        ) from error
