"""What a window is compared with: the data that the version learned from, and the window before."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Optional

from millrace.base.numbers import counted
from millrace.components import stage_ids
from millrace.metadata.run_summaries import Runs
from millrace.monitoring import records
from millrace.monitoring.attributions import ATTRIBUTIONS
from millrace.monitoring.data_findings import PREDICTIONS, REQUESTS
from millrace.monitoring.traffic import WindowTraffic, as_batches
from millrace.monitoring.window import Window
from millrace.monitoring.window_rows import statistics_of
from millrace.registry.version import Version
from millrace.statistics.comparison import Rows

_TRAIN = "train"


@dataclass(frozen=True)
class Reference:
    """Rows that a window is compared with.

    Args:
        words: what they are, or why there are none.
        rows: None where there are none.
        predictions: what was answered to them; None where that is not known.
        attributions: what this version's columns did to predictions then; None where that was not recorded.
        shares: of all attributions, by column.
        artifact: the id of their statistics in ML Metadata; 0 where these are not recorded.
        alarmed: of a window before, the detectors and columns that were an alert.
    """

    words: str
    rows: Optional[Rows] = None
    predictions: Optional[Rows] = None
    artifact: int = 0
    attributions: Optional[Rows] = None
    shares: Mapping[str, float] = field(default_factory=dict)
    alarmed: frozenset[tuple[str, str]] = frozenset()


def training_data(runs: Runs, version: Version) -> Reference:
    """The statistics of the data that a version learned from, as its run recorded them.

    Args:
        runs: those of the pipeline.
        version: any.
    """
    record = runs.record(version.run) if version.run else None
    artifact = record.artifact(stage_ids.STATISTICS_GEN, "statistics") if record else None
    if artifact is None:
        return Reference(f"nothing: no run here says what version {version.number} learned from")
    rows = records.rows_of(Path(artifact.uri), _TRAIN)
    if rows is None:
        return Reference(f"nothing: {artifact.uri} is gone, or has no split {_TRAIN}")
    place = "/".join(artifact.uri.rstrip("/").split("/")[-3:])
    count = int(rows.statistics.num_examples)
    return Reference(f"{counted(count, 'row')} of the training data ({place})", rows, None, artifact.id)


def window_before(runs: Runs, window: Window, version: int, traffic: WindowTraffic, least: int) -> Reference:
    """The window before: as it was recorded, of this version or else of another, or read from the log.

    Args:
        runs: those of the pipeline.
        window: the one that is looked at.
        version: whose answers.
        traffic: of the window before, unread.
        least: rows below which it is none to compare with.
    """
    words = f"the window before ({window.before})"
    known = [one for one in records.recorded(runs) if one.report.window == window.before]
    for one in sorted(known, key=lambda one: one.report.version != version):
        rows = records.rows_of(one.folder, REQUESTS)
        if rows is not None and one.report.rows >= least:
            who = "" if one.report.version == version else f", which version {one.report.version} answered"
            # Two models may well answer the same requests differently: that is no drift.
            predictions = records.rows_of(one.folder, PREDICTIONS) if not who else None
            alarmed = frozenset((alert.detector, alert.column) for alert in one.report.alerts)
            text = f"{counted(one.report.rows, 'row')} of {words}{who}"
            found = Reference(text, rows, predictions, one.statistics, alarmed=alarmed)
            # What another version's columns did says nothing of this one's.
            if who or not one.report.attributions:
                return found
            shares = {each.column: each.now for each in one.report.attributions}
            return replace(found, attributions=records.rows_of(one.folder, ATTRIBUTIONS), shares=shares)
    requests = statistics_of(traffic.batches())
    if traffic.rows < least:
        return Reference(f"nothing: {counted(traffic.rows, 'row')} of {words}, and {least:,} are needed")
    answers = statistics_of(as_batches(traffic.outputs()))
    return Reference(f"{counted(traffic.rows, 'row')} of {words}", requests.rows, answers.rows)
