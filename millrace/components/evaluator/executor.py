"""The Evaluator's executor: evaluates as TFX's does, judges, and leaves the gate report beside TFMA's files."""

import itertools
import logging
import os
import tempfile
from typing import Optional

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, json_utils, path_utils, proto_utils

from millrace.base import files
from millrace.base.errors import machine_fault
from millrace.components.beam_engine import NeedsBeam
from millrace.components.blessed_data import statistics as blessed_data
from millrace.components.evaluator import (
    baseline_fall,
    contract,
    folds,
    gate_report,
    in_process,
    judging,
    prediction_summary,
    results_writer,
    scoring,
    tfma_results,
)
from millrace.components.evaluator.blessing import write_blessing
from millrace.components.evaluator.in_process import Evaluated
from millrace.components.evaluator.reading import Inputs, batches, is_readable
from millrace.components.executor_types import Artifacts, Properties
from millrace.components.marks import TRIAL_KEY

STATISTICS_KEY = "statistics"
BASELINE_BLESSING_KEY = "baseline_blessing"
BASELINE_FALL_KEY = "baseline_fall"
# Examples on which the models are tried before a Beam job is started.
_TRIED = 64
_MAKE_IT_WORK = "make the model's signatures work on the evaluated examples; the configuration names them"


class Executor(tfx_executor.Executor):
    """TFX's Evaluator executor, which decides by the gate report."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Evaluates and judges a model.

        Args:
            input_dict: `examples`, `model`, and where there are any `baseline_model`, `baseline_blessing`, `schema` and
                `statistics`.
            output_dict: `evaluation` gets TFMA's files and the gate report, `blessing` the verdict.
            exec_properties: as of `component.EvaluatorSpec`.

        Raises:
            CouldNotJudge: the machine, and not the model, is why there is no verdict.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        inputs = read_inputs(input_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict[specs.EVALUATION_KEY])
        try:
            evaluated = self._evaluate(inputs, folder, input_dict, output_dict, exec_properties)
            report = _judge(inputs, evaluated, folder, exec_properties)
        except Exception as error:
            fault = machine_fault(error)
            if fault:
                raise fault from error
            # Whatever TFMA makes of an export that lacks something: that it lacks it is the reason.
            gap = _gap(inputs)
            if gap is None and not isinstance(error, scoring.Unusable):
                raise
            report = _refuse(inputs, gap or contract.Gap(str(error), _MAKE_IT_WORK), folder)
        scoring.release_models()
        if inputs.baseline is not None and input_dict.get(BASELINE_BLESSING_KEY):
            kept = baseline_fall.kept(artifact_utils.get_single_instance(input_dict[BASELINE_BLESSING_KEY]))
            report = baseline_fall.judged(report, kept, blocks=exec_properties.get(BASELINE_FALL_KEY) == "block")
        write_report(report, folder)
        blessing = artifact_utils.get_single_instance(output_dict[specs.BLESSING_KEY])
        if report.blessed and not exec_properties.get(TRIAL_KEY):
            baseline_fall.keep(blessing, report)
            if input_dict.get(STATISTICS_KEY):
                blessed_data.keep(blessing, artifact_utils.get_single_instance(input_dict[STATISTICS_KEY]))
        write_blessing(
            blessing,
            report.blessed,
            report.reason,
            inputs.model,
            inputs.baseline,
            exec_properties,
            report.remedy,
        )

    def _evaluate(
        self, inputs: Inputs, folder: str, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties
    ) -> Evaluated:
        """Has TFMA's files written, in this process or by Beam, and says how the baseline did."""
        if exec_properties["in_process"]:
            try:
                return in_process.evaluate(inputs, folder, self._beam_pipeline_args)
            except NeedsBeam as reason:
                logging.info("Evaluating with Beam: %s.", reason)
        problem = _try(inputs)
        usable = {key: value for key, value in input_dict.items() if not (problem and key == specs.BASELINE_MODEL_KEY)}
        with tempfile.TemporaryDirectory() as scratch:
            # TFX's own verdict knows no slice sizes; it is left in a folder of its own.
            unread = standard_artifacts.ModelBlessing()
            unread.uri = scratch
            super().Do(usable, {**output_dict, specs.BLESSING_KEY: [unread]}, exec_properties)
        return Evaluated(has_baseline=inputs.baseline is not None and not problem, baseline_problem=problem)


def read_inputs(input_dict: Artifacts, exec_properties: Properties) -> Inputs:
    """The executor's inputs by name.

    Args:
        input_dict: `examples` and `model`, and where there are any `baseline_model` and `schema`.
        exec_properties: as of `component.EvaluatorSpec`.
    """
    eval_config = config_pb2.EvalConfig()
    proto_utils.json_to_proto(exec_properties[specs.EVAL_CONFIG_KEY], eval_config)
    baselines = input_dict.get(specs.BASELINE_MODEL_KEY) or []
    schemas = input_dict.get(specs.SCHEMA_KEY) or []
    return Inputs(
        examples=input_dict[specs.EXAMPLES_KEY],
        splits=json_utils.loads(exec_properties.get(specs.EXAMPLE_SPLITS_KEY) or "null") or ["eval"],
        model=artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY]),
        baseline=artifact_utils.get_single_instance(baselines) if baselines else None,
        schema=io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schemas[0].uri)) if schemas else None,
        eval_config=eval_config,
    )


def write_report(report: gate_report.GateReport, folder: str) -> None:
    """Writes the report beside TFMA's files, as JSON and as text, each whole or not at all.

    The text ends with what the predictions say beside the verdict.

    Args:
        report: the verdict with its rows.
        folder: of the ModelEvaluation artifact.
    """
    said_of = prediction_summary.sentences(prediction_summary.load(folder))
    predictions = "".join(f"\n{title}: {said}" for title, said in said_of)
    for name, text in (
        (gate_report.JSON_NAME, report.model_dump_json(indent=2) + "\n"),
        (gate_report.TEXT_NAME, report.to_text() + (f"{predictions}\n" if predictions else "")),
    ):
        files.write(os.path.join(folder, name), text)


def _try(inputs: Inputs) -> str:
    """Scores a few examples with both models before Beam starts; why the baseline is of no use, or an empty string.

    Raises:
        scoring.Unusable: the candidate is of no use.
    """
    if not is_readable(inputs.examples):
        return ""
    models = scoring.Models(inputs)
    try:
        for batch in itertools.islice(batches(inputs, _TRIED), 1):
            models.score(batch)
    except NeedsBeam as reason:
        logging.info("Left to Beam: %s.", reason)
    return models.problem


def _judge(inputs: Inputs, evaluated: Evaluated, folder: str, exec_properties: Properties) -> gate_report.GateReport:
    full = tfma_results.complete(inputs.eval_config, evaluated.has_baseline)
    slices = tfma_results.read_slices(tfma.load_metrics(folder), tfma_results.baseline_name(full))
    checks = tfma_results.checks(inputs.eval_config, slices)
    report = judging.judge(
        checks,
        exec_properties["min_slice_size"],
        _baseline(inputs.baseline, evaluated.baseline_problem),
        tfma_results.overall(slices, inputs.model.uri),
        # A job that was compiled before there was such a limit has none.
        exec_properties.get("min_slice_class_size", 1),
    )
    return folds.with_folds(report, checks, inputs.eval_config, inputs.model.uri)


def _gap(inputs: Inputs) -> Optional[contract.Gap]:
    """What the candidate's export lacks."""
    [spec] = [
        spec
        for spec in tfma_results.complete(inputs.eval_config, inputs.baseline is not None).model_specs
        if not spec.is_baseline
    ]
    path = path_utils.serving_model_path(inputs.model.uri, path_utils.is_old_model_artifact(inputs.model))
    return contract.find_gap(path, spec)


def _refuse(inputs: Inputs, gap: contract.Gap, folder: str) -> gate_report.GateReport:
    """A candidate that cannot be scored: TFMA's files say that nothing was measured, the report why."""
    results_writer.write_results([], tfma_results.complete(inputs.eval_config, has_baseline=False), {}, folder)
    return judging.refuse(gap.what, gap.remedy, _baseline(inputs.baseline, ""), inputs.model.uri)


def _baseline(artifact: Optional[types.Artifact], problem: str) -> judging.Baseline:
    return judging.Baseline(artifact.uri if artifact else "", problem)
