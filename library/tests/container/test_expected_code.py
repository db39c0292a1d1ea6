"""A task refuses an image that holds other code than its job was compiled with."""

import json

import pytest

from millrace.base.errors import BadInput
from millrace.container.__main__ import main
from millrace.container.expected_code import require_expected_code
from millrace.jobspec.expected_code import expect_code, python_version
from millrace.jobspec.job import from_documents
from millrace.jobspec.runtime_inputs import CODE
from millrace.project import code_digest as digests
from millrace.project.code_digest import code_digest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A package of a user, beside this project's."""
    package = tmp_path / "shopcode"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("FACTOR = 2\n")
    (package / "training.py").write_text(
        "from shopcode.helper import FACTOR\n\n\ndef run_fn(args):\n    return FACTOR\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    digests._source_or_none.cache_clear()
    yield package
    digests._source_or_none.cache_clear()


def expected(python=None, packages=("shopcode",)):
    functions = ["shopcode.training.run_fn"]
    digest = code_digest(*functions, packages=packages)
    return json.dumps(
        {
            "code_digest": digest,
            "functions": functions,
            "packages": list(packages),
            "python": python or python_version(),
        }
    )


def test_the_same_code_is_taken_whatever_its_comments(project):
    text = expected()
    (project / "helper.py").write_text("FACTOR = 2  # twice\n")
    require_expected_code(text)


def test_other_code_is_refused_also_where_it_is_only_imported(project):
    text = expected()
    (project / "helper.py").write_text("FACTOR = 3\n")
    with pytest.raises(
        BadInput, match=r"other code than the job was compiled with, of shopcode.training.run_fn"
    ) as refusal:
        require_expected_code(text)
    assert "build the image again" in refusal.value.remedy


def test_by_another_python_nothing_can_be_said(project):
    text = expected(python="2.7")
    (project / "helper.py").write_text("FACTOR = 3\n")
    require_expected_code(text)


def test_a_task_ends_before_it_does_anything(project, capsys):
    text = expected()
    (project / "training.py").write_text("def run_fn(args):\n    return 1\n")
    with pytest.raises(SystemExit) as ended:
        main([CODE, text, "--json_serialized_invocation_args", "{}"])
    assert ended.value.code == 2
    assert "the image holds other code" in capsys.readouterr().err


def test_only_a_task_that_runs_a_user_s_function_is_told(project):
    def task(name, parameters):
        return {"taskInfo": {"name": name}, "componentRef": {"name": name}, "inputs": {"parameters": parameters}}

    def executor():
        return {"container": {"image": "i", "command": ["python", "-m", "millrace.container"], "args": ["{{$}}"]}}

    function = {"runtimeValue": {"constant": "shopcode.training.run_fn"}}
    names = ("Reader", "Trainer")
    spec = {
        "pipelineInfo": {"name": "shop"},
        "root": {"dag": {"tasks": {"Reader": task("Reader", {}), "Trainer": task("Trainer", {"run_fn": function})}}},
        "components": {name: {"executorLabel": f"{name}_executor"} for name in names},
        "deploymentSpec": {"executors": {f"{name}_executor": executor() for name in names}},
    }
    job = from_documents([{"pipelineSpec": spec}])
    expect_code(job)
    reader, trainer = (job.executors[f"{name}_executor"]["container"]["args"] for name in names)
    assert reader == ["{{$}}"]
    assert trainer[:2] == ["{{$}}", CODE]
    told = json.loads(trainer[2])
    assert told["functions"] == ["shopcode.training.run_fn"] and "models" in told["packages"]
    require_expected_code(trainer[2])
