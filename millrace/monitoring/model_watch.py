"""A window as the version itself sees it: what its columns do to predictions, and rows that are rare to it."""

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Optional

import pyarrow as pa
from scipy.stats import binom

from millrace.base.errors import BadInput, MillraceError
from millrace.base.numbers import counted, share
from millrace.components.data_gate.findings import CHANCE
from millrace.config.config import Config
from millrace.explanation.explainer import Explainer, Row
from millrace.explanation.json_values import of_batch
from millrace.explanation.training_rows import training_batch
from millrace.metadata.run_summaries import Runs
from millrace.model_server.about import About
from millrace.monitoring.attributions import RowSample, attributions_of, rows_to_explain, shares
from millrace.monitoring.findings import MonitorFinding, Outliers
from millrace.monitoring.rarity import RARE, Rarity, WatchedRarity, limit_of
from millrace.monitoring.traffic import as_batches
from millrace.monitoring.window import Window
from millrace.monitoring.window_rows import WindowRows, statistics_of
from millrace.registry.version import Version
from millrace.statistics.comparison import Rows

# Training rows by which it is told what is rare.
_KNOWN = 5000
_SHOWN = 3


@dataclass(frozen=True)
class ExplainedWindow:
    """The attributions of some rows of a window, and of training rows.

    Args:
        words: of how many rows they are, or why there are none.
        now: of the window; None where there are none.
        shares: of all attributions, by column.
        training: of the training data; None where that is not known.
        training_shares: the same of these.
    """

    words: str
    now: Optional[WindowRows] = None
    shares: dict[str, float] = field(default_factory=dict)
    training: Optional[Rows] = None
    training_shares: dict[str, float] = field(default_factory=dict)


class ModelWatch:
    """Watches the rows of a window go by, to say afterwards how the version sees them.

    Args:
        config: the pipeline's configuration.
        runs: those of the pipeline.
        version: that answered.
        about: what it says of itself; None where it says nothing.
        training: the statistics of what it learned from; None where these are not known.
    """

    def __init__(
        self, config: Config, runs: Runs, version: Version, about: Optional[About], training: Optional[Rows]
    ) -> None:
        self._section, self._version, self._about = config.monitoring, version, about
        self._runs, self._training = runs, training
        watch = self._section.attributions
        explains = watch is not None and about is not None and about.explanations is not None
        self._sample = RowSample(about.columns, rows_to_explain(about, watch)) if explains and about and watch else None

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Hands batches on; where there is none, nothing of the training data is read."""
        watched = iter(batches)
        first = next(watched, None)
        if first is None:
            return
        watched = itertools.chain([first], watched)
        for watcher in (self._rarity, self._sample):
            if watcher is not None:
                watched = watcher.watch(watched)
        yield from watched

    @property
    def why_unknown(self) -> str:
        """Why it cannot be told what is rare, where it cannot."""
        return self._known[1] or "the training data tell no column apart"

    def attributions(self) -> ExplainedWindow:
        """What the columns do to the predictions of the rows that went by."""
        if self._section.attributions is None:
            return ExplainedWindow("")
        if self._sample is None or self._about is None:
            return ExplainedWindow(f"nothing: version {self._version.number} has no signature that explains")
        try:
            explainer = Explainer(self._version.folder, self._about, f"version {self._version.number}")
            now = attributions_of(explainer, self._sample.rows)
            known = list(self._known_rows())
            then = attributions_of(explainer, known)
        except MillraceError as error:
            return ExplainedWindow(f"nothing: {error.what}")
        words = counted(len(self._sample.rows), "row")
        words += f", and {len(known):,} of the training data" if known else f"; {self._known[1]}"
        training = statistics_of(as_batches(then)).rows if then else None
        return ExplainedWindow(
            words, statistics_of(as_batches(now)) if now else None, shares(now), training, shares(then)
        )

    def outliers(self, window: Window) -> tuple[list[MonitorFinding], Optional[Outliers]]:
        """The rare rows among those that went by; an alert where they are more than allowed, and than chance makes.

        Args:
            window: that went by.
        """
        watched, limit = self._rarity, self._section.outliers
        if watched is None or limit is None or not watched.rows:
            return [], None
        found = Outliers(watched.rows, watched.rare, dict(watched.columns.most_common(_SHOWN)))
        part = watched.rare / watched.rows
        if part <= limit or float(binom.sf(watched.rare - 1, watched.rows, limit)) > CHANCE:
            return [], found
        columns = ", ".join(f"{name} ({count:,})" for name, count in found.columns.items())
        text = (
            f"{watched.rare:,} of {counted(watched.rows, 'row')} ({share(part, 1)}, limit {share(limit, 1)}) are as "
            f"rare as {share(RARE, 1)} of the training data, by {columns}"
        )
        number = self._version.number
        remedy = "look at who asks; millrace explain TABLE shows what the model makes of such rows"
        return [MonitorFinding("outliers", "HBOS", "", part, limit, text, number, window, True, remedy)], found

    def _known_rows(self) -> Iterator[Row]:
        """As many training rows as rows of the window."""
        known, _ = self._known
        if known is not None and self._sample is not None and self._about is not None:
            yield from of_batch(known.slice(0, self._sample.most), self._about.columns)

    @functools.cached_property
    def _known(self) -> tuple[Optional[pa.RecordBatch], str]:
        """Training rows, or why there are none."""
        return _training(self._runs, self._version)

    @functools.cached_property
    def _rarity(self) -> Optional[WatchedRarity]:
        if self._section.outliers is None or self._about is None or self._training is None or self._known[0] is None:
            return None
        rarity = Rarity(self._training.statistics, [column.name for column in self._about.columns])
        return WatchedRarity(rarity, limit_of(rarity, self._known[0])) if rarity.columns else None


def _training(runs: Runs, version: Version) -> tuple[Optional[pa.RecordBatch], str]:
    try:
        return training_batch(runs, version.run, _KNOWN)[0], ""
    except BadInput as error:
        return None, error.what
