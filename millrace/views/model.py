"""A run's model as plain values: how it was trained, what it scored and for whom, and what the gates said.

Everything here is read from files that the Trainer, the Tuner and the Evaluator left in their artifacts. What is not
there, because the run did not get that far or its files are gone, is empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from millrace.base.errors import BadInput
from millrace.components import stage_ids
from millrace.components.evaluator import prediction_summary
from millrace.components.evaluator.prediction_summary import PredictionSummary
from millrace.metadata import records
from millrace.metadata.evaluations import MeasuredMetric, SliceMetric, evaluation
from millrace.metadata.records import JudgeVerdict, RunRecord
from millrace.metadata.run_summaries import Runs
from millrace.training import curves, training_record, trials
from millrace.training.curves import Curve
from millrace.training.trials import TrialResult


@dataclass(frozen=True)
class ModelView:
    """The model of one run.

    Args:
        run_id: the run that trained it, or took it from the cache.
        model: where it lies; empty where none was trained.
        pushed_to: the folder that it was pushed to, a trial's too; empty where it was not.
        trial: whether that is beside what is served.
        verdicts: of the judges that came to one.
        curves: training and validation over the steps.
        log_folder: of TensorBoard's logs; empty where there are none.
        kept_step: the step whose weights it has, the best by validation loss; None where that is not known.
        advice: what the Trainer said of how its training ended.
        trials: what the Tuner tried, the best first.
        metrics: every metric that was measured, those with a missed threshold first, then those with any.
        examples: that it was judged on.
        baseline: the model that it was compared with; empty where there was none.
        baseline_problem: why that could not be evaluated.
        suspicious: what is too good to be true.
        predictions: calibration, confusion or residuals of each output by its name, where the evaluation left them.
        evaluation_problem: why the evaluation cannot be shown; empty where it can, or there was none.
    """

    run_id: str
    model: str
    pushed_to: str
    trial: bool
    verdicts: tuple[JudgeVerdict, ...]
    curves: tuple[Curve, ...]
    log_folder: str
    advice: str
    trials: tuple[TrialResult, ...]
    metrics: tuple[MeasuredMetric, ...]
    examples: Optional[int] = None
    baseline: str = ""
    baseline_problem: str = ""
    suspicious: tuple[str, ...] = ()
    predictions: Mapping[str, PredictionSummary] = field(default_factory=dict)
    evaluation_problem: str = ""
    kept_step: Optional[int] = None

    def verdict(self, stage: str) -> Optional[JudgeVerdict]:
        """What one judge said; None when it came to no verdict."""
        return next((one for one in self.verdicts if one.stage == stage), None)

    @property
    def failed(self) -> tuple[tuple[str, SliceMetric], ...]:
        """Every threshold that was missed, with its metric's name."""
        return tuple(
            (metric.name, one)
            for metric in self.metrics
            for one in (metric.overall, *metric.slices)
            if one.verdict == "fail"
        )


def model_of(runs: Runs, run_id: str) -> ModelView:
    """The model of a run, by the run's id.

    Args:
        runs: those of its pipeline.
        run_id: its id.

    Raises:
        BadInput: there is no such run, it ended before its first stage, or ML Metadata's file is gone.
    """
    record = runs.record(run_id)
    if record is None:
        ended, folder = runs.summary(run_id), runs.folder(run_id)
        if folder and folder.journal.events():
            runs.require_kept_store()
        what = f"it ended before its first stage: {ended.reason or ended.state}" if ended else "there is no such run"
        raise BadInput(
            what, where=run_id, remedy="millrace runs show says why" if ended else "millrace runs lists runs"
        )
    return model_view(record)


def model_view(run: RunRecord) -> ModelView:
    """The model of a run.

    Args:
        run: as ML Metadata remembers it.
    """
    logs = _place(run, stage_ids.TRAINER, "model_run")
    training = training_record.read(logs) if logs else None
    evaluated = evaluation(run)
    report = evaluated.report
    tuned = _place(run, stage_ids.TUNER, "tuner_results")
    return ModelView(
        run_id=run.run_id,
        model=_place(run, stage_ids.TRAINER, "model"),
        pushed_to=records.pushed_to(run),
        trial=records.is_trial(run),
        verdicts=records.verdicts(run),
        curves=curves.read(logs) if logs else (),
        log_folder=logs,
        advice=training.advice if training else "",
        trials=trials.read(tuned) if tuned else (),
        metrics=evaluated.metrics,
        examples=report.examples if report else None,
        baseline=report.baseline if report else "",
        baseline_problem=report.baseline_problem if report else "",
        suspicious=report.suspicious if report else (),
        predictions=prediction_summary.load(evaluated.folder) if evaluated.folder else {},
        evaluation_problem=evaluated.problem,
        kept_step=training.kept_step if training else None,
    )


def _place(run: RunRecord, stage: str, key: str) -> str:
    """Where an artifact lies; empty where there is none, or it lies in a bucket."""
    artifact = run.artifact(stage, key)
    return artifact.uri if artifact is not None and "://" not in artifact.uri else ""
