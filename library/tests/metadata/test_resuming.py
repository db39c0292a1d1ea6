"""Which run `--resume` goes on with, and when it says that there is none."""

import fcntl

import pytest

from millrace.base.errors import BadInput
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
    ended(tmp_path, 0)
    ended(tmp_path, code)
    resumed = to_resume(tmp_path, ())
    assert resumed == RunRequest("conf/mine.yaml", ("training.steps=5",), "beam", "", "Trainer", cache=True)


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


@pytest.mark.parametrize("codes, said", [((), "no run has been here yet"), ((1, 0), "the last run ended well")])
def test_nothing_to_resume_is_said(tmp_path, codes, said):
    for code in codes:
        ended(tmp_path, code)
    with pytest.raises(BadInput, match=said) as caught:
        to_resume(tmp_path, ())
    assert caught.value.remedy == "millrace run"
