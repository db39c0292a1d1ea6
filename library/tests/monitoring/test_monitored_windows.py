"""A window of requests against the contract: what was planted is found by the right detector; a quiet one is quiet."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from recorded_runs import RecordedRuns
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from watched_traffic import NOON, VERSION, log_requests, push, trips

from millrace.base.errors import BadInput, DataError
from millrace.config.monitoring_section import Detector
from millrace.metadata.artifact_files import FILES_PROPERTY
from millrace.metadata.lineage import lineage
from millrace.metadata.run_summaries import Runs
from millrace.monitoring.contract import of_requests
from millrace.monitoring.look import look_of
from millrace.monitoring.monitor import monitor_window
from millrace.monitoring.records import recorded, reports
from millrace.monitoring.references import window_before
from millrace.monitoring.window import Window

HOUR = timedelta(hours=1)
WINDOW = Window(NOON, NOON + HOUR)
LATER = NOON + 2 * HOUR


def changed(rows, column, change):
    return [{**row, column: change(row[column])} for row in rows]


def found(report, detector):
    return {one.column: one for one in report.alerts if one.detector == detector}


def test_a_unit_change_is_found_as_skew_as_drift_and_against_the_schema(served):
    config = served()
    log_requests(config, trips(700), NOON - HOUR)
    log_requests(config, changed(trips(700, 7000), "trip_miles", lambda miles: miles * 1609))
    report = monitor_window(config, WINDOW, LATER)
    assert (report.version, report.requests, report.rows, report.judged) == (VERSION, 700, 700, True)
    assert found(report, "drift").keys() == {"trip_miles"} == found(report, "skew").keys()
    drift = found(report, "drift")["trip_miles"]
    assert drift.reason == "jensen_shannon_divergence" and drift.value > 0.5 and drift.limit == pytest.approx(0.2)
    broken = found(report, "anomaly")["trip_miles"]
    assert broken.reason == "FLOAT_TYPE_BIG_FLOAT" and "expected 0 to 2000" in broken.summary
    assert [one.alert for one in report.findings] == sorted((one.alert for one in report.findings), reverse=True)
    assert "6,000 rows of the training data" in report.compared["skew"]
    assert "700 rows of the window before" in report.compared["drift"]


def test_a_quiet_window_is_quiet_and_new_values_are_not(served):
    config = served()
    log_requests(config, trips(700), NOON - HOUR)
    log_requests(config, trips(700, 7000), form="serving_default")
    assert monitor_window(config, WINDOW, LATER).alerts == ()
    rows = changed(trips(700, 8000), "payment_type", lambda kind: b"Shells" if kind == b"Cash" else kind)
    log_requests(config, rows, NOON + HOUR)
    report = monitor_window(config, Window(NOON + HOUR, NOON + 2 * HOUR), LATER)
    assert found(report, "anomaly")["payment_type"].reason == "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    assert "payment_type" in found(report, "skew") and "payment_type" in found(report, "drift")


def test_what_is_recorded_are_tfx_artifacts_that_tfdv_reads_and_lineage_finds(served):
    config = served()
    log_requests(config, trips(500), NOON - HOUR)
    log_requests(config, changed(trips(500, 7000), "fare", lambda fare: fare * 100))
    first = monitor_window(config, WINDOW.before, LATER)
    second = monitor_window(config, WINDOW, LATER)
    again = monitor_window(config, WINDOW, LATER)
    runs = Runs(config)
    assert [one.execution for one in reports(runs)] == [first.execution, again.execution]
    assert replace(reports(runs)[1], execution=second.execution) == second
    folder = recorded(runs)[1].folder
    statistics = tfdv.load_stats_binary(str(folder / "Split-serving" / "FeatureStats.pb"))
    assert isinstance(statistics, statistics_pb2.DatasetFeatureStatisticsList)
    assert statistics.datasets[0].num_examples == 500
    schema = text_format.Parse(Path("schema/taxi/schema.pbtxt").read_text(), schema_pb2.Schema())
    read = {feature.path.step[0] for feature in statistics.datasets[0].features}
    kept = [feature for feature in schema.feature if feature.name in read]
    del schema.feature[:]
    schema.feature.extend(kept)
    by_tfdv = tfdv.validate_statistics(statistics, schema, environment="SERVING")
    place = str(folder).replace("/statistics/", "/anomalies/")
    ours = anomalies_pb2.Anomalies.FromString((Path(place) / "Split-serving" / "SchemaDiff.pb").read_bytes())
    codes = {one.type for one in ours.anomaly_info["fare"].reason}
    assert {one.type for one in by_tfdv.anomaly_info["fare"].reason} <= codes
    [pushed] = runs.store.get_artifacts_by_type("PushedModel")
    graph = lineage(runs, [pushed.id], up=False)
    made = {node.type for node in graph.nodes if node.stage == "Monitor"}
    assert made == {"ExampleStatistics", "ExampleAnomalies", "MonitorReport"}
    [seen] = [
        one for one in runs.store.get_artifacts_by_type("MonitorReport") if one.uri.endswith(f"/{again.execution}")
    ]
    listed = json.loads(seen.custom_properties[FILES_PROPERTY].string_value)["files"]
    assert set(listed) == {path.name for path in Path(seen.uri).iterdir()}, "what lacks later is told"
    compared = {edge.key for edge in graph.edges if edge.compared}
    assert compared == set() or compared <= {"statistics_before", "training_statistics"}
    assert list(runs.ids()) == [f"20310101-{VERSION:06d}"]


def test_of_what_no_detector_could_judge_nothing_is_over(served):
    """Before the first window, without a gateway's log, without labels and without the training rows."""
    config = served()
    log_requests(config, trips(700))
    report = monitor_window(config, WINDOW, LATER)
    assert {one.detector for one in report.unmeasured if one.column is None} == set(get_args(Detector)) - {
        "log", "anomaly", "skew", "estimate",
    }  # fmt: skip
    said = report.said_unmeasured
    assert said["errors, slow, saturation"] == "no gateway logged how it answered"
    assert said["metric"] == "0 labels, 100 are needed (monitoring.labels)"
    look = look_of(report, "champion")
    assert look.judged(f"monitor/anomaly/ENUM_TYPE_UNEXPECTED_STRING_VALUES/company/{VERSION}")
    assert not any(look.judged(f"monitor/{one}//{VERSION}") for one in ("metric/AUC", "slow/p99", "drift/L_INFTY"))


def test_few_rows_are_not_judged_and_nothing_is_recorded(served):
    config = served()
    log_requests(config, changed(trips(50), "fare", lambda fare: fare * 100))
    report = monitor_window(config, WINDOW, LATER)
    assert (report.judged, report.rows, report.alerts, report.execution) == (False, 50, (), 0)
    assert report.sentence == "not judged: 50 rows, 200 are needed (monitoring.rows)" and reports(Runs(config)) == []
    enough = monitor_window(served("monitoring.rows=50"), WINDOW, LATER)
    assert (enough.judged, enough.rows) == (True, 50), "as many as are needed are enough"


def test_requests_that_came_after_an_empty_window_are_counted(served):
    """What a new user types first looks at yesterday, and the gateway was started today."""
    config = served()
    log_requests(config, trips(30))
    log_requests(config, trips(5), version=99, name="another")
    assert monitor_window(config, WINDOW.before, LATER).later == 30
    assert monitor_window(config, WINDOW, LATER).later == 0


def test_a_log_that_is_not_as_it_should_be_is_said(served):
    config = served("monitoring.rows=50")
    log_requests(config, trips(300))
    log_requests(config, trips(100, 9000), version=99)
    log_requests(config, trips(30, 9200), LATER + HOUR, name="ahead")
    two_schemas = [{**row, "fare": b"12 dollars"} for row in trips(20, 9300)]
    log_requests(config, [*trips(100, 9400), *two_schemas], form="serving_default", name="two")
    report = monitor_window(config, WINDOW, LATER)
    said = {one.reason: one for one in report.findings if one.detector == "log"}
    assert said.keys() == {"unknown version", "clock", "unread"}
    assert (
        report.others == {99: 100} and "version 99, which the registry does not know" in said["unknown version"].summary
    )
    assert said["clock"].value == 30 and said["clock"].alert
    assert "20 requests left out" in said["unread"].summary and "fare holds texts" in said["unread"].summary
    assert report.requests == 420 and said["unread"].alert


def test_one_request_of_hundreds_that_cannot_be_read_is_a_note(served):
    config = served("monitoring.rows=50")
    log_requests(config, [*trips(300), {**trips(1)[0], "fare": b"12 dollars"}], form="serving_default")
    [unread] = [one for one in monitor_window(config, WINDOW, LATER).findings if one.reason == "unread"]
    assert not unread.alert and "1 request left out" in unread.summary


def test_the_window_before_is_that_of_the_same_version_where_both_were_recorded(served):
    config = served("monitoring.rows=50")
    push(RecordedRuns(Path(config.root)), VERSION + 1, trips(500))
    for version, rows in ((VERSION, 300), (VERSION + 1, 400)):
        log_requests(config, trips(rows), NOON - HOUR, version=version)
        monitor_window(config, WINDOW.before, LATER, str(version))
    log_requests(config, trips(200, 7000))
    compared = monitor_window(config, WINDOW, LATER, str(VERSION), record=False).compared["drift"]
    assert "300 rows of the window before" in compared and "which version" not in compared


def test_predictions_are_not_compared_with_those_of_another_version(served):
    """Two models may well answer the same requests differently: that is no drift."""
    config = served("monitoring.rows=50")
    push(RecordedRuns(Path(config.root)), VERSION + 1, trips(500))
    log_requests(config, trips(400), NOON - HOUR, version=VERSION + 1)
    monitor_window(config, WINDOW.before, LATER, str(VERSION + 1))
    runs = Runs(config)
    # What was recorded is taken, and no log is read.
    of_another, of_its_own = (window_before(runs, WINDOW, version, None, 50) for version in (VERSION, VERSION + 1))
    assert "which version" in of_another.words and of_another.predictions is None
    assert "which version" not in of_its_own.words and of_its_own.predictions is not None


def test_the_way_back_from_a_jump_is_said_to_be_one(served):
    config = served("monitoring.rows=50")
    log_requests(config, trips(500, 3000), NOON - 2 * HOUR)
    log_requests(config, changed(trips(500), "trip_miles", lambda miles: miles * 1609), NOON - HOUR)
    monitor_window(config, WINDOW.before, LATER)
    log_requests(config, trips(500, 7000))
    back = found(monitor_window(config, WINDOW, LATER), "drift")["trip_miles"]
    assert "it may be the way back" in back.summary


def test_a_rule_on_the_number_of_rows_is_for_tables(served):
    schema = text_format.Parse(Path("schema/taxi/schema.pbtxt").read_text(), schema_pb2.Schema())
    schema.dataset_constraints.min_examples_count = 1_000_000
    held, _ = of_requests(schema, ["fare"], ["big_tipper"])
    assert not held.HasField("dataset_constraints") and [one.name for one in held.feature] == ["fare"]


def test_a_shard_that_is_cut_off_is_read_up_to_the_cut_and_a_damaged_one_is_named(served):
    config = served("monitoring.rows=50")
    shard = log_requests(config, trips(300))
    content, written = shard.read_bytes(), (WINDOW.end.timestamp(),) * 2
    left = shard.rename(shard.with_name(f"{shard.name}.open"))
    left.write_bytes(content[: len(content) * 2 // 3])
    os.utime(left, written)
    report = monitor_window(config, WINDOW, LATER)
    assert 150 < report.requests < 250
    left.unlink()
    shard.write_bytes(content[:-5])
    os.utime(shard, written)
    with pytest.raises(DataError, match="damaged"):
        monitor_window(config, WINDOW, LATER)


def test_a_version_that_is_gone_is_said_and_its_examples_are_read_all_the_same(served):
    config = served()
    log_requests(config, trips(300), form="serving_default")
    monitor_window(config, WINDOW, LATER)  # registers it
    (Path(config.root) / "serving" / "taxi" / str(VERSION) / "saved_model.pb").unlink()
    report = monitor_window(config, WINDOW, LATER)
    assert [one.reason for one in report.findings if one.detector == "log"] == ["version gone"] and report.rows == 300
    assert {one.detector for one in report.alerts} == {"log"}, "nobody knows which columns it reads, so none is missing"


def test_without_a_log_or_a_schema_the_remedy_is_said(served):
    with pytest.raises(BadInput, match="millrace rollout gateway"):
        monitor_window(served(), WINDOW, LATER)
    config = served()
    log_requests(config, trips(10))
    without = config.model_copy(update={"schema_": config.schema_.model_copy(update={"file": None})})
    with pytest.raises(BadInput, match="millrace init"):
        monitor_window(without, WINDOW, LATER)
