"""Evaluator: TFX's, with a gate report and minimum slice sizes; see README.md."""

from typing import Optional

from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from millrace.base.errors import ConfigError
from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.executor import (
    BASELINE_BLESSING_KEY,
    BASELINE_FALL_KEY,
    STATISTICS_KEY,
    Executor,
)
from millrace.components.marks import TRIAL_KEY

MIN_SLICE_SIZE_KEY = "min_slice_size"
MIN_SLICE_CLASS_SIZE_KEY = "min_slice_class_size"
IN_PROCESS_KEY = "in_process"
CODE_DIGEST_KEY = "code_digest"


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """TFX's specification, with the parameters of the gate. `in_process` is 1 or 0: Kubeflow has no booleans."""

    INPUTS = {
        **standard_component_specs.EvaluatorSpec.INPUTS,
        STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        BASELINE_BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
    }
    PARAMETERS = {
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        MIN_SLICE_SIZE_KEY: component_spec.ExecutionParameter(type=int),
        MIN_SLICE_CLASS_SIZE_KEY: component_spec.ExecutionParameter(type=int),
        BASELINE_FALL_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        TRIAL_KEY: component_spec.ExecutionParameter(type=int, optional=True),
        IN_PROCESS_KEY: component_spec.ExecutionParameter(type=int),
        CODE_DIGEST_KEY: component_spec.ExecutionParameter(type=str),
    }


class Evaluator(base_beam_component.BaseBeamComponent):
    """Evaluates a model and says whether, and why, it may be shipped.

    Outputs are those of TFX's Evaluator: `evaluation` (ModelEvaluation; with `gate_report.json` and
    `gate_report.txt` beside TFMA's files) and `blessing` (ModelBlessing; its custom property `reason` is a sentence).
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: Optional[types.BaseChannel],
        eval_config: config_pb2.EvalConfig,
        schema: Optional[types.BaseChannel] = None,
        min_slice_size: int = 1,
        in_process: bool = True,
        code_digest: str = "",
        example_splits: Optional[list[str]] = None,
        min_slice_class_size: int = 1,
        trial: bool = False,
        statistics: Optional[types.BaseChannel] = None,
        baseline_blessing: Optional[types.BaseChannel] = None,
        baseline_fall: str = "warn",
    ) -> None:
        """Makes the component.

        Args:
            examples: what to evaluate on.
            model: the candidate.
            baseline_model: the latest blessed model, or None for no comparison.
            eval_config: metrics, slices and thresholds. A count of examples is added where there is none.
            schema: for TFMA's reading of the examples; left out, it infers their types.
            min_slice_size: slices of fewer examples are shown, not judged.
            in_process: score and measure in one process of this machine where that is possible (see README.md);
                False always leaves it to Beam.
            code_digest: a digest of this component's code, for the cache.
            example_splits: the splits to evaluate on; `eval` when left out.
            trial: whether this is a trial, whose model is blessed and yet no champion.
            min_slice_class_size: slices of fewer examples of a class are not judged by a metric that needs every class.
            statistics: those of the data that the model was learned from; a blessing keeps them for DataGate.
            baseline_blessing: by which the baseline was blessed; it holds what the baseline scored then.
            baseline_fall: `block` or `warn`: what it does to a model that the baseline does far worse on this data than
                when it was blessed.

        Raises:
            ConfigError: no threshold is set, or one that compares slices with each other.
        """
        _verify(eval_config)
        super().__init__(
            spec=EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                statistics=statistics,
                baseline_blessing=baseline_blessing,
                baseline_fall=baseline_fall,
                eval_config=prepared(eval_config),
                example_splits=json_utils.dumps(example_splits),
                fairness_indicator_thresholds=json_utils.dumps(None),
                min_slice_size=max(min_slice_size, int(eval_config.options.min_slice_size.value)),
                min_slice_class_size=min_slice_class_size,
                trial=1 if trial else None,
                in_process=int(in_process),
                code_digest=code_digest,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )


def prepared(eval_config: config_pb2.EvalConfig) -> config_pb2.EvalConfig:
    """The configuration as the executor takes it: with a count of examples, and without TFMA's minimum slice size.

    TFMA drops small slices from its results and then misses their metrics; the judge deals with them instead.
    """
    config = tfma_results.with_example_count(eval_config)
    config.options.ClearField("min_slice_size")
    return config


def _verify(eval_config: config_pb2.EvalConfig) -> None:
    crossed = eval_config.cross_slicing_specs or any(
        spec.cross_slice_thresholds or any(metric.cross_slice_thresholds for metric in spec.metrics)
        for spec in eval_config.metrics_specs
    )
    if crossed:
        raise ConfigError(
            "thresholds that compare slices with each other are not supported",
            remedy="set a threshold on each slice instead",
        )
    if not tfma_results.has_threshold(eval_config):
        raise ConfigError("no threshold is set, so that no model can be blessed", remedy="set one, for instance on AUC")
