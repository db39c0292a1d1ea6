"""The histograms and medians that arrays give are TFDV's, of whatever numbers."""

import math

import numpy as np
import pyarrow as pa
import pytest
from close_numbers import assert_close
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_data_validation.statistics.generators.basic_stats_generator import BasicStatsGenerator

from millrace.components.statistics_gen.basic_statistics import BasicStatistics

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of TFDV's means of infinite numbers

NUMBERS = st.floats(width=32) | st.sampled_from([0.0, 1.0, 2.0, math.inf, -math.inf, math.nan, 1e-3, 3e38, -3e38])
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3)


def statistics(generator, columns, **options) -> dict:
    rows = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    counted = generator(**options)
    seen = counted.extract_output(counted.compact(counted.add_input(counted.create_accumulator(), rows)))
    return json_format.MessageToDict(seen)


@settings(deadline=None, max_examples=60)
@given(st.lists(NUMBERS, min_size=1, max_size=30), st.lists(WHOLE, min_size=1, max_size=30), st.integers(1, 12))
def test_any_numbers_have_the_histograms_that_tfdv_gives_them(numbers, whole, buckets):
    rows = min(len(numbers), len(whole))
    columns = {
        "number": pa.array([[one] for one in numbers[:rows]], pa.large_list(pa.float64())),
        "whole": pa.array([[one] for one in whole[:rows]], pa.large_list(pa.int64())),
        "several": pa.array([numbers[: place % 4] for place in range(rows)], pa.large_list(pa.float64())),
        "text": pa.array([[b"a"]] * rows, pa.large_list(pa.large_binary())),
        "nothing": pa.nulls(rows),
    }
    options = {"num_histogram_buckets": buckets, "num_quantiles_histogram_buckets": buckets}
    assert_close(statistics(BasicStatistics, columns, **options), statistics(BasicStatsGenerator, columns, **options))


def test_many_numbers_with_long_tails_and_with_few_values():
    chance = np.random.default_rng(0)
    columns = {
        "counts": chance.poisson(0.4, 5_000),
        "spread": chance.normal(size=5_000).astype(np.float32),
        "tail": np.exp(chance.normal(size=5_000) * 8).astype(np.float32),
        "constant": np.full(5_000, 7),
        "mostly infinite": np.where(np.arange(5_000) < 3, 1.5, np.inf).astype(np.float32),
    }
    lists = {name: pa.array(values[:, np.newaxis].tolist()) for name, values in columns.items()}
    large = {name: column.cast(pa.large_list(column.type.value_type)) for name, column in lists.items()}
    assert_close(statistics(BasicStatistics, large), statistics(BasicStatsGenerator, large))
