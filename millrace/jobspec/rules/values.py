"""Rules on the values of runtime parameters."""

import json
from collections.abc import Iterator
from typing import Any, Optional

from pydantic import ValidationError

from millrace.base.names import did_you_mean
from millrace.components.evaluator.section import Evaluation
from millrace.config.config import Config
from millrace.jobspec import runtime_inputs
from millrace.jobspec.findings import JobFinding
from millrace.jobspec.job import CompiledJob, Parameter

_TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


def parameters(job: CompiledJob, config: Optional[Config]) -> Iterator[JobFinding]:
    """Every declared parameter has a value of its type, and no other is given: the client sends what is missing.

    Args:
        job: is checked.
        config: the one that it was compiled from; None when it is not known.
    """
    declared, given = job.parameters, job.values
    for name, parameter in declared.items():
        if name not in given and parameter.default is None and not parameter.optional:
            yield JobFinding(
                "parameter-without-value",
                "before submit",
                f"the parameter {name} has neither a value nor a default",
                f"root.inputDefinitions.parameters.{name}",
                f"give it one, here and when the job is submitted: --param {name}=VALUE",
            )
    for name, value in {**{key: one.default for key, one in declared.items()}, **given}.items():
        if name in declared and value is not None and not _fits(value, declared[name]):
            yield JobFinding(
                "parameter-type",
                "error",
                f"{value!r} is no {declared[name].type}, which the parameter {name} is declared as",
                f"runtimeConfig, {name}",
                "give it a value of that type",
            )
    yield from _thresholds(job)
    for name in sorted(set(given) - set(declared)):
        yield JobFinding(
            "parameter-unknown",
            "error",
            f"a value is given for {name}, which the pipeline does not declare",
            f"runtimeConfig, {name}",
            f"take it away; declared are: {', '.join(declared) or 'none'}",
        )


def _thresholds(job: CompiledJob) -> Iterator[JobFinding]:
    """What the Evaluator would refuse of its thresholds after all the training, in the words that it would use."""
    for step in job.walk():
        name, task = step.name, step.task
        given = task.get("inputs", {}).get("parameters", {})
        if runtime_inputs.THRESHOLDS not in given or runtime_inputs.EVALUATION not in given:
            continue
        parameter = job.runtime_parameter(step, runtime_inputs.THRESHOLDS) or runtime_inputs.THRESHOLDS
        try:
            value, section = (job.value(step, key) for key in (runtime_inputs.THRESHOLDS, runtime_inputs.EVALUATION))
            thresholds = json.loads(value) if isinstance(value, str) else value
            evaluation = json.loads(section)["evaluation"]
            Evaluation.model_validate({**evaluation, "thresholds": thresholds})
        except ValidationError as error:
            words = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
            metrics = evaluation.get("metrics", [])
            misspelt = [one.get("metric") for one in thresholds if isinstance(one, dict)] if thresholds else []
            near = next((did_you_mean(str(one), metrics) for one in misspelt if one not in metrics), "")
            remedy = f'a list such as [{{"metric": "{next(iter(metrics), "AUC")}", "at_least": 0.7}}]{near}'
            yield JobFinding("parameter-value", "error", f"{parameter}: {words}", f"{name}, {parameter}", remedy)
        except (KeyError, TypeError, ValueError) as error:
            what = f"{parameter} is no list of thresholds: {error}"
            yield JobFinding("parameter-value", "error", what, f"{name}, {parameter}", "write it as JSON")


def _fits(value: Any, parameter: Parameter) -> bool:
    if isinstance(value, bool):
        return parameter.type == "BOOLEAN"
    if parameter.type == "NUMBER_INTEGER" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(parameter.type, (object,)))
