"""Derived features: what a project's `preprocessing_fn` returns besides the feature table, and where it comes from."""

from collections.abc import Collection, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import graph_tools
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable
from millrace.features.keys import label_weight_key
from millrace.features.label import label_keys
from millrace.features.stacks import transformed_keys


def derived_features(
    table: FeatureTable, tft_output: tft.TFTransformOutput, unread: Collection[str] = ()
) -> dict[str, tuple[int, ...]]:
    """Finds the derived features that a model reads as they are.

    Args:
        table: the label and the features.
        tft_output: the output of Transform.
        unread: keys that the model is to leave out, for instance of what only the Evaluator slices on.

    Returns:
        The shape of one row by key, `()` or `(width,)`, in the keys' order. All are float32.

    Raises:
        InputRefused: one is no float32 [n] or [n, width], or is computed from the label.
    """
    ours = {*transformed_keys(table), *label_keys(table.label).values()}
    ours |= {label_weight_key(table.label.weight)} if table.label.weight else set()
    specs = tft_output.transformed_feature_spec()
    derived = {key: specs[key] for key in sorted(set(specs) - ours - set(unread))}
    for key, spec in derived.items():
        _require_readable(key, spec)
    if derived:
        for output in table.label.by_output().values():
            _require_free_of_label(output.column, tft_output, list(derived))
    return {key: tuple(spec.shape) for key, spec in derived.items()}


def columns_behind(transform: SavedModelLoader, keys: Sequence[str]) -> set[str]:
    """The raw columns that transformed features come from, those of a derived feature included.

    Args:
        transform: the graph that Transform wrote.
        keys: of transformed features.

    Returns:
        The columns' names; a column that only decides in which order the graph runs is not among them.
    """
    outputs = [transform.structured_outputs[key] for key in keys]
    operations = [tensor.op for tensor in tf.nest.flatten(outputs, expand_composites=True)]
    sources = graph_tools.retrieve_sources(operations, ignore_control_dependencies=True)
    inputs = transform._structured_inputs.items()  # the only place where TFT tells the columns' placeholders
    return {
        name
        for name, column in inputs
        if any(tensor in sources for tensor in tf.nest.flatten(column, expand_composites=True))
    }


def _require_readable(key: str, spec: Any) -> None:
    dense = isinstance(spec, tf.io.FixedLenFeature)
    if dense and spec.dtype == tf.float32 and len(spec.shape) < 2:
        return
    shape = f"[{', '.join(map(str, ('n', *spec.shape)))}]" if dense else "with a varying number of values per row"
    raise InputRefused(
        f"preprocessing_fn returns {key!r} as {spec.dtype.name} {shape}, which the model cannot read: "
        "a derived feature is float32, [n] or [n, width]",
        where="code.preprocessing_fn",
        remedy=f"return tf.cast({key}, tf.float32), one-hot ids first; or leave it out of the model with "
        f"feature_inputs(..., unread=[{key!r}])",
    )


def _require_free_of_label(label: str, tft_output: tft.TFTransformOutput, keys: Sequence[str]) -> None:
    """Told before the training: a served model is not given the label, so that it could never be asked."""
    transform = SavedModelLoader(tft_output.transform_savedmodel_dir)
    leaking = [key for key in keys if label in columns_behind(transform, [key])]
    if leaking:
        raise InputRefused(
            f"preprocessing_fn computes {', '.join(map(repr, leaking))} from the label {label!r}, "
            "which is not known when the model is asked",
            where="code.preprocessing_fn",
            remedy="compute it from other columns",
        )
