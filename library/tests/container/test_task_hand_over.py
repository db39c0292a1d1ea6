"""What the command of a container prepares, and how it hands over: a module that writes down its arguments is TFX's."""

import json
import re
import sys
import tempfile
from pathlib import Path

import pytest

from millrace.container import __main__ as command

RECORDING = """
import json, sys
assert __name__ == "__main__"
with open({file!r}, "w") as file:
    json.dump(sys.argv, file)
{end}
"""
GIVEN = {"inputs": {"parameterValues": {"text": "a"}}, "outputs": {"outputFile": "out.json"}}
DECLARED = {"parameters": {"text": {"parameterType": "STRING"}}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command; gives which of TFX's modules was run, and its arguments."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def of(*arguments, given=GIVEN, end=""):
        for kind in ("EXECUTOR", "DRIVER"):
            name = f"stands_for_{kind.lower()}"
            file = tmp_path / f"{kind}.json"
            file.unlink(missing_ok=True)
            (tmp_path / f"{name}.py").write_text(RECORDING.format(file=str(file), end=end))
            monkeypatch.setattr(command, kind, name)
            sys.modules.pop(name, None)
        before = list(sys.argv)
        try:
            command.main([*arguments, "--json_serialized_invocation_args", json.dumps(given)])
        finally:
            assert sys.argv == before
        [file] = (file for file in tmp_path.glob("*.json") if file.stem in ("EXECUTOR", "DRIVER"))
        return file.stem, json.loads(file.read_text())

    return of


def value_of(arguments, name):
    return arguments[arguments.index(name) + 1]


def test_a_task_is_tfx_s_executor_with_what_the_service_said(run):
    module, arguments = run("--executor_class_path", "shop.Executor", "--json_serialized_inputs_spec_args", "")
    assert module == "EXECUTOR"
    given = json.loads(value_of(arguments, "--json_serialized_invocation_args"))
    assert (given["inputs"]["parameterValues"], given["outputs"]["outputFile"]) == ({"text": "a"}, "out.json")
    assert value_of(arguments, "--executor_class_path") == "shop.Executor"
    assert "--json_serialized_inputs_spec_args" not in arguments, "schema 2.0 has none"
    _, arguments = run("--json_serialized_inputs_spec_args", json.dumps(DECLARED))
    assert json.loads(value_of(arguments, "--json_serialized_inputs_spec_args")) == DECLARED


def test_on_vertex_ai_the_data_is_looked_at_by_tfx_s_driver(run):
    assert run("--step", "resolve_input", "--service", "vertex")[0] == "DRIVER"


def test_beam_works_in_this_container_unless_a_runner_is_named(run):
    """And a runner elsewhere, which is given the project as a set-up file, is given the library."""
    options = ("--runner=DataflowRunner", "--setup_file=/shop/setup.py")
    here, elsewhere = run()[1], run(*options)[1]
    assert here[-1] == "--sdk_container_image=this-environment"
    assert elsewhere[-3:-1] == list(options)
    assert re.fullmatch(r"--extra_package=.*/millrace-library-[^/]+/millrace-.*\.whl", elsewhere[-1])
    assert Path(elsewhere[-1].partition("=")[2]).is_file(), "Beam reads it while the task runs"


@pytest.mark.parametrize(("end", "code"), [("sys.exit(0)", None), ("sys.exit()", None), ("sys.exit(3)", 3)])
def test_how_tfx_s_module_ends_is_how_the_task_ends(run, end, code):
    if code is None:
        assert run(end=end)[0] == "EXECUTOR"
        return
    with pytest.raises(SystemExit) as ended:
        run(end=end)
    assert ended.value.code == code


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("from millrace.base.errors import GateRefused; raise GateRefused('the data may not pass')", 3),
        ("from millrace.base.errors import BadInput; raise BadInput('there is no column fare')", 2),
        ("raise RuntimeError('it broke')", 1),
    ],
)
def test_a_failure_is_the_exit_code_and_its_words_are_in_the_log(run, capsys, raised, code):
    with pytest.raises(SystemExit) as ended:
        run(end=raised)
    assert ended.value.code == code
    assert "Traceback" in capsys.readouterr().err


def test_a_time_limit_is_set_only_where_one_is_asked_for(run, monkeypatch):
    limits = []
    monkeypatch.setattr(command, "end_after", limits.append)
    run()
    assert limits == []
    run("--timeout_seconds", "90")
    assert limits == [90]


def test_what_the_service_says_is_what_tfx_means_by_then(run):
    same = {"artifacts": [{"uri": "gs://b/model/1"}]}
    given = {
        "inputs": {
            "parameterValues": {"runtime_training_steps": 7.0, "train_args": '{"num_steps": 3}'},
            "artifacts": {"model": same, "baseline_model": same},
        },
        "outputs": {"outputFile": "out.json"},
    }
    seen = json.loads(value_of(run(given=given)[1], "--json_serialized_invocation_args"))
    assert seen["inputs"]["parameterValues"] == {"train_args": '{"num_steps": 7}'}
    assert seen["inputs"]["artifacts"]["baseline_model"] == {"artifacts": []}, "no model is compared with itself"


def test_on_kubeflow_the_data_is_looked_at_by_our_own_code(run, monkeypatch):
    looked = []
    monkeypatch.setattr(command.data_input, "put_out_for_kubeflow", lambda task: looked.append(task.value("text")))
    with pytest.raises(ValueError, match="not enough values"):  # none of TFX's modules was run
        run("--service", "kubeflow", "--step", "resolve_input")
    assert looked == ["a"]


def test_other_code_than_the_jobs_is_refused_before_anything_else(run, monkeypatch):
    expected = []
    monkeypatch.setattr(command, "require_expected_code", expected.append)
    run("--code", '{"digest": 1}')
    run()
    assert expected == ['{"digest": 1}']


def test_without_the_services_word_there_is_no_task(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--service", "vertex"])
    assert ended.value.code == 2 and "--json_serialized_invocation_args" in capsys.readouterr().err


def test_no_option_of_tfx_is_taken_for_the_beginning_of_one_of_ours(run):
    arguments = run("--time", "5", "--secre=x")[1]
    assert value_of(arguments, "--time") == "5" and "--secre=x" in arguments


def test_secrets_are_there_before_the_task_begins(run, monkeypatch):
    asked = []
    monkeypatch.setattr(command.secrets, "read_into_environment", asked.append)
    run("--secret", "HOOK=projects/p/secrets/hook/versions/3", "--secret", "KEY=projects/p/secrets/key/versions/1")
    assert asked == [["HOOK=projects/p/secrets/hook/versions/3", "KEY=projects/p/secrets/key/versions/1"]]


def trial():
    blessing = {"uri": "gs://b/blessing", "metadata": {"trial_blessed": 1.0}}
    return {
        "inputs": {"parameterValues": {}, "artifacts": {"model_blessing": {"artifacts": [blessing]}}},
        "outputs": {"outputFile": "out.json"},
    }


def test_a_trial_s_blessing_says_so_to_its_own_stages_on_vertex_ai(run):
    _, arguments = run("--service", "vertex", given=trial())
    given = json.loads(value_of(arguments, "--json_serialized_invocation_args"))
    [blessing] = given["inputs"]["artifacts"]["model_blessing"]["artifacts"]
    assert blessing["metadata"]["blessed"] == 1.0


def test_on_kubeflow_a_task_works_on_folders_and_says_uris_again(run, tmp_path):
    out = tmp_path / "task" / "out"
    out.parent.mkdir()
    model = {"uri": "minio://bucket/model", "type": {"schemaTitle": "tfx.Model"}}
    given = {
        "inputs": {"parameterValues": {}, "artifacts": {"model": {"artifacts": [model]}}},
        "outputs": {"outputFile": str(out)},
    }
    wrote = {"artifacts": {"model": {"artifacts": [{"uri": "/minio/bucket/model"}]}}}
    writing = f"import pathlib; pathlib.Path({str(out)!r}).write_text({json.dumps(wrote)!r})"
    _, arguments = run("--service", "kubeflow", given=given, end=writing)
    seen = json.loads(value_of(arguments, "--json_serialized_invocation_args"))
    assert seen["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"] == "/minio/bucket/model"
    said = json.loads(out.read_text())["artifacts"]["model"]["artifacts"]
    assert said == [{"uri": "minio://bucket/model", "metadata": {}}]
