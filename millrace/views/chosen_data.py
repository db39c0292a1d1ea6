"""Which data a person means, of which run and over which other one, read once for all who look at it."""

import itertools
from typing import Optional

from millrace.base import clock
from millrace.base.errors import SchemaError
from millrace.base.kept import Kept
from millrace.schema.evidence import Evidence
from millrace.schema.workbench import Workbench
from millrace.views.data import DataView, data_view

MOST_SOURCES = 20
"""So many runs are looked back at."""
_NONE = "none"


def chosen_data(bench: Workbench, span: str, against: str = "", slice: str = "") -> tuple[Evidence, DataView]:
    """The data of a run, over that of another; or a slice of it, over all of its rows.

    Args:
        bench: the workbench of the pipeline.
        span: the run by its id, `latest`, or the span that it read.
        against: another in the same way, `none` for the run's own train split; empty for the run whose data was the
            latest blessed one when this run was judged, or else the latest before it, of those with other statistics.
        slice: TFDV's name of a slice; empty for all rows.

    Raises:
        SchemaError: no run is called so, its statistics are gone, or it has no such slice.
    """
    run = _named(bench, span)
    if slice:
        return run, data_of(bench, run, None, slice)
    if against:
        other = None if against == _NONE else _named(bench, against)
    else:
        earlier = itertools.islice(bench.newest(before=run.run_id), MOST_SOURCES)
        blessed = bench.blessed_before(run)
        candidates = itertools.chain([blessed] if blessed else [], earlier)
        others = (one for one in candidates if one.statistics_folder != run.statistics_folder and one.readable)
        other = next(others, None)
    return run, data_of(bench, run, other)


def _named(bench: Workbench, name: str) -> Evidence:
    """A run by its id, by `latest`, or by the span that it read: the newest run that did."""
    newest = bench.last(MOST_SOURCES) if name.isdecimal() else []
    of_span = sorted((run for run in newest if name == str(run.span)), key=lambda run: run.readable)
    try:
        run = of_span[-1] if of_span else bench.run(name)
    except SchemaError as error:
        raise SchemaError("no run or span of this name has statistics", where=name, remedy=error.remedy) from error
    if not run.readable:
        raise SchemaError(
            "the statistics of this run are gone",
            where=str(run.statistics_folder),
            remedy=f"millrace runs repeat {run.run_id}{bench.option} makes them again",
        )
    return run


# A run's artifacts do not change once they are published, so what was read of them is kept: the next rows of a table,
# and the feature that a person opens, cost no second reading.
_KEPT: Kept[DataView] = Kept(6)


def data_of(bench: Workbench, run: Evidence, other: Optional[Evidence], slice: str = "") -> DataView:
    """The data of a run with what DataGate said of it, or a slice of it, of which DataGate says nothing.

    Args:
        bench: the workbench of the pipeline.
        run: what the run saw.
        other: the run whose data lies behind; None for the run's own train split.
        slice: TFDV's name of a slice; empty for all rows.
    """
    gate = bench.config.data_gate.model_dump_json()
    key = run, other, slice, bench.config.label.columns(), gate, clock.today()

    def read() -> DataView:
        return data_view(run, () if slice else bench.verdict(run), other, slice=slice)

    return _KEPT.get(key, read)
