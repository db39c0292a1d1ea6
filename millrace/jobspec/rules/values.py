"""Rules on the values of runtime parameters."""

from collections.abc import Iterator
from typing import Any, Optional

from millrace.config.config import Config
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
    """Every declared parameter has a value of its type, and no other is given: the client sends what is missing."""
    declared, given = job.parameters, job.values
    for name, parameter in declared.items():
        if name not in given and parameter.default is None and not parameter.optional:
            yield JobFinding(
                "parameter-without-value",
                "error",
                f"the parameter {name} has neither a value nor a default",
                f"root.inputDefinitions.parameters.{name}",
                f"give it one when the job is submitted: --param {name}=VALUE",
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
    for name in sorted(set(given) - set(declared)):
        yield JobFinding(
            "parameter-unknown",
            "error",
            f"a value is given for {name}, which the pipeline does not declare",
            f"runtimeConfig, {name}",
            f"take it away; declared are: {', '.join(declared) or 'none'}",
        )


def _fits(value: Any, parameter: Parameter) -> bool:
    if isinstance(value, bool):
        return parameter.type == "BOOLEAN"
    if parameter.type == "NUMBER_INTEGER" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(parameter.type, (object,)))
