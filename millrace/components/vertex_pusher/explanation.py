"""The explanation spec of a version: which tensors stand for which columns, and how they are explained.

Vertex AI explains named tensors. `serving_default` has none, since it takes serialised tf.Examples; `predict_json` has
one a column, which `assets.extra/millrace.json` names. Google's `SavedModelMetadataBuilder` says the same of a
signature, and its messages are refused by the locked protobuf.
"""

import json
from typing import Any

from google.cloud.aiplatform import explain

from millrace.base.errors import InputRefused
from millrace.model_server.about import About, ModelColumn, read_about

# Orders that sampled Shapley looks at: more are more exact, and each costs a prediction a column. Vertex AI takes 1 to
# 50; those of the `explain` signature where it has one.
_PATHS, _MOST_PATHS = 25, 50


def explanation_spec(folder: str) -> dict[str, Any]:
    """What `aiplatform.Model.upload` is told of explanations.

    Args:
        folder: the SavedModel's.

    Returns:
        Its arguments `explanation_metadata` and `explanation_parameters`.

    Raises:
        InputRefused: the model does not say what it reads and predicts.
    """
    about = read_about(folder)
    if about is None or not about.columns:
        raise InputRefused(
            "the model does not say which tensors stand for its columns",
            folder,
            "leave push.vertex.explanations out, or train with this project's signatures",
        )
    metadata, parameters = explanation_messages(about)
    return {
        "explanation_metadata": explain.ExplanationMetadata.from_json(json.dumps(metadata)),
        "explanation_parameters": explain.ExplanationParameters.from_json(json.dumps(parameters)),
    }


def explanation_messages(about: About) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same as plain values, by the names of Vertex AI's messages.

    Args:
        about: what the model says of itself.

    Returns:
        `ExplanationMetadata` and `ExplanationParameters`.
    """
    # Vertex AI explains one output: of a model with several, the first.
    explained = about.outputs[0].scores
    inputs = {column.input: _input(column, about) for column in about.columns}
    metadata = {"inputs": inputs, "outputs": {explained: {"output_tensor_name": explained}}}
    orders = min(about.explanations.orders, _MOST_PATHS) if about.explanations else _PATHS
    return metadata, {"sampled_shapley_attribution": {"path_count": orders}}


def _input(column: ModelColumn, about: About) -> dict[str, Any]:
    """A column's tensor, and its value in the baseline of `explain`; where that is missing, Vertex AI's own is meant.

    NaN, which stands for a missing number, is none that a message of Vertex AI can say.
    """
    described: dict[str, Any] = {
        "input_tensor_name": column.input,
        "modality": "numeric" if column.type == "FLOAT" else "categorical",
    }
    value = about.explanations.baseline.get(column.name) if about.explanations else None
    if value is None and column.type == "BYTES" and column.values == 1 and not column.image:
        value = ""
    return described if value is None or not about.explanations else {**described, "input_baselines": [value]}
