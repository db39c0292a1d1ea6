"""The pages of one run as one file: it can be mailed, and opens without a network and without a script."""

from collections.abc import Sequence

from millrace.config.config import Config
from millrace.console.page import Page, PageRequest
from millrace.console.pages import PAGES
from millrace.console.render import ReportSection, report_text


def report(config: Config, run_id: str, now: float, pages: Sequence[Page] = PAGES) -> str:
    """A run's report.

    Args:
        config: the pipeline's configuration.
        run_id: the run's id.
        now: seconds since the epoch.
        pages: those that have sections.

    Returns:
        HTML with everything in it.
    """
    sections = []
    for page in pages:
        path = page.section(config, run_id) if page.section else None
        if path is not None:
            request = PageRequest(config, now, path)
            sections.append(ReportSection(page, request, page.view(request)))
    return report_text(config, f"Run {run_id}", sections, now)
