"""What a reader's browser would fetch from another host while it shows a page."""

from html.parser import HTMLParser
from typing import Optional

_BY_SRC = {"script", "img", "iframe", "source", "video", "audio", "embed"}
_RELATIONS = {"stylesheet", "preload", "modulepreload", "preconnect", "dns-prefetch", "icon", "manifest"}


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Optional[str]]]) -> None:
        values = {name: value or "" for name, value in attrs}
        address = values.get("src", "") if tag in _BY_SRC else ""
        if tag == "link" and _RELATIONS & set(values.get("rel", "").split()):
            address = values.get("href", "")
        if address.startswith(("http:", "https:", "//")):
            self.found.append(address)


def fetched(page: str) -> list[str]:
    """The addresses on other hosts of scripts, styles, fonts and pictures; a link that a person follows is none.

    Args:
        page: HTML.
    """
    parser = _Addresses()
    parser.feed(page)
    return parser.found
