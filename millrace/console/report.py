"""The pages of one run as one file: it can be mailed, and opens without a network and without a script."""

from collections.abc import Sequence
from typing import Optional

from millrace.base.errors import BadInput
from millrace.base.names import nearest
from millrace.config.config import Config
from millrace.console.page import Page, PageRequest
from millrace.console.pages import PAGES
from millrace.console.render import Section, report_text
from millrace.metadata.run_summaries import Runs


def report(config: Config, run_id: str, now: float, pages: Sequence[Page] = PAGES) -> str:
    """A run's report.

    Args:
        config: the pipeline's configuration.
        run_id: the run's id, as `named_run` gives it.
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
            sections.append(Section(page, request, page.view(request)))
    return report_text(config, f"Run {run_id}", sections, now)


def named_run(config: Config, name: Optional[str]) -> str:
    """The run that a person means.

    Args:
        config: the pipeline's configuration.
        name: a run's id, or how it begins; None for the newest run.

    Returns:
        The id.

    Raises:
        BadInput: there is no run, none is called that, or several begin so.
    """
    runs = Runs(config)
    ids = [run_id for run_id in runs.ids() if runs.summary(run_id)]
    if not ids:
        raise BadInput(f"no run of {config.name} yet", remedy="run the pipeline first: millrace run")
    if name is None:
        return ids[0]
    matching = [run_id for run_id in ids if run_id == name] or [run_id for run_id in ids if run_id.startswith(name)]
    if len(matching) != 1:
        what = f"{len(matching)} runs begin so" if matching else f"no run of {config.name} is called that"
        near = ", ".join(matching[:5] or nearest(name, ids, 3) or ids[:3])
        raise BadInput(what, where=name, remedy=f"name one: {near}")
    return matching[0]
