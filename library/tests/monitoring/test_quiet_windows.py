"""Windows in which nothing is planted alarm as often as promised, and none takes more memory than its own rows."""

import tracemalloc
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from scipy.stats import binom
from simulated_city import four_times_the_fare
from tensorflow_metadata.proto.v0 import schema_pb2
from watched_traffic import COLUMNS, NOON, TRAINING, VERSION, as_batch, log_requests, trips

from millrace.components.data_gate.section import DistanceLimits
from millrace.config.monitoring_section import Monitoring
from millrace.model_server.about import About, ModelColumn, ModelOutput
from millrace.monitoring import contract, traffic
from millrace.monitoring.data_findings import of_rows
from millrace.monitoring.traffic import WindowTraffic
from millrace.monitoring.window import Window
from millrace.monitoring.window_rows import statistics_of

HOUR = timedelta(hours=1)
WINDOW = Window(NOON, NOON + HOUR)
ROWS, RATE = 300, 0.05
COLUMNS_READ = tuple(ModelColumn(name, name, kind) for name, kind in COLUMNS.items())
ABOUT = About((ModelOutput("", "big_tipper", "binary", ("0", "1")),), COLUMNS_READ)


def drawn(random, rows=ROWS):
    pool = trips(9000, TRAINING)
    return [pool[place] for place in random.integers(len(pool), size=rows)]


def found_in(windows, random, section, columns, change=lambda row: row, skew=True):
    """The alerts of so many windows, each beside the one before, or all beside a quiet one where they are changed."""
    schema = text_format.Parse(Path("schema/taxi/schema.pbtxt").read_text(), schema_pb2.Schema())
    held, environment = contract.of_requests(schema, set(columns), {"big_tipper"})
    learned = statistics_of([as_batch(trips(TRAINING, 0))]).rows if skew else None
    before, alerts = statistics_of([as_batch(drawn(random))]).rows, []
    is_quiet = change(trips(1)[0]) == trips(1)[0]
    for _ in range(windows):
        rows = statistics_of([as_batch([change(row) for row in drawn(random)])]).rows
        references = {"skew": learned, "drift": before}
        findings = of_rows(rows, references, held, environment, section, VERSION, WINDOW).findings
        alerts += [(one.detector, one.column) for one in findings if one.alert]
        before = rows if is_quiet else before
    return alerts


@pytest.mark.slow
@pytest.mark.thorough
def test_two_hundred_quiet_windows_alarm_at_the_promised_rate():
    windows, columns = 200, ("fare", "trip_seconds", "payment_type")
    section = Monitoring(drift=DistanceLimits(false_alarm_rate=RATE))
    alerts = found_in(windows, np.random.default_rng(33), section, columns, skew=False)
    counts = {column: alerts.count(("drift", column)) for column in columns}
    # Columns in which most numbers are equal alarm more seldom than promised.
    assert max(counts.values()) <= binom.ppf(0.9999, windows, RATE), counts
    assert sum(counts.values()) >= binom.ppf(0.0001, windows * len(columns), RATE / 2), counts
    assert [one for one in alerts if one[0] != "drift"] == []


@pytest.mark.slow
def test_quiet_windows_are_quiet_by_the_schemas_limits_and_those_in_another_unit_are_not():
    random, section = np.random.default_rng(34), Monitoring()
    assert found_in(8, random, section, tuple(COLUMNS)) == []
    loud = found_in(3, random, section, tuple(COLUMNS), lambda row: four_times_the_fare(row, 1, 0.0))
    assert loud == [("skew", "fare"), ("drift", "fare")] * 3


def peak(folder, window=WINDOW):
    """The most that Python and NumPy held at a time while a window was read, in bytes."""
    read = WindowTraffic(folder, window, VERSION, ABOUT, NOON + 24 * HOUR)
    tracemalloc.start()
    try:
        for batch in read.batches():
            del batch
        outputs = read.outputs()
        assert read.rows == len(outputs["label"]) and read.rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_log_of_many_windows_takes_no_more_memory_than_one_window(served):
    config = served()
    folder = log_requests(config, trips(300)).parent
    peak(folder)  # what is loaded once
    alone = peak(folder)
    for hours in (-3, -2, -1, 1, 2, 3, 4, 5, 6):
        log_requests(config, trips(300), NOON + hours * HOUR)
    assert peak(folder) <= 1.2 * alone


def test_a_window_takes_a_batch_and_a_number_or_a_label_for_each_answer(served, monkeypatch):
    monkeypatch.setattr(traffic, "_AT_ONCE", 100)
    config = served()
    small = log_requests(config, trips(200), name="small").parent
    peak(small)
    few = peak(small)
    log_requests(config, trips(1800, 7000), name="more")
    # Two outputs of eight bytes, and as much again while they are put together.
    assert peak(small) <= few + 1800 * 2 * 8 * 3
