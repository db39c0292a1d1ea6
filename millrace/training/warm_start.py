"""Starts a training from the weights of the champion, where they fit: the same features, the same layers.

What an export says of its weights lies beside it (`WEIGHTS_FILE`); the weights are the SavedModel's own. Ids of a
vocabulary go by frequency and so by the data: a row of a table of ids is taken along by the token that it stands for,
and the row of a new token begins as in any training.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

import keras
import numpy as np
import tensorflow as tf
from pydantic import ValidationError

from millrace.base.errors import InputRefused, Signal
from millrace.base.numbers import counted
from millrace.features.description import Bag, Categorical, FeatureTable, SequenceFeature, Text
from millrace.features.keys import transformed_key, vocabulary_name
from millrace.features.stacks import Stack, stacks
from millrace.training.encoders import id_rows

LOG = logging.getLogger(__name__)

WEIGHTS_FILE = "assets.extra/millrace_weights.json"
"""Of an exported model: its features, its inputs, and its weights by name and shape, in the SavedModel's order."""

_MOST_NAMED = 3

Vocabulary = Callable[[str], Sequence[bytes]]
Rows = tuple[Any, ...]


class DoesNotFit(Signal):
    """The champion's weights do not fit; says why, as the end of a sentence."""


def description(table: FeatureTable, model: keras.Model) -> dict[str, Any]:
    """What has to be the same for weights to mean the same.

    Args:
        table: the label and the features.
        model: as it is exported.
    """
    place = {id(variable): number for number, variable in enumerate(model.variables)}
    return {
        "features": table.model_dump(mode="json"),
        "inputs": [[tensor.name, list(tensor.shape[1:])] for tensor in model.inputs],
        "weights": [[weight.path, list(weight.shape)] for weight in model.weights],
        # The state of random numbers is among the variables, and no weight.
        "places": [place[id(weight)] for weight in model.weights],
    }


def start(model: keras.Model, table: FeatureTable, tft_output: Any, base_model: Optional[str], policy: str) -> str:
    """Gives a model the weights of the champion.

    Args:
        model: built and not trained; changed in place, and only where everything fits.
        table: the label and the features.
        tft_output: what Transform learned, with its vocabularies.
        base_model: the champion's folder, as TFX hands it on; None where there is none yet.
        policy: `training.warm_start`: `none`, `prefer` or `require`.

    Returns:
        How the training begins, as the end of a sentence; empty where no warm start is asked for.

    Raises:
        InputRefused: the weights do not fit, and `require` says that they must.
    """
    if policy == "none":
        return ""
    if base_model is None:
        LOG.info("no model has been blessed yet: the training begins with new weights")
        return "began with new weights, since no model has been blessed yet"
    try:
        taken = _take(model, table, tft_output, base_model)
    except DoesNotFit as reason:
        if policy == "require":
            raise InputRefused(
                f"the training cannot start from the champion's weights: {reason}",
                where=base_model,
                remedy="say training.warm_start: prefer, which then begins with new weights, or none",
            ) from reason
        LOG.warning("the training begins with new weights, since the champion's do not fit: %s", reason)
        return f"began with new weights, since the champion's do not fit: {reason}"
    LOG.info("the training begins with the weights of %s%s", base_model, taken)
    return f"began with the weights of {base_model}{taken}"


def _take(model: keras.Model, table: FeatureTable, tft_output: Any, base_model: str) -> str:
    said = _described(base_model)
    try:
        theirs_described = FeatureTable.model_validate(said["features"])
    except ValidationError as error:
        raise DoesNotFit("another release describes its features, in words that this one does not know") from error
    _require_same_features(theirs_described, table)
    here = description(table, model)
    if said["inputs"] != here["inputs"]:
        raise DoesNotFit(_differing("inputs", said["inputs"], here["inputs"]))
    ours = _tables(table, lambda name: tft_output.vocabulary_by_name(name), tft_output)
    theirs = _tables(table, lambda name: _vocabulary_of(base_model, name), tft_output)
    _require_counted_alike(table, ours, theirs)
    _require_same_weights(said["weights"], here["weights"], {*ours})
    reader = tf.train.load_checkpoint(f"{base_model}/variables/variables")
    values, kept, rows = [], 0, 0
    for place, weight in zip(said["places"], model.weights, strict=True):
        given = reader.get_tensor(f"model_variables/{place}/.ATTRIBUTES/VARIABLE_VALUE")
        table_of = _layer(weight.path)
        if table_of in ours and ours[table_of] != theirs[table_of]:
            given, known = _rearranged(given, theirs[table_of], ours[table_of], keras.ops.convert_to_numpy(weight))
            kept, rows = kept + known, rows + len(ours[table_of])
        values.append(given)
    for weight, given in zip(model.weights, values, strict=True):
        weight.assign(given)
    return (
        f"; {kept:,} of {counted(rows, 'row')} of tables whose vocabulary has changed were known to it" if rows else ""
    )


def _described(base_model: str) -> dict[str, Any]:
    path = f"{base_model}/{WEIGHTS_FILE}"
    if not tf.io.gfile.exists(path):
        raise DoesNotFit("it does not say what its weights are: an earlier release exported it, or code of your own")
    with tf.io.gfile.GFile(path) as file:
        try:
            said: dict[str, Any] = json.load(file)
        except ValueError as error:
            raise DoesNotFit(f"{WEIGHTS_FILE} cannot be read: {error}") from error
    return said


def _require_same_features(theirs: FeatureTable, ours: FeatureTable) -> None:
    if theirs.label != ours.label:
        raise DoesNotFit("it predicts another label, or the same described otherwise")
    before, after = list(theirs.features), list(ours.features)
    if before != after and sorted(before) == sorted(after):
        raise DoesNotFit("its features stand in another order")
    if before != after:
        raise DoesNotFit(_differing("features", before, after))
    changed = [name for name in after if theirs.features[name] != ours.features[name]]
    if changed:
        raise DoesNotFit(f"{_named(changed)} {'is' if len(changed) == 1 else 'are'} described otherwise")


def _require_same_weights(theirs: Sequence[Any], ours: Sequence[Any], tables: set[str]) -> None:
    """Of a table of ids the number of rows may differ: they go by token."""

    def comparable(weights: Sequence[Any]) -> list[Any]:
        return [[path, shape[1:] if _layer(path) in tables else shape] for path, shape in weights]

    if comparable(theirs) != comparable(ours):
        raise DoesNotFit(_differing("layers", *([[p, s] for p, s in comparable(one)] for one in (theirs, ours))))


def _differing(what: str, theirs: Sequence[Any], ours: Sequence[Any]) -> str:
    gone = [_words(one) for one in theirs if one not in ours]
    new = [_words(one) for one in ours if one not in theirs]
    parts = [f"it has {_named(gone)}" if gone else "", f"this model has {_named(new)}" if new else ""]
    return f"its {what} differ: {' and '.join(filter(None, parts)) or 'they stand in another order'}"


def _words(one: Any) -> str:
    return one if isinstance(one, str) else f"{one[0]} {list(one[1])}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _vocabulary_of(base_model: str, name: str) -> Sequence[bytes]:
    path = f"{base_model}/assets/{name}"
    if not tf.io.gfile.exists(path):
        raise DoesNotFit(f"its vocabulary {name} is not there")
    with tf.io.gfile.GFile(path, "rb") as file:
        return list(file.read().rstrip(b"\n").split(b"\n"))


def _tables(table: FeatureTable, vocabulary: Vocabulary, tft_output: Any) -> dict[str, Rows]:
    """What each row of each table of ids stands for, by the name of the layer that holds it.

    The layers are those of `millrace.training.inputs`. One-hot features share their rows: `hidden_1_ids`, `wide_ids`
    and whatever a project's model calls `dense` with are all told by their ending.
    """
    tables: dict[str, Rows] = {}
    shared: list[Any] = []
    for stack in stacks(table):
        feature = stack.feature
        if isinstance(feature, (Text, Bag, SequenceFeature)):
            if not isinstance(feature, SequenceFeature) or feature.values == "categories":
                layer = "mean" if isinstance(feature, Text) and feature.encoder == "mean" else "embedding"
                rows = _rows_of_one(stack.name, feature, vocabulary)
                ending = "multi_hot" if isinstance(feature, Bag) and feature.encode == "multi_hot" else layer
                tables[f"{transformed_key(stack.name)}_{ending}"] = rows
        elif _has_ids(feature):
            rows = tuple(_rows(stack, vocabulary, tft_output))
            if getattr(feature, "encode", "") == "embedding":
                tables[f"{stack.key}_embedding"] = rows
            else:
                shared.extend((stack.key, row) for row in rows)
    return {**tables, _SHARED: tuple(shared)}


_SHARED = "_ids"


def _layer(path: str) -> str:
    """The table that a weight is, by its path `LAYER/WEIGHT`."""
    layer = path.split("/")[-2] if "/" in path else path
    return _SHARED if layer.endswith(_SHARED) else layer


def _has_ids(feature: Any) -> bool:
    return feature.kind in ("bucketized", "categorical", "hashed", "crossed")


def _rows(stack: Stack, vocabulary: Vocabulary, tft_output: Any) -> Iterator[Any]:
    """As `millrace.training.encoders` numbers the ids of a stack."""
    feature = stack.feature
    if not isinstance(feature, Categorical):
        yield from range(id_rows(stack, tft_output).rows)
    elif stack.shared:
        yield from range(len(stack.names) * (1 + feature.oov_buckets))
        yield from vocabulary(f"{stack.key}_vocabulary")
    else:
        yield from _rows_of_one(stack.name, feature, vocabulary)


def _rows_of_one(name: str, feature: Any, vocabulary: Vocabulary) -> Rows:
    """No value, the tokens, and what stands for tokens that were not seen."""
    return ("missing", *vocabulary(vocabulary_name(name)), *range(feature.oov_buckets))


def _require_counted_alike(table: FeatureTable, ours: Mapping[str, Rows], theirs: Mapping[str, Rows]) -> None:
    """A multi-hot input has no table of its own: its rows are in the first layer, among all others."""
    for name, feature in table.features.items():
        layer = f"{transformed_key(name)}_multi_hot"
        if isinstance(feature, Bag) and ours.get(layer) != theirs.get(layer):
            raise DoesNotFit(
                f"the vocabulary of {name} has changed, and encode: multi_hot gives each token a place of its own; "
                "encode: embedding can be taken along"
            )


def _rearranged(given: np.ndarray, theirs: Rows, ours: Rows, fresh: np.ndarray) -> tuple[np.ndarray, int]:
    """The rows of a table where this model has them; those of new tokens stay as they are."""
    place = {row: number for number, row in enumerate(theirs)}
    known = [(here, place[row]) for here, row in enumerate(ours) if row in place]
    rows = np.array(fresh)
    rows[[here for here, _ in known]] = given[[there for _, there in known]]
    return rows, len(known)
