"""The runtime parameters of a compiled job, made into the execution properties that TFX's stages read.

A job has a few parameters with plain names and values, which may be set when it is submitted. A stage gets each of
them under a name of `millrace.jobspec.runtime_inputs`; here it becomes what TFX knows: a range of spans, training
arguments, an EvalConfig.
"""

import json
from collections.abc import Callable
from typing import Any

from millrace.components.evaluator.section import Evaluation
from millrace.container.task_input import TaskInput
from millrace.features.label import read_label
from millrace.jobspec import runtime_inputs


def apply(task: TaskInput) -> None:
    """Replaces the runtime parameters among a task's inputs by what they mean to TFX."""
    for name, meaning in _MEANINGS.items():
        value = task.take(name)
        if value is not None:
            meaning(task, value)
    task.take(runtime_inputs.EVALUATION)


def _span(task: TaskInput, value: Any) -> None:
    """A window stays as long as it was compiled, and ends with the span."""
    compiled = json.loads(task.value("range_config") or "{}")
    rolling, static = compiled.get("rolling_range", {}), compiled.get("static_range", {})
    spans = rolling.get("num_spans") or static.get("end_span_number", 0) - static.get("start_span_number", 0) + 1
    start, end = rolling.get("start_span_number", 0), int(value)
    if end != runtime_inputs.NEWEST_SPAN:
        span = {"start_span_number": max(start, end - spans + 1), "end_span_number": end}
        task.put("range_config", json.dumps({"static_range": span}))
    elif task.value("missing_spans"):
        task.put("range_config", json.dumps({"rolling_range": {"start_span_number": start, "num_spans": spans}}))
    else:
        task.take("range_config")


def _training_steps(task: TaskInput, value: Any) -> None:
    train_args = json.loads(task.value("train_args") or "{}")
    task.put("train_args", json.dumps({**train_args, "num_steps": int(value)}))


def _training_epochs(task: TaskInput, value: Any) -> None:
    custom_config = json.loads(task.value("custom_config") or "{}")
    custom_config["training"] = {**custom_config.get("training", {}), "epochs": int(value), "steps": None}
    task.put("custom_config", json.dumps(custom_config))


def _thresholds(task: TaskInput, value: Any) -> None:
    given = json.loads(value) if isinstance(value, str) else value
    section = json.loads(task.take(runtime_inputs.EVALUATION))
    compiled = Evaluation.model_validate(section["evaluation"])
    wanted = Evaluation.model_validate({**section["evaluation"], "thresholds": given})
    if wanted == compiled:
        return
    # TFMA is imported where the thresholds are others than those that were compiled.
    from tfx.utils import proto_utils

    from millrace.components.evaluator.component import prepared
    from millrace.components.evaluator.eval_config import eval_config

    config = eval_config(read_label(json.dumps(section["label"])), wanted)
    task.put("eval_config", proto_utils.proto_to_json(prepared(config)))


def _query(task: TaskInput, value: Any) -> None:
    input_config = json.loads(task.value("input_config") or "{}")
    for split in input_config.get("splits", ()):
        split["pattern"] = value
    task.put("input_config", json.dumps(input_config))


_MEANINGS: dict[str, Callable[[TaskInput, Any], None]] = {
    runtime_inputs.SPAN: _span,
    runtime_inputs.TRAINING_STEPS: _training_steps,
    runtime_inputs.TRAINING_EPOCHS: _training_epochs,
    runtime_inputs.THRESHOLDS: _thresholds,
    runtime_inputs.QUERY: _query,
}
