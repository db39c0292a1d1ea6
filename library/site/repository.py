"""The pages that stand at the top of the repository, with their links as the site has them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def changelog() -> str:
    """The changelog."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def contributing() -> str:
    """How to work on Millrace itself; its links begin at the repository's top, the site's in docs/."""
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "](")
