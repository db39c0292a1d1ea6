"""A column's type is the highest of its cells', wherever the odd cell stands, and each value is what Python reads."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tfx_bsl.coders import csv_decoder

from millrace.components.example_gen.csv_types import ColumnType, convert, infer, infer_cell

ODD = ["9" * 18, "9" * 19, "-" + "9" * 19, str(2**63 - 1), str(2**63), str(-(2**63)), str(-(2**63) - 1), "1_0", " 5"]
ODD += ["+5", "-", ".", "-.", "1.", ".5", "-.5", "1.2.3", "1-2", "--1", "1e5", "5E-3", "1e", "nan", "inf", "0x1"]
ODD += ["1" * 40, "1" * 41, "0." + "3" * 39, "0." + "3" * 45, "1" * 19 + ".0", "x", "é", "١"]
CELLS = st.one_of(st.sampled_from(["", *ODD]), st.integers(-(10**20), 10**20).map(str), st.from_regex(r"[-0-9.e]{0,6}"))


def column(cells: list[str]) -> pa.Array:
    return pa.array([cell.encode() for cell in cells], pa.binary())


def of_tfx(cells: list[str]) -> ColumnType:
    """The highest type that tfx_bsl's own rule gives to a cell."""
    return ColumnType[max(csv_decoder._InferValueType(cell.encode()) for cell in cells).name]


@given(st.lists(CELLS, min_size=1, max_size=6))
@example(["7", "9" * 19])
@example(["-7", "-" + "9" * 19, "1"])
@example(["0.5", "1" * 19])
@example(["0.5", "1.2.3"])
@example(["1", "-"])
@example(["1", "1-2"])
@example(["0.5", "."])
def test_a_column_has_the_highest_type_of_its_cells_as_tfx_has_it(cells):
    assert infer(column(cells)) == of_tfx(cells)
    assert infer(column(["", *cells, ""])) == of_tfx(cells)
    # A part of a larger array begins at an offset.
    assert infer(column(["x", *cells, "x"]).slice(1, len(cells))) == of_tfx(cells)


@pytest.mark.parametrize("cell", ["", "7", *ODD])
def test_a_cell_has_the_type_that_tfx_gives_it(cell):
    assert infer_cell(cell.encode()) == of_tfx([cell])


@given(st.lists(CELLS, min_size=1, max_size=6))
@example(["1.", "1_0.5", "", " 5"])
@example(["16777217", "0.1", "1e39", "-1e39", "1e-46"])
@example([str(2**63 - 1), "1_0", ""])
@example(["", "é", "", "x"])
def test_each_value_is_what_python_reads(cells):
    kind = infer(column(cells))
    values = convert(column(["x", *cells]).slice(1), kind).to_pylist()
    if kind == ColumnType.UNKNOWN:
        assert values == [None] * len(cells)
        return
    with np.errstate(over="ignore"):
        read = {ColumnType.INT: int, ColumnType.FLOAT: lambda cell: np.float32(float(cell)), ColumnType.STRING: bytes}
        expected = [[read[kind](cell.encode())] if cell else [] for cell in cells]
    np.testing.assert_equal(values, expected)
