"""The task that tells of a failed job, rehearsed: it runs whatever has failed, and is given how each task ended."""

import pytest
from small_jobs import JobBuilder, bucket, shell

from millrace.config.loading import load
from millrace.container.failure_notice import failure_notice
from millrace.container.task_input import TaskInput
from millrace.jobspec.failure_notice import FAILURE_NOTICE, add_failure_notice
from millrace.rehearsal.report import TaskState


def job_that_ends(trainer):
    job = JobBuilder().add("Reader", shell("true")).add("Trainer", shell(trainer), after=("Reader",))
    built = job.add("Pusher", shell("true"), after=("Trainer",)).build()
    add_failure_notice(built, load("conf/taxi.yaml", ["notify.webhook_env=HOOK"]), "image")
    # In place of our own command, which is in no image here: what it would be given.
    built.executors[f"{FAILURE_NOTICE}_executor"]["container"] = shell('printf %s "$1" > $2', "{{$}}", "gs://told")
    return built


@pytest.mark.parametrize(("trainer", "failed"), [("true", False), ("exit 1", True)])
def test_it_runs_when_all_others_have_ended_and_knows_which_failed(run, tmp_path, trainer, failed):
    result = run(job_that_ends(trainer))
    assert (result.exit_code, result.task(FAILURE_NOTICE).state) == (int(failed), TaskState.DONE)
    notice = failure_notice(TaskInput.read(bucket(tmp_path, "told").read_text()))
    assert bool(notice) is failed
    if notice:
        assert (notice.pipeline, notice.where, notice.exit_code) == ("taxi", "Trainer", 1)


def test_without_a_webhook_there_is_no_such_task():
    built = JobBuilder().add("Reader", shell("true")).build()
    add_failure_notice(built, load("conf/taxi.yaml"), "image")
    assert list(built.tasks) == ["Reader"]
