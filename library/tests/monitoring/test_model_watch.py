"""How a version sees a window: rows that are rare, attributions that drift, and how full the service is."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from exported_models import export_digits
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from watched_traffic import COLUMNS, NOON, TRAINING, VERSION, as_batch, trips

from millrace.config.monitoring_section import AttributionWatch, Monitoring, Saturation
from millrace.model_server.about import About, ModelColumn, ModelExplanations, read_about
from millrace.monitoring.attributions import RowSample, rows_to_explain, shares, side_by_side, that_matter
from millrace.monitoring.data_findings import of_attributions
from millrace.monitoring.findings import MonitorReport, Unmeasured
from millrace.monitoring.look import look_of
from millrace.monitoring.model_watch import ModelWatch
from millrace.monitoring.rarity import Rarity, WatchedRarity, limit_of
from millrace.monitoring.service_figures import figures_of, of_service, unjudged
from millrace.monitoring.traffic import as_batches
from millrace.monitoring.window import Window
from millrace.monitoring.window_rows import statistics_of
from millrace.serving.access_log import Answer

WINDOW = Window(NOON, NOON.replace(hour=13))
COLUMNS_READ = tuple(ModelColumn(name, name, kind) for name, kind in COLUMNS.items())


@pytest.fixture(scope="module")
def rarity():
    """Of the training data."""
    training = as_batch(trips(TRAINING, 0))
    scored = Rarity(statistics_of([training]).rows.statistics, COLUMNS)
    return scored, limit_of(scored, training)


def test_one_of_a_hundred_usual_rows_is_rare_and_most_odd_ones_are(rarity):
    scored, limit = rarity
    usual = WatchedRarity(scored, limit)
    assert [batch.num_rows for batch in usual.watch([as_batch(trips(3000))])] == [3000]
    assert usual.rows == 3000 and 10 <= usual.rare <= 60
    odd = WatchedRarity(scored, limit)
    changed = [{**row, "fare": 2000.0, "trip_seconds": 90_000, "payment_type": b"Barter"} for row in trips(100)]
    list(odd.watch([as_batch(changed)]))
    assert odd.rare == 100 and set(odd.columns) <= {"fare", "trip_seconds", "payment_type"}


def test_values_below_above_missing_and_never_seen(rarity):
    scored, _ = rarity
    rows = [{**trips(1)[0], "fare": fare} for fare in (-1.0, 5.0, 1e6, None)]
    below, usual, above, missing = scored.scores(as_batch(rows))[:, scored.columns.index("fare")]
    assert below == above == missing > usual == 0


def test_a_column_that_is_not_there_is_missing_and_lists_are_not_looked_at(rarity):
    scored, _ = rarity
    whole = as_batch(trips(5))
    batch = pa.RecordBatch.from_arrays([whole.column(whole.schema.get_field_index("company"))], ["company"])
    assert scored.scores(batch).shape == (5, len(scored.columns))
    assert Rarity(statistics_of([as_batch([])]).rows.statistics, COLUMNS).columns == ()


def test_a_sample_has_each_row_alike_and_no_more_than_is_asked_for():
    batches = [as_batch([{**row, "trip_seconds": at} for row in trips(100)]) for at in range(20)]
    sample = RowSample(COLUMNS_READ, 200)
    assert sum(batch.num_rows for batch in sample.watch(batches)) == 2000
    assert len(sample.rows) == 200
    of_batch = np.bincount([row["trip_seconds"] for row in sample.rows], minlength=20)
    assert of_batch.min() >= 1 and of_batch.max() <= 25
    few = RowSample(COLUMNS_READ, 200)
    list(few.watch([as_batch(trips(30))]))
    assert [row["fare"] for row in few.rows] == [pytest.approx(row["fare"]) for row in trips(30)]


def test_wide_tables_have_fewer_rows_explained():
    def about(columns, orders):
        read = tuple(ModelColumn(f"c{at}", f"c{at}", "FLOAT") for at in range(columns))
        return About((), read, (), ModelExplanations({}, orders, False))

    watch = AttributionWatch()
    assert rows_to_explain(about(15, 24), watch) == 500
    assert rows_to_explain(about(857, 4), watch) == 145 and rows_to_explain(about(20_000, 24), watch) == 50


def attributed(scale, rows=400, seed=1):
    random = np.random.default_rng(seed)
    return {"fare": random.normal(size=rows) * scale, "hour": random.normal(size=rows) * 0.001}


def test_attributions_that_drift_are_an_alert_of_the_columns_that_matter():
    before, now, again = attributed(1.0), attributed(4.0, seed=2), attributed(1.0, seed=3)
    judged = that_matter(shares(now), shares(before))
    assert judged == ["fare"]
    rows = {name: statistics_of(as_batches(of)).rows for name, of in (("b", before), ("n", now), ("a", again))}
    said = of_attributions(rows["n"], rows["b"], judged, "attribution drift", 0.1, VERSION, WINDOW)
    assert [(one.detector, one.column, one.alert) for one in said.findings] == [("attribution drift", "fare", True)]
    assert [one.column for one in said.distances] == ["fare"] and said.distances[0].value > 0.1 and not said.unmeasured
    assert of_attributions(rows["a"], rows["b"], judged, "attribution drift", 0.1, VERSION, WINDOW).findings == ()
    [unmeasured] = of_attributions(rows["n"], None, judged, "attribution skew", 0.1, VERSION, WINDOW).unmeasured
    assert (unmeasured.detector, unmeasured.column) == ("attribution skew", None)
    [first, second] = side_by_side(shares(now), shares(before), None)
    assert first.column == "fare" and first.now > 0.99 and first.training > 0.99 and second.before is None


def test_alerts_of_attributions_go_on_where_these_could_not_be_computed():
    report = MonitorReport(
        "taxi", VERSION, WINDOW, 300, 300, True, unmeasured=(Unmeasured("attribution drift", "it is gone"),)
    )
    assert look_of(report, "champion").unjudged == ["monitor/attribution drift/*/*/*"]


def load_of(at_once, minutes):
    """Answers of a second each, so many at once."""
    return [
        Answer("r", VERSION, NOON.timestamp() + second, 1000.0, False)
        for minute in range(minutes)
        for second in range(minute * 60, minute * 60 + 60)
        for _ in range(at_once)
    ]


def test_how_many_requests_are_worked_on_at_once():
    figures = figures_of(load_of(3, 60), VERSION, WINDOW, None)
    assert figures.in_flight == pytest.approx(3) and figures.busiest == pytest.approx(3)
    halves = figures_of(load_of(4, 30), VERSION, WINDOW, None)
    assert halves.in_flight == pytest.approx(2) and halves.busiest == pytest.approx(4)
    assert figures_of(load_of(4, 1), VERSION, WINDOW, None).busiest == 0.0
    over_minutes = figures_of([Answer("r", VERSION, NOON.timestamp() + 30, 120_000.0, False)], VERSION, WINDOW, None)
    assert over_minutes.in_flight == pytest.approx(120 / 3600)


def test_a_full_service_is_an_alert():
    figures = figures_of(load_of(7, 60), VERSION, WINDOW, None)
    for in_flight, alerts in ((8, ["saturation"]), (9, [])):
        section = Monitoring(slow=None, saturation=Saturation(in_flight=in_flight))
        assert [one.detector for one in of_service(figures, section, VERSION, WINDOW) if one.alert] == alerts
    burst, section = replace(figures, busiest=900.0), Monitoring(slow=None, saturation=Saturation(in_flight=2))
    for seconds, words in (
        (13, None),
        (299, None),
        (300, "busiest of its 5 minutes"),
        (1200, "busiest of twenty minutes"),
    ):
        window = Window(NOON, NOON + timedelta(seconds=seconds))
        told = [one.summary for one in of_service(burst, section, VERSION, window)]
        assert bool(told) != bool(unjudged(window)) and all(words in one for one in told)
    assert of_service(replace(figures, busiest=900.0), Monitoring(slow=None, saturation=None), VERSION, WINDOW) == []


class OneRun:
    """ML Metadata that knows one run, and where its examples lie."""

    def __init__(self, uri):
        self._uri = uri

    def record(self, run_id):
        return self if run_id == "20310101-000001" else None

    def artifact(self, stage, key):
        return SimpleNamespace(uri=str(self._uri)) if (stage, key) == ("ExampleGen", "examples") else None


def digits(count, seed, scale=1.0):
    """Rows of the exported model, as tf.Examples."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        one = tf.train.Example()
        one.features.feature["seats"].int64_list.value.append(int(random.integers(1, 5)))
        one.features.feature["fare"].float_list.value.append(float(random.exponential(10) * scale))
        one.features.feature["miles"].float_list.value.append(float(random.exponential(3)))
        one.features.feature["company"].bytes_list.value.append(b"Green cabs" if random.random() < 0.5 else b"Blue")
        one.features.feature["place"].float_list.value.extend([1.0, 2.0])
        yield one.SerializeToString()


def test_of_a_window_without_rows_no_training_data_is_read():
    config = SimpleNamespace(monitoring=Monitoring())
    watch = ModelWatch(config, runs=None, version=SimpleNamespace(run="x"), about=None, training=None)
    assert list(watch.watch(iter(()))) == []
    with pytest.raises(AttributeError, match="record"):
        _ = watch.why_unknown


@pytest.mark.slow
def test_a_version_explains_its_own_window(tmp_path):
    folder, decode = export_digits(tmp_path, explained=True), ExamplesToRecordBatchDecoder().DecodeBatch
    (tmp_path / "examples" / "Split-train").mkdir(parents=True)
    known = list(digits(600, 1))
    with tf.io.TFRecordWriter(str(tmp_path / "examples" / "Split-train" / "data.gz"), "GZIP") as writer:
        for record in known:
            writer.write(record)
    training = statistics_of([decode(known)]).rows
    config = SimpleNamespace(monitoring=Monitoring(attributions=AttributionWatch(rows=100)))
    version = SimpleNamespace(folder=folder, number=VERSION, run="20310101-000001")
    runs = OneRun(tmp_path / "examples")

    watch = ModelWatch(config, runs, version, read_about(str(folder)), training)
    assert sum(batch.num_rows for batch in watch.watch([decode(list(digits(300, 2, scale=20.0)))])) == 300
    explained = watch.attributions()
    assert explained.words == "100 rows, and 100 of the training data"
    assert explained.shares["fare"] > 2 * explained.training_shares["fare"] > 0
    judged = that_matter(explained.shares, explained.training_shares)
    rows = explained.now.rows, explained.training
    findings = of_attributions(*rows, judged, "attribution skew", 0.1, VERSION, WINDOW).findings
    assert [one.column for one in findings if one.alert] == ["fare"]
    [rare], outliers = watch.outliers(WINDOW)
    assert rare.alert and rare.column == "" and outliers.rare > 50 and "fare" in outliers.columns

    unknown = ModelWatch(
        config, runs, SimpleNamespace(**{**vars(version), "run": ""}), read_about(str(folder)), training
    )
    list(unknown.watch([decode(known)]))
    alone = unknown.attributions()
    assert "what the model learned from is not known" in alone.words and alone.training is None and alone.now
    assert unknown.outliers(WINDOW) == ([], None)
    silent = ModelWatch(config, runs, version, None, training)
    assert silent.attributions().words == f"nothing: version {VERSION} has no signature that explains"
