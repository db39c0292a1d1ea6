"""The log of a run: its last lines, or as many as the address asks for, searched."""

from dataclasses import dataclass
from typing import Union

from millrace.base.outcomes import State
from millrace.console.page import GoTo, NotFound, Page, PageRequest, address
from millrace.console.pages.runs import named_run
from millrace.metadata.run_details import log_tail
from millrace.metadata.run_summaries import Runs

_LINES, _MOST = 400, 20_000


@dataclass(frozen=True)
class LogView:
    """The end of a log.

    Args:
        run_id: of the run.
        state: of the run.
        file: the log.
        lines: those that are shown.
        asked: how many were asked for, from the end.
        text: what each shown line holds; empty for all.
        there: whether the file is still there.
        live: whether the run goes on.
    """

    run_id: str
    state: str
    file: str
    lines: tuple[str, ...]
    asked: int
    text: str
    there: bool
    live: bool


def view(request: PageRequest) -> Union[LogView, GoTo]:
    """The log of the run that the address names; it is found among the folders of runs."""
    runs, run_id = Runs(request.config), request.path["run"]
    summary, folder = runs.summary(run_id), runs.folder(run_id)
    if summary is None:
        return GoTo(address("runs", named_run(runs, run_id), "log"))
    if folder is None:
        known = "its folder is gone, and its log with it"
        raise NotFound(known, run_id, "the list of runs has every one that this machine knows")
    asked = max(1, request.count("lines", _LINES, _MOST))
    text = request.query.get("q", "").strip()
    lines = log_tail(folder.log, asked)
    return LogView(
        run_id=run_id,
        state=summary.state,
        file=str(folder.log),
        lines=tuple(line for line in lines if text.lower() in line.lower()),
        asked=asked,
        text=text,
        there=folder.log.is_file(),
        live=summary.state is State.RUNNING,
    )


PAGES = (Page(address="/runs/{run}/log", title="Log of {run}", template="pages/log.html", view=view),)
