"""A page's body as a part of somebody else's page: an output of a notebook, in that one's light or dark.

The style sheet is the console's, held to this part by CSS nesting (every browser has it since 2023). It is dark where
the notebook is: JupyterLab, Notebook and nbconvert say so at their body, VS Code and Colab each in a way of its own.
"""

import re
from functools import cache
from typing import Optional

from markupsafe import Markup

from millrace.base.errors import Failure
from millrace.console import formats
from millrace.console.page import PageRequest
from millrace.console.render import FOLDER, ReportSection, environment, link_within, title
from millrace.project import default_configuration

# Thrice: a notebook's own rules for tables name three things.
_PART = ".millrace.millrace.millrace"
_DARK_PLACES = ('[data-jp-theme-light="false"]', ".vscode-dark", 'html[theme="dark"]')
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}\s*\}", re.DOTALL)
# What notebooks say of tables and texts, and the console's sheet does not.
_GROUND = """
& { color-scheme: light; padding: 10px 14px 14px; background: var(--ground); color: var(--ink);
    font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
    font-variant-numeric: tabular-nums; border-radius: var(--radius); text-align: left; }
table { table-layout: auto; margin: 0; font-size: inherit; color: inherit; border: 0; }
tbody tr { background: none; }
th, td { max-width: none; white-space: normal; line-height: inherit; }
dt, dd { float: none; width: auto; margin: 0; font-weight: inherit; }
pre, code { background: none; color: inherit; }
"""


def fragment_text(section: ReportSection, template: str = "") -> str:
    """A page's body with its style: it asks for nothing, and has no script.

    Args:
        section: the page, and what it shows.
        template: a part of the page's; empty for all of it.
    """
    return _text(template or section.page.template, section.view, section.request, title(section.page, section.request))


def failure_text(failure: Failure) -> str:
    """Why there is nothing to show, in the same looks.

    Args:
        failure: what went wrong.
    """
    return _text("problem.html", failure, None, "Not shown")


def _text(body: str, view: object, request: Optional[PageRequest], heading: str) -> str:
    return environment().get_template("fragment.html").render(
        body=body,
        view=view,
        request=request,
        title=heading,
        css=_style(),
        link=lambda place, text, kind="": link_within({}, place, text, kind),
        ago=formats.moment,
        option=default_configuration.option(request.config.file, request.config.environment) if request else "",
        in_report=True,
    )  # fmt: skip


@cache
def _style() -> Markup:
    """The console's sheet for what lies in a part, in the colours of the notebook around it."""
    sheet = (FOLDER / "static/console.css").read_text(encoding="utf-8")
    [dark] = _DARK.findall(sheet)
    nested = _DARK.sub("", sheet).replace(":root {", "& {")
    places = ", ".join(f"{place} {_PART}" for place in _DARK_PLACES)
    return Markup(f"{_PART} {{\n{nested}\n{_GROUND}}}\n{places} {{ color-scheme: dark; {dark} }}")
