"""A model's raw columns as `assets.extra/millrace.json` has them, from the schema's types and the features."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from millrace.features.description import FeatureTable, Image, Vector
from millrace.features.keys import safe_name
from millrace.model_server.about import MANY, ModelColumn, ValueType


def model_columns(
    raw_spec: Mapping[str, Any], table: FeatureTable, na_values: Mapping[str, Sequence[str]]
) -> tuple[ModelColumn, ...]:
    """Describes columns.

    Args:
        raw_spec: how an example of each is parsed, as the schema says: `tf.io.FixedLenFeature` or `VarLenFeature`.
        table: the features that read them.
        na_values: the texts that stand for no value, by column.

    Returns:
        A description a column, in the order of the features; then those that only code of one's own reads.
    """
    ordered = [*(name for name in table.columns() if name in raw_spec), *raw_spec]
    return tuple(_column(name, raw_spec[name], table, na_values.get(name, ())) for name in dict.fromkeys(ordered))


def _column(name: str, spec: Any, table: FeatureTable, missing: Sequence[str]) -> ModelColumn:
    feature = table.features.get(name)
    kind: ValueType = "BYTES" if spec.dtype == tf.string else "INT" if spec.dtype.is_integer else "FLOAT"
    values: Any = MANY if name in table.lists() else feature.length if isinstance(feature, Vector) else 1
    required = isinstance(spec, tf.io.FixedLenFeature) and spec.default_value is None
    return ModelColumn(name, safe_name(name), kind, values, required, tuple(missing), isinstance(feature, Image))
