"""The model of a run in a notebook: how it was trained, what it scored and for whom, and what the gates said."""

from typing import TYPE_CHECKING, Optional

from millrace.base.errors import BadInput
from millrace.base.outcomes import blessing
from millrace.components import stage_ids
from millrace.config.config import Config
from millrace.console.pages.models import MODEL
from millrace.metadata.run_summaries import Runs
from millrace.notebook.shown import Shown
from millrace.views.model import ModelView, model_of

if TYPE_CHECKING:
    import pandas as pd


class RunModel(Shown):
    """A run's model.

    Args:
        config: the pipeline's configuration.
        run_id: the run that trained it, or took it from the cache.

    Raises:
        BadInput: the run trained none.
    """

    PAGE = MODEL

    def __init__(self, config: Config, run_id: str) -> None:
        super().__init__(config, {"run": run_id}, {})
        self._model = model_of(Runs(config), run_id)
        if not self._model.model:
            raise BadInput("the run trained no model", where=run_id, remedy="its `reason` says why it ended before")

    @property
    def path(self) -> str:
        """The folder of the Trainer's artifact; the SavedModel is in `Format-Serving` below it."""
        return self._model.model

    @property
    def pushed_to(self) -> str:
        """The folder that it was pushed to; empty where it was not."""
        return self._model.pushed_to

    def curves(self) -> "pd.DataFrame":
        """Training and validation over the steps.

        Returns:
            Columns: metric (Keras's name), split, unit (of the steps), step, value.
        """
        import pandas as pd

        points = [
            (curve.metric, curve.split, curve.unit, step, value)
            for curve in self._model.curves
            for step, value in zip(curve.steps, curve.values, strict=True)
        ]
        return pd.DataFrame(points, columns=["metric", "split", "unit", "step", "value"])

    def trials(self) -> "pd.DataFrame":
        """What the Tuner tried, the best first; no row where it did not search.

        Returns:
            Columns: trial, score (by `tuning.objective`), and one for each hyperparameter that was searched over.
        """
        import pandas as pd

        rows = [{"trial": one.trial, "score": one.score, **one.values} for one in self._model.trials]
        return pd.DataFrame(rows, columns=None if rows else ["trial", "score"])

    def __repr__(self) -> str:
        return f"<model of run {self._model.run_id}{', pushed' if self.pushed_to else ''}: {self.path}>"


class RunEvaluation(Shown):
    """What a run's model scored, on the whole and on each slice, and the gate's verdict.

    Args:
        config: the pipeline's configuration.
        run_id: the run.
        metric: the metric whose slices are shown; empty for the one with the most missed thresholds.

    Raises:
        BadInput: the run was not evaluated, its report is gone, or the metric was not measured.
    """

    PAGE = MODEL
    TEMPLATE = "pages/model_evaluation.html"

    def __init__(self, config: Config, run_id: str, metric: str = "") -> None:
        super().__init__(config, {"run": run_id}, {"metric": metric} if metric else {})
        self._model: ModelView = model_of(Runs(config), run_id)
        if not self._model.metrics:
            counted = "its evaluation measured nothing but the number of examples"
            what = self._model.evaluation_problem or (counted if self._model.examples else "it was not evaluated")
            raise BadInput(what, where=run_id, remedy="run.reason says why; evaluation.metrics says what is measured")
        names = [one.name for one in self._model.metrics]
        if metric and metric not in names:
            raise BadInput(f"{metric} was not measured", where=run_id, remedy=f"one of {', '.join(names)}")

    @property
    def blessed(self) -> Optional[bool]:
        """The Evaluator's verdict; None when it came to none."""
        verdict = self._model.verdict(stage_ids.EVALUATOR)
        return verdict.blessed if verdict else None

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        verdict = self._model.verdict(stage_ids.EVALUATOR)
        return verdict.reason if verdict else ""

    @property
    def metrics(self) -> dict[str, Optional[float]]:
        """Every metric on the whole of what the model was judged on."""
        return {one.name: one.overall.value for one in self._model.metrics}

    def by_slice(self, metric: str) -> "RunEvaluation":
        """The same, with the slices of another metric.

        Args:
            metric: a name out of `metrics`.
        """
        return RunEvaluation(self._config, self._path["run"], metric)

    def to_frame(self) -> "pd.DataFrame":
        """Every metric on every slice.

        Returns:
            Columns: metric, slice, examples, value, low and high (the 95 % interval, where it was computed), baseline,
            threshold (in words), verdict, reason.
        """
        import pandas as pd

        rows = [
            {
                "metric": metric.name,
                "slice": one.slice,
                "examples": one.examples,
                "value": one.value,
                "low": one.interval[0] if one.interval else None,
                "high": one.interval[1] if one.interval else None,
                "baseline": one.baseline,
                "threshold": one.threshold,
                "verdict": one.verdict,
                "reason": one.reason,
            }
            for metric in self._model.metrics
            for one in (metric.overall, *metric.slices)
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"<evaluation of run {self._model.run_id}: {blessing(self.blessed) or 'without a verdict'}>"
