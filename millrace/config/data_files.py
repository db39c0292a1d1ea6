"""The configured data's files, where they are on this machine."""

import os
from pathlib import Path

from millrace.components.example_gen.section import Data
from millrace.tables.files import chosen, chosen_window


def data_files(data: Data) -> list[Path]:
    """The files that ExampleGen will read; none where the data is elsewhere.

    Raises:
        DataError: the files' names do not tell which of them are the newest, or a window of spans is not whole.
    """
    if not os.path.isdir(data.path):
        return []
    if data.window and data.span_range:
        return chosen_window(Path(data.path), data.patterns, data.span_range, data.version, data.window.missing)
    return chosen(Path(data.path), data.patterns, data.span_number, data.version)
