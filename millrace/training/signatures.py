"""The exported model: one SavedModel with its signatures, which needs nothing of the pipeline that made it.

| signature | takes | gives |
|---|---|---|
| `serving_default` | `examples`: serialised raw tf.Examples, string [n]; the label is not needed | predictions |
| `predict_json` | one tensor a raw column, under `safe_name(column)` | predictions |
| `transformed` | one tensor a transformed feature, under `transformed_key(column)` | predictions |
| `transform_features` | `examples`, as above | transformed features, and the transformed label |
| `explain` | as `predict_json` | each column's part in the prediction: `millrace.training.explaining` |
| `embed` | as `predict_json` | `embedding` [n, width]: a row as the model's last layer sees it |

Predictions are `probabilities` [n] of the second class, `label` [n] and `classes` [n, 2] for a binary label;
`probabilities` [n, k], `label` [n] and `classes` [n, k] for a multiclass one, `label` being the most probable class's
name; `probabilities` [n, k], `labels` [n, k] and `classes` [n, k] for a multilabel one, `labels` being the names of the
classes that are more probable than not, the most probable first, and "" in the places after them; `prediction` [n], in
the label's unit, for a regression. Of several outputs each gives its probabilities or its prediction under its own
name, and the others as `NAME_label`, `NAME_labels` and `NAME_classes`.

`predict_json` suits TensorFlow Serving's REST interface: `{"signature_name": "predict_json", "instances": [{"fare":
12.5, "company": "Blue", ...}]}`. Every column is sent; a missing number is `NaN` and missing text is `""`, as JSON's
`null` is not understood there; what `data.missing` names, such as -999, is missing too. Integers are sent as numbers
too, exact up to 2**53. A vector is a list of numbers, a bag or a sequence a list of any length; where several instances
are sent, the shorter lists end in `NaN` or `""`. An image is `{"b64": "..."}`, the bytes of its file.
"""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from millrace.base.errors import InputRefused
from millrace.features.description import Feature, FeatureTable, Vector
from millrace.features.keys import label_weight_key, safe_name, transformed_key
from millrace.features.label import label_keys, prediction_key
from millrace.model_server.about import ABOUT_FILE, About, ModelExplanations, ModelOutput
from millrace.statistics.typical_row import read_typical_row
from millrace.training.columns import Column
from millrace.training.derived import columns_behind
from millrace.training.embedding import last_hidden
from millrace.training.explaining import Explained, baseline_value, orders_of
from millrace.training.model_columns import model_columns
from millrace.training.na_values import without_na_values
from millrace.training.tasks import learning_task
from millrace.training.warm_start import WEIGHTS_FILE, description

# Rows whose images go through the model at once.
_IMAGE_ROWS = 256

Tensors = dict[str, tf.Tensor]


class ServedModel:
    """The functions behind the signatures; they use the model and the transform graph, and own nothing.

    The graph is loaded by what TFT's `TransformFeaturesLayer` wraps: the layer itself is one of the old Keras, and
    saving it costs six seconds more.

    Args:
        model: maps transformed features by key to float32 [n, 1] or [n, classes], or several of these by output, as
            `millrace.training.outputs.head` says: a Keras model, or any tf.Module that can be called so.
        table: the label and the features.
        tft_output: the output of Transform, whose graph and vocabularies are copied into the export.
        inputs: what the model takes, by key, batch first; left out: a Keras model's inputs, and of any other model
            every dense transformed feature.
        na_values: the texts that stand for no value, by raw column; what a request sends of them is missing.
        explanations: `millrace.training.section.Explanations` as plain values; None where nothing is to be explained.

    Raises:
        InputRefused: the model reads a key that Transform does not give.
    """

    def __init__(
        self,
        model: Any,
        table: FeatureTable,
        tft_output: tft.TFTransformOutput,
        inputs: Optional[Mapping[str, tf.TensorSpec]] = None,
        na_values: Optional[Mapping[str, Sequence[str]]] = None,
        explanations: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.model, self.table, self.na_values = model, table, na_values or {}
        self._outputs = table.label.by_output()
        self.transform = SavedModelLoader(tft_output.transform_savedmodel_dir)
        self.inputs = dict(inputs or _inputs_of(model, table, tft_output))
        self._require_given()
        spec = tft_output.raw_feature_spec()
        labels = {output.column for output in self._outputs.values()}
        self._label_specs = {name: spec[name] for name in sorted(labels & set(spec))}
        needed = {*table.columns(), *columns_behind(self.transform, list(self.inputs))}
        self.raw_spec = {name: spec[name] for name in sorted(needed - labels)}
        self._unread = tuple(sorted(set(spec) - set(self.raw_spec)))
        self._columns = model_columns(self.raw_spec, table, self.na_values)
        self.explanations = self._explanations(explanations, tft_output)

    def _explanations(
        self, settings: Optional[Mapping[str, Any]], tft_output: tft.TFTransformOutput
    ) -> Optional[ModelExplanations]:
        """None where nothing is to be explained; of a model that reads pixels, columns explain nothing."""
        if not settings or settings["paths"] == 0 or any(column.image for column in self._columns):
            return None
        typical = {**read_typical_row(os.path.dirname(tft_output.transform_savedmodel_dir)), **settings["baseline"]}
        baseline = {column.name: baseline_value(typical.get(column.name), column) for column in self._columns}
        self._orders = orders_of(len(self._columns), settings["paths"], settings["seed"])
        return ModelExplanations(baseline, len(self._orders.places), self._orders.exact)

    def _require_given(self) -> None:
        absent = sorted(set(self.inputs) - set(self.transform.structured_outputs))
        if absent:
            raise InputRefused(
                f"the model reads {', '.join(absent)}, which preprocessing_fn does not return",
                where="code.model_fn",
                remedy=f"name its inputs after what it returns: {', '.join(sorted(self.transform.structured_outputs))}",
            )

    def of_examples(self) -> Any:
        """Serialised raw tf.Examples to predictions."""
        return _traced(self._serve_examples, tf.TensorSpec([None], tf.string, name="examples"))

    def of_columns(self) -> Any:
        """One tensor a raw column to predictions."""
        return self._of_columns

    def explanations_of_columns(self) -> Any:
        """One tensor a raw column to the columns' parts in the prediction.

        Raises:
            ValueError: `explanations` is None.
        """
        if self.explanations is None:
            raise ValueError("nothing is to be explained")
        specs = {column.input: self._column_specs[column.input] for column in self._columns}
        explained = Explained(
            self._scores_of_columns,
            specs,
            [column.name for column in self._columns],
            {column.input: self.explanations.baseline[column.name] for column in self._columns},
            {name: output.class_names for name, output in self._outputs.items()},
            self._orders,
        )
        return _traced(lambda **columns: explained.explain(columns), **specs)

    def embeddings_of_columns(self) -> Any:
        """One tensor a raw column to a row as the model's last layer sees it; None where that is not known.

        Nor is it there of a model that reads images, whose rows go through it a few at a time.
        """
        inner = None if self.table.pixel_bytes() else last_hidden(self.model)
        if inner is None:
            return None

        def embed(**columns: tf.Tensor) -> Tensors:
            hidden = inner(self._features_of_columns(**columns), training=False)
            return {"embedding": tf.cast(tf.reshape(hidden, [tf.shape(hidden)[0], -1]), tf.float32)}

        return _traced(embed, **self._column_specs)

    @functools.cached_property
    def _column_specs(self) -> dict[str, tf.TensorSpec]:
        lists = self.table.lists()
        return {
            safe_name(name): _request_spec(name, spec, self.table.features.get(name), name in lists)
            for name, spec in self.raw_spec.items()
        }

    @functools.cached_property
    def _features_of_columns(self) -> Any:
        """Traced once: of a wide table it is nearly the whole graph, and the export holds one for all that call it."""

        def features(**columns: tf.Tensor) -> Tensors:
            given = {name: columns[safe_name(name)] for name in self.raw_spec}
            transformed = self._transformed(_all_as_raw(given, self.raw_spec))
            return {key: transformed[key] for key in self.inputs}

        return _traced(features, **self._column_specs)

    @functools.cached_property
    def _of_columns(self) -> Any:
        """Traced once: what explains calls it, and the export holds one graph for both."""
        return _traced(self._serve_columns, **self._column_specs)

    def _scores_of_columns(self, **columns: tf.Tensor) -> Tensors:
        answers = self._of_columns(**columns)
        return {name: answers[prediction_key(name, output)] for name, output in self._outputs.items()}

    def of_transformed(self) -> Any:
        """One tensor a transformed feature to predictions."""
        return _traced(self._serve_transformed, **self.inputs)

    def transformed_examples(self) -> Any:
        """Serialised raw tf.Examples to transformed features and label."""
        return _traced(self._transform_examples, tf.TensorSpec([None], tf.string, name="examples"))

    def about(self) -> About:
        """What a client needs to know and a signature cannot say."""
        outputs = tuple(ModelOutput(name, one.column, one.task, one.class_names) for name, one in self._outputs.items())
        return About(outputs, self._columns, self._unread, self.explanations)

    def _serve_examples(self, examples: tf.Tensor) -> Tensors:
        return self._predict(self._transformed(tf.io.parse_example(examples, self.raw_spec)))

    def _serve_columns(self, **columns: tf.Tensor) -> Tensors:
        return self._predict(self._features_of_columns(**columns))

    def _serve_transformed(self, **features: tf.Tensor) -> Tensors:
        return self._predict(features)

    def _transform_examples(self, examples: tf.Tensor) -> Tensors:
        raw: dict[str, Column] = dict(tf.io.parse_example(examples, self.raw_spec))
        if not self._label_specs:
            return self._transformed(raw)
        specs = {name: tf.io.VarLenFeature(spec.dtype) for name, spec in self._label_specs.items()}
        labels = tf.io.parse_example(examples, specs)
        for name, label in labels.items():
            raw[name] = _shaped_as(label, self._label_specs[name])
        transformed = self._transformed(raw)
        for output in self._outputs.values():
            if output.column in labels:
                key = transformed_key(output.column)
                is_there = _has_value(labels[output.column], tf.shape(examples)[0])
                transformed[key] = learning_task(output).unknown_where_absent(transformed[key], is_there)
        return transformed

    def _transformed(self, raw: Mapping[str, Column]) -> Tensors:
        return dict(self.transform.apply_transform_model(without_na_values(raw, self.na_values)))

    def _scores(self, features: Mapping[str, tf.Tensor]) -> Any:
        """What the model gives; where it reads images, of some rows at a time: its layers' memory grows with them."""
        if not isinstance(self.model, keras.Model):
            return self.model(features)
        if not self.table.pixel_bytes():
            return self.model(features, training=False)
        rows = tf.shape(next(iter(features.values())))[0]
        at_once = tf.clip_by_value(rows, 1, _IMAGE_ROWS)
        parts = -(-rows // at_once)

        def in_parts(tensor: tf.Tensor) -> tf.Tensor:
            """[n, ...] to [parts, rows of one, ...], the last filled with the first row again."""
            places = tf.range(parts * at_once)
            filled = tf.gather(tensor, tf.where(places < rows, places, 0))
            return tf.reshape(filled, tf.concat([[parts, at_once], tf.shape(tensor)[1:]], axis=0))

        scores = tf.map_fn(
            lambda part: self.model(part, training=False),
            {key: in_parts(tensor) for key, tensor in features.items()},
            parallel_iterations=1,
            fn_output_signature=tf.nest.map_structure(lambda output: tf.float32, self.model.output),
        )
        return tf.nest.map_structure(
            lambda part, output: tf.reshape(part, [-1, *output.shape[1:]])[:rows], scores, self.model.output
        )

    def _predict(self, features: Mapping[str, tf.Tensor]) -> Tensors:
        read = {key: features[key] for key in self.inputs}
        scores = self._scores(read)
        answers: Tensors = {}
        for name, output in self._outputs.items():
            given = learning_task(output).answers(scores[name] if name else scores)
            predictions = given.pop(output.prediction_name)
            answers[prediction_key(name, output)] = predictions
            answers.update({f"{name}_{part}" if name else part: tensor for part, tensor in given.items()})
        return answers


def write(served: ServedModel, signatures: Mapping[str, Any], directory: str, schema_digest: str = "") -> None:
    """Writes the SavedModel beside its place and then renames it, so that a half-written one is never there.

    Args:
        served: the model and the transform graph.
        signatures: concrete functions by name.
        directory: where the SavedModel goes; replaced when it exists.
        schema_digest: of the schema of the raw examples, `Job.schema_digest`, for the model's own file about itself.
    """
    module = tf.Module(name="millrace")
    if isinstance(served.model, keras.Model):  # its variables alone: Keras's own tracking saves its optimizer too
        module.model_variables = [variable.value for variable in served.model.variables]
    else:
        module.model = served.model
    module.transform = vars(served.transform)  # as TFT's own layer does it: this tracks the vocabulary tables
    partial = directory.rstrip("/") + ".partial"
    _remove(partial)
    tf.saved_model.save(module, partial, signatures=dict(signatures))
    about = {**served.about().to_json(), **({"made_from": {"schema": schema_digest}} if schema_digest else {})}
    _write_json(f"{partial}/{ABOUT_FILE}", about)
    if isinstance(served.model, keras.Model):
        _write_json(f"{partial}/{WEIGHTS_FILE}", description(served.table, served.model))
    _remove(directory)
    tf.io.gfile.rename(partial, directory)


def _inputs_of(model: Any, table: FeatureTable, tft_output: tft.TFTransformOutput) -> Mapping[str, tf.TensorSpec]:
    if isinstance(model, keras.Model):
        return {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in model.inputs}
    specs = tft_output.transformed_feature_spec().items()
    learned = set(label_keys(table.label).values())
    learned.add(label_weight_key(table.label.weight or ""))
    return {
        key: tf.TensorSpec([None, *spec.shape], spec.dtype, name=key)
        for key, spec in specs
        if key not in learned and isinstance(spec, tf.io.FixedLenFeature)
    }


def _traced(function: Callable[..., Tensors], *inputs: tf.TensorSpec, **named: tf.TensorSpec) -> Any:
    """Traces without AutoGraph, which took nine seconds of ten and has nothing to convert here."""
    return tf.function(function, autograph=False).get_concrete_function(*inputs, **named)


def _request_spec(name: str, spec: Any, feature: Optional[Feature], is_list: bool) -> tf.TensorSpec:
    """What a `predict_json` request gives for a column: text, or numbers as float64, which has room for a NaN."""
    dtype = tf.string if spec.dtype == tf.string else tf.float64
    shape: list[Optional[int]] = [None, feature.length] if isinstance(feature, Vector) else [None]
    if is_list:
        shape = [None, None]
    return tf.TensorSpec(shape, dtype, name=safe_name(name))


def _all_as_raw(given: Mapping[str, tf.Tensor], specs: Mapping[str, Any]) -> dict[str, Column]:
    """As `_as_raw`, of a request's columns; those of one type that hold one value a row are taken together."""
    raw: dict[str, Column] = {}
    alike: dict[tuple[Any, ...], list[str]] = {}
    for name, spec in specs.items():
        shape = None if isinstance(spec, tf.io.VarLenFeature) else tuple(spec.shape)
        if given[name].shape.rank == 1 and shape in (None, (), (1,)):
            alike.setdefault((spec.dtype, shape), []).append(name)
        else:
            raw[name] = _as_raw(given[name], spec, name)
    for names in alike.values():
        spec, columns = specs[names[0]], [given[name] for name in names]
        one = len(names) == 1
        made = [_as_raw(columns[0], spec, names[0])] if one else _scalars_as_raw(columns, spec, names)
        raw.update(zip(names, made, strict=True))
    return raw


def _scalars_as_raw(given: Sequence[tf.Tensor], spec: Any, names: Sequence[str]) -> list[Column]:
    """A few operations for all columns: a server optimises the graph at its first request, each operation of it."""
    by_column = tf.stack(given)
    there = tf.not_equal(by_column, "") if by_column.dtype == tf.string else tf.math.is_finite(by_column)
    if isinstance(spec, tf.io.VarLenFeature):
        counts = tf.reduce_sum(tf.cast(there, tf.int32), axis=1)
        rows = tf.where(there)[:, 1]
        places = tf.split(tf.stack([rows, tf.zeros_like(rows)], axis=1), counts, num=len(names))
        values = tf.boolean_mask(by_column, there)
        values = tf.split(values if values.dtype == tf.string else tf.cast(values, spec.dtype), counts, num=len(names))
        shape = tf.stack([tf.shape(by_column, out_type=tf.int64)[1], tf.constant(1, tf.int64)])
        return [tf.SparseTensor(*each, shape) for each in zip(places, values, strict=True)]
    if spec.dtype.is_integer:
        absent = tf.boolean_mask(tf.constant(names), tf.logical_not(tf.reduce_all(there, axis=1)))
        message = "integers that the schema requires cannot be missing:"
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(there), [message, absent])]):
            by_column = tf.identity(by_column)
    typed = by_column if by_column.dtype == tf.string else tf.cast(by_column, spec.dtype)
    return tf.split(tf.transpose(typed), len(names), axis=1) if len(spec.shape) else tf.unstack(typed, num=len(names))


def _as_raw(given: tf.Tensor, spec: Any, name: str) -> Column:
    """Turns what a request gives into what parsing a tf.Example would: a missing value is one that is not there."""
    rows = tf.reshape(given, [tf.shape(given)[0], -1])
    there = tf.not_equal(rows, "") if given.dtype == tf.string else tf.math.is_finite(rows)
    if isinstance(spec, tf.io.VarLenFeature):
        if not spec.dtype.is_integer:  # a value that is missing inside a list keeps its place, as in a tf.Example
            there = tf.greater(tf.cumsum(tf.cast(there, tf.int32), axis=1, reverse=True), 0)
        sparse = tf.SparseTensor(tf.where(there), tf.boolean_mask(rows, there), tf.shape(rows, out_type=tf.int64))
        return sparse if given.dtype == tf.string else tf.cast(sparse, spec.dtype)
    if spec.dtype.is_integer:
        message = f"{name} is an integer that the schema requires: it cannot be missing"
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(there), [message])]):
            rows = tf.identity(rows)
    return tf.reshape(rows if given.dtype == tf.string else tf.cast(rows, spec.dtype), [-1, *spec.shape])


def _shaped_as(label: tf.SparseTensor, spec: Any) -> Column:
    """The label as its schema shapes it, with a placeholder where a required label is not there."""
    if not isinstance(spec, tf.io.FixedLenFeature):
        return label
    shape = tf.stack([label.dense_shape[0], tf.constant(1, tf.int64)])
    first = tf.sparse.retain(label, tf.equal(label.indices[:, 1], 0))
    placeholder = tf.zeros([], label.dtype)
    dense = tf.sparse.to_dense(tf.SparseTensor(first.indices, first.values, shape), default_value=placeholder)
    return tf.reshape(dense, [-1, *spec.shape])


def _has_value(column: tf.SparseTensor, rows: tf.Tensor) -> tf.Tensor:
    """Which rows have a value, bool [n]."""
    counts = tf.math.unsorted_segment_sum(tf.ones_like(column.indices[:, 0]), column.indices[:, 0], rows)
    return tf.greater(counts, 0)


def _write_json(path: str, values: Mapping[str, Any]) -> None:
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(values, indent=1, ensure_ascii=False))


def _remove(directory: str) -> None:
    if tf.io.gfile.exists(directory):
        tf.io.gfile.rmtree(directory)
