"""Views into HTML: as a page of the server, or as sections of one file that needs no other."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Optional

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import millrace
from millrace.base.visible import visible
from millrace.config.config import Config
from millrace.console import charts, drawing, formats
from millrace.console.page import Page, PageRequest, address
from millrace.project import default_configuration

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class PageFrame:
    """What stands around every page.

    Args:
        config: the pipeline's configuration.
        pages: all of them, for the rail.
        request: what was asked for.
    """

    config: Config
    pages: Sequence[Page]
    request: PageRequest


@dataclass(frozen=True)
class ReportSection:
    """A page as a part of a report.

    Args:
        page: which.
        request: its address's values.
        view: what it shows.
    """

    page: Page
    request: PageRequest
    view: Any

    @property
    def place(self) -> str:
        """Its address on the server, by which links of other sections find it."""
        return filled(self.page.address, self.request.path)

    @property
    def name(self) -> str:
        """Its name within the file."""
        return "s" + hashlib.sha256(self.place.encode()).hexdigest()[:8]


def page_text(
    frame: PageFrame, page: Optional[Page], view: Any, request: PageRequest, heading: str = "Not shown"
) -> str:
    """A whole page.

    Args:
        frame: what stands around it.
        page: which; None for a failure, which is then the view.
        view: what it shows.
        request: what was asked for.
        heading: of a failure.
    """
    return environment().get_template("layout.html").render(
        frame=frame,
        page=page,
        view=view,
        request=request,
        title=title(page, request) if page else heading,
        body=page.template if page else "problem.html",
        rail=[one.rail for one in frame.pages if one.rail],
        version=millrace.__version__,
        link=_link,
        ago=partial(formats.ago, now=request.now),
        option=default_configuration.option(request.config.file, request.config.environment),
        in_report=False,
    )  # fmt: skip


def report_text(config: Config, heading: str, sections: Sequence[ReportSection], now: float) -> str:
    """One file with everything in it: it asks for nothing, and has no script.

    Args:
        config: the pipeline's configuration.
        heading: its title.
        sections: in order.
        now: seconds since the epoch.
    """
    css = (FOLDER / "static/console.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    places = {section.place: section.name for section in sections}
    return environment().get_template("report.html").render(
        config=config,
        heading=heading,
        sections=[(section, title(section.page, section.request)) for section in sections],
        css=Markup(css),
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        version=millrace.__version__,
        made=datetime.fromtimestamp(now).astimezone(),
        link=partial(link_within, places),
        ago=formats.moment,
        option=default_configuration.option(config.file, config.environment),
        in_report=True,
    )  # fmt: skip


def refusal_text(what: str, remedy: str) -> str:
    """The page for who may not see any other: it says nothing of the pipeline."""
    return environment().get_template("refusal.html").render(what=what, remedy=remedy)


def title(page: Page, request: PageRequest) -> str:
    """A page's title, with what its address names."""
    return page.title.format_map(dict(request.path))


def filled(pattern: str, path: Mapping[str, str]) -> str:
    """An address with its values in place of its braces."""
    parts = [part for part in pattern.split("/") if part]
    values = {f"{{{name}}}": value for name, value in path.items()}
    values.update({f"{{{name}:path}}": value for name, value in path.items()})
    return address(*(values.get(part, part) for part in parts))


@cache
def environment() -> Environment:
    """The templates, with what they may call."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        number=formats.number,
        duration=formats.duration,
        grouped=formats.grouped,
        share=formats.share,
        breakable=formats.breakable,
    )
    environment.globals.update(
        address=address,
        charts=charts,
        graph=drawing.graph,
        bar=drawing.bar,
        boxes=drawing.boxes,
        scatter=drawing.scatter,
        pictures=Markup((FOLDER / "static/pictures.svg").read_text("utf-8")),
    )
    return environment


def _shown(value: Any) -> Any:
    """What stands for a value in a page: nothing for None, and no character that hides from the reader."""
    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _link(place: str, text: Any, kind: str = "") -> Markup:
    """A link on a page.

    Args:
        place: an address of this console.
        text: what is read.
        kind: classes of the style sheet.
    """
    return Markup('<a href="{}"{}>{}</a>').format(place, _class(kind), _shown(text))


def link_within(places: Mapping[str, str], place: str, text: Any, kind: str = "") -> Markup:
    """A link in a report: to a section that it has, else the text alone.

    Args:
        places: the names of the sections, by address.
        place: an address of the console.
        text: what is read.
        kind: classes of the style sheet.
    """
    if place in places:
        return Markup('<a href="#{}"{}>{}</a>').format(places[place], _class(kind), _shown(text))
    return Markup("<span{}>{}</span>").format(_class(kind), _shown(text))


def _class(kind: str) -> Markup:
    return Markup(' class="{}"').format(kind) if kind else Markup("")
