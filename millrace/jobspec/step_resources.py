"""What a compiled step asks its machine for: processors, memory and accelerators, in all the ways to write it.

KFP's `pipeline_spec.proto` has two of them. The older fields are numbers, memory in GB; the newer ones, `resource...`,
are quantities of Kubernetes, or a placeholder of a parameter, and hold where both are there.
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from millrace.jobspec.job import CompiledJob, Spec, Step

_QUANTITY = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(?:([kKMGTPE])(i?)|(m))?B?")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_POWERS = "kMGTPE"
_COUNTS = ("resourceCount", "count")
_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\[(['\"])(.+?)\1\]\}\}")


@dataclass(frozen=True)
class StepResources:
    """What a step asks for.

    Args:
        cpu: processors; 0 where nothing is said.
        memory_gb: memory in GB; 0 where nothing is said.
        accelerator: the accelerators' type; empty for none.
        count: how many of them; 1 where nothing is said.
        unknown: the fields that cannot be told before the job runs.
        wrong: the fields that hold no quantity, each with what it holds.
    """

    cpu: float = 0.0
    memory_gb: float = 0.0
    accelerator: str = ""
    count: int = 1
    unknown: tuple[str, ...] = ()
    wrong: tuple[tuple[str, Any], ...] = ()


def step_resources(job: CompiledJob, step: Step) -> StepResources:
    """Reads what a step asks for.

    Args:
        job: in which it stands.
        step: a task that runs in a container.
    """
    asked = job.executor(step.task).get("container", {}).get("resources", {})
    accelerator = asked.get("accelerator", {})
    given = {
        **dict(_given(job, step, asked, "resourceCpuLimit", "cpuLimit")),
        **dict(_given(job, step, asked, "resourceMemoryLimit", "memoryLimit")),
        **dict(_given(job, step, accelerator, "resourceCount", "count")),
        **dict(_given(job, step, accelerator, "resourceType", "type")),
    }
    open_yet = [name for name, value in given.items() if value is None or "{{" in str(value)]
    told = {name: value for name, value in given.items() if name not in open_yet}
    kind = str(told.pop("resourceType", told.pop("type", "")))
    numbers = {name: _whole(value) if name in _COUNTS else quantity(value) for name, value in told.items()}
    count = next((int(numbers[name] or 0) for name in _COUNTS if name in numbers), 1)
    gigabytes = (numbers.get("resourceMemoryLimit") or 0.0) / 1e9 or numbers.get("memoryLimit") or 0.0
    return StepResources(
        cpu=numbers.get("resourceCpuLimit") or numbers.get("cpuLimit") or 0.0,
        memory_gb=gigabytes,
        # None of a kind is none.
        accelerator=kind if count else "",
        count=count or 1,
        unknown=tuple(open_yet),
        wrong=tuple((name, told[name]) for name, number in numbers.items() if number is None),
    )


def quantity(value: Any) -> Optional[float]:
    """A number, or a quantity of Kubernetes such as 500m, 16G or 512Mi, as a number; None where it is none.

    Args:
        value: of a field.
    """
    match = _QUANTITY.fullmatch(str(value))
    if match:
        number, unit, binary, is_thousandth = match.groups()
        power = _POWERS.index(unit.replace("K", "k")) + 1 if unit else 0
        found = float(number) / 1000 if is_thousandth else float(number) * float(1024 if binary else 1000) ** power
    elif _NUMBER.fullmatch(str(value).strip()):
        # The older fields are numbers, however these are written.
        found = float(value)
    else:
        return None
    return found if math.isfinite(found) else None


def _whole(value: Any) -> Optional[float]:
    number = quantity(value)
    return number if number is not None and number.is_integer() else None


def _given(job: CompiledJob, step: Step, asked: Spec, *names: str) -> Iterator[tuple[str, Any]]:
    """The first of some fields that is set, and its value; a placeholder stands for the value that the task gets."""
    for name in names:
        if value := asked.get(name):
            placeholder = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
            yield name, job.value(step, placeholder[2]) if placeholder else value
            return
