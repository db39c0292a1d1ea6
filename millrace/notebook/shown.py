"""What shows itself in a notebook as the console's page does, with its charts, and asks for nothing."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from millrace.base.errors import MillraceError, describe
from millrace.config.config import Config
from millrace.console.fragment import failure_text, fragment_text
from millrace.console.page import PageRequest
from millrace.console.pages import PAGES
from millrace.console.render import Section


class Shown:
    """An object of a project that is a page of the console too.

    Args:
        config: the pipeline's configuration.
        path: the values of the braces in the page's address.
        query: what would stand behind its question mark.
    """

    ADDRESS: ClassVar[str]
    TEMPLATE: ClassVar[str] = ""
    """A part of the page's template; empty for all of it."""

    def __init__(self, config: Config, path: Mapping[str, str], query: Mapping[str, str]) -> None:
        self._config, self._path, self._query = config, dict(path), dict(query)

    def _view(self) -> Any:
        """What the page shows, read anew."""
        return self._section().view

    def _section(self) -> Section:
        [page] = [one for one in PAGES if one.address == self.ADDRESS]
        request = PageRequest(self._config, time.time(), self._path, self._query)
        return Section(page, request, page.view(request))

    def _repr_html_(self) -> str:
        try:
            return fragment_text(self._section(), self.TEMPLATE)
        except MillraceError as error:
            return failure_text(describe(error))
