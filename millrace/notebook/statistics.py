"""The data of a run in a notebook: every feature in the order of what is odd, and one feature in full."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Union

from millrace.base.errors import BadInput
from millrace.base.names import did_you_mean
from millrace.config.config import Config
from millrace.console.pages.data import DATA, FEATURE
from millrace.notebook.shown import Shown
from millrace.schema.evidence import Evidence
from millrace.schema.workbench import Workbench
from millrace.views.chosen_data import chosen_data
from millrace.views.data import FeatureView, SplitView

if TYPE_CHECKING:
    import pandas as pd

_MEDIAN = 5


class RunStatistics(Shown):
    """TFDV's statistics of a run's data beside the schema, over the data of the run before.

    `statistics["fare"]` is one feature; iterating gives the features' names, the oddest first.

    Args:
        config: the pipeline's configuration.
        run_id: the run.
        against: the run whose data lies behind; empty for the latest one before with other data.
        slice: TFDV's name of a slice of the rows, which then lies over all rows; empty for the data as a whole.
    """

    PAGE = DATA

    def __init__(self, config: Config, run_id: str, against: str = "", slice: str = "") -> None:
        asked = {"against": against, "slice": slice}
        super().__init__(config, {"span": run_id}, {key: value for key, value in asked.items() if value})
        self._run, self._data = chosen_data(Workbench(config, config.file), run_id, against, slice)

    @property
    def splits(self) -> dict[str, int]:
        """Rows by split."""
        return dict(self._data.splits)

    @property
    def compared_with(self) -> str:
        """The id of the run whose data lies behind; empty where the splits are compared with each other."""
        return self._data.compared_with

    @property
    def protos(self) -> dict[str, Any]:
        """TFDV's `DatasetFeatureStatistics` of each split, for whatever else reads them."""
        return dict(self._run.statistics)

    def over(self, run: Union[str, Any]) -> "RunStatistics":
        """The same over the data of another run.

        Args:
            run: the other run, or its id; `none` to compare its splits with its own train split.
        """
        return RunStatistics(self._config, self._run.run_id, getattr(run, "run_id", run))

    @property
    def slices(self) -> dict[str, dict[str, int]]:
        """Rows by split of each slice that the configuration's `statistics.slices` gave, by TFDV's name of it."""
        return {
            name: {split: int(one.num_examples) for split, one in splits.items()}
            for name, splits in self._run.slices.items()
        }

    def of_slice(self, name: str) -> "RunStatistics":
        """The same of a slice, over all rows: the first features are those that lie apart in it.

        Args:
            name: as `slices` has it, such as `payment_type_Cash`.

        Raises:
            SchemaError: there are no statistics of such a slice.
        """
        return RunStatistics(self._config, self._run.run_id, slice=name)

    def __iter__(self) -> Iterator[str]:
        return (row.name for row in self._data.rows)

    def __len__(self) -> int:
        return len(self._data.rows)

    def __getitem__(self, feature: str) -> "FeatureStatistics":
        """One feature in full.

        Raises:
            BadInput: neither the data nor the schema has it.
        """
        full = self._data.feature(feature)
        if full is None:
            what = f"the data has no feature of this name, and the schema describes none{did_you_mean(feature, self)}"
            raise BadInput(what, where=repr(feature), remedy="list(statistics) gives all names, the oddest first")
        return FeatureStatistics(self._config, self._run, full, self._query)

    def to_frame(self) -> "pd.DataFrame":
        """A row for each feature and split, the oddest feature first.

        Returns:
            Columns: feature, split, kind, state, missing (a share of the split's rows), rows, distinct, mean,
            deviation, minimum, median, maximum, moved (the share of rows that differs, which is not TFDV's drift), said
            (what DataGate says).
        """
        import pandas as pd

        rows = []
        for row in self._data.rows:
            full = self._data.feature(row.name)
            for split in full.splits if full else ():
                rows.append(
                    {
                        "feature": row.name,
                        "split": split.split,
                        "kind": row.kind,
                        "state": row.state,
                        "missing": 1 - split.filled / split.rows if split.rows else None,
                        "rows": split.rows,
                        "distinct": split.distinct or None,
                        "mean": split.mean,
                        "deviation": split.deviation,
                        "minimum": split.range[0] if split.range else None,
                        "median": split.quantiles[_MEDIAN] if len(split.quantiles) > _MEDIAN else None,
                        "maximum": split.range[1] if split.range else None,
                        "moved": row.distance.value if row.distance else None,
                        "said": "; ".join(f"{one.reason}: {one.seen}" for one in row.findings),
                    }
                )
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        of = f"{self._data.slice} in run" if self._data.slice else "run"
        return f"<statistics of {of} {self._run.run_id}: {len(self)} features, {_rows(self.splits)}>"


class FeatureStatistics(Shown):
    """One feature: what was seen in each split, beside what the schema asks for.

    Args:
        config: the pipeline's configuration.
        run: what the run saw.
        feature: the feature in full.
        asked: what was asked for to be compared with, and of which slice.
    """

    PAGE = FEATURE

    def __init__(self, config: Config, run: Evidence, feature: FeatureView, asked: Mapping[str, str]) -> None:
        super().__init__(config, {"span": run.run_id, "feature": feature.row.name}, dict(asked))
        self._feature = feature

    @property
    def name(self) -> str:
        """Its name."""
        return self._feature.row.name

    @property
    def state(self) -> str:
        """blocked, warned, moved (by more than chance) or fine."""
        return self._feature.row.state

    @cached_property
    def _all(self) -> tuple[SplitView, ...]:
        return (*self._feature.splits, *self._feature.before)

    def to_frame(self) -> "pd.DataFrame":
        """Shares of the values, a column for each split.

        Returns:
            Of numbers the index are the bars' intervals, of texts the most frequent values.
        """
        import pandas as pd

        bounds, labels = self._feature.bounds, self._feature.labels
        index = pd.IntervalIndex.from_breaks(bounds, name=self.name) if bounds else pd.Index(labels, name=self.name)
        shares = {one.split: one.shares for one in self._all if len(one.shares) == len(index)}
        return pd.DataFrame(shares, index=index)

    def __repr__(self) -> str:
        return f"<feature {self.name}: {self._feature.row.kind}, {self.state}>"


def _rows(splits: dict[str, int]) -> str:
    return ", ".join(f"{count:,} rows in {split}" for split, count in splits.items())
