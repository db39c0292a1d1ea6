"""`millrace submit`, `jobs` and `schedules` through the real command, against local stand-ins of the services."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from fake_kubeflow import FakeKubeflow
from fake_vertex import FakeVertex
from small_job import bare_job, small_job

from millrace.cli.main import main
from millrace.cloud.kubeflow.client import has_client

needs_client = pytest.mark.skipif(not has_client(), reason="TFX brings kfp on Python 3.10 and 3.11 only")


@pytest.fixture
def vertex() -> Iterator[FakeVertex]:
    with FakeVertex() as service:
        yield service


@pytest.fixture
def file(tmp_path: Path) -> str:
    small_job().save(tmp_path / "small.json")
    return str(tmp_path / "small.json")


class Finished(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process, since Google's clients take seconds to load."""

    def start(*arguments: str) -> Finished:
        monkeypatch.setattr(sys, "argv", ["millrace", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Finished(ended.value.code, *capsys.readouterr())

    return start


@pytest.fixture
def millrace(run, vertex):
    """Runs the command with Vertex AI's address set to the stand-in's."""
    where = ["--set", f"vertex.api_endpoint={vertex.url}", "--set", "vertex.project=a-project"]
    return lambda *arguments: run(*arguments, *where)


def test_the_command_says_its_result_and_nothing_else(vertex, file):
    where = ["--set", f"vertex.api_endpoint={vertex.url}", "--set", "vertex.project=a-project"]
    command = [
        sys.executable,
        "-m",
        "millrace.cli.main",
        "submit",
        file,
        "--param",
        "steps=20",
        "--job-id",
        "one",
        *where,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert [line[:5] for line in finished.stdout.splitlines()] == ["job: ", "link:", "next:"]


def test_a_job_is_sent_and_its_name_and_link_are_reported(millrace, vertex, file):
    finished = millrace("submit", file, "--param", "steps=20", "--param", "rate=0.25")
    assert finished.returncode == 0, finished.stderr
    found = re.search(
        r"job:  (small-\d{14}-[0-9a-f]{4})\nlink: (https://\S+)\nnext: millrace jobs show", finished.stdout
    )
    assert found, finished.stdout
    [job] = vertex.jobs.values()
    assert job["name"].endswith(found[1])
    assert job["runtimeConfig"]["parameterValues"] == {"steps": 20, "rate": 0.25}
    assert found[1] in found[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no value for steps\n  remedy: --param steps=..."),
        (["--param", "stepz=20"], "the job has no parameter stepz"),
        (["--param", "steps=many"], "'many' is no NUMBER_INTEGER"),
        (["--param", "steps"], "--param steps: expected NAME=VALUE"),
        (["--param", "steps=1", "--param", "steps=2"], "each name once"),
        (["--param", "steps=20", "--job-id", "Not_A_Name"], "cannot be a job's id"),
        (["--param", "steps=20", "--runner", "kubeflow"], "compiled for vertex, not for kubeflow"),
    ],
)
def test_what_can_be_mended_is_told_before_anything_is_made(millrace, vertex, file, arguments, words):
    finished = millrace("submit", file, *arguments)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert "Traceback" not in finished.stderr
    assert vertex.sent("POST", ".") == []


def test_waiting_follows_the_tasks_and_exits_by_the_result(millrace, vertex, file):
    send = ("submit", file, "--param", "steps=20", "--wait", "--every", "0.05")
    done = millrace(*send)
    assert done.returncode == 0, done.stderr
    assert re.search(r"  Reader +done +\d+\.\d s\n  Learner +done .*\n  Pusher +done ", done.stdout), done.stdout
    assert re.search(r"job small-\S+: done in \d+\.\d s; https://", done.stdout)

    vertex.outcomes = {"Learner": "FAILED"}
    failed = millrace(*send)
    assert failed.returncode == 1
    assert "Learner: The replica workerpool0-0 exited with a non-zero status of 1." in failed.stdout
    assert "gcloud ai custom-jobs stream-logs projects/a-project/" in failed.stdout

    vertex.outcomes = {"Pusher": "NOT_TRIGGERED"}
    refused = millrace(*send)
    assert refused.returncode == 3
    assert "Pusher was not run: its condition did not hold" in refused.stdout


def test_an_interrupt_ends_the_watching_and_not_the_job(vertex, file):
    where = ["--set", f"vertex.api_endpoint={vertex.url}", "--set", "vertex.project=a-project"]
    send = ["submit", file, "--param", "steps=20", "--job-id", "one", "--wait", "--every", "60", *where]
    # A shell that starts the tests in the background has them ignore Ctrl-C, and children inherit that.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    heed += "from millrace.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", heed, *send], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("small: one waits"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the job goes on. To end it: millrace jobs cancel one" in said
    assert vertex.sent("POST", ":cancel") == []


def test_waiting_bears_with_a_service_that_is_away_for_a_while(millrace, vertex, file):
    vertex.fail("GET", r"/pipelineJobs/small", 503, times=3)
    finished = millrace("submit", file, "--param", "steps=20", "--wait", "--every", "0.05")
    assert finished.returncode == 0, finished.stderr


def test_a_refusal_is_said_without_a_traceback(millrace, vertex, file):
    vertex.fail("POST", "/pipelineJobs$", 403, message="Permission 'aiplatform.pipelineJobs.create' denied.")
    finished = millrace("submit", file, "--param", "steps=20")
    assert finished.returncode == 2
    assert finished.stderr.startswith(
        f"millrace: Vertex AI, projects/a-project/locations/us-central1 at {vertex.url}: asked to start the job, the "
        "service says that these credentials may not do this: Permission 'aiplatform.pipelineJobs.create' denied.\n"
        "  remedy: ask for the role roles/aiplatform.user on project a-project"
    )
    assert vertex.jobs == {}


def test_jobs_are_listed_shown_and_cancelled(millrace, vertex, file):
    nothing = millrace("jobs", "--all")
    assert (nothing.returncode, nothing.stdout) == (0, "no job of taxi on Vertex AI: millrace submit\n"), nothing.stderr
    millrace("submit", file, "--param", "steps=20", "--job-id", "one")
    millrace("submit", file, "--param", "steps=20", "--job-id", "two")
    listed = millrace("jobs", "--all", "--json")
    assert [(job["name"], job["state"]) for job in json.loads(listed.stdout)] == [
        ("two", "waiting"),
        ("one", "waiting"),
    ]
    shown = millrace("jobs", "show", "one")
    assert re.search(r"Reader +running", shown.stdout), shown.stdout
    assert "job one: running since 20" in shown.stdout
    assert "cancelling was asked for" in millrace("jobs", "cancel", "one").stdout
    assert "job one: cancelled in" in millrace("jobs", "show", "one").stdout
    unknown = millrace("jobs", "show", "three")
    assert unknown.returncode == 2
    assert "remedy: see whether vertex.project and vertex.region are right" in unknown.stderr


def test_schedules_are_made_listed_and_deleted(millrace, vertex, file):
    make = ("schedules", "create", file, "--param", "steps=20", "--name", "nightly")
    unset = millrace(*make)
    assert (unset.returncode, "vertex.schedule: no schedule is set" in unset.stderr) == (2, True)
    assert "is no cron expression" in millrace(*make, "--cron", "at five").stderr
    made = millrace(*make, "--cron", "30 5 * * 1")
    assert made.returncode == 0, made.stderr
    again = millrace(*make, "--cron", "30 5 * * 1")
    assert again.returncode == 2
    assert "there is a schedule nightly already (1000: 30 5 * * 1)" in again.stderr
    assert len(vertex.made_schedules) == 1
    [listed] = json.loads(millrace("schedules", "list", "--json").stdout)
    assert (listed["name"], listed["title"], listed["state"]) == ("1000", "nightly", "active")
    assert millrace("schedules", "delete", "1000").stdout == "1000: deleted\n"
    assert vertex.made_schedules == {}


def test_a_schedule_keeps_what_triggers_say_and_is_paused_resumed_and_changed(millrace, vertex, file):
    policy = ("--set", "triggers.cron=TZ=Europe/Zurich 0 4 * * *")
    alerts = ("--set", "triggers.alerts=[monitor/drift/*]")
    made = millrace("schedules", "create", file, "--param", "steps=20", *policy, *alerts)
    assert made.returncode == 0, made.stderr
    assert "schedule: 1000 (taxi): TZ=Europe/Zurich 0 4 * * *" in made.stdout
    assert "triggers.alerts: not of a schedule" in made.stdout
    [schedule] = vertex.made_schedules.values()
    job = schedule["createPipelineJobRequest"]
    assert schedule["maxConcurrentRunCount"] == "1", "one at a time"
    assert millrace("schedules", "pause", "1000").stdout.startswith("1000: paused; millrace schedules resume")
    assert schedule["state"] == "PAUSED"
    twice = millrace("schedules", "pause", "1000")
    assert (twice.returncode, "The Schedule is in state PAUSED" in twice.stderr) == (2, True), twice.stderr
    assert millrace("schedules", "resume", "1000", "--catch-up").stdout == "1000: active\n"
    assert (schedule["state"], schedule["catchUp"]) == ("ACTIVE", True)
    changed = millrace("schedules", "change", "1000", "--set", "vertex.schedule={cron: 30 5 * * 1, max_runs: 9}")
    assert changed.stdout == "schedule: 1000 (taxi): 30 5 * * 1\n", changed.stderr
    assert (schedule["maxRunCount"], schedule["createPipelineJobRequest"]) == ("9", job), "the job is as it was"
    assert millrace("schedules", "change", "1000", *policy).returncode == 0
    assert schedule["cron"] == "TZ=Europe/Zurich 0 4 * * *"
    assert "maxRunCount" not in schedule, "what is left out is taken away"
    gone = millrace("schedules", "pause", "77")
    assert (gone.returncode, "schedules/77 does not exist" in gone.stderr) == (2, True)


def test_a_schedule_that_would_start_more_than_triggers_let_is_refused(millrace, vertex, file):
    often = ("--set", "triggers.cron=0 */2 * * *", "--set", "triggers.runs_per_day=4")
    refused = millrace("schedules", "create", file, "--param", "steps=20", *often)
    assert (refused.returncode, vertex.requests) == (2, [])
    assert "comes more than 4 times in 24 hours" in refused.stderr
    kept = ("--set", "triggers.cron=0 */6 * * *", "--set", "triggers.runs_per_day=4")
    assert millrace("schedules", "create", file, "--param", "steps=20", *kept).returncode == 0


def test_what_is_missing_in_the_configuration_is_named(run, file):
    finished = run("submit", file, "--param", "steps=20")
    assert finished.returncode == 2
    assert finished.stderr == (
        "millrace: vertex.project: the Google Cloud project is not set\n"
        "  remedy: set it in the configuration, or for once: --set vertex.project=PROJECT\n"
    )


@needs_client
def test_a_run_on_kubeflow_goes_the_same_way(run, tmp_path):
    bare_job().save(tmp_path / "small.yaml")
    with FakeKubeflow() as kubeflow:
        where = ["--set", f"kubeflow.host={kubeflow.url}"]
        file = str(tmp_path / "small.yaml")
        sent = run("submit", file, "--param", "steps=20", "--wait", "--every", "0.05", *where)
        assert sent.returncode == 0, sent.stderr
        assert re.search(r"  Pusher +done ", sent.stdout), sent.stdout
        [listed] = json.loads(run("jobs", "--json", *where).stdout)
        assert listed["state"] == "done"
        made = run("schedules", "create", file, "--param", "steps=20", "--cron", "0 5 * * *", *where)
        assert made.returncode == 0, made.stderr
        [recurring] = kubeflow.recurring.values()
        assert recurring["display_name"] == "taxi"
        name = recurring["recurring_run_id"]
        for command, status in (("pause", "DISABLED"), ("resume", "ENABLED")):
            done = run("schedules", command, name, *where)
            assert (done.returncode, recurring["status"]) == (0, status), done.stderr
        for words in (("change", name, "--cron", "0 6 * * *"), ("resume", name, "--catch-up")):
            refused = run("schedules", *words, *where)
            assert (refused.returncode, "millrace schedules" in refused.stderr or "delete the" in refused.stderr) == (
                2,
                True,
            ), refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cron", "61 25 * * *"), "'61 25 * * *' is no cron expression: '61' is no minute"),
        (("--cron", "0 0 4 * * *"), "has seconds, which Vertex AI does not read"),
        (("--cron", "TZ=Europe/Zuerich 0 4 * * *"), "did you mean Europe/Zurich?"),
        (
            ("--set", "vertex.schedule={cron: 0 4 * * *, end: '2020-01-01T00:00:00Z'}"),
            "vertex.schedule.end: the schedule ended at 2020-01-01T00:00:00+00:00, and would start nothing",
        ),
        (("--set", "vertex.schedule={cron: 0 4 * * *, max_runs: 0}"), "vertex.schedule.max_runs"),
    ],
)
def test_a_schedule_that_never_comes_is_refused_before_anything_is_sent(millrace, vertex, file, arguments, words):
    refused = millrace("schedules", "create", file, "--param", "steps=20", *arguments)
    assert (refused.returncode, vertex.requests) == (2, [])
    assert words in refused.stderr
