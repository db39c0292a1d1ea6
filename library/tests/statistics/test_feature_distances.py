"""How far one column lies from another of the same name: as a share of rows, and not by chance."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl

from millrace.statistics.columns import columns_by_name, of_all_rows
from millrace.statistics.feature_distances import feature_distance

RANDOM = np.random.default_rng(11)


def column(values, kind):
    cells = pa.array([value if isinstance(value, list) else [value] for value in values], pa.large_list(kind))
    batch = pa.RecordBatch.from_arrays([cells], ["x"])
    return columns_by_name(of_all_rows(stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())))["x"]


def texts(**counts):
    return column([name.encode() for name, count in counts.items() for _ in range(count)], pa.large_binary())


def test_a_text_is_as_far_as_the_value_whose_share_moved_most():
    distance = feature_distance(texts(cash=600, card=400), texts(cash=300, card=600, coin=100))
    assert (distance.value, distance.at, distance.is_chance) == (pytest.approx(0.3), "cash", False)


def test_few_rows_may_be_chance_and_many_are_not():
    few = feature_distance(texts(cash=6, card=4), texts(cash=3, card=7))
    many = feature_distance(texts(cash=600, card=400), texts(cash=300, card=700))
    assert few.value == pytest.approx(many.value) and (few.is_chance, many.is_chance) == (True, False)


def test_random_halves_of_a_column_with_a_long_tail_are_close():
    """TFDV's Jensen-Shannon divergence of two such halves was 0.7."""
    numbers = RANDOM.lognormal(1.0, 2.0, 20_000)
    distance = feature_distance(column(numbers[:10_000], pa.float32()), column(numbers[10_000:], pa.float32()))
    assert distance.value < 0.03 and distance.is_chance


def test_numbers_that_moved_are_as_far_as_the_share_that_moved():
    before, after = RANDOM.uniform(0, 1, 5_000), RANDOM.uniform(0.5, 1.5, 5_000)
    distance = feature_distance(column(before, pa.float32()), column(after, pa.float32()))
    assert 0.3 < distance.value <= 0.5 and not distance.is_chance, "half of the rows, told from below"


def test_a_flag_that_flipped_is_as_far_as_its_share():
    before, after = [0] * 800 + [1] * 200, [0] * 200 + [1] * 800
    distance = feature_distance(column(before, pa.int64()), column(after, pa.int64()))
    assert (distance.value, distance.is_chance) == (pytest.approx(0.6, abs=0.02), False)


def test_rows_with_several_values_count_by_values():
    before = column([[b"a", b"b", b"b"]] * 50, pa.large_binary())
    distance = feature_distance(before, column([[b"a", b"a", b"b"]] * 50, pa.large_binary()))
    assert distance.value == pytest.approx(1 / 3)


def test_what_cannot_be_compared_has_no_distance():
    numbers = column([1.0, 2.0], pa.float32())
    assert feature_distance(numbers, texts(a=2)) is None
    assert feature_distance(numbers, column([[], []], pa.float32())) is None
