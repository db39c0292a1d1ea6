"""The configured data's files, where they are on this machine."""

import os
from pathlib import Path

from millrace.components.example_gen.section import Data
from millrace.tables.files import chosen


def data_files(data: Data) -> list[Path]:
    """The files that ExampleGen will read; none where the data is elsewhere.

    Raises:
        DataError: the files' names do not tell which of them are the newest.
    """
    if not os.path.isdir(data.path):
        return []
    return chosen(Path(data.path), data.patterns, data.span, data.version)
