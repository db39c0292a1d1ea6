"""What a service says of jobs, tasks, schedules and its own failures, in the words and exit codes of every command."""

from datetime import datetime, timezone

import pytest

from millrace.base.errors import BadInput
from millrace.base.outcomes import State
from millrace.cloud.kubeflow.jobs import seconds
from millrace.cloud.remote import following
from millrace.cloud.remote.failures import ServiceFailure, reason, refused, silent, unreachable
from millrace.cloud.remote.following import Watched, follow
from millrace.cloud.remote.jobs import JobState, RemoteJob, RemoteSchedule, RemoteTask, ended_by_a_gate
from millrace.cloud.remote.sending import send_once
from millrace.cloud.scheduling import of_triggers, require_new_schedule, schedule_meant
from millrace.config.cloud_sections import Schedule
from millrace.config.trigger_section import TriggerPolicy


def job(state=JobState.RUNNING, *tasks):
    return RemoteJob("j1", "taxi", "taxi", state, 1.0, 2.0, None, "https://x", tuple(tasks))


DONE = RemoteTask("Trainer", State.DONE, 10.0, 20.0)
GATE = RemoteTask("Evaluator", State.DONE, 20.0, 30.0, blocked=True)
BROKEN = RemoteTask("Pusher", State.FAILED, 30.0, 40.0, failure="no such bucket")
ENDED_BY_GATE = RemoteTask("DataGate", State.BLOCKED, 1.0, 2.0, blocked=True)


@pytest.mark.parametrize(
    ("state", "tasks", "code"),
    [
        (JobState.DONE, [DONE], 0),
        (JobState.DONE, [], 0),
        (JobState.DONE, [DONE, GATE], 3),
        (JobState.FAILED, [DONE, BROKEN], 1),
        (JobState.FAILED, [], 1),
        (JobState.FAILED, [DONE, ENDED_BY_GATE], 3),
        (JobState.FAILED, [ENDED_BY_GATE, BROKEN], 1),
        (JobState.DONE, [GATE, BROKEN], 3),
        (JobState.CANCELLED, [GATE, BROKEN], 130),
        (JobState.RUNNING, [DONE], 1),
    ],
)
def test_a_job_s_exit_code_is_a_run_s(state, tasks, code):
    assert job(state, *tasks).exit_code == code
    assert job(state, *tasks).is_over == (state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED))


@pytest.mark.parametrize(
    ("text", "said_no"),
    [
        ("The replica workerpool0-0 exited with a non-zero status of 3.", True),
        ("Error (exit code 3)", True),
        ("exited with a non-zero status of 137.", False),
        ("exited with a non-zero status of 31.", False),
        ("Error (exit code 30)", False),
        ("3 errors", False),
    ],
)
def test_a_gate_s_no_is_read_from_each_service_s_words(text, said_no):
    assert ended_by_a_gate(text) is said_no


def test_the_events_of_tasks_are_a_journal_in_the_order_in_which_they_happened():
    waiting = RemoteTask("Pusher", State.WAITING)
    never_began = RemoteTask("Tuner", State.SKIPPED)
    events = job(JobState.RUNNING, GATE, DONE, waiting, never_began).events()
    assert [(event.stage, event.state, event.at) for event in events] == [
        ("Tuner", State.SKIPPED, 0.0), ("Trainer", State.RUNNING, 10.0),
        ("Evaluator", State.RUNNING, 20.0), ("Trainer", State.DONE, 20.0),
        ("Evaluator", State.DONE, 30.0),
    ]  # fmt: skip
    watched = Watched()
    watched.update(job(JobState.RUNNING, DONE))
    watched.update(job(JobState.RUNNING, DONE, GATE))
    watched.update(job(JobState.RUNNING, DONE, GATE))
    assert [(event.stage, event.at) for event in watched.events()] == [
        ("Trainer", 10.0), ("Trainer", 20.0), ("Evaluator", 20.0), ("Evaluator", 30.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [
        *((status, 2, False) for status in (400, 401, 403, 404, 409, 412)),
        (429, 1, True),
        *((status, 1, True) for status in (500, 502, 503, 504)),
        (418, 1, False),
    ],
)
def test_who_can_fix_a_refusal_and_whether_to_ask_again(status, code, passes):
    failure = refused(status, "so  it\n  is", "to start the job", "Vertex AI", {409: "another name"})
    assert (failure.exit_code, failure.passes, failure.status) == (code, passes, status)
    assert failure.maybe_done == (status >= 500) and "so it is" in failure.what
    assert failure.remedy == "another name" if status == 409 else failure.remedy


def test_no_answer_may_have_done_it_and_no_way_has_not():
    lost, nowhere = silent("to start the job", "Vertex AI", 30.0), unreachable("to start it", "Kubeflow", "no route")
    assert (lost.maybe_done, lost.passes, lost.exit_code) == (True, True, 1) and "within 30 s" in lost.what
    assert (nowhere.maybe_done, nowhere.passes, nowhere.exit_code) == (False, False, 1)
    error = ValueError("outer")
    error.__cause__ = OSError("no\nroute")
    error.__cause__.__context__ = KeyError()
    assert reason(error) == "KeyError" and reason(OSError("no\nroute")) == "no route"


class Telling:
    """A service that tells what it is given, one thing a look."""

    name = "Vertex AI"

    def __init__(self, *told):
        self.told = list(told)

    def job(self, name):
        one = self.told.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    def schedules(self):
        return self.told


def test_a_job_is_followed_over_what_passes_to_its_end(monkeypatch):
    away, seen = unreachable("x", "x", "x"), []
    ended = follow(Telling(job(), away, away, job(), job(JobState.DONE)), "j1", seen.append, 0.0)
    assert ended.state is JobState.DONE and [one.state.value for one in seen] == ["running", "running", "done"]
    with pytest.raises(type(away), match="no such thing"):
        follow(Telling(job(), refused(404, "", "x", "x", {}), job(JobState.DONE)), "j1", seen.append, 0.0)
    monkeypatch.setattr(following, "BORNE_SECONDS", -1.0)
    with pytest.raises(type(away), match="could not be reached"):
        follow(Telling(job(), away, job(JobState.DONE)), "j1", seen.append, 0.0)


class Making:
    """A service that answers each try as it is told to, and looks for what an earlier one made."""

    def __init__(self, tries, finds):
        self.tries, self.finds, self.sent = list(tries), list(finds), 0

    def send(self):
        self.sent += 1
        return self._next(self.tries)

    def find(self):
        return self._next(self.finds)

    def _next(self, answers):
        one = answers.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    def once(self, repeatable, pauses=(0.0, 0.0)):
        return send_once(self.send, self.find, repeatable=repeatable, remedy="look there", pauses=pauses)


def of(status):
    return silent("x", "x", 1.0) if status is None else refused(status, "", "x", "x", {})


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize(
    ("tries", "finds", "sent"),
    [
        (["made"], [], 1),
        ([of(503), "made"], [None], 2),
        ([of(429), of(500), "made"], [None, of(503)], 3),
        # What failed, or fell silent, had made it.
        ([of(503)], ["made"], 1),
        ([of(None)], ["made"], 1),
        ([of(503), of(409)], [None, "made"], 2),
    ],
)
def test_a_thing_is_made_once_whatever_fails_on_the_way(tries, finds, sent, repeatable):
    service = Making(tries, finds)
    assert (service.once(repeatable), service.sent) == ("made", sent)


@pytest.mark.parametrize(
    ("tries", "finds", "repeatable", "sent", "doubt"),
    [
        ([of(400)], [], True, 1, False),
        # Of the first try it is another's.
        ([of(409)], [], True, 1, False),
        ([of(503)] * 3, [None] * 3, True, 3, False),
        ([of(503)] * 3, [None, None, of(503)], True, 3, True),
        ([of(429)] * 3, [None, None, of(503)], True, 3, False),
        # It may still be at work, and a second request would make a second one.
        ([of(None), "a second one"], [None], False, 1, True),
        ([of(None), of(None), "a third one"], [None, None], True, 2, True),
    ],
)
def test_what_cannot_be_made_is_told_with_whether_it_may_be_there(tries, finds, repeatable, sent, doubt):
    service = Making(tries, finds)
    with pytest.raises(ServiceFailure) as failure:
        service.once(repeatable)
    assert service.sent == sent
    assert ("whether it was done nevertheless is not known" in failure.value.what) == doubt
    assert (failure.value.remedy == "look there") == doubt


def schedule(**values):
    return Schedule(**{"cron": "30 5 * * 1", **values})


def test_the_schedule_that_is_meant_is_the_configured_one_unless_another_is_given():
    now = datetime(2031, 1, 1, tzinfo=timezone.utc).timestamp()
    assert schedule_meant(schedule(), "vertex", "", now).cron == "30 5 * * 1"
    assert schedule_meant(schedule(), "vertex", "0 6 * * *", now).cron == "0 6 * * *"
    assert schedule_meant(None, "vertex", "0 6 * * *", now).cron == "0 6 * * *"
    ending = schedule(end=datetime(2031, 6, 1, tzinfo=timezone.utc))
    assert schedule_meant(ending, "vertex", "0 6 * * *", now).end == ending.end
    for settings, cron, runner, words in (
        (None, "", "vertex", "no schedule is set"),
        (schedule(), "61 5 * * 1", "vertex", "is no cron expression"),
        (None, "every day", "kubeflow", "is no cron expression"),
        (None, "0 30 5 * * 1", "vertex", "has seconds, which Vertex AI does not read"),
        (schedule(end=datetime(2030, 1, 1, tzinfo=timezone.utc)), "", "vertex", "and would start nothing"),
    ):
        with pytest.raises(BadInput, match=words):
            schedule_meant(settings, runner, cron, now)
    assert schedule_meant(None, "kubeflow", "0 30 5 * * 1", now).has_seconds


def test_a_second_schedule_of_a_name_is_refused_unless_the_first_is_over():
    def one(title, state):
        return RemoteSchedule("s1", title, "30 5 * * 1", state, None, "")

    require_new_schedule(Telling(one("taxi", "completed"), one("shop", "active")), "taxi", "")
    for state in ("active", "paused"):
        with pytest.raises(BadInput, match="there is a schedule taxi already") as refusal:
            require_new_schedule(Telling(one("taxi", state)), "taxi", " --on vertex")
        assert "millrace schedules delete --on vertex s1" in refusal.value.remedy


MONDAY = datetime(2026, 11, 23, tzinfo=timezone.utc).timestamp()


def test_the_triggers_times_are_a_services_schedule_of_one_run_at_a_time():
    made = of_triggers(TriggerPolicy(cron="0 6,18 * * *", runs_per_day=2, catch_up=False), MONDAY)
    assert made is not None
    assert (made.cron, made.max_concurrent_runs, made.catch_up) == ("0 6,18 * * *", 1, False)
    assert of_triggers(TriggerPolicy(), MONDAY) is None


@pytest.mark.parametrize(
    ("cron", "most", "refused"),
    [
        ("0 6,18 * * *", 1, True),
        ("0 6,18 * * *", 2, False),
        # On Sundays alone, which the first week after Monday has at its end.
        ("0 6,12,18 * * 0", 2, True),
        ("0 6,12,18 * * 0", 3, False),
        # The third is just 24 hours after the first.
        ("0 0,20 * * *", 1, True),
        ("0 0,20 * * *", 2, False),
    ],
)
def test_times_that_are_more_than_the_triggers_let_are_refused(cron, most, refused):
    policy = TriggerPolicy(cron=cron, runs_per_day=most)
    if not refused:
        assert of_triggers(policy, MONDAY) is not None
        return
    with pytest.raises(BadInput, match=f"comes more than {most} time.* in 24 hours") as told:
        of_triggers(policy, MONDAY)
    assert told.value.where == "triggers.runs_per_day"


def test_kubeflow_writes_a_time_that_is_not_set_as_1970():
    assert seconds(None) is None and seconds(datetime.fromtimestamp(0, timezone.utc)) is None
    assert seconds(datetime.fromtimestamp(MONDAY, timezone.utc)) == MONDAY
