"""Jobs that other compilers made: what KFP's SDK writes is not taken for a mistake."""

import copy

import pytest
import yaml
from click.testing import CliRunner
from golden_cases import GOLDEN

from millrace.cli.cloud.check import check_command
from millrace.jobspec.checks import check
from millrace.jobspec.job import from_documents
from millrace.jobspec.job import load as load_job

# A loop over a list that a parameter of the job gives, as KFP's SDK compiles dsl.ParallelFor.
LOOP = """
pipelineInfo: {name: loop}
schemaVersion: 2.1.0
sdkVersion: kfp-2.5.0
root:
  inputDefinitions: {parameters: {names: {parameterType: LIST}}}
  dag:
    tasks:
      for-loop-1:
        componentRef: {name: comp-for-loop-1}
        inputs: {parameters: {pipelinechannel--names: {componentInputParameter: names}}}
        iteratorPolicy: {parallelismLimit: 2}
        parameterIterator:
          itemInput: pipelinechannel--names-loop-item
          items: {inputParameter: pipelinechannel--names}
        taskInfo: {name: for-loop-1}
components:
  comp-for-loop-1:
    inputDefinitions:
      parameters:
        pipelinechannel--names: {parameterType: LIST}
        pipelinechannel--names-loop-item: {parameterType: STRING}
    dag:
      tasks:
        greet:
          componentRef: {name: comp-greet}
          inputs: {parameters: {name: {componentInputParameter: pipelinechannel--names-loop-item}}}
          taskInfo: {name: greet}
  comp-greet:
    executorLabel: exec-greet
    inputDefinitions: {parameters: {name: {parameterType: STRING}}}
deploymentSpec:
  executors:
    exec-greet:
      container:
        image: example.org/greeter:1
        command: [python3, -m, greeter.main]
        args: ["{{$.inputs.parameters['name']}}"]
"""


def loop(change=lambda spec: None):
    spec = yaml.safe_load(LOOP)
    change(spec)
    return from_documents([spec])


def rules(job, *severities):
    return [finding.rule for finding in check(job) if finding.severity in severities]


def test_a_loop_s_item_is_given_by_the_loop():
    assert rules(loop(), "error") == []


def test_what_a_loop_lacks_is_still_found():
    def forget(spec):
        del spec["root"]["dag"]["tasks"]["for-loop-1"]["inputs"]["parameters"]["pipelinechannel--names"]

    assert rules(loop(forget), "error") == ["dangling"]


def test_a_module_of_another_image_is_not_checked_and_said_so():
    [found] = [finding for finding in check(loop()) if finding.rule == "code-of-another-image"]
    assert found.severity == "warning" and "greeter.main of another image: not checked" in found.what


def test_a_parameter_without_a_value_can_be_given_one(tmp_path):
    file = tmp_path / "loop.yaml"
    file.write_text(LOOP)
    assert rules(loop(), "before submit") == ["parameter-without-value"]
    told = CliRunner().invoke(check_command, [str(file)])
    assert told.exit_code == 2 and "--param names=VALUE" in told.output
    assert CliRunner().invoke(check_command, [str(file), "--param", 'names=["ada"]']).exit_code == 0


@pytest.mark.parametrize(("letters", "found"), [(63, []), (64, ["warning"]), (128, ["warning"]), (129, ["error"])])
def test_a_long_name_is_a_finding(letters, found):
    def rename(spec):
        spec["pipelineInfo"]["name"] = "n" * letters

    assert [one.severity for one in check(loop(rename)) if one.rule == "pipeline-name"] == found


def with_image(image, **parameters):
    documents = copy.deepcopy(load_job(GOLDEN / "taxi-vertex.json").to_document())
    for executor in documents[0]["pipelineSpec"]["deploymentSpec"]["executors"].values():
        if "container" in executor:
            executor["container"]["image"] = image
            executor["container"]["command"] = ["python", "-m", "tfx.orchestration.kubeflow.v2.container"]
    return [finding for finding in check(from_documents(documents)) if finding.rule == "stock-image"]


@pytest.mark.parametrize(
    "image",
    ["gcr.io/tfx-oss-public/tfx:1.16.0", "tensorflow/tfx:1.16.0", f"docker.io/tensorflow/tfx@sha256:{'a' * 64}"],
)
def test_the_stock_image_has_no_user_module(image):
    found = {finding.where: finding.what for finding in with_image(image)}
    assert "Trainer imports models.trainer.run_fn" in found["Trainer"] and "TFX's own image" in found["Trainer"]
    assert "SchemaGen" not in found


def test_another_image_of_that_name_is_not_the_stock_image():
    assert with_image("example.org/team/tfx:1.16.0") == []
