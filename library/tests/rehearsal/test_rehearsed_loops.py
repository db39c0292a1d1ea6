"""Jobs of others: loops, graphs in several places, structured placeholders, commands of another image."""

import json
from dataclasses import replace
from typing import Any

import pytest
from small_jobs import JobBuilder, bucket, makes, python, shell

from millrace.jobspec.job import CompiledJob
from millrace.rehearsal.executor_input import read_value
from millrace.rehearsal.loops import loop_of
from millrace.rehearsal.placeholders import fill_in
from millrace.rehearsal.report import TaskState

DONE, SKIPPED, FAILED = TaskState.DONE, TaskState.SKIPPED, TaskState.FAILED
# Puts out the output parameter `out`: what it gets, with a letter before it.
ECHO = shell('printf %s "n$1" > $2', "{{$.inputs.parameters['x']}}", "{{$.outputs.parameters['out'].output_file}}")


def loop(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"parameterIterator": {"items": items, "itemInput": "item"}, **more}


def looped(items: dict[str, Any], selector: str = "", **more: Any) -> JobBuilder:
    """A job whose loop runs `echo` on each item, and whose `after` shows what the loop gave."""
    job, inner = JobBuilder(), {}
    item = {"componentInputParameter": "item", **({"parameterExpressionSelector": selector} if selector else {})}
    job.add("echo", ECHO, parameters={"x": item}, output_parameters={"out": "STRING"}, into=inner)
    job.nest("each", inner, **loop(items, **more))
    gives = {"valueFromParameter": {"producerSubtask": "echo", "outputParameterKey": "out"}}
    job.components["each"]["dag"]["outputs"] = {"parameters": {"all": gives}}
    taken = {"taskOutputParameter": {"producerTask": "each", "outputParameterKey": "all"}}
    return job.add(
        "after",
        shell('printf %s "$1" > gs://seen', "{{$.inputs.parameters['x']}}"),
        parameters={"x": taken},
        after=("each",),
    )


def states(result: Any) -> dict[str, TaskState]:
    return {row.task: row.state for row in result.tasks}


def test_a_loop_runs_once_for_each_item_and_gives_a_list(run, tmp_path):
    result = run(looped({"raw": "[1, 2, 3]"}, iteratorPolicy={"parallelismLimit": 2}).build())
    assert states(result) == {"echo[0]": DONE, "echo[1]": DONE, "echo[2]": DONE, "after": DONE}
    assert json.loads(bucket(tmp_path, "seen").read_text()) == ["n1", "n2", "n3"]


@pytest.mark.parametrize("limit", [1, 2])
def test_no_more_turns_run_side_by_side_than_the_job_says(run, limit):
    """A turn needs one of as many places as the limit has, and fails when there is none left."""
    policy = {"iteratorPolicy": {"parallelismLimit": limit}}
    assert loop_of(loop({"raw": "[1, 2, 3, 4]"}, **policy), {}, {}).parallel == limit
    job = looped({"raw": "[1, 2, 3, 4]"}, **policy)
    places = " ".join(f"gs://place-{number}" for number in range(limit))
    take = f"for place in {places}; do if mkdir $place; then sleep 0.3; rmdir $place; exit; fi; done; exit 1"
    job.executors["echo_executor"]["container"] = shell(take)
    job.components["echo"]["outputDefinitions"] = {}
    del job.components["each"]["dag"]["outputs"], job.tasks["after"]
    assert states(run(job.build(), places=4)) == {f"echo[{number}]": DONE for number in range(4)}


def test_a_loop_goes_over_a_parameter_of_the_job_and_takes_a_part_of_each_item(run, tmp_path):
    job = looped({"inputParameter": "list"}, 'parseJson(string_value)["a"]["b"]')
    job.tasks["each"]["inputs"] = {"parameters": {"list": {"componentInputParameter": "items"}}}
    result = run(job.declare("items", "LIST").build(), {"items": '[{"a": {"b": "x"}}, {"a": {"b": "y"}}]'})
    assert result.exit_code == 0, result.failure
    assert json.loads(bucket(tmp_path, "seen").read_text()) == ["nx", "ny"]


def test_an_item_without_the_part_is_named(run):
    result = run(looped({"raw": '[{"b": 1}]'}, 'parseJson(string_value)["a"]').build())
    assert (result.exit_code, states(result)["echo[0]"]) == (1, FAILED)
    assert 'the item {"b": 1} has no a' in result.failure.what


def test_a_loop_over_nothing_runs_nothing(run):
    result = run(looped({"raw": "[]"}).build())
    assert states(result) == {"echo": SKIPPED, "after": SKIPPED}
    assert result.task("echo").note == "its loop has nothing to go over"


def test_a_loop_without_a_list_fails_and_says_what_it_got(run):
    result = run(looped({"raw": "7"}).build())
    assert result.exit_code == 1 and "the loop gets '7' and no list" in result.failure.what
    assert states(result) == {"echo": SKIPPED, "after": SKIPPED}


def test_one_turn_that_fails_fails_the_loop_and_not_the_other_turns(run):
    job = looped({"raw": '["ok", "bad"]'})
    job.executors["echo_executor"]["container"] = shell('test "$1" = ok', "{{$.inputs.parameters['x']}}")
    job.components["echo"]["outputDefinitions"] = {}
    del job.components["each"]["dag"]["outputs"]
    result = run(job.build())
    assert (result.exit_code, result.failure.where) == (1, "echo[1]")
    assert states(result) == {"echo[0]": DONE, "echo[1]": FAILED, "after": SKIPPED}


def test_loops_in_loops_number_their_turns(run):
    job, innermost, inner = JobBuilder(), {}, {}
    words = {"x": {"componentInputParameter": "item"}}
    job.add("leaf", shell("test $1 = b", "{{$.inputs.parameters['x']}}"), parameters=words, into=innermost)
    job.components["second"] = {"dag": {"tasks": innermost}}
    inner["second"] = {"componentRef": {"name": "second"}, **loop({"inputParameter": "list"})}
    inner["second"]["inputs"] = {"parameters": {"list": {"componentInputParameter": "item"}}}
    job.nest("first", inner, **loop({"raw": '[["b", "b"], ["b"]]'}))
    assert states(run(job.build())) == {"leaf[0.0]": DONE, "leaf[0.1]": DONE, "leaf[1.0]": DONE}


def test_a_loop_goes_over_artifacts():
    task = {"artifactIterator": {"items": {"inputArtifact": "all"}, "itemInput": "one"}}
    found = loop_of(task, {"p": 1}, {"all": ["first", "second"]})  # type: ignore[list-item]
    assert [inputs["one"] for _, inputs in found.turns] == [["first"], ["second"]]
    assert [parameters for parameters, _ in found.turns] == [{"p": 1}] * 2


def test_a_graph_in_two_places_has_two_rows_a_task(run):
    job, inner = JobBuilder(), {}
    job.add("leaf", shell("true"), into=inner)
    job.nest("one", inner).nest("two", inner)
    job.components["two"] = job.components["one"]
    assert states(run(job.build())) == {"one.leaf": DONE, "two.leaf": DONE}


def test_a_task_of_a_name_of_any_length_has_a_log(run):
    name = "x" * 300
    result = run(JobBuilder().add(name, shell("echo said")).build())
    assert result.exit_code == 0
    [log] = (result.folder / "tasks").iterdir()
    assert "said" in log.read_text()


def executor_input(**inputs: Any) -> dict[str, Any]:
    return {"inputs": inputs, "outputs": {}}


@pytest.mark.parametrize(
    ("word", "inputs", "words"),
    [
        ('{"Concat": ["a-", "{{$.inputs.parameters[\'p\']}}"]}', {"parameterValues": {"p": 3}}, ["a-3"]),
        (
            '{"IfPresent": {"InputName": "p", "Then": ["--p", "x"], "Else": "none"}}',
            {"parameterValues": {"p": 0}},
            ["--p", "x"],
        ),
        ('{"IfPresent": {"InputName": "p", "Then": ["--p", "x"], "Else": "none"}}', {}, ["none"]),
        ('{"IfPresent": {"InputName": "p", "Then": ["--p"]}}', {}, []),
        ('{"IfPresent": {"InputName": "a", "Then": "yes"}}', {"artifacts": {"a": {"artifacts": []}}}, []),
        ('{"IfPresent": {"InputName": "p", "Then": {"Concat": ["a", "b"]}}}', {"parameterValues": {"p": 1}}, ["ab"]),
        ('{"Concat" of no JSON', {}, ['{"Concat" of no JSON']),
        ("{{$.inputs.artifacts['a']}}", {"artifacts": {"a": {"artifacts": [{"uri": "u"}]}}}, ['[{"uri": "u"}]']),
    ],
)
def test_structured_placeholders_are_words(word, inputs, words):
    assert fill_in([word], executor_input(**inputs), {}) == words


def of_kfp(job: JobBuilder) -> CompiledJob:
    built = job.build()
    built.spec["sdkVersion"] = "kfp-2.14.3"
    return built


def test_what_another_image_may_have_is_no_failure(run):
    result = run(of_kfp(JobBuilder().add("job", python("import no_such_package"))))
    assert states(result) == {"job": TaskState.NOT_REHEARSED} and result.exit_code == 2
    assert "its module no_such_package is in its image image" in result.task("job").note
    assert any("what is in this image is not known here" in finding for finding in result.findings)


@pytest.mark.parametrize(("job", "state"), [(of_kfp, TaskState.NOT_REHEARSED), (JobBuilder.build, FAILED)])
def test_a_module_that_a_command_names_and_nothing_has(run, job, state):
    """Another image may have it; of the own image it is known that it has not."""
    command = {"image": "image", "command": ["python3", "-u", "-m", "no_such_package.main"]}
    result = run(job(JobBuilder().add("t", command)))
    assert states(result) == {"t": state}
    row = result.task("t")
    assert "no_such_package" in (row.note if state is not FAILED else row.failure.what)


def test_a_number_is_to_a_task_what_protobuf_makes_of_it(run, tmp_path):
    code = "import sys; open(sys.argv[2], 'w').write(sys.argv[1])"
    job = JobBuilder().add("t", python(code, "{{$}}", "gs://seen"), parameters={"x": 2.0, "y": {"z": [1.5, 3.0]}})
    assert run(job.build()).exit_code == 0
    values = json.loads(bucket(tmp_path, "seen").read_text())["inputs"]["parameterValues"]
    assert str(values) == "{'x': 2, 'y': {'z': [1.5, 3]}}"


def test_what_a_task_installs_is_there_already_or_it_is_not_rehearsed(run):
    install = (
        "python3 -m pip install --quiet --no-warn-script-location 'rich==0.1' --no-deps 'absent; python_version<\"3\"'"
    )
    command = f"test -x \"$(command -v pip)\" && {install} && python3 -c 'import rich'"
    assert states(run(of_kfp(JobBuilder().add("there", shell(command))))) == {"there": DONE}
    result = run(of_kfp(JobBuilder().add("lacks", shell("pip install rich no-such-package==1"))))
    assert states(result) == {"lacks": TaskState.NOT_REHEARSED}
    assert "it installs no-such-package==1 when it starts" in result.task("lacks").note


def test_an_exit_handler_of_kfp_is_told_an_object(run, tmp_path):
    status = {"taskFinalStatus": {"producerTask": "work"}}
    read = "json.loads(sys.argv[1])['inputs']['parameterValues']['s']['state']"
    code = f"import json,sys; open(sys.argv[2], 'w').write({read})"
    job = JobBuilder().add("work", shell("exit 1"))
    always = {"triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}
    job.add("handler", python(code, "{{$}}", "gs://state"), parameters={"s": status}, after=("work",), **always)
    job.components["handler"]["inputDefinitions"]["parameters"]["s"] = {"parameterType": "TASK_FINAL_STATUS"}
    assert states(run(job.build())) == {"work": FAILED, "handler": DONE}
    assert bucket(tmp_path, "state").read_text() == "FAILED"


def test_what_a_condition_let_be_made_goes_on(run, tmp_path):
    """`dsl.OneOf`: of two branches, the output of the one that ran."""
    job, inner = JobBuilder(), {}
    for name, word in (("yes", "true"), ("no", "false")):
        job.add(name, makes("made"), outputs={"made": "Model"}, into=inner, triggerPolicy={"condition": word})
    job.nest("either", inner)
    selectors = [{"producerSubtask": name, "outputArtifactKey": "made"} for name in ("yes", "no")]
    job.components["either"]["dag"]["outputs"] = {"artifacts": {"one": {"artifactSelectors": selectors}}}
    job.add("after", shell("cat $1 > gs://seen", "{{$.inputs.artifacts['x'].path}}"), inputs={"x": "either.one"})
    assert states(run(job.build())) == {"no": SKIPPED, "yes": DONE, "after": DONE}
    assert bucket(tmp_path, "seen").read_text() == "made"


@pytest.mark.parametrize(
    ("text", "kind", "value"), [("True", "BOOLEAN", True), ("false", "BOOLEAN", False), ("7", "NUMBER_INTEGER", 7)]
)
def test_an_output_parameter_is_read_as_the_services_read_it(text, kind, value):
    assert read_value(text, kind) is value or read_value(text, kind) == value


@pytest.mark.parametrize("value", [None, {}, [], "", [None], {"a": None}])
def test_a_value_that_says_nothing_does_not_end_the_process(run, value):
    """ML Metadata does that, and not by an exception, of a value without a kind."""
    job = JobBuilder().add("t", shell("true"), parameters={"x": value})
    assert states(run(job.build())) == {"t": DONE}


def of_another_image(command: str) -> JobBuilder:
    return JobBuilder(dialect="kubeflow").add("t", shell(command))


@pytest.mark.parametrize(
    ("job", "why"),
    [
        (of_another_image("no-such-program --flag"), "its image image may have a program that is not here"),
        (
            of_another_image("echo set: Illegal option -o pipefail; exit 2"),
            "the shell of its image image may be another",
        ),
        (of_another_image("pip install rich==0.1 && python -c 'import rich; rich.gone'"), "stands in for rich==0.1"),
        (of_another_image("echo ERROR: No matching distribution found for yapf; exit 1"), "it installs yapf"),
        (JobBuilder().add("t", {"image": "x", "command": ["sh", "run.sh"]}), "its script run.sh is in its image"),
        (
            JobBuilder().add("t", {"image": "x", "command": ["python3", "-m", "kfp.dsl.executor_main"]}),
            "its Python function is in its image",
        ),
    ],
)
def test_a_failure_that_the_image_may_not_have_says_nothing(run, job, why):
    result = run(of_kfp(job))
    assert states(result) == {"t": TaskState.NOT_REHEARSED} and why in result.task("t").note


@pytest.mark.parametrize("ending", ["exit 3", "python -c 'raise RuntimeError(1)'"])
def test_a_failure_of_the_tasks_own_is_one_whatever_it_installed(run, ending):
    job = of_kfp(of_another_image(f"pip install rich==0.1 && {ending}"))
    assert states(run(job)) == {"t": FAILED}


def test_an_input_that_only_a_submission_gives_is_not_rehearsed(run):
    job = JobBuilder().add("t", shell("true"))
    job.tasks["t"]["inputs"]["artifacts"] = {"x": {"componentInputArtifact": "x"}}
    assert "its input x is given when the job is submitted" in run(job.build()).task("t").note
    job.components["t"]["inputDefinitions"]["artifacts"] = {"x": {"isOptional": True}}
    assert states(run(job.build())) == {"t": DONE}


def test_a_failure_of_a_task_that_kubernetes_gives_something_says_nothing(run):
    job = of_kfp(of_another_image("exit 1"))
    asked = {"deploymentSpec": {"executors": {"t_executor": {"secretAsEnv": [{"secretName": "s"}]}}}}
    job = replace(job, platform={"kubernetes": asked})
    assert "it asks Kubernetes for secretAsEnv" in run(job).task("t").note


def test_placeholders_speak_of_the_job_and_of_the_task(run, tmp_path):
    words = {"x": "{{$.pipeline_task_name}} {{$.pipeline_job_name}}"}
    job = JobBuilder().add("named", shell("echo $1 > gs://seen", "{{$.inputs.parameters['x']}}"), parameters=words)
    result = run(job.build())
    assert bucket(tmp_path, "seen").read_text() == f"named small-{result.run_id}\n"
