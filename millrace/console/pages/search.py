"""What the box at the top finds, in all pages that can be searched."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from millrace.console.page import Hit, Page, PageRequest

_MOST = 50


@dataclass(frozen=True)
class SearchView:
    """What was found.

    Args:
        text: what was searched for.
        hits: of each page at most fifty, in the pages' order; before them what is called that, then what begins so.
    """

    text: str
    hits: tuple[Hit, ...]


def _place(name: str, text: str) -> int:
    return 0 if name == text else 1 if name.startswith(text) else 2


def page(pages: Sequence[Page]) -> Page:
    """The page that searches others.

    Args:
        pages: those that are searched.
    """

    def view(request: PageRequest) -> SearchView:
        text = request.query.get("q", "").strip()
        hits = [hit for one in pages if one.search and text for hit in islice(one.search(request.config, text), _MOST)]
        return SearchView(text, tuple(sorted(hits, key=lambda hit: _place(hit.name.lower(), text.lower()))))

    return Page(address="/search", title="Search", template="pages/search.html", view=view)
