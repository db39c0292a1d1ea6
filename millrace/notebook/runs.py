"""The runs of a pipeline in a notebook: all of them, one, and several beside each other."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Union, overload

from millrace.base.errors import BadInput
from millrace.base.numbers import rounded, seconds
from millrace.base.outcomes import blessing
from millrace.base.plain_values import flat
from millrace.config.config import Config
from millrace.console.pages.compare import COMPARE
from millrace.console.pages.lineage import LINEAGE
from millrace.console.pages.run import RUN
from millrace.console.pages.runs import RUNS
from millrace.metadata import run_names
from millrace.metadata.run_details import RunDetail, run_detail
from millrace.metadata.run_summaries import Runs, RunSummary, run_summaries
from millrace.notebook.model import RunEvaluation, RunModel
from millrace.notebook.shown import Shown
from millrace.notebook.statistics import RunStatistics

if TYPE_CHECKING:
    import pandas as pd


class ProjectRuns(Shown, Sequence["ProjectRun"]):
    """The runs of a pipeline in the order in which they began, as they were when this was made.

    `runs[-1]` and `runs["last"]` are the newest, `runs["last~1"]` the one before, `runs["20261126"]` the one whose id
    begins so.

    Args:
        config: the pipeline's configuration.
    """

    PAGE = RUNS

    def __init__(self, config: Config) -> None:
        super().__init__(config, {}, {"rows": "30"})
        self._summaries = run_summaries(config)

    def __len__(self) -> int:
        return len(self._summaries)

    @overload
    def __getitem__(self, which: Union[int, str]) -> "ProjectRun": ...
    @overload
    def __getitem__(self, which: slice) -> list["ProjectRun"]: ...
    def __getitem__(self, which: Union[int, str, slice]) -> Union["ProjectRun", list["ProjectRun"]]:
        """A run by its place, by its id or the beginning of it, or by `last` and `last~1`.

        Raises:
            BadInput: no run is called so, or several begin so.
            IndexError: there are not so many.
        """
        if isinstance(which, slice):
            return [ProjectRun(self._config, one) for one in self._summaries[which]]
        if isinstance(which, int):
            if not -len(self._summaries) <= which < len(self._summaries):
                raise IndexError(
                    f"there is no run {which}: there are {len(self._summaries)}, and runs[-1] is the newest"
                )
            return ProjectRun(self._config, self._summaries[which])
        runs = Runs(self._config)
        summary = runs.summary(run_names.named(runs, which))
        assert summary is not None, which
        return ProjectRun(self._config, summary)

    def to_frame(self) -> "pd.DataFrame":
        """A row for each run, the oldest first.

        Returns:
            By run id: state, started, seconds, blessed, infra_blessed, pushed_to, reason, rehearsal, and a column for
            each overall metric, by TFMA's name.
        """
        import pandas as pd

        rows = [
            {
                "state": one.state,
                "started": pd.Timestamp(one.started),
                "seconds": one.seconds,
                "blessed": one.blessed,
                "infra_blessed": one.infra_blessed,
                "pushed_to": one.pushed_to,
                "reason": one.reason,
                "rehearsal": one.rehearsal,
                **{name: value for name, value in one.metrics.items() if name != "example_count"},
            }
            for one in self._summaries
        ]
        return pd.DataFrame(rows, index=pd.Index([one.run_id for one in self._summaries], name="run"))

    def __repr__(self) -> str:
        return f"<{len(self)} runs of {self._config.name}>"


class ProjectRun(Shown):
    """One run.

    Args:
        config: the pipeline's configuration, as it is now.
        summary: what a list of runs says of it.
    """

    PAGE = RUN

    def __init__(self, config: Config, summary: RunSummary) -> None:
        super().__init__(config, {"run": summary.run_id}, {})
        self.summary = summary
        """How it ended, what its model scored, and where the model went."""

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.summary.run_id

    @property
    def state(self) -> str:
        """How it ended, in a word."""
        return self.summary.state

    @property
    def reason(self) -> str:
        """Why it pushed no model; empty when it did."""
        return self.summary.reason

    @cached_property
    def detail(self) -> RunDetail:
        """Its stages and why each ran, verdicts, artifacts, and what it was made from."""
        detail = run_detail(Runs(self._config), self.run_id, time.time())
        if detail is None:
            raise BadInput("the run is gone", where=self.run_id, remedy="millrace runs lists those that are there")
        return detail

    @property
    def settings(self) -> dict[str, str]:
        """Its whole configuration as it was resolved, as text by dotted key; empty where it did not write it down."""
        return flat(self.detail.provenance.configuration) if self.detail.provenance else {}

    @property
    def statistics(self) -> RunStatistics:
        """Its data, over that of the run before.

        Raises:
            BadInput: it read none, or the files are gone.
        """
        return RunStatistics(self._config, self.run_id)

    @property
    def model(self) -> RunModel:
        """Its model.

        Raises:
            BadInput: it trained none.
        """
        return RunModel(self._config, self.run_id)

    @property
    def evaluation(self) -> RunEvaluation:
        """What its model scored.

        Raises:
            BadInput: it was not evaluated, or the report is gone.
        """
        return RunEvaluation(self._config, self.run_id)

    @property
    def lineage(self) -> "RunLineage":
        """What its last artifact was made from."""
        return RunLineage(self._config, {"kind": "run", "id": self.run_id}, {})

    def compare(self, *others: Union[str, "ProjectRun"]) -> "RunsCompared":
        """This run beside others: all that differs.

        Args:
            others: one to five runs, or what they are called.
        """
        names = [one if isinstance(one, str) else one.run_id for one in others]
        runs = Runs(self._config)
        return RunsCompared(self._config, [self.run_id, *(run_names.named(runs, one) for one in names)])

    def stages(self) -> "pd.DataFrame":
        """Its stages in the order in which they ran.

        Returns:
            By stage: state, seconds, why it ran or was cached, note.
        """
        import pandas as pd

        rows = [
            {"state": one.state, "seconds": one.seconds, "why": one.why, "note": one.note} for one in self.detail.stages
        ]
        return pd.DataFrame(rows, index=pd.Index([one.stage for one in self.detail.stages], name="stage"))

    def __repr__(self) -> str:
        said = [self.state, f"{seconds(self.summary.seconds)} s", blessing(self.summary.blessed)]
        said += [f"{name} {rounded(value, 4)}" for name, value in self.summary.judged.items()]
        return f"<run {self.run_id}: {', '.join(filter(None, said))}>"


class RunLineage(Shown):
    """What a run's last artifact was made from, up to the rows, the schema and the code."""

    PAGE = LINEAGE

    def to_frame(self) -> "pd.DataFrame":
        """The artifacts, the nearest first.

        Returns:
            Columns: side (empty for itself, made from), artifact (its id in ML Metadata), type, stage, run, path.
        """
        return self._table()

    def __repr__(self) -> str:
        return f"<lineage of run {self._path['id']}>"


class RunsCompared(Shown):
    """Two to six runs beside each other.

    Args:
        config: the pipeline's configuration.
        run_ids: the first is what the last is compared with.

    Raises:
        BadInput: these are not two to six different runs.
    """

    PAGE = COMPARE

    def __init__(self, config: Config, run_ids: Sequence[str]) -> None:
        chosen = list(dict.fromkeys(run_ids))
        if not 2 <= len(chosen) <= 6:
            remedy = "name from two to six different runs"
            raise BadInput(f"{len(chosen)} runs cannot be compared", where=", ".join(chosen), remedy=remedy)
        super().__init__(config, {}, {"runs": ",".join(chosen)})
        self._run_ids = chosen

    def to_frame(self) -> "pd.DataFrame":
        """All that differs.

        Returns:
            By group (such as Configuration, Metrics, Slices) and what: a column for each run. Confidence intervals:
            `intervals`.
        """
        return self._table().set_index(["group", "what"])

    def intervals(self) -> "pd.DataFrame":
        """The 95 % confidence intervals of the metrics that differ, where the evaluations computed some.

        Returns:
            By group and what: for each run `RUN low` and `RUN high`, NaN where it has none, and `apart`: whether those
            of the first and the last run have nothing in common.
        """
        import pandas as pd

        rows = [(group.title, one) for group in self._view.groups for one in group.rows if one.intervals]
        heads = [f"{run_id} {end}" for run_id in self._run_ids for end in ("low", "high")]
        ends = [[end for interval in one.intervals for end in (interval or (None, None))] for _, one in rows]
        index = pd.MultiIndex.from_tuples([(title, one.name) for title, one in rows], names=["group", "what"])
        frame = pd.DataFrame(ends, columns=heads, index=index, dtype=float)
        frame["apart"] = [one.is_apart for _, one in rows]
        return frame

    def distances(self) -> "pd.DataFrame":
        """How far each column of the last run's data lies from the first one's, as TFDV measures drift.

        Returns:
            By column: split, measure, distance, missing_before and missing_after (shares of the rows); no row where
            both read the same data.
        """
        import pandas as pd

        data = self._view.data
        heads = ["split", "measure", "distance", "missing_before", "missing_after"]
        columns = data.columns if data else ()
        rows = [[getattr(one, name) for name in heads] for one in columns]
        return pd.DataFrame(rows, columns=heads, index=pd.Index([one.column for one in columns], name="column"))

    def __repr__(self) -> str:
        return f"<{len(self._run_ids)} runs beside each other: {', '.join(self._run_ids)}>"
