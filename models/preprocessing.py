"""What Transform does with each raw column. TFX calls `preprocessing_fn`; docs/guides/own-code.md derives a feature."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from millrace.features.description import FeatureTable
from millrace.training.columns import Column
from millrace.training.encoders import encode_features, encode_labels


def preprocessing_fn(inputs: Mapping[str, Column], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Turns raw columns into what the model reads.

    Args:
        inputs: a batch of raw columns by name, as the schema types them; each dense, sparse or ragged.
        custom_config: `features` holds the feature table as plain values, `settings` your own of `code.settings`.

    Returns:
        Transformed tensors by key, the label and its weight under theirs. What is float32 and no feature of the table
        (a derived feature, [n] or [n, width]) is read by the model besides.

    Raises:
        InputRefused: a column is not there, or its type does not fit the feature's kind.
    """
    table = FeatureTable.model_validate(custom_config["features"])
    return {**encode_features(inputs, table), **encode_labels(inputs, table)}
