"""Every configuration of this project: what it names is there, its graph can be compiled, and the pipeline runs."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from millrace.config.checks import check
from millrace.config.loading import load

PROJECT = Path(__file__).resolve().parents[1]
CONFIGURATIONS = sorted((PROJECT / "conf").glob("*.yaml"))
every_configuration = pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: file.stem)


@every_configuration
def test_data_schema_and_code_are_there_and_fit_each_other(file):
    check(load(file))


@every_configuration
def test_the_schema_says_what_each_column_holds(file):
    from millrace.textproto.schema_text import read

    config = load(file)
    described = {feature.name: feature.type for feature in read(config.schema_.file or "").proto.feature}
    assert all(described[name] for name in (*config.feature_table().columns(), config.label.column))


@every_configuration
@pytest.mark.slow
def test_the_graph_pushes_only_what_both_judges_have_seen(file, tmp_path):
    from millrace.config.platform import VERTEX
    from millrace.execution.graph import compile_graph
    from pipeline.pipeline import create_pipeline

    settings = [f"root={tmp_path}", "code.settings.HardExamples.rows=3", "notify.webhook_env=HOOK", "archive={}"]
    graph = compile_graph(create_pipeline(load(file, settings), VERTEX, date.today()))
    upstream = {node.pipeline_node.node_info.id: set(node.pipeline_node.upstream_nodes) for node in graph.nodes}
    assert {"ExampleGen", "DataGate"} <= upstream["Transform"]
    assert "Trainer" in upstream["Evaluator"] & upstream["InfraValidator"] & upstream["HardExamples"]
    assert upstream["Pusher"] == {"Evaluator", "InfraValidator"}
    assert upstream["ModelArchive"] == {"Pusher"}
    assert upstream["Notifier"] == {"Evaluator", "InfraValidator", "Pusher"}


@every_configuration
@pytest.mark.slow
@pytest.mark.parametrize("count", ["lots", "2.5", "-1"])
def test_a_number_of_hard_examples_that_is_none_is_refused(file, count):
    from millrace.base.errors import ConfigError
    from millrace.config.platform import LOCAL
    from pipeline.pipeline import create_pipeline

    with pytest.raises(ConfigError, match="no number of rows"):
        create_pipeline(load(file, [f"code.settings.HardExamples.rows={count}"]), LOCAL, date.today())


@pytest.mark.slow
def test_a_run_of_a_few_steps_ends_with_a_pushed_model(tmp_path):
    settings = [f"root={tmp_path}", "training.steps=20", "training.epochs=null", "code.settings.HardExamples.rows=5"]
    settings += ["notify.webhook_env=NOT_SET", "evaluation.metrics=[ExampleCount]", "evaluation.slices=[]"]
    settings += ["evaluation.thresholds=[{metric: ExampleCount, at_least: 1}]", "infra_validation.p95_milliseconds=1e5"]
    words = [word for value in settings for word in ("--set", value)]
    command = [sys.executable, "-m", "runners.local", "--push", *words]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert list(tmp_path.glob("serving/*/*/saved_model.pb"))
    [found] = tmp_path.glob("artifacts/HardExamples/hard_examples/*/hard_examples.jsonl")
    losses = [json.loads(line)["loss"] for line in found.read_text(encoding="utf-8").splitlines()]
    assert len(losses) == 5
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(
    ("runner", "command"), [("local", "run"), ("beam", "run"), ("vertex", "submit"), ("kubeflow", "submit")]
)
def test_each_runner_is_a_command_with_its_place_chosen(runner, command):
    def ran(*words):
        call = [sys.executable, "-m", f"runners.{runner}", *words]
        return subprocess.run(call, cwd=PROJECT, capture_output=True, text=True, check=False)

    shown = ran("--help")
    assert shown.returncode == 0
    assert f"Usage: millrace {command}" in shown.stdout
    refused = ran("-c", "conf/nowhere.yaml")
    assert refused.returncode == 2
    assert "nowhere.yaml: there is no such file" in refused.stderr
    assert "Traceback" not in refused.stderr
