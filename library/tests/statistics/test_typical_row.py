"""The typical row of a split: medians, the most frequent texts, and what is typical of nothing."""

import pyarrow as pa

from millrace.components.statistics_gen import in_process
from millrace.statistics.columns import of_all_rows
from millrace.statistics.typical_row import read_typical_row, typical_row, write_typical_row


def lists(values, kind):
    return pa.array(
        [None if value is None else value if isinstance(value, list) else [value] for value in values],
        pa.large_list(kind),
    )


def test_what_is_typical_of_a_column(tmp_path):
    from tensorflow_data_validation import StatsOptions

    columns = {
        "fare": lists([1.0, 9.0, 2.0, None], pa.float32()),
        "seats": lists([1, 2, 8, 2], pa.int64()),
        "company": lists([b"Blue", b"Green", b"Blue", b"Red"], pa.large_binary()),
        "remark": lists([b"one", b"two", b"three", b"four"], pa.large_binary()),
        "seldom": lists([None, None, 3.0, 3.0], pa.float32()),
        "route": lists([[1.0, 2.0], [3.0], [1.0], [1.0]], pa.float32()),
        "letter": lists([b"x" * 300] * 4, pa.large_binary()),
    }
    batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    row = typical_row(of_all_rows(in_process.generate([batch], StatsOptions())))
    assert row == {"fare": 2.0, "seats": 2, "company": "Blue"}
    assert read_typical_row(str(tmp_path)) == {}
    write_typical_row(str(tmp_path), row)
    assert read_typical_row(str(tmp_path)) == row and isinstance(read_typical_row(str(tmp_path))["seats"], int)
