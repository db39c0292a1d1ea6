"""Writes the generated pages: `python -m library.site FOLDER`. `make docs` calls it, then mkdocs."""

import sys
from pathlib import Path

from library.site import command_line, configuration, flow, repository

PAGES = {
    "guides/flow.md": flow.page,
    "reference/configuration.md": configuration.page,
    "reference/command-line.md": command_line.page,
    "changelog.md": repository.changelog,
    "contributing.md": repository.contributing,
}


def main(folder: Path) -> None:
    """Writes each page below a folder.

    Args:
        folder: where; made where it is not there.
    """
    for place, page in PAGES.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
