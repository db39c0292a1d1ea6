"""Parquet: the same examples as TFX's own Parquet executor."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfx.components.example_gen import base_example_gen_executor, utils
from tfx.proto import example_gen_pb2

from millrace.base.errors import DataError
from millrace.components.example_gen import parquet_source
from millrace.components.example_gen.options import Options

EVERY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
INTS = st.sampled_from([0, 1, -1, 127, 128, 300, 2**31 - 1, -(2**31)]) | st.integers(-(2**63), 2**63 - 1)
FLOATS = st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf"), 1e300]) | st.floats()
TEXTS = st.text(max_size=5, alphabet="aé\n日")

COLUMNS = [
    (pa.int64(), INTS),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.float64(), FLOATS),
    (pa.float32(), st.floats(width=32)),
    (pa.bool_(), st.booleans()),
    (pa.string(), TEXTS),
    (pa.large_string(), TEXTS),
    (pa.binary(), TEXTS.map(str.encode)),
    (pa.null(), st.none()),
    (pa.list_(pa.int64()), st.lists(INTS, max_size=3)),
    (pa.list_(pa.float32()), st.lists(st.floats(width=32), max_size=3)),
    (pa.large_list(pa.string()), st.lists(TEXTS, max_size=3)),
    (pa.list_(pa.bool_()), st.lists(st.booleans(), max_size=3)),
    (pa.dictionary(pa.int32(), pa.string()), TEXTS),
    (pa.timestamp("us"), st.none()),
]


def _number(value: Any) -> Any:
    """A bool as protobuf 3 takes it for an integer; protobuf 6, and TFX on it, refuses one."""
    if isinstance(value, list):
        return [_number(entry) for entry in value]
    return int(value) if isinstance(value, bool) else value


def _tfx_examples(tables: list[pa.Table]) -> dict[str, Counter]:
    config = example_gen_pb2.SplitConfig()
    found: dict[str, Counter] = {"train": Counter(), "eval": Counter()}
    for table in tables:
        columns = table.to_pydict()
        for place in range(table.num_rows):
            example = utils.dict_to_example({name: _number(values[place]) for name, values in columns.items()})
            split = base_example_gen_executor._PartitionFn(example, 2, [2, 3], config)
            found[("train", "eval")[split]][example.SerializeToString(deterministic=True)] += 1
    return found


@st.composite
def _tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(1, 20))
    chosen = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=5))
    arrays = [
        pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind) for kind, values in chosen
    ]
    return pa.table(arrays, names=[f"c{place}" for place in range(len(arrays))])


@EVERY
@given(st.lists(_tables(), min_size=1, max_size=2), st.integers(1, 7), st.sampled_from([1, 1 << 20]))
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # TFX's own cast of doubles
def test_generated_tables(stages_of, tmp_path_factory, tables, row_group, bytes_at_once):
    """Every type, with nulls, zeros, empty strings and empty lists; several files with their own columns."""
    base = tmp_path_factory.mktemp("parquet")
    for place, table in enumerate(tables):
        pq.write_table(table, base / f"{place}.parquet", row_group_size=row_group)
    read = [pq.read_table(base / f"{place}.parquet") for place in range(len(tables))]
    chosen = {"format": "parquet", "range_bytes": bytes_at_once, "block_bytes": bytes_at_once}
    assert stages_of(base, base.parent / f"{base.name}-out", **chosen) == _tfx_examples(read)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([np.datetime64("2020-01-01", "us")]), "'x' has type timestamp"),
        (pa.array([{"a": 1}]), "'x' has type struct"),
        (pa.array([[[1]]]), "'x' has type list"),
        (pa.array([[1, None]]), "nulls inside"),
        (pa.array([2**63], pa.uint64()), "do not fit"),
    ],
)
def test_types_that_an_example_cannot_hold_are_refused(stages_of, tmp_path, column, said):
    """TFX fails on each of them in a worker."""
    with pytest.raises((RuntimeError, TypeError, ValueError, KeyError)):
        _tfx_examples([pa.table([column], names=["x"])])
    pq.write_table(pa.table([column], names=["x"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=said) as refused:
        stages_of(tmp_path, tmp_path / "out", format="parquet")
    assert refused.value.remedy


def test_what_is_not_parquet_is_refused(stages_of, tmp_path: Path):
    """A CSV file, say."""
    (tmp_path / "a.parquet").write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        stages_of(tmp_path, tmp_path / "out", format="parquet")


def test_a_column_that_stands_twice_is_refused(stages_of, tmp_path: Path):
    pq.write_table(pa.table([[1], [2], [3]], names=["a", "b", "a"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="two columns are named 'a'"):
        stages_of(tmp_path, tmp_path / "out", format="parquet")


def test_row_groups_are_cut_where_their_bytes_reach_the_size_of_a_unit_of_work(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": pa.array(range(50))}), path, row_group_size=10, use_dictionary=False)
    [size] = {pq.ParquetFile(path).metadata.row_group(place).total_byte_size for place in range(5)}

    def ranges(limit: int) -> list[tuple[int, int]]:
        return parquet_source.row_group_ranges(str(path), Options(format="parquet", range_bytes=limit))

    assert ranges(2 * size) == [(0, 2), (2, 4), (4, 5)]
    assert ranges(2 * size + 1) == [(0, 3), (3, 5)]
    assert ranges(1) == [(place, place + 1) for place in range(5)]
    assert ranges(100 * size) == [(0, 5)]
