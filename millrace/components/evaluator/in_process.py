"""The evaluation in this process: each example is read, decoded and scored once, and metrics come from arrays.

What is measured, its validation and the files are TFMA's; only the way from the examples to TFMA's accumulators is
another one than Beam's.
"""

import contextlib
import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tfx.types import artifact_utils

from millrace.base import files
from millrace.components.beam_engine import NeedsBeam, runner_elsewhere
from millrace.components.evaluator import prediction_summary, results_writer, slicing, tfma_results
from millrace.components.evaluator.bulk_metrics import Rows
from millrace.components.evaluator.reading import Batch, Inputs, batches, is_readable
from millrace.components.evaluator.scoring import Columns, Models, Scorer, Unusable
from millrace.components.evaluator.slice_metrics import Computations, ScoredExamples

BATCH_SIZE = 8_192
# Compressed examples beyond this are worth Beam's several processes.
MAX_BYTES = 2 << 30
# Labels, predictions and weights that are kept until the metrics are computed.
_MAX_KEPT_BYTES = 1 << 30
# Each row is in a slice or two of every kind, so its number takes more memory than its label and its prediction.
_ROW_NUMBER = np.uint32
# The split by which decision thresholds are chosen, and rows of it that are enough for that.
_CHOOSES, _MOST_CHOSEN_BY = "eval", 16 * BATCH_SIZE


class Evaluated(NamedTuple):
    """What the judge must know beside the files: whether a baseline was evaluated, and if not, why not."""

    has_baseline: bool
    baseline_problem: str


def evaluate(inputs: Inputs, folder: str, beam_pipeline_args: list[str]) -> Evaluated:
    """Evaluates and writes TFMA's files.

    Args:
        inputs: what to evaluate.
        folder: of the ModelEvaluation artifact.
        beam_pipeline_args: of the component; a runner elsewhere is not replaced by this process.

    Raises:
        NeedsBeam: this evaluation is one for Beam; nothing was written.
        Unusable: the candidate cannot be scored.
    """
    _verify(inputs, beam_pipeline_args)
    Computations(tfma_results.complete(inputs.eval_config, inputs.baseline is not None))
    models = Models(inputs)
    if any(model.model_type != constants.TF_GENERIC for model in models.shared()):
        raise NeedsBeam("a model with metrics of its own, or not a SavedModel")
    reader = _Reader(inputs, models).read()
    config = tfma_results.complete(inputs.eval_config, models.baseline is not None)
    table = reader.table(config)
    sliced = Computations(config).of_slices(table)
    results_writer.write_results(sliced, config, models.paths(), folder)
    baseline = tfma_results.baseline_name(config)
    for (name, output), rows in table.rows.items():
        summary = None if baseline and name == baseline else prediction_summary.summarize(*rows)
        if summary is None:
            continue
        if summary.task == "binary":
            split, chosen = _chosen_by(inputs, models, output, rows)
            summary = prediction_summary.with_decisions(summary, rows, chosen, split)
        file = os.path.join(folder, prediction_summary.file_name(output))
        files.write(file, summary.model_dump_json(indent=2) + "\n")
    return Evaluated(models.baseline is not None, models.problem)


def _chosen_by(inputs: Inputs, models: Models, output: str, judged: Rows) -> tuple[str, Rows]:
    """The split by which decision thresholds are chosen, with its rows: eval where it does not judge, else none."""
    splits = {name for artifact in inputs.examples for name in artifact_utils.decode_split_names(artifact.split_names)}
    if _CHOOSES in splits and _CHOOSES not in inputs.splits:
        with contextlib.suppress(Unusable):  # on the split that judges it is usable
            return _CHOOSES, _Reader(replace(inputs, splits=[_CHOOSES]), models).of_candidate(output, _MOST_CHOSEN_BY)
    return "", judged


def _verify(inputs: Inputs, beam_pipeline_args: list[str]) -> None:
    if runner := runner_elsewhere(beam_pipeline_args):
        raise NeedsBeam(f"the Beam runner is {runner}")
    if inputs.schema is not None:
        raise NeedsBeam("a schema says how the examples are read")
    if not is_readable(inputs.examples):
        raise NeedsBeam("the examples are not tf.Examples in TFRecords")
    config = inputs.eval_config
    if any(spec.query_key for spec in config.metrics_specs) or config.options.disabled_outputs.values:
        raise NeedsBeam("metrics over queries, or outputs left out")
    if any(spec.slice_keys_sql for spec in config.slicing_specs):
        raise NeedsBeam("slices by SQL")
    _verify_data(inputs)


def _verify_data(inputs: Inputs) -> None:
    size = 0
    for split in inputs.splits:
        for uri in artifact_utils.get_split_uris(inputs.examples, split):
            if "://" in uri:
                raise NeedsBeam("the examples are not on this machine")
            size += sum(file.stat().st_size for file in Path(uri).glob("*"))
    if size > MAX_BYTES:
        raise NeedsBeam(f"there are {size >> 20} MiB of compressed examples")


class _Reader:
    """Reads and scores all examples, and keeps what the metrics need."""

    def __init__(self, inputs: Inputs, models: Models) -> None:
        self._inputs, self._models = inputs, models
        self._specs = [slicer_lib.SingleSliceSpec(spec=spec) for spec in inputs.eval_config.slicing_specs]
        self._specs = self._specs or [slicer_lib.SingleSliceSpec()]
        self._sliced = slicing.sliced_features(inputs.eval_config)
        self._parts: dict[Scorer, dict[str, list[Columns]]] = {}
        self._slices: dict[slicing.SliceKey, list[np.ndarray]] = {}
        self._rows = 0
        self._kept = 0

    def read(self) -> "_Reader":
        """Reads everything; once more from the start when the baseline failed in the middle."""
        serialized = self._models.serialized_inputs()
        names = None if serialized is None else self._names()
        for batch in batches(self._inputs, BATCH_SIZE, names, serialized or set()):
            had_baseline = self._models.baseline is not None
            self._add(batch)
            if had_baseline and self._models.baseline is None and self._rows > len(batch.serialized):
                return _Reader(self._inputs, self._models).read()
        return self

    def of_candidate(self, output: str, most: int) -> Rows:
        """Labels, predictions and weights of an output of the candidate alone, of the first batches, `most` rows."""
        serialized = self._models.serialized_inputs()
        names = None if serialized is None else self._names()
        read = itertools.islice(batches(self._inputs, BATCH_SIZE, names, serialized or set()), most // BATCH_SIZE)
        candidate = self._models.candidate
        return _joined([candidate.columns(batch.features, candidate.score(batch))[output] for batch in read])

    def table(self, eval_config: config_pb2.EvalConfig) -> ScoredExamples:
        """What was read, by the models' names in a completed configuration."""
        named = {
            (spec.name if len(eval_config.model_specs) > 1 else ""): self._models.of(spec.is_baseline)
            for spec in eval_config.model_specs
        }
        outputs = list(eval_config.model_specs[0].label_keys) or [""]
        joined = {}
        for name, scorer in named.items():
            parts = self._parts.pop(scorer, {})
            joined.update({(name, output): _joined(parts.get(output, [])) for output in outputs})
        return ScoredExamples(joined, {key: np.concatenate(self._slices.pop(key)) for key in list(self._slices)})

    def _names(self) -> set[str]:
        """The raw features that are looked at, while the models read the serialized examples."""
        specs = self._inputs.eval_config.model_specs
        keys = {key for spec in specs for key in (spec.label_key, *spec.label_keys.values(), spec.example_weight_key)}
        keys.discard("")
        return self._sliced | {key for key in keys if not self._models.make(key)}

    def _add(self, batch: Batch) -> None:
        scores = self._models.score(batch)
        for scorer, made in scores.items():
            for output, part in scorer.columns(batch.features, made).items():
                self._parts.setdefault(scorer, {}).setdefault(output, []).append(part)
                self._kept += sum(column.nbytes for column in part if column is not None)
        if self._kept > _MAX_KEPT_BYTES:
            raise NeedsBeam(f"predictions and labels take more than {_MAX_KEPT_BYTES >> 20} MiB")
        transformed = [made.transformed for made in scores.values() if made.transformed]
        rows = slicing.slice_rows(self._specs, transformed, batch.features, self._sliced, len(batch.serialized))
        for key, numbers in rows.items():
            self._slices.setdefault(key, []).append((numbers + self._rows).astype(_ROW_NUMBER))
        self._rows += len(batch.serialized)


def _joined(parts: list[Columns]) -> Rows:
    if not parts:
        return Rows(np.zeros((0, 1)), np.zeros((0, 1)), None)
    labels, predictions, weights = zip(*parts, strict=True)
    return Rows(
        np.concatenate(labels), np.concatenate(predictions), None if weights[0] is None else np.concatenate(weights)
    )
