"""Rows that another machine scores come back in their order, each with its own answer, or not at all."""

import gzip

import numpy as np
import pyarrow as pa
import pytest
from prediction_tables import rows, write_table

from millrace.base.errors import MillraceError
from millrace.model_server.about import ModelColumn
from millrace.prediction import numbered_examples
from millrace.prediction.numbered_examples import in_the_rows_order, row_numbers, write_examples
from millrace.prediction.table_to_score import TableToScore
from millrace.tables import tfrecords

SEATS = ModelColumn("seats", "seats", "INT", required=True)


@pytest.fixture
def table(tmp_path, data):
    """Nine rows, of which four are scored at once; the key of a row is its number, less one."""
    return TableToScore(str(write_table(tmp_path / "t.jsonl", rows(9))), data, [SEATS], ("id",), rows_at_once=4)


def joined(table, skipped, numbers):
    """What is written where the answer to each row is ten times its number, and comes in some order, in two parts."""
    parts = [np.array(part, np.int64) for part in (numbers[:3], numbers[3:])]
    answered = [pa.RecordBatch.from_arrays([pa.array(part * 10)], ["prediction"]) for part in parts]
    return pa.Table.from_batches(in_the_rows_order(table, skipped, parts, answered, "where")).to_pydict()


@pytest.mark.parametrize("skipped", [0, 1, 5])
def test_each_row_has_its_own_answer_in_whatever_order_they_came(table, skipped):
    numbers = [*range(9, skipped, -2), *range(8, skipped, -2)]
    found = joined(table, skipped, numbers)
    assert found["row"] == list(range(skipped + 1, 10))
    assert found["prediction"] == [10 * row for row in found["row"]]
    assert found["id"] == [f"{row - 1:05d}" for row in found["row"]]


@pytest.mark.parametrize(
    "numbers",
    [[1, 2, 3, 4, 5, 6, 7, 9], [1, 2, 2, 3, 4, 5, 6, 7, 8, 9], [2, 3, 4, 5, 6, 7, 8, 9, 10], []],
    ids=["lost", "twice", "another", "none"],
)
def test_an_answer_that_is_lost_or_twice_there_is_no_answer_to_another_row(table, numbers):
    with pytest.raises(
        MillraceError, match=f"there are {len(numbers)} answers, and rows from . to . have not one each"
    ):
        joined(table, 0, numbers)


def test_answers_that_no_machine_gave_are_missed(table):
    with pytest.raises(MillraceError, match="there are 0 answers, and rows from 1 to 4"):
        list(in_the_rows_order(table, 0, [], [], "where"))


def test_rows_are_written_with_their_numbers_in_as_many_files_as_their_size_asks_for(table, tmp_path, monkeypatch):
    def written(folder, skipped):
        told = []
        count = write_examples(
            table, skipped, str(tmp_path / folder), lambda doing, number: told.append((doing, number))
        )
        files = sorted((tmp_path / folder).iterdir())
        records = []
        for file in files:
            with gzip.open(file) as stream:
                records.append([*map(int, row_numbers([*tfrecords.records(stream, str(file))]))])
        return count, told, [file.name for file in files], records

    assert written("one", 0) == (
        9, [("writing", 4), ("writing", 8), ("writing", 9)], ["data_tfrecord-00000.gz"], [[*range(1, 10)]]
    )  # fmt: skip
    assert written("rest", 7) == (2, [("writing", 2)], ["data_tfrecord-00000.gz"], [[8, 9]])
    monkeypatch.setattr(numbered_examples, "_FILE_BYTES", 1)
    names = [f"data_tfrecord-{number:05d}.gz" for number in range(3)]
    assert written("many", 0)[2:] == (names, [[1, 2, 3, 4], [5, 6, 7, 8], [9]])
