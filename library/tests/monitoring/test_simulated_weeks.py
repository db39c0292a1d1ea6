"""Three weeks of taxis on a clock of their own: what is planted is found, named, and leads to the right act."""

import csv
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import pytest
import tensorflow_data_validation as tfdv
from fake_webhook import webhook
from simulated_city import City, a_new_way_to_pay, four_times_the_fare, slowly_longer, tips_turned_round
from tensorflow_metadata.proto.v0 import anomalies_pb2
from watched_traffic import COLUMNS, LABEL

from millrace.config.loading import load
from millrace.execution.alerting import observe_findings, open_alerts
from millrace.metadata.run_summaries import Runs
from millrace.monitoring import contract
from millrace.monitoring.data_findings import REQUESTS
from millrace.monitoring.look import look_of
from millrace.monitoring.monitor import monitor_window
from millrace.monitoring.records import recorded
from millrace.serving.rollouts import add_labels_of
from millrace.triggers.starting import RunStarter, open_triggers

pytestmark = pytest.mark.slow

DAYS = 21
SLOW, UNIT, CATEGORY, LONGER, TURNED = 2, 4, 7, 9, 17
"""The days from which on something is planted: a slow service and another unit, which last a day; a new category; trips
that grow longer for six days; and tips that other people give."""
JENSEN_SHANNON, L_INFINITY = "jensen_shannon_divergence", "infinity_norm"


@dataclass
class Weeks:
    """What happened, by day."""

    city: City
    reports: dict = field(default_factory=dict)
    decisions: dict = field(default_factory=dict)
    firing: dict = field(default_factory=dict)
    rollouts: dict = field(default_factory=dict)
    told: list = field(default_factory=list)
    by_tfdv: dict = field(default_factory=dict)

    def alerts(self, day):
        return {(one.detector, one.reason, one.column) for one in self.reports[day].alerts}


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weeks")
    schema = folder / "schema.pbtxt"
    schema.write_text(Path("schema/taxi/schema.pbtxt").read_text())
    steps = "[{percent: 10, minutes: 10, requests: 50}, {percent: 50, minutes: 10, requests: 50}]"
    overrides = [
        f"root={folder / 'taxi'}",
        f"schema.file={schema}",
        # A rare row is none of what is planted; what is found of them is tried in a test of its own.
        "monitoring={window: 1d, outliers: null}",
        "registry.approval=candidate",
        f"rollout.policies={{quick: {{kind: canary, steps: {steps}}}}}",
        "rollout.candidates=[quick]",
        "triggers={alerts: [monitor/skew/*, monitor/metric/*], cool_down_minutes: 0}",
        "evaluation.thresholds=[{metric: AUC, at_least: 0.85}]",
        "notify={webhook_env: SIMULATED_HOOK}",
        "alerts={remind_hours: null}",
    ]
    config = load("conf/taxi.yaml", overrides)
    result = Weeks(City(config, a_day=300))
    result.city.changes += [
        (range(UNIT, UNIT + 1), four_times_the_fare),
        (range(CATEGORY, DAYS), a_new_way_to_pay),
        (range(LONGER, DAYS), slowly_longer),
        (range(TURNED, DAYS), tips_turned_round),
    ]
    with webhook() as hook, pytest.MonkeyPatch.context() as patch, open_triggers(config) as log:
        patch.setenv("SIMULATED_HOOK", f"{hook.url}/ok")
        starter = RunStarter(config, overrides, log, result.city.spawn)
        for day in range(DAYS):
            one_day(result, starter, day, folder)
            result.by_tfdv[day] = by_tfdv(result, day)
            if day == CATEGORY:
                accepted(schema)
        result.told = [json.loads(body) for _, _, body in hook.requests]
    return result


def one_day(weeks, starter, day, folder):
    """Trips are priced; at night their data is held to DataGate, labels come, and monitor and triggers look."""
    city = weeks.city
    rows = city.serve(day, slow=0.2 if day == SLOW else 0.0)
    if UNIT <= day <= TURNED:
        city.gate(day)
    city.clock.now += 3600
    if day >= TURNED - 1:
        labels = folder / f"labels-{day}.csv"
        with labels.open("w") as file:
            names = [[f"{day}-{place}", row[LABEL]] for place, row in enumerate(rows)]
            csv.writer(file).writerows([["request_id", LABEL], *names])
        add_labels_of(city.config, labels, "request_id", None, None)
    now = datetime.fromtimestamp(city.clock(), timezone.utc)
    report = weeks.reports[day] = monitor_window(city.config, city.window(day), now)
    observe_findings(city.config, look_of(report, "champion"), city.clock())
    with open_alerts(city.config) as alerts:
        weeks.firing[day] = {one.key for one in alerts.alerts().values() if one.state == "firing"}
    weeks.decisions[day] = starter.look(city.clock()).decision
    if city.number > city.champion():
        first = city.number == 2 and not weeks.rollouts
        weeks.rollouts[day] = city.roll_out(slow_version=2 if first else 0, again=city.number == 2 and not first)


def accepted(schema):
    """A person decides that the new way to pay is one."""
    schema.write_text(schema.read_text().replace('value: "Unknown"', 'value: "Unknown"\n  value: "Shells"', 1))


def test_what_is_planted_is_found_and_named_on_its_day_and_quiet_days_are_quiet(weeks):
    drift = {("drift", JENSEN_SHANNON, "fare")}
    answers = {("prediction drift", L_INFINITY, "label"), ("prediction drift", JENSEN_SHANNON, "probabilities")}
    first = min(weeks.rollouts)
    longer = range(first, first + 2)
    expected = {
        SLOW: {("slow", "slow", "")},
        UNIT: {("skew", JENSEN_SHANNON, "fare"), *drift, *answers},
        UNIT + 1: {*drift, *answers},
        CATEGORY: {("anomaly", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "payment_type")},
        **{day: {("skew", JENSEN_SHANNON, "trip_seconds")} for day in longer},
        TURNED: {("metric", "AUC", "")},
    }
    found = {day: weeks.alerts(day) for day in range(DAYS) if weeks.alerts(day)}
    # How many are above one half again by the way back is near its limit.
    found[UNIT + 1] |= answers
    assert found == expected
    assert LONGER < first < LONGER + 6, "a slow drift shows in no day beside the one before"
    back = [one.summary for one in weeks.reports[UNIT + 1].alerts]
    assert all("it may be the way back" in summary for summary in back)
    assert not any(
        "way back" in one.summary for day in range(DAYS) if day != UNIT + 1 for one in weeks.reports[day].alerts
    )


def test_another_unit_is_blocked_and_what_grew_slowly_or_turned_round_is_learned(weeks):
    city, first = weeks.city, min(weeks.rollouts)
    assert city.started == [UNIT, first, TURNED]
    assert [day for day in range(DAYS) if weeks.decisions[day].start] == city.started
    assert weeks.decisions[UNIT].why == f"alert monitor/skew/{JENSEN_SHANNON}/fare/1 fires"
    assert weeks.decisions[first].why == f"alert monitor/skew/{JENSEN_SHANNON}/trip_seconds/1 fires"
    assert weeks.decisions[TURNED].why == "alert monitor/metric/AUC//2 fires"
    blocked = {day: {one.feature for one in verdict.of("block")} for day, verdict in city.verdicts.items()}
    assert {day: columns for day, columns in blocked.items() if columns} == {
        UNIT: {"fare"}, CATEGORY: {"payment_type"}
    }  # fmt: skip
    [why, *_] = city.verdicts[UNIT].of("block")
    assert why.reason == "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH" and "0.2" in why.expected


def test_a_candidate_that_is_slow_goes_back_and_another_is_champion_with_nobody_at_the_keyboard(weeks):
    first = min(weeks.rollouts)
    assert list(weeks.rollouts) == [first, first + 1, TURNED]
    assert weeks.rollouts[first].startswith("2 back: slow: ")
    assert weeks.rollouts[first + 1].startswith("2 promoted") and weeks.rollouts[TURNED].startswith("3 promoted")
    served = [weeks.reports[day].version for day in range(DAYS)]
    assert served == [1] * (first + 2) + [2] * (TURNED - first - 1) + [3] * (DAYS - TURNED - 1)


def test_labels_say_what_an_estimate_cannot_and_the_new_version_is_good(weeks):
    metric = {day: weeks.reports[day].metrics for day in range(TURNED - 1, DAYS)}
    assert {day: [one.passed for one in of] for day, of in metric.items()} == {
        TURNED - 1: [True], TURNED: [False], **{day: [True] for day in range(TURNED + 1, DAYS)}
    }  # fmt: skip
    [before, *_] = weeks.reports[TURNED - 1].estimates
    [fooled, *_] = weeks.reports[TURNED].estimates
    assert before.metric == fooled.metric == "AUC" and abs(before.measured - before.value) < 0.1
    assert fooled.low > 0.85 > 0.2 > fooled.measured, "the inputs are as they were: only labels tell"


def test_each_thing_is_one_alert_that_people_are_told_of_and_that_ends(weeks):
    by_day = {day: {key.split("/")[1] + " " + key.split("/")[3] for key in keys} for day, keys in weeks.firing.items()}
    assert by_day[SLOW] == {"slow "} and by_day[SLOW + 1] == set()
    assert by_day[UNIT] == {"skew fare", "drift fare", "prediction drift label", "prediction drift probabilities"}
    assert by_day[UNIT + 1] | {"prediction drift label"} == by_day[UNIT] - {"skew fare"} and by_day[UNIT + 2] == set()
    assert by_day[CATEGORY] == {"anomaly payment_type"} and by_day[CATEGORY + 1] == set(), "a person accepted it"
    assert by_day[DAYS - 1] == set()
    told = [one["alerts"] for one in weeks.told]
    keys = [(alert["key"], alert["state"]) for alerts in told for alert in alerts]
    assert len(keys) == len(set(keys)) and {state for _, state in keys} == {"firing", "resolved"}


def by_tfdv(weeks, day):
    """What TFDV's own function says of the statistics that the monitor recorded, in the schema of that day."""
    config, runs = weeks.city.config, Runs(weeks.city.config)
    version, window = weeks.reports[day].version, weeks.reports[day].window
    folders = {one.report.window: one.folder for one in recorded(runs)}
    read = {one: tfdv.load_stats_binary(str(folders[one] / "Split-serving/FeatureStats.pb")) for one in folders}
    record = runs.record(f"20310101-{version:06d}")
    learned = f"{record.artifact('StatisticsGen', 'statistics').uri}/Split-train/FeatureStats.pb"
    schema = contract.curated_schema(config)
    held, environment = contract.of_requests(schema, set(COLUMNS), {LABEL})
    return tfdv.validate_statistics(
        read[window],
        held,
        environment=environment,
        previous_statistics=read.get(window.before),
        serving_statistics=tfdv.load_stats_binary(learned),
    )


def test_tfdvs_own_functions_find_the_same_in_every_window(weeks):
    def said(anomalies):
        reasons = {name: {one.type for one in info.reason} for name, info in anomalies.anomaly_info.items()}
        measured = {
            (tuple(info.path.step), kind, one.type): pytest.approx(one.value)
            for info in anomalies.drift_skew_info
            for kind in ("drift", "skew")
            for one in getattr(info, f"{kind}_measurements")
        }
        return reasons, measured

    kept = {one.report.window: one.folder for one in recorded(Runs(weeks.city.config))}
    for day, theirs in weeks.by_tfdv.items():
        folder = str(kept[weeks.reports[day].window]).replace("/statistics/", "/anomalies/")
        ours = anomalies_pb2.Anomalies.FromString((Path(folder) / f"Split-{REQUESTS}" / "SchemaDiff.pb").read_bytes())
        assert said(ours) == said(theirs), day
    everything = {column for theirs in weeks.by_tfdv.values() for column in theirs.anomaly_info}
    assert {"fare", "payment_type", "trip_seconds"} <= everything
