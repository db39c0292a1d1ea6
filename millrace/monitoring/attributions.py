"""What columns do to predictions in a window, beside the window before and the training data.

A model may see the same rows and rely on other columns: drift of attributions tells of columns that drift and matter.
They are computed here, by the version's own `explain` signature over some rows of the window, and not logged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

import numpy as np
import pyarrow as pa

from millrace.config.monitoring_section import AttributionWatch
from millrace.explanation.explainer import Explainer, Row
from millrace.explanation.json_values import of_batch
from millrace.model_server.about import About, ModelColumn
from millrace.monitoring.findings import AttributionShare

ATTRIBUTIONS = "attributions"
"""The split of a window's statistics that holds them."""
MATTERS = 0.05
"""A column is judged whose share of all attributions is as large, now or then."""
# Predictions that a window's explanations cost at most: of wide tables fewer rows are explained.
_PREDICTIONS = 500_000
_FEWEST_ROWS = 50


class RowSample:
    """Some of the rows of batches that go by, each as likely as any other (reservoir sampling).

    Args:
        columns: what is kept of each.
        most: how many rows.
        seed: of the draw.

    Attributes:
        rows: what is kept.
    """

    def __init__(self, columns: Sequence[ModelColumn], most: int, seed: int = 20) -> None:
        self._columns, self.most, self._random = columns, most, np.random.default_rng(seed)
        self._seen, self.rows = 0, list[Row]()

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Hands batches on."""
        for batch in batches:
            self._keep(batch)
            yield batch

    def _keep(self, batch: pa.RecordBatch) -> None:
        seen = self._seen + np.arange(batch.num_rows)
        places = np.where(seen < self.most, seen, self._random.integers(0, seen + 1))
        self._seen += batch.num_rows
        kept = np.flatnonzero(places < self.most)
        for place, row in zip(places[kept].tolist(), of_batch(batch.take(pa.array(kept)), self._columns), strict=True):
            if place < len(self.rows):
                self.rows[place] = row
            else:
                self.rows.append(row)


def rows_to_explain(about: About, watch: AttributionWatch) -> int:
    """How many rows of a window are explained: as configured, or as many as their cost allows.

    Args:
        about: what the model reads, and how it explains.
        watch: the configuration.
    """
    orders = about.explanations.orders if about.explanations else 1
    return min(watch.rows, max(_FEWEST_ROWS, _PREDICTIONS // (orders * max(len(about.columns), 1))))


def attributions_of(explainer: Explainer, rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """The attributions of rows by column; by output and column where there are several outputs.

    Args:
        explainer: the version.
        rows: to explain; none have none.
    """
    names = [column.name for column in explainer.about.columns]
    return {
        f"{one.output} {name}".strip(): one.values[:, at]
        for one in (explainer.attributions(rows) if rows else ())
        for at, name in enumerate(names)
    }


def shares(attributions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How much of all attributions, without their signs, is each column's."""
    sizes = {name: float(np.abs(values).mean()) for name, values in attributions.items()}
    total = sum(sizes.values())
    return {name: size / total if total else 0.0 for name, size in sizes.items()}


def side_by_side(
    now: Mapping[str, float], training: Optional[Mapping[str, float]], before: Optional[Mapping[str, float]]
) -> tuple[AttributionShare, ...]:
    """Shares beside those of the training data and of the window before, the largest first."""
    ordered = sorted(now, key=lambda name: -now[name])
    return tuple(
        AttributionShare(name, now[name], (training or {}).get(name), (before or {}).get(name)) for name in ordered
    )


def that_matter(now: Mapping[str, float], then: Mapping[str, float]) -> list[str]:
    """The columns that are judged."""
    return [name for name in now if max(now[name], then.get(name, 0.0)) >= MATTERS]
