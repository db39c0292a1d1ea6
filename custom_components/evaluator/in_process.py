"""The evaluation in this process: each example read, decoded and scored once, metrics from arrays instead of rows."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.utils import util
from tfx import types

from custom_components.evaluator import tfma_results
from custom_components.evaluator.scoring import Scorer, Scores, Unusable


@dataclass(frozen=True)
class Inputs:
    """What is evaluated, on what, and by which configuration (as configured, before TFMA completes it)."""

    examples: list[types.Artifact]
    splits: list[str]
    model: types.Artifact
    baseline: Optional[types.Artifact]
    schema: Any
    eval_config: tfma.EvalConfig


class Evaluated(NamedTuple):
    """What the judge must know beside the files: whether a baseline was evaluated, and if not, why not."""

    has_baseline: bool
    baseline_problem: str


class Models:
    """The candidate and, while it is of use, the baseline.

    Raises:
        Unusable: the candidate cannot be loaded.
    """

    def __init__(self, inputs: Inputs) -> None:
        config = tfma_results.complete(inputs.eval_config, inputs.baseline is not None)
        name = tfma_results.baseline_name(config)
        self.problem = ""
        self.candidate = Scorer(inputs.model, config, next(s.name for s in config.model_specs if not s.is_baseline))
        self.baseline: Optional[Scorer] = None
        if inputs.baseline is not None:
            try:
                self.baseline = Scorer(inputs.baseline, config, name)
            except Unusable as error:
                self.problem = str(error)

    def score(self, features: dict[str, Any], serialized: np.ndarray) -> tuple[Scores, Optional[Scores]]:
        """Scores a batch with both. A baseline that fails is put aside, and `problem` says why.

        Raises:
            Unusable: the candidate failed.
        """
        scores = self.candidate.score(features, serialized)
        if self.baseline is None:
            return scores, None
        try:
            others = self.baseline.score(features, serialized)
            self.baseline.verify_like(others, scores)
        except Unusable as error:
            self.baseline, self.problem = None, str(error)
            return scores, None
        return scores, others

    def try_on(self, batch: pa.RecordBatch) -> str:
        """Scores one batch only to see whether both can; why the baseline cannot, or an empty string."""
        self.score(*tensors(batch, None))
        return self.problem


def tensors(batch: pa.RecordBatch, names: Optional[set[str]]) -> tuple[dict[str, Any], np.ndarray]:
    """The features of a batch as TFMA's extractor makes them, those of `names` only, and the serialized examples."""
    at = batch.schema.get_field_index(constants.ARROW_INPUT_COLUMN)
    serialized = np.asarray(batch.column(at).flatten())
    keep = [
        i
        for i, field in enumerate(batch.schema)
        if i != at and _is_feature(field.type) and (names is None or field.name in names)
    ]
    chosen = pa.RecordBatch.from_arrays([batch.column(i) for i in keep], [batch.schema.names[i] for i in keep])
    return (util.record_batch_to_tensor_values(chosen, {}) if keep else {}), serialized


def _is_feature(kind: pa.DataType) -> bool:
    """Lists of numbers or bytes; TFMA leaves other columns out too."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    value = kind.value_type
    return (
        pa.types.is_integer(value) or pa.types.is_floating(value) or
        pa.types.is_binary(value) or pa.types.is_large_binary(value) or
        pa.types.is_string(value) or pa.types.is_large_string(value)
    )  # fmt: skip


def is_possible(inputs: Inputs, beam_pipeline_args: list[str]) -> bool:
    return False


def evaluate(inputs: Inputs, folder: str) -> Evaluated:
    raise NotImplementedError
