"""Runtime parameters of a compiled job, made into what TFX's stages read."""

import json

import pytest
from small_job import step_of

from millrace.container.champion import leave_out_candidate
from millrace.container.runtime_values import apply
from millrace.container.task_input import TaskInput


def task(parameters, typed=False):
    if typed:
        kinds = {int: "intValue", str: "stringValue"}
        values = {name: {kinds[type(value)]: value} for name, value in parameters.items()}
        return TaskInput({"inputs": {"parameters": values}})
    declared = {name: {"parameterType": "STRING"} for name in parameters}
    return TaskInput({"inputs": {"parameterValues": dict(parameters)}}, {"parameters": declared})


def applied(parameters, typed=False):
    """What TFX is given."""
    given = task(parameters, typed)
    apply(given)
    if not typed:
        assert set(given.inputs_spec["parameters"]) <= set(parameters)
        assert not [name for name in given.inputs_spec["parameters"] if name.startswith("runtime_")]
    inputs = given.executor_input["inputs"]
    names = inputs["parameters" if typed else "parameterValues"]
    return {name: given.value(name) for name in names}


@pytest.mark.parametrize("typed", [False, True], ids=["schema 2.1", "schema 2.0"])
def test_steps_replace_those_that_were_compiled(typed):
    seen = applied({"train_args": '{"splits": ["train"], "num_steps": 1000}', "runtime_training_steps": 50}, typed)
    assert {key: json.loads(value) for key, value in seen.items()} == {
        "train_args": {"splits": ["train"], "num_steps": 50}
    }


def test_epochs_replace_those_that_were_compiled():
    seen = applied({"custom_config": '{"training": {"epochs": 3, "steps": null}}', "runtime_training_epochs": 9.0})
    assert json.loads(seen["custom_config"]) == {"training": {"epochs": 9, "steps": None}}


def test_a_span_becomes_a_range_and_minus_one_takes_the_newest():
    before = json.dumps({"static_range": {"start_span_number": 1, "end_span_number": 1}})
    seen = applied({"range_config": before, "runtime_span": 7.0})
    assert json.loads(seen["range_config"]) == {"static_range": {"start_span_number": 7, "end_span_number": 7}}
    assert json.loads(applied({"runtime_span": 7})["range_config"])["static_range"]["end_span_number"] == 7
    assert applied({"range_config": before, "runtime_span": -1}) == {}


def test_a_query_replaces_the_one_that_was_compiled():
    before = json.dumps({"splits": [{"name": "single_split", "pattern": "SELECT 1"}]})
    seen = json.loads(applied({"input_config": before, "runtime_query": "SELECT 2"})["input_config"])
    assert seen == {"splits": [{"name": "single_split", "pattern": "SELECT 2"}]}


def test_a_task_without_runtime_parameters_is_left_as_it_is():
    given = {"schema_text": "feature {}", "n": 3}
    assert applied(given) == given


@pytest.mark.slow
def test_thresholds_at_run_time_are_those_of_a_compile_with_them():
    """Thresholds set at submission give the EvalConfig that a configuration with them would have compiled to."""
    from millrace.cloud.compile import compile_for
    from millrace.config.loading import load

    given = [
        {"metric": "AUC", "at_least": 0.5},
        {"metric": "BinaryAccuracy", "at_least": 0.6, "slice": {"company": ""}},
    ]
    elsewhere = ["vertex.root=gs://my-bucket/root", "vertex.data_path=gs://my-bucket/data"]
    job = compile_for(load("conf/taxi.yaml", elsewhere), "vertex")
    wanted = compile_for(load("conf/taxi.yaml", [*elsewhere, f"evaluation.thresholds={json.dumps(given)}"]), "vertex")

    def evaluator(compiled):
        step = step_of(compiled, "Evaluator")
        return {name: compiled.value(step, name) for name in step.task["inputs"]["parameters"]}

    seen = applied(evaluator(job.with_values({"thresholds": json.dumps(given)})))
    expected = applied(evaluator(wanted))
    assert json.loads(seen["eval_config"]) == json.loads(expected["eval_config"])
    assert json.loads(seen["eval_config"]) != json.loads(applied(evaluator(job))["eval_config"])
    assert seen == expected


@pytest.mark.parametrize(("champion", "left"), [("gs://b/model/1", 0), ("gs://b/model/0", 1)])
def test_no_model_is_compared_with_itself(champion, left):
    artifacts = {
        name: {"artifacts": [{"uri": uri}]} for name, uri in (("model", "gs://b/model/1"), ("baseline_model", champion))
    }
    given = TaskInput({"inputs": {"artifacts": artifacts}})
    leave_out_candidate(given)
    assert len(given.input_artifacts["baseline_model"]["artifacts"]) == left
    assert len(given.input_artifacts["model"]["artifacts"]) == 1


@pytest.mark.parametrize("as_text", [False, True])
def test_other_thresholds_are_judged_by_and_the_same_ones_change_nothing(as_text):
    from tfx.utils import proto_utils

    from millrace.components.evaluator.component import prepared
    from millrace.components.evaluator.eval_config import eval_config
    from millrace.config.loading import load

    config = load("conf/taxi.yaml")
    evaluation = config.evaluation.model_dump(mode="json", by_alias=True)
    section = {"label": config.label.model_dump(mode="json"), "evaluation": evaluation}

    def with_thresholds(thresholds):
        given = json.dumps(thresholds) if as_text else thresholds
        return applied(
            {"eval_config": "as compiled", "runtime_thresholds": given, "evaluation_section": json.dumps(section)}
        )

    assert with_thresholds(evaluation["thresholds"]) == {"eval_config": "as compiled"}
    others = [{"metric": "AUC", "at_least": 0.123}]
    wanted = config.evaluation.model_validate({**evaluation, "thresholds": others})
    expected = proto_utils.proto_to_json(prepared(eval_config(config.label, wanted)))
    assert "0.123" in expected and with_thresholds(others) == {"eval_config": expected}


def test_a_window_ends_with_the_span_and_stays_as_long_as_it_was_compiled():
    rolling = json.dumps({"rolling_range": {"start_span_number": 3, "num_spans": 7}})
    given = {"range_config": rolling, "missing_spans": "refuse"}
    assert json.loads(applied({**given, "runtime_span": -1})["range_config"]) == json.loads(rolling)
    seen = json.loads(applied({**given, "runtime_span": 20})["range_config"])
    assert seen == {"static_range": {"start_span_number": 14, "end_span_number": 20}}
    assert json.loads(applied({**given, "runtime_span": 5})["range_config"])["static_range"]["start_span_number"] == 3
    static = json.dumps({"static_range": {"start_span_number": 4, "end_span_number": 10}})
    seen = json.loads(applied({**given, "range_config": static, "runtime_span": -1})["range_config"])
    assert seen == {"rolling_range": {"start_span_number": 0, "num_spans": 7}}
