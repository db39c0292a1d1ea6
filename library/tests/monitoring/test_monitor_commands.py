"""The commands and the page: exit codes, a file that opens offline, windows in turn, and Vertex AI's messages."""

import contextlib
import json
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from google.cloud.aiplatform_v1beta1.types import model_monitor, model_monitoring_spec
from watched_traffic import NOON, VERSION, log_requests, trips

from millrace.base.errors import BadInput, DataError
from millrace.cli.watching.monitor import monitor
from millrace.console.page import NotFound, PageRequest
from millrace.console.pages.monitoring import view
from millrace.metadata.run_summaries import Runs
from millrace.monitoring.contract import curated_schema
from millrace.monitoring.records import reports
from millrace.monitoring.vertex_spec import vertex_monitor
from millrace.monitoring.watching import backtest, last_windows, watch
from millrace.monitoring.window import Window

HOUR = timedelta(hours=1)
WINDOW = Window(NOON, NOON + HOUR)
ENDPOINT = "projects/p/locations/us-central1/endpoints/1"


class Addresses(HTMLParser):
    """What a page would ask for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def handle_starttag(self, tag, attributes):
        self.asked += [
            value for name, value in attributes if name in ("src", "srcset") or (tag, name) == ("link", "href")
        ]


class StoppedError(Exception):
    """The watch was interrupted."""


def until_stopped(pairs):
    found = []
    with contextlib.suppress(StoppedError):
        for pair in pairs:
            found.append(pair)
    return found


def cents(rows):
    return [{**row, "fare": (row["fare"] or 0.0) * 100} for row in rows]


def test_windows_are_looked_at_in_turn_recorded_shown_and_tried_again(served):
    config = served()
    log_requests(config, trips(300), NOON - HOUR)
    now, waits = [(NOON + timedelta(minutes=1)).timestamp()], []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) > 1:
            raise StoppedError
        now[0] += seconds
        log_requests(config, cents(trips(300, 7000)))

    found = until_stopped(watch(config, "champion", lambda: now[0], wait))
    assert [window for window, _ in found] == [WINDOW.before, WINDOW]
    assert waits[0] == 59 * 60 + 30
    quiet, loud = (report for _, report in found)
    assert quiet.alerts == () and {one.column for one in loud.alerts} >= {"fare"}
    assert [one.window for one in reports(Runs(config))] == [WINDOW.before, WINDOW]
    again = list(backtest(config, "champion", last_windows(2, WINDOW.end + HOUR / 2, HOUR), WINDOW.end + HOUR / 2))
    assert [(one.window, len(one.alerts), before) for one, before in again] == [
        (WINDOW.before, 0, 0),
        (WINDOW, len(loud.alerts), len(loud.alerts)),
    ]
    assert len(reports(Runs(config))) == 2

    shown = view(PageRequest(config, now[0]))
    assert (shown.shown.window, [row.state for row in shown.windows]) == (WINDOW, ["fail", "pass"])
    earlier = view(PageRequest(config, now[0], {"execution": str(quiet.execution)}))
    assert earlier.shown.window == WINDOW.before
    with pytest.raises(NotFound):
        view(PageRequest(config, now[0], {"execution": "999"}))
    options = ["--set", f"root={config.root}", "--set", "monitoring.window=1h"]
    asked = CliRunner().invoke(monitor, ["report", "2021-01-31T11:30", *options], catch_exceptions=False)
    assert asked.output.splitlines()[0] == f"version {VERSION} of taxi, 2021-01-31 11:00 to 12:00 UTC: quiet"
    page = CliRunner().invoke(monitor, ["report", "-o", "-", *options], catch_exceptions=False).output
    parser = Addresses()
    parser.feed(page)
    assert parser.asked == [] and "<script" not in page and "fare" in page and "2021-01-31 12:00 to 13:00 UTC" in page


def test_the_command_ends_with_3_for_an_alert_and_0_for_a_quiet_window(served):
    config = served()
    options = ["run", "--window", "2021-01-31T12:00", "--set", f"root={config.root}", "--set", "monitoring.window=1h"]
    log_requests(config, trips(300))
    quiet = CliRunner().invoke(monitor, options, catch_exceptions=False)
    assert quiet.exit_code == 0 and ": quiet" in quiet.output.splitlines()[0]
    tried = CliRunner().invoke(monitor, ["backtest", *options[1:], "--window", "2021-01-30T12:00"]).output.splitlines()
    assert tried[-1] == "0 of 2 windows with an alert; 1 was judged, the others have too few rows (200 are needed)"
    log_requests(config, cents(trips(300, 7000)), name="cents")
    loud = CliRunner().invoke(monitor, options, catch_exceptions=False)
    lines = loud.output.splitlines()
    assert loud.exit_code == 3 and "alert" in lines[0] and lines[3].startswith("alert  ")
    [remedy] = [line for line in lines if line.startswith("remedy for skew of ")]
    assert "fare" in remedy and remedy.endswith("fix who asks, or millrace run on newer data")


def test_a_window_that_cannot_be_looked_at_does_not_end_the_watch(served):
    config = served()
    shard = log_requests(config, trips(300))
    shard.write_bytes(shard.read_bytes()[:-5])

    def wait(seconds):
        raise StoppedError

    [(window, error)] = until_stopped(watch(config, "champion", lambda: (WINDOW.end + HOUR / 2).timestamp(), wait))
    assert window == WINDOW and isinstance(error, DataError)


def test_vertex_gets_the_schemas_limits_in_the_clients_own_messages(served):
    config = served("vertex.root=gs://bucket/taxi", "vertex.data_path=gs://bucket/data")
    made = vertex_monitor(config, curated_schema(config), ENDPOINT)
    skew = model_monitoring_spec.ModelMonitoringSpec.from_json(json.dumps(made.specs["skew"]))
    limits = skew.objective_spec.tabular_objective.feature_drift_spec.feature_alert_conditions
    by_schema = {
        one.name: one.skew_comparator.jensen_shannon_divergence.threshold or one.skew_comparator.infinity_norm.threshold
        for one in curated_schema(config).feature
        if one.HasField("skew_comparator")
    }
    assert {name: one.threshold for name, one in limits.items()} == pytest.approx(by_schema)
    assert "big_tipper" not in limits and "tips" not in limits
    drift = made.specs["drift"]["objective_spec"]
    assert drift["baseline_dataset"]["time_offset"] == {"offset": "1h", "window": "1h"}
    fields = model_monitor.ModelMonitoringSchema.from_json(json.dumps(made.model_monitoring_schema))
    assert [one.name for one in fields.ground_truth_fields] == ["big_tipper"]
    assert made.cron == "0 * * * *"
    assert vertex_monitor(config, curated_schema(config), ENDPOINT) == made


def test_a_schema_with_limits_of_drift_alone_asks_vertex_for_drift_alone(served):
    config = served("vertex.root=gs://bucket/taxi", "vertex.data_path=gs://bucket/data")
    schema = curated_schema(config)
    for feature in schema.feature:
        feature.ClearField("skew_comparator")
    assert list(vertex_monitor(config, schema, ENDPOINT).specs) == ["drift"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["monitoring.window=15m"], "cannot follow windows of 15m"),
        (["monitoring.window=5h"], "cannot follow windows of 5h"),
        (["vertex.data_path=null"], "training data in a bucket"),
        (["vertex.root=null"], "to a bucket"),
    ],
)
def test_what_vertex_cannot_do_is_refused_with_its_remedy(served, overrides, words):
    base = ["vertex.root=gs://bucket/taxi", "vertex.data_path=gs://bucket/data"]
    with pytest.raises(BadInput, match=words):
        vertex_monitor(served(*base, *overrides), curated_schema(served()), ENDPOINT)
