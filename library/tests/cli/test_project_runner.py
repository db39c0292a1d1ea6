"""A project's own runner behind a command: it does the work, and the command stays what it is."""

import sys
from pathlib import Path

import pytest
from small_job import small_job

from millrace.base.errors import BadInput
from millrace.cli.main import millrace
from millrace.cli.running import project_runner
from millrace.cloud.remote.jobs import JobState, RemoteJob
from millrace.cloud.services import CloudRunner
from millrace.execution.run import LocalRun


class Service:
    """Takes whatever it is sent."""

    name = "a service"

    def __init__(self):
        self.sent = []

    def check(self, job):
        """Has nothing against it."""

    def submit(self, job, name):
        self.sent.append(job)
        return RemoteJob(
            name=name,
            pipeline=job.name,
            title="",
            state=JobState.WAITING,
            created=0.0,
            started=None,
            ended=None,
            link="here",
        )


@pytest.fixture
def called(monkeypatch, capsys):
    """Calls a command as `python -m runners.NAME` does."""
    monkeypatch.setitem(millrace.context_settings, "obj", None)

    def call(command, runner, *arguments):
        monkeypatch.setattr(sys, "argv", ["runner", *arguments])
        with pytest.raises(SystemExit) as ended:
            project_runner.main(command, runner)
        return ended.value.code, capsys.readouterr()

    return call


def test_a_job_is_compiled_and_sent_by_the_project_s_own_functions(called, tmp_path: Path):
    service, asked = Service(), []

    def compiled(config):
        asked.append(config.name)
        return small_job().with_values({"steps": 3})

    own = CloudRunner(compiled, lambda config: service)
    code, shown = called(("submit", "--runner", "vertex"), own, "--set", f"root={tmp_path}", "--job-id", "mine")
    assert (code, asked) == (0, ["taxi"]), shown.err
    assert [job.name for job in service.sent] == ["small"] and "job:  mine" in shown.out


@pytest.mark.parametrize(("more", "is_trial"), [((), True), (("--push",), False)])
@pytest.mark.parametrize("command", [("submit",), ("schedules", "create", "--cron", "0 5 * * *")], ids=" ".join)
def test_a_job_with_values_that_were_tried_is_a_trial(called, tmp_path: Path, command, more, is_trial):
    asked = []

    def compiled(config):
        asked.append(config.push.trial)
        raise BadInput("that is all")

    values = ("--set", f"root={tmp_path}", "--set", "training.steps=1")
    called((*command, "--runner", "vertex"), CloudRunner(compiled, lambda config: Service()), *values, *more)
    assert asked == [is_trial]


def test_what_the_check_refuses_is_not_sent(called, tmp_path: Path):
    service = Service()
    own = CloudRunner(lambda config: small_job(), lambda config: service)
    code, shown = called(("submit", "--runner", "vertex"), own, "--set", f"root={tmp_path}")
    assert (code, service.sent) == (2, []) and "no value for steps" in shown.err


@pytest.mark.slow
def test_a_graph_is_run_by_the_project_s_own_function(called, tmp_path: Path):
    ran = []

    def execute(graph, folder):
        ran.append({node.pipeline_node.node_info.id for node in graph.nodes})
        raise ValueError("that is all")

    code, _ = called(("run", "--runner", "local"), LocalRun(execute), "--set", f"root={tmp_path}")
    assert code == 1 and {"ExampleGen", "Pusher"} < ran[0]
