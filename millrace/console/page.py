"""What a page is: an address, a view of plain values and a template; with it a rail entry and a report's section."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union
from urllib.parse import quote, urlencode

from millrace.base.errors import BadInput
from millrace.config.config import Config


class NotFound(BadInput):
    """What an address names is not there, or not there any more."""


@dataclass(frozen=True)
class PageRequest:
    """What a person asks a page for.

    Args:
        config: the pipeline's configuration.
        now: seconds since the epoch.
        path: the values of the braces in the page's address.
        query: what stands behind the question mark, by name; several values of one name are lines of one text.
        form: the fields of a form that was sent, in the same way.
    """

    config: Config
    now: float
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """A value of the query that must be one of several; the first of them where it is not given, or is another."""
        value = self.query.get(name, "")
        return value if value in choices else choices[0]

    def count(self, name: str, default: int, most: int) -> int:
        """A whole number of the query, from 0 to `most`; the default where it is none."""
        text = self.query.get(name, "")
        return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 10 else default


@dataclass(frozen=True)
class GoTo:
    """Where a form leads once it has changed something.

    Args:
        address: of a page of this console, made by `address`.
    """

    address: str


@dataclass(frozen=True)
class RailEntry:
    """A page's place in the rail.

    Args:
        word: what it is called there.
        key: the letter that opens it after `g`.
        picture: the name of a symbol in `pictures.svg`, without its `i-`.
        address: where it leads.
    """

    word: str
    key: str
    picture: str
    address: str


@dataclass(frozen=True)
class Hit:
    """Something that the search found.

    Args:
        kind: what it is, in a word.
        name: what it is called.
        address: of its page.
        note: what tells it from others; may be empty.
    """

    kind: str
    name: str
    address: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A page's table as a file.

    Args:
        heads: the columns' titles.
        rows: plain values, a row for each.
    """

    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Page:
    """One page.

    Args:
        address: Starlette's path, such as `/runs/{run}`.
        title: of the page and of the report's section; `{run}` is filled in.
        template: of its body, below `templates/`.
        view: what it shows, as a frozen dataclass of plain values.
        rail: its place in the rail; None for a page that others lead to.
        section: the values of its address with which it is a section of a run's report; None where that run has
            nothing to show here.
        act: what a form that is sent to it does.
        rows: its table as a file, from the view.
        search: what it can find.
    """

    address: str
    title: str
    template: str
    view: Callable[[PageRequest], Any]
    rail: Optional[RailEntry] = None
    section: Optional[Callable[[Config, str], Optional[Mapping[str, str]]]] = None
    act: Optional[Callable[[PageRequest], Union[GoTo, Any]]] = None
    rows: Optional[Callable[[Any], Table]] = None
    search: Optional[Callable[[Config, str], Iterable[Hit]]] = None


def address(*parts: str, **query: Union[str, int, None]) -> str:
    """An address of this console, with whatever is in its parts.

    Args:
        parts: from the first to the last, unquoted; a slash within one stays a part of it.
        query: what stands behind the question mark; None and the empty text are left out.
    """
    asked = {name: value for name, value in query.items() if value not in (None, "")}
    return "/" + "/".join(quote(part, safe="") for part in parts) + (f"?{urlencode(asked)}" if asked else "")
