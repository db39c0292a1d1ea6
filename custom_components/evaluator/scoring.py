"""A model as TFMA calls it, loaded once, on batches of serialized examples."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.utils import model_util
from tfx import types
from tfx.components.util import tfxio_utils
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils
from tfx_bsl.tfxio import dataset_options

# What TFMA's extractor of transformed features looks for when the configuration names no function.
_DEFAULT_PREPROCESSING = ("transformed_features", "transformed_labels")


class Unusable(Exception):
    """A model that cannot be loaded, called, or compared with another; the message says why, without a full stop."""


class Scores(NamedTuple):
    """What a model makes of a batch; arrays or dicts of arrays, the first axis over the examples."""

    transformed: Any
    predictions: Any

    def shape(self) -> dict[str, tuple[int, ...]]:
        """The predictions' names, and the shape of each for one example."""
        outputs = self.predictions if isinstance(self.predictions, dict) else {"": self.predictions}
        return {name: np.asarray(value).shape[1:] for name, value in outputs.items()}


class Scorer:
    """One model of an evaluation.

    Args:
        artifact: the Model artifact.
        eval_config: completed by TFMA.
        name: the model's name in it, empty when it is the only one.

    Raises:
        Unusable: it cannot be loaded.
    """

    def __init__(self, artifact: types.Artifact, eval_config: tfma.EvalConfig, name: str) -> None:
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
        self._prediction_key = spec.prediction_key
        try:
            for stage in self._stages:
                stage.setup()
        except Exception as error:
            raise Unusable(f"it cannot be loaded ({_brief(error)})") from error

    def _stage(
        self, spec: tfma.ModelSpec, output: str, signatures: list[str], as_dict: bool
    ) -> model_util.ModelSignaturesDoFn:
        return model_util.ModelSignaturesDoFn(
            model_specs=[spec],
            eval_shared_models={"": self.shared_model},
            output_keypath=[output],
            signature_names={"": signatures},
            default_signature_names=list(_DEFAULT_PREPROCESSING),
            prefer_dict_outputs=as_dict,
        )

    def score(self, features: dict[str, Any], serialized: np.ndarray) -> Scores:
        """Scores one batch.

        Args:
            features: tensor values by feature name, for models that take features.
            serialized: tf.Examples, for models that take those.

        Raises:
            Unusable: a signature is not there or fails.
        """
        extracts: dict[str, Any] = {constants.FEATURES_KEY: features, constants.INPUT_KEY: serialized}
        try:
            for stage in self._stages:
                (extracts,) = stage.process(extracts)
        except Exception as error:
            raise Unusable(_brief(error)) from error
        return Scores(extracts[constants.TRANSFORMED_FEATURES_KEY], extracts[constants.PREDICTIONS_KEY])

    def verify_like(self, mine: Scores, other: Scores) -> None:
        """Checks that two models' predictions can be compared.

        Raises:
            Unusable: this model's outputs have other names or shapes than the other's.
        """
        key = self._prediction_key
        ours, theirs = ({name: shape for name, shape in scores.shape().items() if not key or name in (key, "")}
                        for scores in (mine, other))  # fmt: skip
        if list(ours.values()) != list(theirs.values()) or (len(ours) > 1 and ours.keys() != theirs.keys()):
            raise Unusable(f"its outputs are {_shapes(ours)}, the new model's are {_shapes(theirs)}")


def record_batches(
    examples: list[types.Artifact], splits: list[str], schema: Any, batch_size: int
) -> Iterator[pa.RecordBatch]:
    """Reads splits in batches, on this machine, each with the serialized examples in a column of TFMA's name.

    Args:
        examples: artifacts of tf.Examples in TFRecords.
        splits: names.
        schema: a `schema_pb2.Schema`, or None.
        batch_size: examples a batch; the last one of a split may be smaller.
    """
    factory = tfxio_utils.get_tfxio_factory_from_artifact(
        examples=examples,
        telemetry_descriptors=["Evaluator"],
        schema=schema,
        raw_record_column_name=constants.ARROW_INPUT_COLUMN,
    )
    options = dataset_options.RecordBatchesOptions(batch_size=batch_size, num_epochs=1, shuffle=False)
    for split in splits:
        for uri in artifact_utils.get_split_uris(examples, split):
            yield from factory(io_utils.all_files_pattern(uri)).RecordBatches(options)


def _brief(error: BaseException) -> str:
    """The deepest cause in one line: TFMA wraps the reason into pages that print the whole batch."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return (text if len(text) <= 300 else f"{text[:297]}...").rstrip(".")


def _shapes(outputs: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name or 'one array'} of {list(shape)}" for name, shape in outputs.items()) or "none"


def first_batch(
    examples: list[types.Artifact], splits: list[str], schema: Any, size: int
) -> Optional[pa.RecordBatch]:
    """The first `size` examples, or None when the splits are empty."""
    return next((batch for batch in record_batches(examples, splits, schema, size) if batch.num_rows), None)
