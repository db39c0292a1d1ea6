"""Vocabularies of counted tokens: merged, pruned and written in the order and form of TFT's."""

import hashlib
import heapq
import os
from collections.abc import Collection, Iterable
from typing import Any, Optional

import tensorflow as tf
from tensorflow_transform.beam.analyzer_impls import _count_and_token_to_bytes, maybe_add_empty_vocabulary_dummy

Counted = tuple[int, Any]


def merged(counts: Iterable[tuple[Any, int]]) -> list[Counted]:
    """Adds up counts of the same token."""
    total: dict[Any, int] = {}
    for token, count in counts:
        total[token] = total.get(token, 0) + count
    return [(count, token) for token, count in total.items()]


def pruned(operation: Any, counted: Collection[Counted]) -> Collection[Counted]:
    """Keeps the tokens that are frequent enough, as bytes, and of them the `top_k`, the most frequent first.

    Where the operation has a `key_fn`, each key's `coverage_top_k` are kept besides, with a threshold of their own.

    Args:
        operation: TFT's VocabularyPrune.
        counted: tokens with their counts.
    """
    kept = _frequent(operation, counted, operation.frequency_threshold)
    if operation.top_k is not None:
        kept = list(maybe_add_empty_vocabulary_dummy(heapq.nlargest(operation.top_k, kept), operation.input_dtype))
    if not operation.key_fn:
        return kept
    by_key: dict[Any, list[Counted]] = {}
    for pair in _frequent(operation, counted, operation.coverage_frequency_threshold):
        by_key.setdefault(operation.key_fn(pair[1]), []).append(pair)
    covered = (pair for pairs in by_key.values() for pair in _largest(pairs, operation.coverage_top_k))
    return list(dict.fromkeys([*kept, *covered]))


def _frequent(operation: Any, counted: Collection[Counted], threshold: float) -> Collection[Counted]:
    if threshold > 0:
        counted = [pair for pair in counted if pair[0] >= threshold]
    if operation.input_dtype != tf.string.name:
        counted = [(count, tf.compat.as_bytes(tf.compat.as_str_any(token))) for count, token in counted]
    return counted


def _largest(counted: Collection[Counted], most: Optional[int]) -> Collection[Counted]:
    return counted if most is None or len(counted) <= most else heapq.nlargest(most, counted)


def write(operation: Any, counted: Collection[Counted], folder: str) -> str:
    """Writes a vocabulary, one token a line.

    Args:
        operation: TFT's VocabularyOrderAndWrite.
        counted: tokens with their counts.
        folder: where the file goes.

    Returns:
        The file's path.
    """
    if not operation.input_is_sorted:
        by_hash = {"key": lambda pair: hashlib.sha1(pair[1]).digest()}
        counted = sorted(counted, **(by_hash if operation.fingerprint_shuffle else {"reverse": True}))
        counted = maybe_add_empty_vocabulary_dummy(counted, operation.input_dtype)
    path = os.path.join(folder, operation.vocab_filename)
    with tf.io.gfile.GFile(path, "wb") as file:
        for count, token in counted:
            file.write((_count_and_token_to_bytes(count, token) if operation.store_frequency else token) + b"\n")
    return path
