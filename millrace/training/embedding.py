"""A row as a model sees it before its last layer: where rows lie near each other that it takes for alike."""

from typing import Any, Optional

import keras

_LAST = "deep"
"""The layer of `models.model.build_model` that makes predictions of what the hidden layers give."""


def last_hidden(model: Any) -> Optional[keras.Model]:
    """The part of a model up to its last layer.

    Args:
        model: any; of a Keras model the layer called `deep` is the last, or else the last `Dense` layer.

    Returns:
        Transformed features to float [n, ...]; None where it is no Keras model, or has no such layer.
    """
    if not isinstance(model, keras.Model):
        return None
    named = [layer for layer in model.layers if layer.name == _LAST]
    last = [*named, *(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense))]
    if not last or not isinstance(last[0].input, keras.KerasTensor):
        return None
    return keras.Model(model.inputs, last[0].input)
