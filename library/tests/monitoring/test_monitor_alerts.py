"""Windows become alerts: one for what goes on, over when a window that could judge it does not have it."""

from datetime import datetime, timedelta, timezone

import pytest

from millrace.alerts.alert_log import AlertLog
from millrace.alerts.section import AlertPolicy
from millrace.monitoring.findings import MonitorFinding, MonitorReport, Unmeasured
from millrace.monitoring.look import look_of
from millrace.monitoring.window import Window

NOON = datetime(2031, 1, 1, 12, tzinfo=timezone.utc)


def report(hour, *columns, version=3, judged=True, unmeasured=()):
    window = Window(NOON + timedelta(hours=hour), NOON + timedelta(hours=hour + 1))
    findings = [
        MonitorFinding("drift", "L_INFTY", name, 0.31, 0.1, f"{name} drifts", version, window, True) for name in columns
    ]
    note = MonitorFinding("log", "cut off", "", None, None, "a shard is cut off", version, window, False)
    why = tuple(Unmeasured(detector, "there is nothing to compare with", column) for detector, column in unmeasured)
    return MonitorReport("taxi", version, window, 100, 100, judged, findings=(*findings, note), unmeasured=why)


@pytest.fixture
def after(tmp_path):
    """The columns of which something fires after these windows, each looked at as a model."""

    def take(*looks):
        with AlertLog(tmp_path / "alerts.db", "taxi") as log:
            for at, (model, one) in enumerate(looks):
                log.take(look_of(one, model), AlertPolicy(), float(at))
            alerts = log.alerts().values()
        return sorted(one.key.split("/")[3] + "/" + one.key.split("/")[4] for one in alerts if one.state == "firing")

    return take


def test_what_the_next_window_does_not_have_is_over_and_a_note_is_no_alert(after):
    assert after(("champion", report(0, "fare", "tips")), ("champion", report(1, "fare"))) == ["fare/3"]


@pytest.mark.parametrize("unmeasured", [None, ("drift", "fare"), ("drift", None)])
def test_what_a_window_could_not_judge_goes_on(after, unmeasured):
    window = report(1, judged=False) if unmeasured is None else report(1, unmeasured=[unmeasured])
    assert "fare/3" in after(("champion", report(0, "fare")), ("champion", window))


def test_an_older_window_that_is_looked_at_again_ends_and_begins_nothing(after):
    looks = [("champion", report(hour, *columns)) for hour, columns in ((0, ["tips"]), (1, ["fare"]), (0, ["tips"]))]
    assert after(*looks) == ["fare/3"]


def test_the_column_that_was_not_measured_and_no_other(after):
    one = report(1, unmeasured=[("drift", "fare [km]"), ("skew", "tips")])
    assert after(("champion", report(0, "fare [km]", "fare", "tips")), ("champion", one)) == ["fare [km]/3"]


def test_a_champion_that_was_replaced_and_a_candidate_that_is_watched_beside_it(after):
    assert after(
        ("champion", report(0, "fare")),
        ("candidate", report(0, "fare", version=4)),
        ("champion", report(1)),
    ) == ["fare/4"]
