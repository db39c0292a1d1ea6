"""Slice keys of a whole batch: TFMA's own rule, asked once per distinct combination of values."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from tensorflow_model_analysis.api import types as tfma_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

SliceKey = tuple[tuple[str, Any], ...]


def sliced_features(eval_config: config_pb2.EvalConfig) -> set[str]:
    """The features that a configuration slices on."""
    return {name for spec in eval_config.slicing_specs for name in (*spec.feature_keys, *spec.feature_values)}


def slice_rows(
    specs: Iterable[slicer_lib.SingleSliceSpec],
    transformed: list[Mapping[str, Any]],
    features: Mapping[str, Any],
    names: set[str],
    size: int,
) -> dict[SliceKey, np.ndarray]:
    """Finds the rows of each slice.

    Args:
        specs: what to slice on.
        transformed: each model's transformed features, in which a value is looked for first.
        features: the raw ones.
        names: the features that the specs name.
        size: rows in the batch.

    Returns:
        Ascending row numbers by slice key; a row with several values of a feature is in several slices.
    """
    parts: dict[SliceKey, list[np.ndarray]] = {}
    for spec in specs:
        proto = spec.to_proto()
        used = sorted(names & {*proto.feature_keys, *proto.feature_values})
        sources = [(source, name) for source in (*transformed, features) for name in used if name in source]
        codes = np.zeros((size, 1 + len(sources)), dtype=np.int64)
        for at, (source, name) in enumerate(sources):
            codes[:, 1 + at] = _codes(source[name], size)
        _, firsts, groups = np.unique(codes, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(groups.reshape(-1), kind="stable")
        bounds = np.cumsum(np.bincount(groups.reshape(-1), minlength=len(firsts)))[:-1]
        for first, rows in zip(firsts, np.split(order, bounds), strict=True):
            values = [{name: _row(source[name], first) for name in used if name in source} for source in transformed]
            default = {name: _row(features[name], first) for name in used if name in features}
            for key in set(slicer_lib.get_slices_for_features_dicts(values, default, [spec])):
                parts.setdefault(key, []).append(rows)
    return {key: np.unique(np.concatenate(of_slice)) for key, of_slice in parts.items()}


def _is_ragged(values: Any) -> bool:
    return isinstance(values, (tfma_types.VarLenTensorValue, tfma_types.SparseTensorValue))


def _codes(values: Any, size: int) -> np.ndarray:
    """A number per row, equal for rows of equal values."""
    if _is_ragged(values):
        return _ragged_codes(np.asarray(values.values), np.asarray(values.indices)[:, 0], size)
    columns = np.asarray(values).reshape(size, -1)
    codes = np.zeros(size, dtype=np.int64)
    for column in columns.T:
        # Each column's codes are folded into one number per row before the next, so that they cannot overflow.
        pairs = codes * (size + 2) + pd.factorize(column, use_na_sentinel=False)[0]
        codes = pd.factorize(pairs)[0]
    return codes


def _ragged_codes(values: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    lengths = np.bincount(rows, minlength=size)
    codes = np.full(size, -1, dtype=np.int64)
    if lengths.max(initial=0) <= 1:
        codes[rows] = pd.factorize(values, use_na_sentinel=False)[0]
        return codes
    parts = np.split(values, np.cumsum(lengths)[:-1])
    return pd.factorize(pd.Series([tuple(part.tolist()) for part in parts], dtype=object))[0]


def _row(values: Any, row: int) -> np.ndarray:
    if not _is_ragged(values):
        return np.asarray(values)[row : row + 1].reshape(-1)
    return np.asarray(values.values)[np.asarray(values.indices)[:, 0] == row]
