"""Which run `--resume` goes on with, and when it says that there is none."""

import fcntl
import time
from dataclasses import replace

import pytest

from millrace.base.errors import BadInput
from millrace.metadata import run_folder
from millrace.metadata.resuming import to_resume
from millrace.metadata.run_folder import RunRequest, new_run

ASKED = RunRequest("conf/mine.yaml", ("training.steps=5",), "beam", "Transform", "Trainer", cache=False)


def ended(logs, code, request=ASKED):
    with new_run(logs, request) as folder:
        if code is not None:
            folder.finish(code)
    return folder


@pytest.mark.parametrize("code", [1, 3, 130, None], ids=["failed", "refused", "interrupted", "killed"])
def test_the_last_run_is_asked_for_again_from_the_cache(tmp_path, code):
    ended(tmp_path, 0, RunRequest("conf/other.yaml"))
    last = ended(tmp_path, code)
    resumed = to_resume(tmp_path, ())
    expected = RunRequest("conf/mine.yaml", ("training.steps=5",), "beam", "", "Trainer", cache=True)
    assert resumed == replace(expected, resumes=last.run_id)


def test_a_run_that_did_not_end_well_is_taken_also_when_a_later_one_did(tmp_path):
    failed = ended(tmp_path, 1)
    ended(tmp_path, 0, RunRequest("conf/other.yaml"))
    assert to_resume(tmp_path, ()).resumes == failed.run_id


@pytest.mark.parametrize("to_stage, settled", [("", True), ("Trainer", True), ("Transform", False)])
def test_a_run_that_was_asked_for_again_and_came_as_far_has_had_its_end(tmp_path, to_stage, settled):
    failed = ended(tmp_path, 1)
    ended(tmp_path, 0, replace(ASKED, to_stage=to_stage))
    if settled:
        with pytest.raises(BadInput, match="every run has ended well"):
            to_resume(tmp_path, ())
    else:
        assert to_resume(tmp_path, ()).resumes == failed.run_id


def test_a_run_that_was_resumed_is_not_taken_a_second_time(tmp_path):
    failed = ended(tmp_path, 1)
    again = ended(tmp_path, 1, replace(ASKED, overrides=("training.steps=6",), resumes=failed.run_id))
    assert to_resume(tmp_path, ()).resumes == again.run_id
    ended(tmp_path, 0, replace(ASKED, overrides=("training.steps=7",), resumes=again.run_id))
    with pytest.raises(BadInput, match="every run has ended well"):
        to_resume(tmp_path, ())


def test_another_pipelines_run_is_passed_over(tmp_path):
    mine = ended(tmp_path, 1, replace(ASKED, pipeline="mine"))
    ended(tmp_path, 1, replace(ASKED, pipeline="other"))
    assert to_resume(tmp_path, (), "mine").resumes == mine.run_id


@pytest.mark.parametrize("zone, ahead", [("Pacific/Auckland", 0), ("UTC", 86_400), ("America/Los_Angeles", 86_400)])
def test_the_last_run_is_the_last_that_began_whatever_the_clock_said(tmp_path, monkeypatch, zone, ahead):
    """The first run under another zone, or by a clock that was a day ahead; the second one here and now."""
    now = time.time
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        elsewhere.setattr(run_folder.time, "time", lambda: now() + ahead)
        elsewhere.setattr(run_folder.time, "gmtime", lambda: time.localtime(now() + ahead))
        ended(tmp_path, 1, replace(ASKED, overrides=("first",)))
    time.tzset()
    second = ended(tmp_path, 1, replace(ASKED, overrides=("second",)))
    assert to_resume(tmp_path, ()).resumes == second.run_id


def test_new_overrides_replace_those_of_the_run(tmp_path):
    ended(tmp_path, 1)
    assert to_resume(tmp_path, ["training.steps=7"]).overrides == ("training.steps=7",)


def test_a_rehearsal_and_a_run_that_goes_on_are_passed_over(tmp_path):
    ended(tmp_path, 1)
    ended(tmp_path, 1, RunRequest("conf/other.yaml", runner="rehearsal"))
    alive = ended(tmp_path, None, RunRequest("conf/third.yaml"))
    with (alive.path / "alive").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert to_resume(tmp_path, ()).config_file == "conf/mine.yaml"


@pytest.mark.parametrize("codes, said", [((), "no run has been here yet"), ((1, 0), "every run has ended well")])
def test_nothing_to_resume_is_said(tmp_path, codes, said):
    for code in codes:
        ended(tmp_path, code)
    with pytest.raises(BadInput, match=said) as caught:
        to_resume(tmp_path, ())
    assert caught.value.remedy == "millrace run"
