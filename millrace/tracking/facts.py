"""What is told of a run to whoever tracks it: its settings, what was measured, how the training went, what it is from.

The one reader of these for every server, so that MLflow and Vertex AI say what `millrace runs` says.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Optional

from millrace.base.plain_values import flat
from millrace.base.secrets import cut
from millrace.components import stage_ids
from millrace.metadata import provenance
from millrace.metadata.evaluations import MeasuredMetric
from millrace.metadata.run_details import RunDetail, run_detail
from millrace.metadata.run_summaries import Runs
from millrace.training.curves import Curve
from millrace.views.model import ModelView, model_view


@dataclass(frozen=True)
class RunFacts:
    """One run, as others are told of it.

    Args:
        runs: those of the pipeline.
        detail: of the run.
    """

    runs: Runs
    detail: RunDetail

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.detail.summary.run_id

    @property
    def began(self) -> float:
        """When it began, in seconds since the epoch."""
        return datetime.fromisoformat(self.detail.summary.started).timestamp()

    @property
    def ended(self) -> float:
        """When it ended, in seconds since the epoch."""
        return self.began + self.detail.summary.seconds

    @property
    def parameters(self) -> dict[str, str]:
        """Every setting that it was made with and that says something, by its dotted key."""
        made_from = self.detail.provenance
        settings = flat(made_from.configuration) if made_from else {}
        return {name: value for name, value in settings.items() if value}

    @property
    def measured(self) -> dict[str, float]:
        """Each finite metric on the whole and by slice, and each stage's seconds."""
        model = self._model
        seconds = {f"seconds/{one.stage}": one.seconds for one in self.detail.stages if one.seconds is not None}
        return {**measured_by_name(model.metrics if model else ()), **seconds}

    @property
    def curves(self) -> tuple[Curve, ...]:
        """How the training went."""
        return self._model.curves if self._model else ()

    @cached_property
    def _model(self) -> Optional[ModelView]:
        record = self.runs.record(self.run_id)
        return model_view(record) if record else None

    @property
    def origin(self) -> dict[str, str]:
        """State, reason, verdict, data, schema and commit, by names that begin with `millrace.`; nothing secret."""
        summary, made_from = self.detail.summary, self.detail.provenance
        examples = self.detail.output(stage_ids.EXAMPLE_GEN, "examples")
        facts = examples.properties if examples else {}
        named = {
            "pipeline": self.runs.config.name,
            "state": summary.state,
            "reason": summary.reason,
            "blessed": "" if summary.blessed is None else str(summary.blessed).lower(),
            "pushed_to": summary.pushed_to,
            "set": " ".join(made_from.overrides) if made_from else "",
            "schema": made_from.schema_digest if made_from else "",
            "span": str(facts.get("span", "")),
            "fingerprint": str(facts.get("input_fingerprint", "")),
            "commit": provenance.commit_of(made_from).partition(" ")[0],
        }
        return {f"millrace.{name}": cut(str(value)) for name, value in named.items() if value}


def run_facts(runs: Runs, run_id: str) -> Optional[RunFacts]:
    """A run's facts; None where there is no such run.

    Args:
        runs: those of the pipeline.
        run_id: the run's id.
    """
    detail = run_detail(runs, run_id, time.time())
    return RunFacts(runs, detail) if detail else None


def measured_by_name(metrics: tuple[MeasuredMetric, ...]) -> dict[str, float]:
    """Each finite value: `AUC` on the whole, `AUC/payment_type:Cash` on a slice.

    Args:
        metrics: of one evaluation.
    """
    values: dict[str, float] = {}
    for metric in metrics:
        for one in (metric.overall, *metric.slices):
            if one.value is not None and math.isfinite(one.value):
                place = metric.name if one is metric.overall else f"{metric.name}/{one.slice.replace('=', ':')}"
                values[place] = one.value
    return values


def points_of(curve: Curve) -> Iterator[tuple[int, float]]:
    """Step and value of each finite point of a curve."""
    return ((int(step), value) for step, value in zip(curve.steps, curve.values, strict=True) if math.isfinite(value))
