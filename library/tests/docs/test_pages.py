"""What the tree says of its own pages: one that is named in code, comments, configurations and messages is there."""

import re
import subprocess
from pathlib import Path

import yaml

from library.site.__main__ import PAGES
from library.site.fetched import fetched

ROOT = Path(__file__).resolve().parents[3]
PAGE = re.compile(r"(?<![\w/.])docs/(?:[\w-]+/)*[\w-]+\.md")


def test_every_page_that_the_tree_names_is_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = listed.stdout.splitlines() if listed.returncode == 0 else []
    texts = [ROOT / name for name in files if name.endswith((".py", ".md", ".yaml", ".sh", "Dockerfile", "Makefile"))]
    named = {
        (page, path.relative_to(ROOT).as_posix())
        for path in texts
        if path.is_file() and path.name != "CHANGELOG.md"
        for page in PAGE.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20 or not files
    assert sorted((page, where) for page, where in named if not (ROOT / page).is_file()) == []


def test_every_page_has_a_place_in_the_menu() -> None:
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = {page for part in menu for pages in part.values() for page in _pages(pages)}
    written = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    # What library.site writes, and the decisions, which the build lists by their numbers.
    assert {page for page in written - listed if not page.startswith("decisions/")} == set()
    assert listed - written == set(PAGES)


def test_no_page_fetches_from_another_host_and_a_broken_link_ends_the_build() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["font"] is False
    assert not [asset for key in ("extra_css", "extra_javascript") for asset in settings.get(key, []) if "//" in asset]
    assert set(settings["validation"].values()) == {"warn"}


def test_what_a_page_would_fetch_from_elsewhere_is_seen() -> None:
    page = """<link rel="canonical" href="https://a/"><link href="https://b/x.css" rel="stylesheet">
        <script src="//c/x.js"></script><script src="assets/x.js"></script><a href="https://d/">there</a>
        <img alt="x" src=http://e/x.png><link rel="preconnect" href="https://f">"""
    assert fetched(page) == ["https://b/x.css", "//c/x.js", "http://e/x.png", "https://f"]


def _pages(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return (
        [page for part in entry for pages in part.values() for page in _pages(pages)] if isinstance(entry, list) else []
    )
