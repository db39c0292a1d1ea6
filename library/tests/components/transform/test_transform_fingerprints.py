"""Fingerprints of analyzers beside TFT's own, and a function that is not the same when it is traced again."""

import logging

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from preprocessing_samples import many_analyzers
from tensorflow_transform import graph_tools, impl_helper

from millrace.components.transform import fingerprints

SPECS = {
    "number": tf.TensorSpec([None, 1], tf.float32),
    "whole": tf.SparseTensorSpec([None, None], tf.int64),
    "word": tf.SparseTensorSpec([None, None], tf.string),
    "other": tf.SparseTensorSpec([None, None], tf.string),
}


def traced(function, folder):
    graph, inputs, _ = impl_helper.trace_preprocessing_function(function, SPECS, False, str(folder))
    return graph, inputs


def test_each_analyzer_has_the_columns_and_paths_that_tft_finds(tmp_path):
    graph, inputs = traced(many_analyzers, tmp_path)
    seen = fingerprints.of_analyzers(graph, inputs)
    assert len(seen) > 20 and seen == graph_tools.get_analyzers_fingerprint(graph, inputs)
    assert {"number", "whole"} in [one.source_keys for one in seen.values()]
    fingerprints.require_same(seen, fingerprints.of_analyzers(*traced(many_analyzers, tmp_path)))


def of(name, function, folder):
    return fingerprints.of_analyzers(*traced(lambda inputs: {"x": function(inputs[name])}, folder))


def test_a_later_trace_with_other_analyzers_is_refused(tmp_path):
    mean = of("number", tft.mean, tmp_path)
    with pytest.raises(RuntimeError, match=r"other analyzers when it is traced again \(.*call them in the same order"):
        fingerprints.require_same(of("whole", lambda whole: tft.mean(whole.values), tmp_path), mean)
    with pytest.raises(RuntimeError, match="other analyzers"):
        fingerprints.require_same({}, mean)


def test_a_later_trace_with_another_way_to_the_same_analyzer_is_told(tmp_path, caplog):
    mean = of("number", tft.mean, tmp_path)
    with caplog.at_level(logging.WARNING):
        fingerprints.require_same(mean, of("number", lambda number: tft.mean(number + 1), tmp_path))
    assert "differs between two traces" in caplog.text
