"""What distances are usual: TFDV's own formulas, and quiet halves that alarm at the rate that was promised."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.components.statistics_gen.number_sample import NumberSample
from millrace.statistics.columns import columns_by_name, of_all_rows
from millrace.statistics.comparing import compare
from millrace.statistics.comparison import Rows
from millrace.statistics.order_statistics import OrderStatistics, from_bytes, ranks_of, to_bytes
from millrace.statistics.usual_distances import UsualDistances, chance_of, jensen_shannon, limit_at

HALVES, ROWS = 200, 300


def all_of(values):
    """The order statistics of numbers that are all at hand."""
    return OrderStatistics.of(values, len(values), np.sort(values)[:16], np.sort(values)[-16:])


def rows_of(frame):
    """A table's statistics by TFDV, and its order statistics."""
    statistics = of_all_rows(tfdv.generate_statistics_from_dataframe(frame))
    numbers = {name: all_of(frame[name].to_numpy(float)) for name in frame if frame[name].dtype != object}
    return Rows(statistics, numbers)


def drawn(random, kind, size):
    if kind == "tail":
        return random.lognormal(2.5, 1.2, size)
    if kind == "zeros":
        return np.where(random.random(size) < 0.6, 0.0, random.exponential(3.0, size))
    if kind == "hours":
        return random.integers(0, 24, size)
    return random.choice(list("abcdefgh"), size, p=[0.5, 0.3, 0.1, 0.05, 0.02, 0.01, 0.01, 0.01])


def limits(names, measure, source=""):
    schema = schema_pb2.Schema()
    for name in names:
        feature = schema.feature.add(name=name, type=schema_pb2.BYTES if measure == "infinity_norm" else "FLOAT")
        getattr(feature.drift_comparator, measure).threshold = 1.0
        if source:
            of = schema_pb2.HistogramSelection.Type.Value(source)
            feature.drift_comparator.jensen_shannon_divergence.source.type = of
    return schema


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "measure", "source", "least"),
    [
        ("tail", "jensen_shannon_divergence", "STANDARD", 2),
        ("tail", "jensen_shannon_divergence", "QUANTILES", 2),
        # TFDV's sketch puts equal numbers into fewer steps: fewer alarms than promised.
        ("zeros", "jensen_shannon_divergence", "QUANTILES", 0),
        ("hours", "jensen_shannon_divergence", "STANDARD", 2),
        ("words", "infinity_norm", "", 2),
    ],
)
def test_quiet_halves_alarm_at_the_promised_rate(kind, measure, source, least):
    """200 pairs of samples of one distribution, as the columns of two tables, measured by TFDV: at a rate of 1 in 20
    from 2 to 20 alarms are what chance makes, but for one in five thousand tests."""
    random = np.random.default_rng(sum(map(ord, kind + source)))
    names = [f"c{place:03}" for place in range(HALVES)]
    first, second = (pd.DataFrame({name: drawn(random, kind, ROWS) for name in names}) for _ in range(2))
    comparison = compare(
        "drift", rows_of(first), rows_of(second), limits(names, measure, source), false_alarm_rate=0.05
    )
    assert len(comparison.distances) == HALVES and not comparison.unmeasured
    alarms = sum(one.exceeds for one in comparison.distances)
    assert least <= alarms <= 20
    assert sum(one.value > one.usual for one in comparison.distances) <= 8
    assert np.median([one.chance for one in comparison.distances]) > 0.35


@pytest.mark.parametrize("kind", ["tail", "zeros", "hours"])
@pytest.mark.parametrize("source", ["STANDARD", "QUANTILES"])
def test_the_divergence_is_that_of_tfdv(kind, source):
    random = np.random.default_rng(3)
    tables = [rows_of(pd.DataFrame({"x": drawn(random, kind, size)})) for size in (500, 300)]
    [distance] = compare("drift", *tables, limits(["x"], "jensen_shannon_divergence", source)).distances
    histograms = []
    for rows in tables:
        [wanted] = [
            one
            for one in columns_by_name(rows.statistics)["x"].proto.num_stats.histograms
            if one.type == type(one).HistogramType.Value(source)
        ]
        counts = np.array([bucket.sample_count for bucket in wanted.buckets])
        edges = [wanted.buckets[0].low_value, *(bucket.high_value for bucket in wanted.buckets)]
        histograms += [np.array(edges), counts / counts.sum()]
    assert jensen_shannon(*histograms) == pytest.approx(distance.value, abs=1e-6)


def test_few_rows_lie_farther_apart_than_many():
    random = np.random.default_rng(1)
    usual = {}
    for size in (100, 10_000):
        samples = [all_of(drawn(random, "hours", size).astype(float)) for _ in range(2)]
        usual[size] = limit_at(UsualDistances().of_numbers("STANDARD", *samples, whole=True), 0.01)
    assert usual[100] > 20 * usual[10_000]


def test_a_limit_is_exceeded_at_its_rate_and_a_jump_is_no_chance():
    distances = np.arange(1, 1000) / 1000.0
    assert limit_at(distances, 0.01) == 0.99 and (distances > limit_at(distances, 0.01)).sum() == 9
    assert limit_at(distances, 0.001) == limit_at(distances, 0.0001) == 0.999
    assert chance_of(0.9995, distances) == 0.001 and chance_of(0.0, distances) == 1.0
    assert len(UsualDistances(0.0005)._counts) == 0


def test_what_a_sketch_rounds_is_no_jump():
    """Of the census tracts of 3,000 trips all that chance makes lies close together, and a quiet half was stopped."""
    distances = np.sort(np.concatenate([np.linspace(0.112, 0.1195, 980), np.linspace(0.1196, 0.1212, 19)]))
    assert chance_of(0.1216, distances) == 0.001 and chance_of(0.1216, distances, is_rough=True) > 0.01
    assert chance_of(0.15, distances, is_rough=True) == 0.001
    # A limit at a rate says the same.
    limit = limit_at(distances, 0.001, is_rough=True)
    assert limit_at(distances, 0.001) < 0.1216 < limit < 0.15
    below, above = (chance_of(one, distances, is_rough=True) for one in (limit - 1e-9, limit + 1e-9))
    assert below > 0.001 >= above


def test_two_samples_together_keep_their_ends_and_their_count():
    random = np.random.default_rng(5)
    one, other = drawn(random, "tail", 5_000), drawn(random, "tail", 800)
    pooled, both = all_of(one).pooled(all_of(other)), np.sort(np.concatenate([one, other]))
    assert pooled.count == 5_800
    assert pooled.values[:16] == pytest.approx(both[:16]) and pooled.values[-16:] == pytest.approx(both[-16:])
    reached = np.searchsorted(both, pooled.values) / 5_800
    assert np.abs(reached - ranks_of(5_800) / 5_800).max() < 0.005
    few = all_of(one[:5]).pooled(all_of(other[:4]))
    assert few.values == pytest.approx(np.sort([*one[:5], *other[:4]]))


def test_a_sample_taken_in_passing_is_as_good_as_all_numbers(make_batches):
    random = np.random.default_rng(6)
    numbers = drawn(random, "tail", 60_000)
    sample = NumberSample()
    assert sum(batch.num_rows for batch in sample.watch(make_batches(numbers))) == 60_000
    taken, exact = sample.order_statistics()["x"], all_of(numbers)
    assert taken.count == 60_000 and list(sample.order_statistics()) == ["x"]
    assert (taken.values[:16] == exact.values[:16]).all() and (taken.values[-16:] == exact.values[-16:]).all()
    reached = np.searchsorted(np.sort(numbers), taken.values) / 60_000
    assert np.abs(reached - ranks_of(60_000) / 60_000).max() < 0.02


@pytest.fixture
def make_batches():
    import pyarrow as pa

    def of(numbers):
        for part in np.array_split(numbers, 13):
            words = pa.array([["a"]] * len(part), pa.list_(pa.string()))
            values = pa.array([[one, float("nan")] if place % 7 else [one] for place, one in enumerate(part)])
            yield pa.RecordBatch.from_arrays([values, words], ["x", "word"])

    return of


def test_a_file_of_them_is_the_same_each_time_and_a_damaged_one_is_none():
    columns = {"b/../x": all_of(np.arange(5.0)), "a": all_of(np.arange(1000.0))}
    content = to_bytes(columns)
    assert content == to_bytes(dict(reversed(columns.items())))
    read = from_bytes(content)
    assert read.keys() == columns.keys() and read["a"].count == 1000
    assert (read["b/../x"].values == np.arange(5.0)).all()
    assert from_bytes(content[:-40]) == from_bytes(b"") == {}
