"""What mkdocs calls while it builds: adds the generated pages, and warns of what a page fetches from elsewhere."""

import logging
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from library.site.fetched import fetched

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / ".cache" / "docs-pages"
_LOG = logging.getLogger("mkdocs.hooks.millrace")


def on_config(config: Any) -> Any:
    """Puts every decision into the menu, by its number."""
    pages = sorted((Path(config.docs_dir) / "decisions").glob("*.md"))
    for entry in config.nav:
        if "Decisions" in entry:
            entry["Decisions"] = [{_title(page): f"decisions/{page.name}"} for page in pages]
    return config


def _title(page: Path) -> str:
    """The decision's number and its heading, which may begin with the number itself."""
    heading = page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
    return f"{int(page.name[:4])}. {re.sub(r'^[0-9]+[.:]? *', '', heading)}"


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that `python -m library.site` wrote."""
    for page in sorted(GENERATED.rglob("*.md")):
        files.append(File.generated(config, page.relative_to(GENERATED).as_posix(), abs_src_path=str(page)))
    return files


def on_post_page(output: str, page: Any, config: Any) -> None:
    """Warns, which ends a strict build, of anything that a reader's browser would fetch from another host."""
    for address in fetched(output):
        _LOG.warning("%s fetches from another host: %s", page.file.src_path, address)
