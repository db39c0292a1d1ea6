"""Which tasks of a job run, in which order, how often, and what becomes of the others."""

import json

import pytest
from small_jobs import JobBuilder, bucket, makes, python, shell

from millrace.base.errors import MillraceError
from millrace.rehearsal.artifacts import Artifact
from millrace.rehearsal.conditions import holds
from millrace.rehearsal.graph import FAIL_FAST
from millrace.rehearsal.report import TaskState
from millrace.rehearsal.retries import ALWAYS

DONE, FAILED, SKIPPED, CACHED = TaskState.DONE, TaskState.FAILED, TaskState.SKIPPED, TaskState.CACHED


def states(result) -> dict[str, TaskState]:
    return {row.task: row.state for row in result.tasks}


def test_what_a_task_makes_reaches_the_next(run, tmp_path):
    job = JobBuilder().add("first", makes("data", rows=3.0), outputs={"data": "Examples"})
    job.add(
        "second",
        shell("cat $1 > $2", "{{$.inputs.artifacts['x'].uri}}", "{{$.outputs.artifacts['copy'].path}}"),
        inputs={"x": "first.data"},
        outputs={"copy": "Model"},
    )
    result = run(job.build())
    assert (result.exit_code, states(result)) == (0, {"first": DONE, "second": DONE})
    [uri] = result.task("second").outputs["copy"]
    assert uri.startswith(f"gs://bucket/root/0/small-{result.run_id}/second_")
    assert bucket(tmp_path, uri.removeprefix("gs://")).read_text() == "made"


def test_independent_tasks_run_side_by_side(run, tmp_path):
    """Each waits for a file that the other writes: one after the other they would wait for ever."""
    meet = "mkdir -p $1; touch $1/$2; for i in $(seq 600); do test -e $1/$3 && exit 0; sleep 0.05; done; exit 1"
    job = (
        JobBuilder()
        .add("left", shell(meet, "gs://meeting", "l", "r"))
        .add("right", shell(meet, "gs://meeting", "r", "l"))
    )
    assert run(job.build(), places=2).exit_code == 0


def test_a_failure_stops_what_needs_it_and_nothing_else(run):
    job = JobBuilder().add("bad", shell("exit 7")).add("after", shell("true"), after=("bad",))
    job.add("beside", shell("true")).add("later", shell("true"), after=("beside",)).add(
        "last", shell("true"), after=("after",)
    )
    result = run(job.build())
    assert result.exit_code == 1
    assert states(result) == {"bad": FAILED, "after": SKIPPED, "beside": DONE, "later": DONE, "last": SKIPPED}
    assert result.task("bad").failure.what == "it ended with exit code 7"
    assert result.task("after").note == "bad failed"


def test_fail_fast_begins_nothing_more(run):
    job = (
        JobBuilder()
        .add("bad", shell("exit 1"))
        .add("slow", shell("sleep 1"))
        .add("next", shell("true"), after=("slow",))
    )
    job.runtime["failurePolicy"] = FAIL_FAST
    assert states(run(job.build(), places=2)) == {"bad": FAILED, "slow": DONE, "next": SKIPPED}


@pytest.mark.parametrize(("blessed", "state"), [(1, DONE), (0, SKIPPED)])
def test_a_condition_decides(run, blessed, state):
    job = JobBuilder().add("judge", makes("blessing", blessed=blessed, score=2.5), outputs={"blessing": "Metrics"})
    condition = "inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0"
    job.add("push", shell("true"), inputs={"blessing": "judge.blessing"}, triggerPolicy={"condition": condition})
    job.add("after", shell("true"), after=("push",))
    assert states(run(job.build())) == {"judge": DONE, "push": state, "after": state}


def test_a_condition_that_is_no_cel_fails_its_task(run):
    job = JobBuilder().add("push", shell("true"), triggerPolicy={"condition": "'it's' == 1.0"})
    result = run(job.build())
    assert (result.exit_code, states(result)) == (1, {"push": FAILED})
    assert "is not CEL" in result.failure.what and "escape" in result.failure.remedy


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("", True),
        ("inputs.parameter_values['steps'] == 3.0", True),
        ("inputs.parameter_values['steps'] > 3.0", False),
        ("inputs.artifacts['model'].artifacts[0].metadata['score'] >= 0.5 && inputs.parameters['kind'] == 'a'", True),
        ("inputs.artifacts['model'].artifacts[0].uri == 'gs://b/2'", False),
    ],
)
def test_a_condition_is_asked_of_artifacts_and_parameters(condition, outcome):
    model = Artifact(1, "m", {"schemaTitle": "system.Model"}, "gs://b/1", {"score": 0.5})
    assert holds(condition, {"model": [model]}, {"steps": 3, "kind": "a"}) is outcome


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("inputs.parameter_values['steps'] + 1.0", "neither true nor false"),
        ("inputs.parameter_values['stepz'] == 3.0", "cannot be evaluated"),
        ("inputs.artifacts['model'].artifacts[0].metadata['blessed'] == 1.0", "cannot be evaluated"),
    ],
)
def test_a_condition_that_decides_nothing_is_no_no(condition, words):
    with pytest.raises(MillraceError, match=words):
        holds(condition, {}, {"steps": 3})


def with_exit_handler(inner) -> JobBuilder:
    """As TFX compiles a pipeline with an exit handler: its tasks in a graph of their own."""
    job, tasks = JobBuilder(), {}
    job.add("work", inner, into=tasks).nest("_tfx_dag", tasks)
    status = {"taskFinalStatus": {"producerTask": "_tfx_dag"}}
    return job.add(
        "handler",
        shell('printf %s "$1" > $2', "{{$.inputs.parameters['status']}}", "{{$.outputs.artifacts['told'].path}}"),
        parameters={"status": status},
        outputs={"told": "Metrics"},
        after=("_tfx_dag",),
        triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
    )


@pytest.mark.parametrize(("inner", "state", "code"), [("true", "SUCCEEDED", 0), ("exit 1", "FAILED", 1)])
def test_the_exit_handler_is_told_how_it_ended(run, tmp_path, inner, state, code):
    result = run(with_exit_handler(shell(inner)).build())
    assert result.exit_code == code
    assert states(result)["handler"] is DONE
    [uri] = result.task("handler").outputs["told"]
    told = json.loads(bucket(tmp_path, uri.removeprefix("gs://")).read_text())
    assert told["state"] == state and ("error" in told) is bool(code)


def test_a_task_is_tried_again_and_may_then_work(run, tmp_path):
    policy = {"maxRetryCount": 3, "backoffDuration": "0.01s", "backoffFactor": 3.0, "backoffMaxDuration": "0.05s"}
    job = JobBuilder().add("flaky", shell("echo x >> $1; test $(wc -l < $1) -gt 2", "gs://tries"), retryPolicy=policy)
    row = run(job.build()).task("flaky")
    assert row.state is DONE
    assert [(attempt.code, attempt.waits) for attempt in row.attempts] == [(1, 0.01), (1, 0.03), (0, 0.0)]


def test_an_injected_failure_shows_retries_and_exit_handler(run):
    job = with_exit_handler(shell("true"))
    job.components["_tfx_dag"]["dag"]["tasks"]["work"]["retryPolicy"] = {"maxRetryCount": 2, "backoffDuration": "90s"}
    recovered = run(job.build(), fail={"work": 1}, longest_wait=0.01)
    assert recovered.exit_code == 0
    assert [attempt.waits for attempt in recovered.task("work").attempts] == [90.0, 0.0]
    lost = run(job.build(), fail={"work": ALWAYS}, longest_wait=0.01, cache=False)
    assert (lost.exit_code, len(lost.task("work").attempts)) == (1, 3)
    assert "--fail" in lost.failure.what and states(lost)["handler"] is DONE


def test_parameters_come_from_the_job_its_defaults_and_other_tasks(run, tmp_path):
    job = JobBuilder().declare("given").declare("steps", "NUMBER_INTEGER", defaultValue=5.0)
    job.add(
        "count",
        shell("printf 41 > $1", "{{$.outputs.parameters['n'].output_file}}"),
        output_parameters={"n": "NUMBER_INTEGER"},
    )
    job.add(
        "show",
        shell(
            'printf "%s %s %s %s" "$1" "$2" "$3" "$4" > $5',
            "{{$.inputs.parameters['a']}}",
            "{{$.inputs.parameters['b']}}",
            "{{$.inputs.parameters['c']}}",
            "{{$.pipeline_job_name}}",
            "gs://shown",
        ),
        parameters={
            "a": {"componentInputParameter": "given"},
            "b": {"componentInputParameter": "steps"},
            "c": {"taskOutputParameter": {"producerTask": "count", "outputParameterKey": "n"}},
        },
    )
    result = run(job.build(), {"given": "it's"})
    assert result.exit_code == 0, result.failure
    assert bucket(tmp_path, "shown").read_text() == f"it's 5 41 small-{result.run_id}"


def test_what_only_the_image_has_is_not_rehearsed(run):
    job = JobBuilder().add("own", {"image": "x", "command": ["/opt/own/tool"], "args": []}, outputs={"made": "Model"})
    job.add("entry", {"image": "x", "args": ["--flag"]})
    job.add("needs", shell("true"), inputs={"x": "own.made"}).add("after", shell("true"), after=("entry",))
    result = run(job.build())
    assert (result.exit_code, result.failure.where) == (2, "entry"), "what was not tried is not done"
    assert "--output entry.KEY=FOLDER" in result.failure.remedy and result.ending == "partly rehearsed, 1 of 4"
    left = TaskState.NOT_REHEARSED
    assert states(result) == {"own": left, "entry": left, "needs": left, "after": DONE}
    assert "own: not rehearsed: its command /opt/own/tool is in its image, not on this machine" in result.findings
    enough = run(job.build(), partial=True)
    assert (enough.exit_code, enough.ending) == (0, "partly rehearsed, 1 of 4")


def test_what_asks_google_cloud_is_not_rehearsed_or_stands_in(run):
    pusher = "tfx.extensions.google_cloud_ai_platform.pusher.executor.Executor"
    job = JobBuilder().add("cloud", python("pass", "--executor_class_path", pusher))
    job.add(
        "beam", python("import sys; assert sys.argv[1] == '--runner=FnApiRunner', sys.argv", "--runner=DataflowRunner")
    )
    pools = [{"replicaCount": 4, "containerSpec": {"imageUri": "x", "command": ["sh", "-c"], "args": ["true"]}}]
    job.add("train", {"customJob": {"jobSpec": {"workerPoolSpecs": pools}}}["customJob"], kind="customJob")
    result = run(job.build())
    assert states(result) == {"cloud": TaskState.NOT_REHEARSED, "beam": DONE, "train": DONE}
    assert any("DataflowRunner" in finding for finding in result.findings)
    assert any("4 replica(s)" in finding for finding in result.findings)


def test_a_gate_that_says_no_is_no_fault(run):
    code = "class Blocked(Exception): exit_code, what, remedy = 3, 'the data say no', 'fix the data'\nraise Blocked()"
    result = run(JobBuilder().add("gate", python(code)).build())
    assert (result.exit_code, states(result)) == (3, {"gate": TaskState.BLOCKED})
    assert (result.failure.what, result.failure.remedy) == ("the data say no", "fix the data")


def test_bad_input_is_called_so_as_in_a_run_and_stops_what_follows(run):
    code = "class Bad(Exception): exit_code, what, remedy = 2, 'no row', 'bring rows'\nraise Bad()"
    job = JobBuilder().add("data", python(code)).add("after", shell("true"), after=["data"])
    result = run(job.build())
    assert (result.exit_code, result.ending) == (2, "bad input")
    assert states(result) == {"data": TaskState.BAD_INPUT, "after": TaskState.SKIPPED}


@pytest.mark.parametrize(
    ("key", "blessed", "code"),
    [("blessed", 1, 0), ("blessed", 0, 3), ("trial_blessed", 0, 3), ("trial_blessed", 1, 0)],
)
def test_a_model_that_is_not_blessed_ends_with_three(run, key, blessed, code):
    job = JobBuilder().add(
        "Evaluator", makes("blessing", **{key: blessed}, reason="AUC"), outputs={"blessing": "ModelBlessing"}
    )
    result = run(job.build())
    assert result.exit_code == code
    assert result.task("Evaluator").note == ("blessed" if blessed else "not blessed")


def test_a_circle_ends_with_a_message(run):
    job = JobBuilder().add("a", shell("true"), inputs={"x": "b.made"}, outputs={"made": "Model"})
    job.add("b", shell("true"), inputs={"x": "a.made"}, outputs={"made": "Model"})
    result = run(job.build())
    assert result.exit_code == 1 and "which is not there" in result.failure.what
