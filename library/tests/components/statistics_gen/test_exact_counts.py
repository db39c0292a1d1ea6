"""Counts of values are exact beyond what a sketch holds, as those of TFDV's Beam pipeline are."""

import pyarrow as pa
import tensorflow_data_validation as tfdv

from millrace.components.statistics_gen import in_process

DISTINCT = 40_000  # TFDV's sketches keep 16,384


def test_more_values_than_a_sketch_holds_are_counted_one_by_one() -> None:
    values = [b"the same"] * 5000 + [b"%d" % number for number in range(DISTINCT - 1)]
    column = pa.array([[value] for value in values], type=pa.large_list(pa.large_binary()))
    rows = pa.RecordBatch.from_arrays([column], ["code"])
    batches = [rows.slice(start, 9000) for start in range(0, len(values), 9000)]
    [dataset] = in_process.generate(batches, tfdv.StatsOptions(num_top_values=1)).datasets
    strings = dataset.features[0].string_stats
    assert strings.unique == DISTINCT
    assert [(top.value, top.frequency) for top in strings.top_values] == [("the same", 5000.0)]
