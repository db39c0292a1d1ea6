"""Preprocessing functions that use TFT in the ways that there are, for the comparison of two executors."""

import tensorflow as tf
import tensorflow_transform as tft


def _dense(column, default):
    if isinstance(column, tf.SparseTensor):
        column = tf.sparse.to_dense(tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1]), default)
    return tf.reshape(column, [-1])


def many_analyzers(inputs):
    """Combiners of every sort that can be packed, and vocabularies of text and of numbers."""
    number, whole = _dense(inputs["number"], 0.0), _dense(inputs["whole"], -1)
    both = tf.stack([number, tf.cast(whole, tf.float32)], axis=1)
    word, other = _dense(inputs["word"], ""), _dense(inputs["other"], "")
    seen = tft.vocabulary(whole, vocab_filename="whole_seen")
    letters = tf.strings.unicode_split(other, "UTF-8")
    # A table of the function's own: what is looked up in it is analyzed through a SavedModel.
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["x", "y"], [1.0, 2.0]), -1.0)
    lines = tf.where(number > 5, tf.strings.join([word, "a\nb"]), word)
    return {
        "letters": letters,
        "letter_ids": tft.compute_and_apply_vocabulary(letters, vocab_filename="letters"),
        "line_id": tft.compute_and_apply_vocabulary(lines, vocab_filename="lines"),
        "looked_up": tft.scale_to_0_1(table.lookup(other)),
        "never": tft.compute_and_apply_vocabulary(word, frequency_threshold=10**6, top_k=2, vocab_filename="never"),
        "most": tft.compute_and_apply_vocabulary(whole, top_k=4, store_frequency=True, vocab_filename="most"),
        "zscore": tft.scale_to_z_score(number),
        "in_range": tft.scale_to_0_1(number),
        "bucket": tf.searchsorted(tf.reshape(tft.quantiles(number, 7, 0.01), [-1]), number, out_type=tf.int64),
        "word_id": tft.compute_and_apply_vocabulary(word, top_k=5, num_oov_buckets=2, vocab_filename="words"),
        "other_id": tft.compute_and_apply_vocabulary(other, frequency_threshold=3, default_value=-9),
        "by_hash": tft.compute_and_apply_vocabulary(other, fingerprint_shuffle=True, store_frequency=True),
        "whole_id": tft.apply_vocabulary(whole, seen, default_value=-1),
        "total": tf.fill(tf.shape(number), tft.sum(whole)),
        "sparse": inputs["other"],
        "pair": both,
        "together": tf.fill(tf.shape(number), tft.covariance(both, tf.float32)[0, 1]),
        **_of_each_column(both),
        "covered": tft.apply_vocabulary(word, _of_each_letter(word, 1), default_value=-1),
        "all_covered": tft.apply_vocabulary(word, _of_each_letter(word, None), default_value=-1),
    }


def _of_each_column(columns):
    """Analyzers that keep the columns apart; quantiles, and moments of one column, pass over what is NaN.

    Moments of several columns do not, once two batches hold no value of one.
    """
    gaps = tf.where(columns < 0, tf.fill(tf.shape(columns), float("nan")), columns)
    mean, spread = (analyze(columns, reduce_instance_dims=False) for analyze in (tft.mean, tft.var))
    of_one, spread_of_one = (analyze(gaps[:, :1], reduce_instance_dims=False) for analyze in (tft.mean, tft.var))
    edges = tf.transpose(tft.quantiles(gaps, 4, 0.01, reduce_instance_dims=False))
    return {
        "standard": (columns - mean) / spread,
        "of_one": (columns[:, :1] - of_one) / spread_of_one,
        "below": tf.cast(gaps[:, tf.newaxis] < edges, tf.int64),
    }


def _of_each_letter(word, most):
    """A vocabulary with the most frequent words of each last letter, and the most frequent of all besides."""
    return tft.vocabulary(
        word,
        top_k=most,
        frequency_threshold=2,
        coverage_top_k=2,
        coverage_frequency_threshold=3,
        key_fn=_last_letter,
        vocab_filename=f"covered_{most}",
    )


def _last_letter(word):
    return word[-1:]


def two_phases(inputs):
    """What is analyzed second needs what is analyzed first."""
    centred = tf.abs(_dense(inputs["number"], 0.0) - tft.mean(_dense(inputs["number"], 0.0)))
    return {"number": _dense(inputs["number"], 0.0), "in_range": tft.scale_to_0_1(centred)}


def of_keys(inputs):
    """An analyzer for each key: one for Beam."""
    return {
        "scaled": tft.scale_to_z_score_per_key(_dense(inputs["number"], 0.0), _dense(inputs["word"], "")),
    }


def no_analyzers(inputs):
    """Nothing to learn."""
    return {"doubled": 2 * _dense(inputs["number"], 0.0)}


def refuses(inputs):
    """Fails on a row, not when it is traced."""
    number = _dense(inputs["number"], 0.0)
    with tf.control_dependencies([tf.debugging.assert_less(number, 1e6, message="number is too large")]):
        return {"number": tf.identity(number)}


def refuses_aside(inputs):
    """Fails on a row by a check that no output waits for."""
    number = _dense(inputs["number"], 0.0)
    tf.debugging.assert_less(number, 1e6, message="number is too large")
    return {"number": tft.scale_to_0_1(number)}


def no_columns(inputs):
    """Gives the same whatever it reads."""
    del inputs
    return {"one": tf.ones([1])}


def passes_on(inputs):
    """Reads one column, whatever its type is."""
    return {"number": inputs["number"]}


def weighted(inputs):
    """A vocabulary in the order of weights."""
    return {"id": tft.compute_and_apply_vocabulary(_dense(inputs["word"], ""), weights=_dense(inputs["number"], 0.0))}


def informative(inputs):
    """A vocabulary in the order of what its words say of a label."""
    label = tf.cast(_dense(inputs["whole"], 0) > 4, tf.int64)
    return {"id": tft.compute_and_apply_vocabulary(_dense(inputs["word"], ""), labels=label)}


def in_records(inputs):
    """A vocabulary that is no text file."""
    word = _dense(inputs["word"], "")
    file = tft.vocabulary(word, file_format="tfrecord_gzip", vocab_filename="records")
    return {"id": tft.apply_vocabulary(word, file, default_value=-1, file_format="tfrecord_gzip")}


def refuses_another(inputs):
    """Fails on a column that nothing else reads."""
    with tf.control_dependencies([tf.debugging.assert_less(_dense(inputs["whole"], 0), tf.constant(9, tf.int64))]):
        return {"number": tft.scale_to_0_1(_dense(inputs["number"], 0.0))}
