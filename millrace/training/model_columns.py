"""A model's raw columns as `assets.extra/millrace.json` has them, from the schema's types and the features."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import tensorflow as tf

from millrace.features.description import Feature, FeatureTable, Image, Vector
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
    lists = table.lists()
    return tuple(
        _column(name, raw_spec[name], table.features.get(name), name in lists, na_values.get(name, ()))
        for name in dict.fromkeys(ordered)
    )


def _column(name: str, spec: Any, feature: Optional[Feature], is_list: bool, missing: Sequence[str]) -> ModelColumn:
    kind: ValueType = "BYTES" if spec.dtype == tf.string else "INT" if spec.dtype.is_integer else "FLOAT"
    values: Any = MANY if is_list else feature.length if isinstance(feature, Vector) else 1
    required = isinstance(spec, tf.io.FixedLenFeature) and spec.default_value is None
    return ModelColumn(name, safe_name(name), kind, values, required, tuple(missing), isinstance(feature, Image))
