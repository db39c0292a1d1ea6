"""The explanation spec of a version: which tensors stand for which columns, and how they are explained.

Vertex AI explains named tensors. `serving_default` has none, since it takes serialised tf.Examples; `predict_json` has
one a column, which `assets.extra/millrace.json` names. Google's `SavedModelMetadataBuilder` says the same of a
signature, and its messages are refused by the locked protobuf.
"""

import json
from typing import Any

from google.cloud.aiplatform import explain

from millrace.base.errors import InputRefused
from millrace.model_server.about import read_about

# Paths of sampled Shapley: more are more exact, and each costs a request a column.
_PATHS = 25


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
    # Vertex AI explains one output: of a model with several, the first.
    explained = about.outputs[0].scores
    inputs = {
        column.input: {
            "input_tensor_name": column.input,
            "modality": "numeric" if column.type == "FLOAT" else "categorical",
        }
        for column in about.columns
    }
    metadata = {"inputs": inputs, "outputs": {explained: {"output_tensor_name": explained}}}
    return {
        "explanation_metadata": explain.ExplanationMetadata.from_json(json.dumps(metadata)),
        "explanation_parameters": explain.ExplanationParameters(
            sampled_shapley_attribution=explain.SampledShapleyAttribution(path_count=_PATHS)
        ),
    }
