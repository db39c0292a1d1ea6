"""What shows itself in a notebook as the console's page does, with its charts, and asks for nothing."""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from millrace.base.errors import MillraceError, describe
from millrace.config.config import Config
from millrace.console.fragment import failure_text, fragment_text
from millrace.console.page import Page, PageRequest
from millrace.console.render import ReportSection

if TYPE_CHECKING:
    import pandas as pd


class Shown:
    """An object of a project that is a page of the console too.

    Args:
        config: the pipeline's configuration.
        path: the values of the braces in the page's address.
        query: what would stand behind its question mark.
    """

    PAGE: ClassVar[Page]
    TEMPLATE: ClassVar[str] = ""
    """A part of the page's template; empty for all of it."""

    def __init__(self, config: Config, path: Mapping[str, str], query: Mapping[str, str]) -> None:
        self._config, self._path, self._query = config, dict(path), dict(query)

    @property
    def _view(self) -> Any:
        """What the page shows."""
        return self._section.view

    def _table(self) -> "pd.DataFrame":
        """The page's own table, as its CSV has it."""
        import pandas as pd

        assert self.PAGE.rows is not None, self.PAGE.address
        table = self.PAGE.rows(self._view)
        return pd.DataFrame(list(table.rows), columns=list(table.heads))

    @cached_property
    def _section(self) -> ReportSection:
        request = PageRequest(self._config, time.time(), self._path, self._query)
        return ReportSection(self.PAGE, request, self.PAGE.view(request))

    def _repr_html_(self) -> str:
        try:
            return fragment_text(self._section, self.TEMPLATE)
        except MillraceError as error:
            return failure_text(describe(error))
