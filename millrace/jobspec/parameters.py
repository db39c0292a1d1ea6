"""The runtime parameters of a compiled job: which there are, and how they are put into the spec.

TFX's compiler drops the defaults of its RuntimeParameters and knows them as whole execution properties only, which for
a number of steps would be the text of a protocol buffer. So the graph has none, and plain ones are put in after the
compile; `millrace.container` makes them into what TFX's stages read.
"""

import json
from dataclasses import dataclass
from typing import Any

from millrace.components import stage_ids
from millrace.components.example_gen.section import Data
from millrace.config.config import Config
from millrace.jobspec import edit, runtime_inputs
from millrace.jobspec.job import CompiledJob


@dataclass(frozen=True)
class RuntimeParameter:
    """One runtime parameter.

    Args:
        name: its public name.
        stage: the stage that gets it.
        input: the name under which the stage gets it.
        type: KFP's type.
        default: the value that holds when none is given.
    """

    name: str
    stage: str
    input: str
    type: str
    default: Any


def runtime_parameters(config: Config) -> list[RuntimeParameter]:
    """The parameters that a configured pipeline lets its submitter set."""
    thresholds = [
        threshold.model_dump(mode="json", exclude_defaults=True) for threshold in config.evaluation.thresholds
    ]
    name, key, value = "training_epochs", runtime_inputs.TRAINING_EPOCHS, config.training.epochs
    if config.training.steps:
        name, key, value = "training_steps", runtime_inputs.TRAINING_STEPS, config.training.steps
    training = RuntimeParameter(name, stage_ids.TRAINER, key, "NUMBER_INTEGER", value)
    return [
        *_of_the_data(config.data),
        training,
        RuntimeParameter("thresholds", stage_ids.EVALUATOR, runtime_inputs.THRESHOLDS, "LIST", thresholds),
    ]


def _of_the_data(data: Data) -> list[RuntimeParameter]:
    if data.format == "bigquery":
        return [RuntimeParameter("query", stage_ids.EXAMPLE_GEN, runtime_inputs.QUERY, "STRING", data.query)]
    parameters = [RuntimeParameter("data_path", stage_ids.EXAMPLE_GEN, "input_base", "STRING", data.path)]
    if data.has_spans:
        span = runtime_inputs.NEWEST_SPAN if data.span_number is None else data.span_number
        parameters.append(RuntimeParameter("span", stage_ids.EXAMPLE_GEN, runtime_inputs.SPAN, "NUMBER_INTEGER", span))
    return parameters


def add_runtime_parameters(job: CompiledJob, config: Config) -> None:
    """Puts the runtime parameters of a configuration into the spec that was compiled from it, with their defaults.

    Args:
        job: is changed.
        config: says which parameters there are, and their defaults.
    """
    for parameter in runtime_parameters(config):
        edit.declare_parameter(job, parameter.name, parameter.type, parameter.default)
        edit.pass_parameter(job, parameter.stage, parameter.input, parameter.name)
    section = {
        "label": config.label.model_dump(mode="json"),
        "evaluation": config.evaluation.model_dump(mode="json"),
    }
    edit.pass_constant(job, stage_ids.EVALUATOR, runtime_inputs.EVALUATION, json.dumps(section, sort_keys=True))
