"""A model as TFMA calls it, loaded once, on batches of serialized examples."""

import gc
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.utils import shared
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_util
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import model_util
from tfx import types
from tfx.utils import path_utils

from millrace.base.errors import Signal, machine_fault
from millrace.components.beam_engine import NeedsBeam
from millrace.components.evaluator import tfma_results
from millrace.components.evaluator.reading import Batch, Inputs
from millrace.model_server.graph_errors import telling_line

# What TFMA's extractor of transformed features looks for when the configuration names no function.
_DEFAULT_PREPROCESSING = ("transformed_features", "transformed_labels")


class Unusable(Signal):
    """A model that cannot be loaded, called, or compared with another; the message says why, without a full stop."""


Columns = tuple[np.ndarray, np.ndarray, Optional[np.ndarray]]
"""Labels, predictions and weights."""


class Scores(NamedTuple):
    """What a model makes of a batch; arrays or dicts of arrays, the first axis over the examples."""

    transformed: Any
    predictions: Any

    def shape(self) -> dict[str, tuple[int, ...]]:
        """The predictions' names, and the shape of each for one example."""
        outputs = self.predictions if isinstance(self.predictions, dict) else {"": self.predictions}
        return {name: np.asarray(value).shape[1:] for name, value in outputs.items()}

    def not_numbers(self) -> int:
        """How many examples have a NaN among their predictions."""
        outputs = self.predictions.values() if isinstance(self.predictions, dict) else [self.predictions]
        floats = [array.reshape(len(array), -1) for array in map(np.asarray, outputs) if array.dtype.kind == "f"]
        return int(np.any([np.isnan(array).any(axis=1) for array in floats], axis=0).sum()) if floats else 0


class Scorer:
    """One model of an evaluation.

    Args:
        artifact: the Model artifact.
        eval_config: completed by TFMA.
        name: the model's name in it, empty when it is the only one.

    Raises:
        Unusable: it cannot be loaded.
        CouldNotJudge: it cannot be loaded for a fault of the machine.
    """

    def __init__(self, artifact: types.Artifact, eval_config: config_pb2.EvalConfig, name: str) -> None:
        spec = model_util.get_model_spec(eval_config, name)
        path = path_utils.serving_model_path(artifact.uri, path_utils.is_old_model_artifact(artifact))
        self.shared_model = tfma.default_eval_shared_model(
            eval_saved_model_path=path, model_name=name, eval_config=eval_config
        )
        stages = (
            (constants.TRANSFORMED_FEATURES_KEY, list(spec.preprocessing_function_names), True),
            (constants.PREDICTIONS_KEY, [spec.signature_name], False),
        )
        self._stages = [self._stage(spec, *stage) for stage in stages]
        self._spec = spec
        try:
            for stage in self._stages:
                stage.setup()
        except Exception as error:
            raise machine_fault(error) or Unusable(f"it cannot be loaded ({_brief(error)})") from error

    def _stage(
        self, spec: config_pb2.ModelSpec, output: str, signatures: list[str], as_dict: bool
    ) -> model_util.ModelSignaturesDoFn:
        return model_util.ModelSignaturesDoFn(
            model_specs=[spec],
            eval_shared_models={"": self.shared_model},
            output_keypath=[output],
            signature_names={"": signatures},
            default_signature_names=list(_DEFAULT_PREPROCESSING),
            prefer_dict_outputs=as_dict,
        )

    def score(self, batch: Batch) -> Scores:
        """Scores one batch, its features or its serialized examples, as the signatures take them.

        Raises:
            Unusable: a signature is not there or fails, or predicts NaN.
            CouldNotJudge: it fails for a fault of the machine.
            NeedsBeam: the batch is too large.
        """
        # By name, as a feature: TFMA gives them without one, and TensorFlow then spells them out in an error that is
        # dropped, for a third of the Evaluator's time on three thousand columns.
        named = {name: batch.serialized.numpy() for name in self._unnamed_inputs(batch.features)}
        extracts: dict[str, Any] = {
            constants.FEATURES_KEY: {**batch.features, **named},
            constants.INPUT_KEY: batch.serialized,
        }
        try:
            for stage in self._stages:
                # Not `process`, which tries a failed batch again example by example and logs all of it.
                (extracts,) = stage._batch_reducible_process(extracts)
        except tf.errors.ResourceExhaustedError as error:
            raise NeedsBeam(f"there is not enough memory for {len(batch.serialized)} examples at once") from error
        except Exception as error:
            raise machine_fault(error) or Unusable(_brief(error)) from error
        scores = Scores(extracts[constants.TRANSFORMED_FEATURES_KEY], extracts[constants.PREDICTIONS_KEY])
        broken = scores.not_numbers()
        if broken:
            raise Unusable(f"it predicts NaN for {broken} of {len(batch.serialized)} examples")
        return scores

    def _unnamed_inputs(self, features: dict[str, Any]) -> list[str]:
        """The inputs that are given serialized examples, but for those that have a feature's name."""
        inputs = self.serialized_inputs() or set()
        return [name for name in inputs if model_util.find_input_name_in_features(set(features), name) is None]

    def columns(self, features: dict[str, Any], scores: Scores) -> dict[str, Columns]:
        """Picks out what the metrics are computed from.

        Args:
            features: the batch's raw features.
            scores: what the model made of the batch.

        Returns:
            Labels and predictions, [examples, values], and weights, [examples], where the configuration has a key; by
            the name of an output, which is empty for one alone.

        Raises:
            NeedsBeam: they are not arrays of numbers.
        """
        extracts = {constants.FEATURES_KEY: features, constants.TRANSFORMED_FEATURES_KEY: scores.transformed}
        labels, weights = (
            model_util.get_feature_values_for_model_spec_field(
                [self._spec], f"{field}_key", f"{field}_keys", extracts, True
            )
            for field in ("label", "example_weight")
        )
        weights = None if weights is None else _numbers(weights).reshape(-1)
        by_output = {}
        for name in self._spec.label_keys or ("",):
            label, prediction = metric_util.prepare_labels_and_predictions(
                labels[name] if name else labels,
                scores.predictions[name] if name else scores.predictions,
                self._spec.prediction_key,
            )
            by_output[name] = _numbers(label), _numbers(prediction), weights
        return by_output

    def serialized_inputs(self) -> Optional[set[str]]:
        """The inputs' names where every signature takes one text alone, which is a serialized example; None elsewhere.

        TFMA gives a signature the feature instead where the examples have one of its input's name.
        """
        model = self.shared_model.model_loader.load()
        functions = list(self._spec.preprocessing_function_names) or _DEFAULT_PREPROCESSING
        inputs = [model_util.get_input_specs(model, name, False) for name in (self._spec.signature_name, *functions)]
        taken = [specs for specs in inputs if specs]
        if any([spec.dtype for spec in specs.values()] != [tf.string] for specs in taken):
            return None
        return {name for specs in taken for name in specs}

    def makes(self, feature: str) -> bool:
        """Whether the preprocessing signatures give a feature of that name."""
        model = self.shared_model.model_loader.load()
        functions = list(self._spec.preprocessing_function_names) or _DEFAULT_PREPROCESSING
        made = [getattr(model_util.get_callable(model, name, False), "structured_outputs", None) for name in functions]
        return any(isinstance(outputs, dict) and feature in outputs for outputs in made)

    def verify_like(self, mine: Scores, other: Scores) -> None:
        """Checks that two models' predictions can be compared.

        Args:
            mine: what this model makes of a batch.
            other: what the other one makes of it.

        Raises:
            Unusable: this model's outputs have other names or shapes than the other's.
        """
        key = self._spec.prediction_key
        ours, theirs = ({name: shape for name, shape in scores.shape().items() if not key or name in (key, "")}
                        for scores in (mine, other))  # fmt: skip
        # The one output of a model may be called otherwise; several are told apart by their names, in whatever order.
        one_each = len(ours) == len(theirs) == 1
        if list(ours.values()) != list(theirs.values()) if one_each else ours != theirs:
            raise Unusable(f"its outputs are {_shapes(ours)}, the new model's are {_shapes(theirs)}")


class Models:
    """The candidate and, while it is of use, the baseline; `problem` says why a baseline is not.

    Raises:
        Unusable: the candidate cannot be loaded.
    """

    def __init__(self, inputs: Inputs) -> None:
        config = tfma_results.complete(inputs.eval_config, inputs.baseline is not None)
        names = {spec.is_baseline: spec.name for spec in config.model_specs}
        self.problem = ""
        self.candidate = Scorer(inputs.model, config, names[False])
        self.baseline: Optional[Scorer] = None
        if inputs.baseline is not None:
            try:
                self.baseline = Scorer(inputs.baseline, config, names[True])
            except Unusable as error:
                self.problem = str(error)

    def of(self, is_baseline: bool) -> Scorer:
        """The candidate or the baseline."""
        chosen = self.baseline if is_baseline else self.candidate
        assert chosen is not None
        return chosen

    def shared(self) -> list[tfma.EvalSharedModel]:
        """The models as TFMA passes them about."""
        return [scorer.shared_model for scorer in (self.candidate, self.baseline) if scorer is not None]

    def paths(self) -> dict[str, str]:
        """Where the models are, by their names; one alone has none."""
        shared = self.shared()
        return {model.model_name if len(shared) > 1 else "": model.model_path for model in shared}

    def make(self, feature: str) -> bool:
        """Whether both give a transformed feature of that name."""
        return all(model.makes(feature) for model in (self.candidate, self.baseline) if model is not None)

    def serialized_inputs(self) -> Optional[set[str]]:
        """The inputs' names where both take serialized examples alone, so that only slicing needs their features."""
        names: set[str] = set()
        for model in (self.candidate, self.baseline):
            inputs = set() if model is None else model.serialized_inputs()
            if inputs is None:
                return None
            names |= inputs
        return names

    def score(self, batch: Batch) -> dict[Scorer, Scores]:
        """Scores a batch with both, the candidate first. A baseline that fails is put aside.

        Raises:
            Unusable: the candidate failed.
        """
        scores = {self.candidate: self.candidate.score(batch)}
        if self.baseline is None:
            return scores
        try:
            others = self.baseline.score(batch)
            self.baseline.verify_like(others, scores[self.candidate])
            scores[self.baseline] = others
        except Unusable as error:
            self.baseline, self.problem = None, str(error)
        return scores


class _Nothing:
    """What Beam keeps in place of a model."""


def release_models() -> None:
    """Frees the model that was loaded last: Beam keeps it for whoever asks next, and its tracebacks may too.

    TensorFlow complains, with a traceback each, of functions that live until the interpreter ends.
    """
    shared.Shared().acquire(_Nothing)
    gc.collect()


def _numbers(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise NeedsBeam(f"labels, predictions or weights of type {array.dtype} and shape {list(array.shape)}")
    return array.reshape(len(array), -1)


def _brief(error: BaseException) -> str:
    """The deepest cause in one line: TFMA wraps it into pages that print the whole batch."""
    while error.__cause__ is not None:
        error = error.__cause__
    return telling_line(str(error)) or type(error).__name__


def _shapes(outputs: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name or 'one array'} of {list(shape)}" for name, shape in outputs.items()) or "none"
