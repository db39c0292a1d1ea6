"""The Keras model, built from the feature table and what Transform learned: `build_model`."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import keras
import tensorflow_transform as tft

from models.date_parts import date_width
from models.features import Categorical, Crossed, Datetime, FeatureTable, Hashed, Numeric, Text, Vector
from models.keys import missing_key, transformed_key
from models.labels import LabelStatistics
from models.layers import MeanOfWords, OneHotDense
from models.preprocessing import id_count

Settings = Mapping[str, Any]


class _Inputs(NamedTuple):
    """The model's inputs by key, and what the network reads: floats [n, d] and ids [n, i] with their sizes."""

    by_key: dict[str, keras.KerasTensor]
    floats: Optional[keras.KerasTensor]
    ids: Optional[keras.KerasTensor]
    sizes: tuple[int, ...]


def build_model(
    table: FeatureTable,
    tft_output: tft.TFTransformOutput,
    model_cfg: Settings,
    training_cfg: Settings,
    label_stats: LabelStatistics,
) -> keras.Model:
    """Builds and compiles a wide and deep network.

    Args:
        table: the label and the features.
        tft_output: the output of Transform: vocabulary sizes.
        model_cfg: `hidden_units`, `dropout`, `l2`, `wide`, as `pipeline.config.Model` describes them.
        training_cfg: `learning_rate` and `mixed_precision`, as `pipeline.config.Training` describes them.
        label_stats: statistics of the training labels; a regression is learned on the standardised scale.

    Returns:
        A compiled model. It takes the transformed features by key and gives float32: [n, 1] probabilities of the
        second class, [n, classes] probabilities, or [n, 1] values in the label's own unit.
    """
    dtype = "mixed_bfloat16" if training_cfg["mixed_precision"] else "float32"
    inputs = _inputs(table, tft_output, dtype)
    outputs = len(table.label.classes) if table.label.task == "multiclass" else 1
    raw = keras.layers.Activation("linear", dtype="float32", name="float32")(
        _network(inputs, outputs, model_cfg, dtype)
    )
    model = keras.Model(inputs.by_key, _head(table, raw, label_stats), name="millrace")
    _compile(model, table, training_cfg, label_stats)
    return model


def _inputs(table: FeatureTable, tft_output: tft.TFTransformOutput, dtype: str) -> _Inputs:
    by_key: dict[str, keras.KerasTensor] = {}
    scalars, wide_floats, ids, sizes = [], [], [], []

    def declare(key: str, shape: tuple[int, ...], kind: str) -> keras.KerasTensor:
        by_key[key] = keras.Input(shape=shape, dtype=kind, name=key)
        return by_key[key]

    for name, feature in table.features.items():
        key = transformed_key(name)
        if isinstance(feature, Numeric):
            scalars.append(declare(key, (), "float32"))
            if feature.indicator:
                scalars.append(declare(missing_key(name), (), "float32"))
        elif isinstance(feature, Vector):
            wide_floats.append(declare(key, (feature.length,), "float32"))
        elif isinstance(feature, Datetime):
            wide_floats.append(declare(key, (date_width(feature),), "float32"))
        elif isinstance(feature, Text):
            words = declare(key, (feature.max_tokens,), "int64")
            layer = MeanOfWords(id_count(name, feature, tft_output), feature.dimension, name=f"{key}_mean", dtype=dtype)
            wide_floats.append(layer(words))
        elif isinstance(feature, (Categorical, Hashed, Crossed)) and feature.encode == "embedding":
            size = id_count(name, feature, tft_output)
            layer = keras.layers.Embedding(size, feature.dimension, name=f"{key}_embedding", dtype=dtype)
            wide_floats.append(layer(declare(key, (), "int64")))
        else:
            ids.append(declare(key, (), "int64"))
            sizes.append(id_count(name, feature, tft_output))
    floats = [keras.ops.stack(scalars, axis=-1), *wide_floats] if scalars else wide_floats
    return _Inputs(by_key, _joined(floats), keras.ops.stack(ids, axis=-1) if ids else None, tuple(sizes))


def _joined(tensors: list[keras.KerasTensor]) -> Optional[keras.KerasTensor]:
    if len(tensors) < 2:
        return tensors[0] if tensors else None
    return keras.layers.Concatenate(name="floats")(tensors)


def _network(inputs: _Inputs, outputs: int, model_cfg: Settings, dtype: str) -> keras.KerasTensor:
    """The deep part and the wide part, added: float [n, outputs], before any activation."""
    hidden = [int(units) for units in model_cfg["hidden_units"]]
    parts = []
    if hidden:
        parts.append(_deep(inputs, outputs, hidden, model_cfg, dtype))
    if model_cfg["wide"] or not hidden:
        parts.append(_linear(inputs, outputs, "wide", "zeros", 0.0, dtype))
    return keras.layers.Add(name="deep_and_wide", dtype=dtype)(parts) if len(parts) > 1 else parts[0]


def _deep(inputs: _Inputs, outputs: int, hidden: list[int], model_cfg: Settings, dtype: str) -> keras.KerasTensor:
    penalty = float(model_cfg["l2"])
    layer = _linear(inputs, hidden[0], "hidden_1", "glorot", penalty, dtype)
    for number, units in enumerate(hidden, start=1):
        if number > 1:
            regularizer = keras.regularizers.L2(penalty) if penalty else None
            layer = keras.layers.Dense(units, kernel_regularizer=regularizer, name=f"hidden_{number}", dtype=dtype)(
                layer
            )
        layer = keras.layers.Activation("relu", name=f"relu_{number}", dtype=dtype)(layer)
        if model_cfg["dropout"]:
            layer = keras.layers.Dropout(float(model_cfg["dropout"]), name=f"dropout_{number}", dtype=dtype)(layer)
    return keras.layers.Dense(outputs, name="deep", dtype=dtype)(layer)


def _linear(inputs: _Inputs, units: int, name: str, start: str, penalty: float, dtype: str) -> keras.KerasTensor:
    """One dense layer over every input, ids as if they were one-hot: float [n, units]."""
    parts = []
    if inputs.floats is not None:
        regularizer = keras.regularizers.L2(penalty) if penalty else None
        kernel = "zeros" if start == "zeros" else "glorot_uniform"
        parts.append(
            keras.layers.Dense(
                units, kernel_initializer=kernel, kernel_regularizer=regularizer, name=f"{name}_floats", dtype=dtype
            )(inputs.floats)
        )
    if inputs.ids is not None:
        parts.append(OneHotDense(units, inputs.sizes, start, penalty, name=f"{name}_ids", dtype=dtype)(inputs.ids))
    return keras.layers.Add(name=name, dtype=dtype)(parts) if len(parts) > 1 else parts[0]


def _head(table: FeatureTable, raw: keras.KerasTensor, label_stats: LabelStatistics) -> keras.KerasTensor:
    if table.label.task == "regression":
        return keras.layers.Rescaling(label_stats.deviation, label_stats.mean, dtype="float32", name="label_unit")(raw)
    activation = "softmax" if table.label.task == "multiclass" else "sigmoid"
    return keras.layers.Activation(activation, dtype="float32", name="probabilities")(raw)


def _compile(model: keras.Model, table: FeatureTable, training_cfg: Settings, label_stats: LabelStatistics) -> None:
    model.compile(
        optimizer=keras.optimizers.Adam(float(training_cfg["learning_rate"])),
        loss=_loss(table, label_stats),
        weighted_metrics=_metrics(table),
        jit_compile=False,  # measured: for these small graphs XLA's compilation costs more than it saves
    )


def _loss(table: FeatureTable, label_stats: LabelStatistics) -> keras.losses.Loss:
    if table.label.task == "binary":
        return keras.losses.BinaryCrossentropy()
    if table.label.task == "multiclass":
        return keras.losses.SparseCategoricalCrossentropy()
    return StandardisedSquaredError(label_stats.deviation)


def _metrics(table: FeatureTable) -> list[keras.metrics.Metric]:
    if table.label.task == "binary":
        return [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(name="auc")]
    if table.label.task == "multiclass":
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    return [keras.metrics.MeanAbsoluteError(name="mae"), keras.metrics.RootMeanSquaredError(name="rmse")]


@keras.saving.register_keras_serializable(package="millrace")
class StandardisedSquaredError(keras.losses.Loss):
    """Mean squared error in units of the label's standard deviation, whatever unit the label itself has.

    One learning rate then suits a label in cents and one in millions.
    """

    def __init__(self, deviation: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deviation = deviation

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Gives one loss a row, float [n]."""
        labels = keras.ops.reshape(keras.ops.cast(y_true, y_pred.dtype), keras.ops.shape(y_pred))
        error = (y_pred - labels) / self.deviation
        return keras.ops.mean(keras.ops.square(error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras saves them."""
        return {**super().get_config(), "deviation": self.deviation}
