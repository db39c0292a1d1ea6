"""The Keras model: a wide and deep network over the features. Its shape is under `model:` in the configuration."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow_transform as tft

from millrace.features.description import FeatureTable
from millrace.training.inputs import bent, dense, feature_inputs
from millrace.training.labels import LabelStatistics
from millrace.training.layers import MemberHeads, Members
from millrace.training.outputs import head, loss, loss_weights, metrics, width


def build_model(
    table: FeatureTable,
    tft_output: tft.TFTransformOutput,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    label_stats: LabelStatistics,
    settings: Mapping[str, Any],
) -> keras.Model:
    """Builds and compiles the model; any Keras model with these inputs and outputs may stand here.

    Args:
        table: the label and the features.
        tft_output: the output of Transform: vocabulary sizes, and the transformed features' shapes.
        model: the configuration's section: `hidden_units`, `dropout`, `l2`, `wide`, `members`.
        training: the configuration's section: `learning_rate`, `mixed_precision` and more.
        label_stats: statistics of the training labels; a regression is learned on the standardised scale.
        settings: what `code.settings` says.

    Returns:
        A compiled model. It takes the transformed features by key and gives float32: [n, 1] probabilities of the
        second class, [n, classes] probabilities, or [n, 1] values in the label's own unit; of several outputs a
        dictionary by their names.
    """
    dtype = "mixed_bfloat16" if training["mixed_precision"] else "float32"
    regularizer = keras.regularizers.L2(model["l2"]) if model["l2"] else None
    inputs = feature_inputs(table, tft_output, dtype)
    outputs = width(table.label)

    hidden = [int(units) for units in model["hidden_units"]]
    members = int(model["members"]) if hidden else 1
    parts = []
    if hidden:
        layer = dense(bent(inputs), hidden[0], "hidden_1", penalty=model["l2"], dtype=dtype)
        for number, units in enumerate(hidden, start=1):
            if number > 1:
                kernel = keras.layers.Dense(units, kernel_regularizer=regularizer, name=f"hidden_{number}", dtype=dtype)
                layer = kernel(layer)
            if members > 1:
                layer = Members(members, first=number == 1, name=f"members_{number}", dtype=dtype)(layer)
            layer = keras.layers.Activation("relu", name=f"relu_{number}", dtype=dtype)(layer)
            if model["dropout"]:
                layer = keras.layers.Dropout(model["dropout"], name=f"dropout_{number}", dtype=dtype)(layer)
        head_of_deep = MemberHeads if members > 1 else keras.layers.Dense
        parts.append(head_of_deep(outputs, name="deep", dtype=dtype)(layer))
    if model["wide"] or not hidden:
        wide = dense(inputs, outputs, "wide", start="zeros", dtype=dtype)
        parts.append(keras.ops.expand_dims(wide, 1) if members > 1 else wide)
    raw = keras.layers.Add(name="deep_and_wide", dtype=dtype)(parts) if len(parts) > 1 else parts[0]

    built = keras.Model(inputs.by_key, head(table.label, raw, label_stats), name="millrace")
    built.compile(
        optimizer=keras.optimizers.Adam(float(training["learning_rate"])),
        loss=loss(table.label, label_stats),
        loss_weights=loss_weights(table.label),
        weighted_metrics=metrics(table.label),
        jit_compile=False,  # measured: for these small graphs XLA's compilation costs more than it saves
    )
    return built
