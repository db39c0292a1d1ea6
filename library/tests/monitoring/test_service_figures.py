"""How a version answered: figures of its own answers alone, and what more than chance makes an alert."""

import json
from datetime import timedelta

import numpy as np
import pytest
from watched_traffic import NOON, VERSION

from millrace.config.monitoring_section import Monitoring
from millrace.monitoring.service_figures import figures_of, of_service
from millrace.monitoring.window import Window
from millrace.serving import access_log
from millrace.serving.access_log import Answer

WINDOW = Window(NOON, NOON.replace(hour=13))


def answers(good, failed=0, refused=0, slow=0, version=VERSION):
    def one(ms=10.0, **how):
        return Answer("r", version, NOON.timestamp(), ms, how.get("failed", False), how.get("refused", False))

    return [
        *(one(float(ms)) for ms in np.linspace(1, 100, good)),
        *(one(failed=True) for _ in range(failed)),
        *(one(refused=True) for _ in range(refused)),
        *(one(900.0) for _ in range(slow)),
    ]


def test_figures_are_of_the_version_alone():
    figures = figures_of([*answers(100, 2, 3, 5), *answers(50, 50, version=12)], VERSION, WINDOW, 500)
    assert (figures.answers, figures.failed, figures.refused, figures.slow) == (110, 2, 3, 5)
    # One that was refused slowly is the asker's fault, and slow for nobody.
    refused = [Answer("r", VERSION, NOON.timestamp(), 900.0, False, True)] * 7
    assert figures_of([*answers(100), *refused], VERSION, WINDOW, 500).slow == 0
    assert figures.per_second == pytest.approx(110 / 3600) and figures.milliseconds[100] == 900.0
    assert figures_of(answers(3, version=12), VERSION, WINDOW, 500) is None


@pytest.mark.parametrize(
    ("given", "alerts", "notes"),
    [
        (answers(1000, failed=5), set(), set()),
        (answers(1000, failed=60), {"errors"}, set()),
        (answers(9, failed=1), set(), {"errors"}),
        (answers(1000, slow=80), {"slow"}, set()),
        (answers(100, refused=500), set(), set()),
    ],
)
def test_more_than_is_allowed_and_than_chance_makes_is_an_alert(given, alerts, notes):
    found = of_service(figures_of(given, VERSION, WINDOW, 500), Monitoring(), VERSION, WINDOW)
    assert {one.detector for one in found if one.alert} == alerts
    assert {one.detector for one in found if not one.alert} == notes


def test_what_is_not_judged_is_no_finding():
    figures = figures_of(answers(10, failed=90, slow=90), VERSION, WINDOW, None)
    assert of_service(figures, Monitoring(errors=None, slow=None), VERSION, WINDOW) == []


def test_the_log_is_read_in_a_span_of_time_with_the_files_that_were_put_aside(tmp_path):
    def line(at, version=1):
        fields = {"time": f"{at}.5", "id": "a", "cluster": f"{version}-rest", "path": "/v1/models/taxi:predict"}
        return json.dumps({**fields, "code": 200, "grpc": None, "ms": 5, "flags": "-"}) + "\n"

    (tmp_path / "access-000001.log").write_text("".join(map(line, range(50))))
    (tmp_path / "access.log").write_text("".join(map(line, range(50, 100))) + line(60)[:30])
    times = [one.time for one in access_log.between(tmp_path, 40, 61)]
    assert times == [at + 0.5 for at in range(40, 61)]
    assert list(access_log.between(tmp_path / "none", 0, 100)) == []


@pytest.mark.parametrize(
    ("start", "seconds", "times", "milliseconds", "busiest"),
    [
        # Windows of half a second and of twenty seconds, and two that begin within a minute of the clock.
        (0.0, 0.5, [0.0], 5.0, 0.01),
        (0.0, 20.0, range(20), 16_000.0, sum(min(16, 20 - at) for at in range(20)) / 20),
        (30.0, 60.0, range(60), 1_000.0, 1.0),
        (30.0, 90.0, range(45, 90), 1_000.0, 0.5),
        # An answer that takes longer than the window has.
        (0.0, 120.0, [60.0], 1e18, 1.0),
    ],
)
def test_the_load_is_of_any_part_of_the_day(start, seconds, times, milliseconds, busiest):
    begin = NOON + timedelta(seconds=start)
    window = Window(begin, begin + timedelta(seconds=seconds))
    given = [Answer("r", VERSION, begin.timestamp() + at, milliseconds, False) for at in times]
    assert figures_of(given, VERSION, window, None).busiest == pytest.approx(busiest)
