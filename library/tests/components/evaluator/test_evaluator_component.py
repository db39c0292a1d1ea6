"""The component as a pipeline holds it: its parameters, what it refuses, and that it compiles."""

import json

import evaluator_world as world
import pytest
from tfx.components import CsvExampleGen
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel, standard_artifacts

from millrace.base.errors import ConfigError
from millrace.components.evaluator.component import Evaluator


def component(config, **given):
    return Evaluator(
        examples=Channel(type=standard_artifacts.Examples),
        model=Channel(type=standard_artifacts.Model),
        baseline_model=Channel(type=standard_artifacts.Model),
        eval_config=config,
        **given,
    )


def test_parameters_are_numbers_and_texts():
    made = component(world.eval_config(), min_slice_size=100, in_process=False, code_digest="abc")
    kept = {name: made.exec_properties[name] for name in ("min_slice_size", "in_process", "code_digest")}
    assert kept == {"min_slice_size": 100, "in_process": 0, "code_digest": "abc"}
    assert set(made.outputs) == {"evaluation", "blessing"}


def test_another_digest_is_another_execution():
    one, two = (component(world.eval_config(), code_digest=digest).exec_properties for digest in ("a", "b"))
    assert one != two


def test_examples_are_counted_once():
    config = world.eval_config()
    counted = component(config).exec_properties["eval_config"]
    assert counted.count("ExampleCount") == 1
    del config.metrics_specs[0].metrics[-1]
    assert component(config).exec_properties["eval_config"].count("ExampleCount") == 1


def test_tfma_s_own_minimum_size_becomes_the_judge_s():
    config = world.eval_config()
    config.options.min_slice_size.value = 50
    made = component(config, min_slice_size=10)
    assert made.exec_properties["min_slice_size"] == 50
    assert "min_slice_size" not in json.loads(made.exec_properties["eval_config"])["options"]


def test_no_threshold_is_an_error_at_once():
    with pytest.raises(ConfigError, match="no threshold") as error:
        component(world.eval_config(thresholds=""))
    assert error.value.exit_code == 2
    assert error.value.remedy


def test_thresholds_between_slices_are_refused():
    config = world.eval_config()
    config.cross_slicing_specs.add(baseline_spec={})
    with pytest.raises(ConfigError, match="slices with each other"):
        component(config)


def test_compiles_for_kubeflow_and_vertex(tmp_path):
    examples = CsvExampleGen(input_base="gs://bucket/data")
    model = Importer("gs://bucket/model", standard_artifacts.Model).with_id("Model")
    latest = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("Latest")
    evaluator = Evaluator(
        examples.outputs["examples"], model.outputs["result"], latest.outputs["model"], world.eval_config(),
        min_slice_size=100, code_digest="abc",
    )  # fmt: skip
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config=kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(default_image="image"),
        output_dir=str(tmp_path),
        output_filename="job.json",
    )
    runner.run(Pipeline("taxi", "gs://bucket/root", components=[examples, model, latest, evaluator]))
    spec = json.loads((tmp_path / "job.json").read_text())["pipelineSpec"]
    given = spec["root"]["dag"]["tasks"]["Evaluator"]["inputs"]["parameters"]
    assert "min_slice_size" in given
    command = next(
        each["container"] for name, each in spec["deploymentSpec"]["executors"].items() if name.startswith("Evaluator")
    )
    assert "millrace.components.evaluator.executor.Executor" in " ".join(
        [*command.get("command", []), *command["args"]]
    )
