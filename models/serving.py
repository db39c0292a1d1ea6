"""How the model is asked: the signatures of the exported SavedModel, which needs nothing of the pipeline that made it.

`millrace.training.signatures` says what each takes and gives. The Evaluator needs `serving_default` and
`transform_features`; a signature of your own is one more line.
"""

from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf

from millrace.training.fitting import Job
from millrace.training.signatures import ServedModel, write


def export(model: Any, job: Job, directory: str, inputs: Optional[Mapping[str, tf.TensorSpec]] = None) -> None:
    """Writes the SavedModel, whole or not at all.

    Args:
        model: maps transformed features by key to predictions, as `models.model.build_model` says; a Keras model, or
            any tf.Module that can be called so.
        job: what it was trained on.
        directory: where the SavedModel goes; replaced when it exists.
        inputs: what a model that is not Keras's reads, by key; every dense transformed feature when left out.
    """
    served = ServedModel(model, job.config.table, job.tft_output, inputs, job.config.na_values, job.config.explanations)
    signatures = {
        "serving_default": served.of_examples(),
        "predict_json": served.of_columns(),
        "transformed": served.of_transformed(),
        "transform_features": served.transformed_examples(),
    }
    if served.explanations:
        signatures["explain"] = served.explanations_of_columns()
    if embed := served.embeddings_of_columns():
        signatures["embed"] = embed
    write(served, signatures, directory, job.schema_digest)
