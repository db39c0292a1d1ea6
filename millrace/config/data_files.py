"""The configured data's files, where they are on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from millrace.config.config import Data

_TOKENS = ("{SPAN}", "{VERSION}", "{YYYY}", "{MM}", "{DD}")


def data_files(data: Data) -> Iterator[Path]:
    """The files that the configured patterns match, of any span and version; none where the data is elsewhere."""
    for pattern in [split.pattern for split in data.files] or [data.pattern]:
        for token in _TOKENS:
            pattern = pattern.replace(token, "*")
        found = sorted(Path(data.path).glob(pattern)) if os.path.isdir(data.path) else []
        yield from (file for file in found if file.is_file() and not file.name.startswith((".", "_")))
