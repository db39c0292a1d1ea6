"""What is said before a rollout starts that has not the hours for its own steps, by the traffic of the access log."""

import json

import pytest

from millrace.config.rollout_section import Ab, Canary, Judged, Limit, Shadow, Step
from millrace.serving.access_log import requests_an_hour
from millrace.serving.needed_time import hours_needed, warning

STEPS = (Step(percent=10, minutes=30, requests=100), Step(percent=50, minutes=20, requests=100))


def canary(**more):
    return Canary(steps=STEPS, **more)


def test_minutes_that_leave_no_room_are_told_without_any_traffic():
    assert hours_needed(canary()) == pytest.approx(50 / 60)
    assert warning(canary(hours=0.93)) == ""
    assert "its steps take 0.833 hours or more, and after 0.9 it is sent back" in warning(canary(hours=0.9))


def test_answers_that_come_too_slowly_are_told_by_the_traffic_that_there_is():
    """A hundred answers of a tenth of the users are a thousand requests."""
    assert hours_needed(canary(), 500) == pytest.approx(2 + 0.4)
    assert "at 500 requests an hour, as lately, its steps take 2.4 hours" in warning(canary(hours=2), 500)
    assert warning(canary(hours=2), 5000) == ""
    assert hours_needed(Shadow(mirror=50, minutes=6, requests=100), 100) == pytest.approx(2)


def test_labels_that_a_step_waits_for_are_answers_too():
    judged = Judged(wrong=Limit(worse_by=0.01), labels=400)
    assert hours_needed(canary(judged=judged), 1000) == pytest.approx(4 + 0.8)
    assert hours_needed(Ab(minutes=60, requests=500, judged=judged), 1000) == pytest.approx(1)


def test_the_latest_traffic_is_told_by_the_end_of_the_log(tmp_path, monkeypatch):
    assert requests_an_hour(tmp_path, 1000.0) is None
    line = {"id": "a", "cluster": "1-rest", "path": "/v1/models/t:predict", "code": 200, "grpc": None}
    times = [*range(0, 600, 60), *range(600, 1201, 6)]
    lines = [json.dumps({**line, "time": str(float(at)), "ms": 3, "flags": "-"}) + "\n" for at in times]
    (tmp_path / "access.log").write_text("".join(lines))
    assert requests_an_hour(tmp_path, 599.0) is None, "too little"
    assert requests_an_hour(tmp_path, 1200.0) == pytest.approx(len(times) * 3)
    monkeypatch.setattr("millrace.serving.access_log._RECENT_BYTES", sum(map(len, lines[-101:])) + 20)
    assert requests_an_hour(tmp_path, 1200.0) == pytest.approx(101 * 6)
