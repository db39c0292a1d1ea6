"""Every snippet of docs/guides/own-code.md, put into copies of the project that then run, compile and push."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from millrace.new.project_files import project_files

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "own-code.md"
BLOCK = re.compile(r'^```(?P<kind>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
# A few steps, and gates that any model passes.
FEW = {
    "training": {"batch_size": 64, "steps": 30, "learning_rate": 0.01, "seed": 20},
    "evaluation": {"metrics": ["AUC", "ExampleCount"], "thresholds": [{"metric": "AUC", "at_least": 0.3}]},
    "infra_validation": {"p95_milliseconds": 1e5},
}
NOT_KERAS = "A model that is not Keras's"


@dataclass(frozen=True)
class Snippet:
    """A fenced block: the section that it is in, its language, the file that it names, and its text."""

    section: str
    kind: str
    file: str
    text: str


def snippets() -> list[Snippet]:
    found = []
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        found += [Snippet(title, m["kind"], m["title"] or "", m["text"]) for m in BLOCK.finditer(section)]
    return found


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {key: merged(one[key], value) if isinstance(one.get(key), dict) else value for key, value in other.items()}
    return {**one, **both}


def apply(snippet: Snippet, project: Path) -> None:
    """Writes a file, lays a configuration over the one that is there, or edits a text that must be there once."""
    file = project / snippet.file
    if snippet.kind == "yaml":
        values = merged(yaml.safe_load(file.read_text(encoding="utf-8")), yaml.safe_load(snippet.text))
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
    elif snippet.kind == "diff":
        lines = snippet.text.rstrip("\n").split("\n")
        before, after = ("\n".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} does not stand once in {snippet.file}"
        file.write_text(text.replace(before, after), encoding="utf-8")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(snippet.text, encoding="utf-8")


def millrace(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "millrace.cli.main", *arguments]
    library = os.pathsep.join([str(PAGE.parents[2]), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        command, cwd=project, env={**os.environ, "PYTHONPATH": library}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def new_project(tmp_path: Path) -> Path:
    """A new project, as `millrace new` writes it."""
    for place, file in project_files("snippets").items():
        target = tmp_path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
    return tmp_path


@pytest.fixture
def project(new_project: Path) -> Path:
    """The same, but it trains for a few steps."""
    configuration = new_project / "conf" / "taxi.yaml"
    values = {**yaml.safe_load(configuration.read_text(encoding="utf-8")), **FEW}
    configuration.write_text(yaml.safe_dump(values), encoding="utf-8")
    return new_project


def pushed(project: Path) -> Path:
    [model] = project.glob("runs/taxi/serving/taxi/*")
    return model


def test_every_snippet_names_its_file_and_so_is_run() -> None:
    found = snippets()
    assert len(found) > 12
    assert [one for one in found if not one.file or one.kind not in ("python", "yaml", "diff")] == []
    assert {one.section for one in found if one.section == NOT_KERAS}, "the page has that section"


@pytest.mark.parametrize("tool", ["ruff format --check .", "ruff check .", "mypy --cache-dir=.mypy_cache"])
def test_the_pages_functions_are_content_with_make_check(new_project: Path, tool: str) -> None:
    for snippet in snippets():
        apply(snippet, new_project)
    command = [sys.executable, "-m", *tool.split()]
    done = subprocess.run(command, cwd=new_project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.thorough
@pytest.mark.slow
def test_derived_features_a_model_a_search_and_a_component_run_compile_and_push(project: Path) -> None:
    for snippet in snippets():
        if snippet.section != NOT_KERAS:
            apply(snippet, project)
    millrace(project, "run")
    inputs = json.loads((pushed(project) / "assets.extra/millrace.json").read_text(encoding="utf-8"))["inputs"]
    assert "trip_start_timestamp" in inputs, "what a derived feature comes from is asked for"
    assert "tips" not in inputs, "what no feature comes from is not"
    [report] = project.glob("runs/taxi/artifacts/InfraValidator/blessing/*/*.json")
    asked = json.loads(report.read_text(encoding="utf-8"))["signatures"]
    assert {"serving_default", "predict_json"} <= set(asked), "both ways of asking were tried in a server"
    [size] = project.glob("runs/taxi/artifacts/ModelSize/size/*/bytes.txt")
    assert int(size.read_text()) > 100_000
    [best] = project.glob("runs/taxi/artifacts/Tuner/best_hyperparameters/*/best_hyperparameters.txt")
    assert json.loads(best.read_text())["values"]["learning_rate"] in (0.01, 0.003)
    [evaluation] = project.glob("runs/taxi/artifacts/Evaluator/evaluation/*/gate_report.json")
    report = json.loads(evaluation.read_text(encoding="utf-8"))
    assert 0.0 < report["metrics"]["cost"] < 20.0
    # From the first blessing on a metric is asked of two models.
    millrace(project, "run", "--set", "training.seed=3")
    newest = max(project.glob("runs/taxi/artifacts/Evaluator/evaluation/*/gate_report.json"), key=os.path.getmtime)
    compared = json.loads(newest.read_text(encoding="utf-8"))
    assert compared["baseline"] and 0.0 < compared["baseline_metrics"]["cost"] < 20.0
    for service in ("vertex", "kubeflow"):
        compiled = project / f"compiled-{service}"
        millrace(
            project, "compile", "--runner", service, "--set", f"{service}.root=gs://bucket/root", "-o", str(compiled)
        )
        assert "custom_components.ModelSize" in compiled.read_text(encoding="utf-8")


@pytest.mark.thorough
@pytest.mark.slow
def test_a_model_that_is_not_kerass_is_trained_and_meets_the_projects_own_thresholds(new_project: Path) -> None:
    """Nothing is changed but what the page says: a person who follows it is not stopped by the Evaluator."""
    for snippet in snippets():
        if snippet.section == NOT_KERAS:
            apply(snippet, new_project)
    millrace(new_project, "run")
    script = (
        "import sys, tensorflow as tf; model = tf.saved_model.load(sys.argv[1]);"
        "print(sorted(model.signatures['transformed'].structured_input_signature[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(pushed(new_project))], cwd="/", capture_output=True, text=True, check=True
    )
    numbers = ["fare_xf", "trip_miles_xf", "trip_seconds_xf"]
    asked = ast.literal_eval(done.stdout)
    assert set(numbers) < set(asked) and "payment_type_xf" in asked and "big_tipper_xf" not in asked


@pytest.mark.thorough
@pytest.mark.slow
def test_a_forgotten_signature_ends_the_run_with_its_name_and_the_remedy(project: Path) -> None:
    serving = project / "models/serving.py"
    serving.write_text(serving.read_text().replace('"transform_features": served.transformed_examples(),', ""))
    command = [sys.executable, "-m", "millrace.cli.main", "run"]
    refused = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    text = " ".join((refused.stdout + refused.stderr).split())
    assert refused.returncode == 3, text
    assert "it has no signature transform_features; its signatures: predict_json, serving_default, transformed" in text
    assert "export a function transform_features that takes serialised tf.Examples" in text
    assert "Traceback" not in text
    assert not list(project.glob("runs/taxi/serving/taxi/*"))


@pytest.mark.slow
def test_an_artifact_type_that_could_not_be_compiled_is_refused_before_anything_runs(project: Path) -> None:
    for snippet in snippets():
        if snippet.section == "A component with an artifact type of one's own":
            apply(snippet, project)
    component = project / "custom_components/model_size/component.py"
    component.write_text(component.read_text().replace('"custom_components.ModelSize"', '"ModelSize"'))
    command = [sys.executable, "-m", "millrace.cli.main", "run"]
    refused = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "has the TYPE_NAME 'ModelSize', which TFX's compiler refuses" in refused.stdout + refused.stderr
    assert not list(project.glob("runs/taxi/artifacts/*"))


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path) -> Any:
    """A run's artifacts are large; nobody reads them after the test."""
    yield
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)
