"""Machine types and accelerators of Google Cloud: whether there are such, and which go together.

A name that is in no table and yet could be one, since it is made as the others are, is objected to as uncertain.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from millrace.base.names import did_you_mean, nearest
from millrace.catalog.google_cloud import (
    ACCELERATORS,
    ATTACHED,
    BUILT_IN,
    CLOSED_FAMILIES,
    FEWEST,
    MACHINE_TYPES,
    MOST_CPUS,
    MOST_MEMORY_GB,
    TPUS,
)
from millrace.catalog.objections import Objection, unknown

_MACHINE = re.compile(r"(?P<family>[a-z]{1,3}[0-9]+[a-z]*)-(?P<kind>[a-z]+)-(?P<size>[0-9]+[gt]?)(-lssd|-metal)?")
# https://cloud.google.com/compute/docs/instances/creating-instance-with-custom-machine-type: memory in MiB; -ext has
# more of it per processor; without a series it is of N1.
_CUSTOM = re.compile(
    r"(?:(?P<family>[a-z][0-9]+[a-z]?)-)?custom-(?P<cpus>[1-9][0-9]*)-(?P<memory>[1-9][0-9]*)(?:-ext)?"
)
_WHERE_MACHINES = "https://cloud.google.com/vertex-ai/docs/training/configure-compute lists them"
_FAMILIES = {name.partition("-")[0] for name in MACHINE_TYPES}
# What tells one accelerator from the others: T4, A100, H200.
_MODELS = {model for name in ACCELERATORS for model in re.findall(r"_([A-Z]{1,2}[0-9]+)(?=_|$)", name)}


@dataclass(frozen=True)
class MachineType:
    """A machine type's name in its parts.

    Args:
        family: the series, such as n1.
        kind: what stands before the size, such as n1-standard; n1-custom for a custom machine of N1.
        size: as the name says it, such as 8 or 1g; a custom machine's number of processors.
        cpus: processors; None where the size counts accelerators.
        memory_mib: of a custom machine; None where the kind says how much there is.
    """

    family: str
    kind: str
    size: str
    cpus: Optional[int]
    memory_mib: Optional[int] = None

    @classmethod
    def of(cls, name: str) -> Optional["MachineType"]:
        """Reads a name; None where none is made like that."""
        if custom := _CUSTOM.fullmatch(name):
            family = custom["family"] or "n1"
            return cls(family, f"{family}-custom", custom["cpus"], int(custom["cpus"]), int(custom["memory"]))
        match = _MACHINE.fullmatch(name)
        if match is None:
            return None
        cpus = int(match["size"]) if match["size"].isdecimal() else None
        return cls(match["family"], f"{match['family']}-{match['kind']}", match["size"], cpus)


def accelerator_objections(name: str) -> Iterator[Objection]:
    """What speaks against an accelerator's name on Vertex AI.

    Args:
        name: of the API's `AcceleratorType`, for instance NVIDIA_L4.
    """
    if name in ACCELERATORS:
        return
    if "/" in name:
        yield Objection(
            f"the accelerator {name} is a resource of Kubernetes, and Vertex AI takes types such as NVIDIA_L4",
            f"name one of {', '.join(ACCELERATORS)}",
        )
        return
    models = _MODELS & set(re.findall(r"[A-Z]{1,2}[0-9]+", name.upper()))
    meant = [known for known in ACCELERATORS if models & set(known.split("_"))]
    may_be_new = re.fullmatch(r"(NVIDIA|TPU|AMD|INTEL)_[A-Z0-9_]*[0-9][A-Z0-9_]*", name) and not meant
    if may_be_new:
        yield unknown(f"the accelerator {name} is not known here", "see that Vertex AI has it")
    else:
        near = f"; did you mean {' or '.join(meant)}?" if meant else did_you_mean(name, ACCELERATORS)
        remedy = _WHERE_MACHINES if near else f"the types are {', '.join(ACCELERATORS)}"
        yield Objection(f"there is no accelerator {name}{near}", remedy)


def require_accelerator_type(accelerator: str, count: Optional[int]) -> None:
    """Refuses a count of accelerators without their type; for validators of the configuration.

    Args:
        accelerator: their type; empty where none is given.
        count: how many; None where that is left out.

    Raises:
        ValueError: there is a count alone.
    """
    if count and not accelerator:
        raise ValueError("accelerators counts something, so accelerator must name its type")


def machine_type_objections(name: str) -> Iterator[Objection]:
    """What speaks against a machine type's name.

    Args:
        name: for instance n1-standard-8.
    """
    machine = MachineType.of(name)
    every = [f"{one}-{size}" for one, sizes in MACHINE_TYPES.items() for size in sizes]
    if name in every or (machine and (machine.memory_mib or machine.size in MACHINE_TYPES.get(machine.kind, ()))):
        return
    if machine is None:
        yield Objection(f"there is no machine type {name}{did_you_mean(name, every)}", _WHERE_MACHINES)
    elif machine.kind in MACHINE_TYPES and machine.family in CLOSED_FAMILIES:
        sizes = ", ".join(MACHINE_TYPES[machine.kind])
        yield Objection(
            f"there is no machine type {name}: the sizes of {machine.kind} are {sizes}", "take one of these"
        )
    elif machine.kind not in MACHINE_TYPES and machine.family in _FAMILIES:
        ours = [one for one in MACHINE_TYPES if one.startswith(f"{machine.family}-")]
        near = [f"{one}-{machine.size}" for one in nearest(machine.kind, ours) if machine.size in MACHINE_TYPES[one]]
        meant = f"; did you mean {near[0]}?" if near else f": {machine.family} has {', '.join(ours)}"
        yield Objection(f"there is no machine type {name}{meant}", _WHERE_MACHINES)
    else:
        yield unknown(f"the machine type {name} is not known here", "see that it is there, in your region too")


def machine_objections(
    machine_type: str, accelerator: str, count: int = 1, shared: bool = False
) -> Iterator[Objection]:
    """What speaks against a machine with its accelerators.

    Args:
        machine_type: its type; empty where the service chooses one.
        accelerator: the accelerators' type; empty for none.
        count: how many of them.
        shared: whether a part of a machine's built-in accelerators may be asked for, as an endpoint may.
    """
    named = list(machine_type_objections(machine_type)) if machine_type else []
    named += list(accelerator_objections(accelerator)) if accelerator else []
    yield from named
    if named:
        return
    if machine_type in BUILT_IN:
        yield from _built_in_objections(machine_type, accelerator, count, shared)
    elif accelerator in ATTACHED:
        yield from _attached_objections(machine_type, accelerator, count)
    elif accelerator and accelerator not in TPUS:
        those = [name for name, (built_in, _) in BUILT_IN.items() if built_in == accelerator]
        counts = sorted({many for built_in, many in BUILT_IN.values() if built_in == accelerator})
        if machine_type:
            yield Objection(
                f"the accelerator {accelerator} does not go with the machine type {machine_type}",
                f"take one of {', '.join(those)}",
            )
        elif count not in counts:
            yield _no_such_count(accelerator, count, counts)


def _built_in_objections(machine_type: str, accelerator: str, count: int, shared: bool) -> Iterator[Objection]:
    built_in, many = BUILT_IN[machine_type]
    remedy = f"ask for {many} of {built_in}, or take another machine type"
    if not accelerator:
        yield Objection(
            f"the machine type {machine_type} has {many} of {built_in}, and none is asked for", remedy, False
        )
    elif accelerator != built_in:
        yield Objection(
            f"the accelerator {accelerator} does not go with the machine type {machine_type}, which has {built_in}",
            remedy,
        )
    elif count != many and not (shared and count < many):
        yield Objection(f"the machine type {machine_type} has {many} of {built_in}, and not {count}", remedy)


def _attached_objections(machine_type: str, accelerator: str, count: int) -> Iterator[Objection]:
    machine = MachineType.of(machine_type)
    if machine_type and (machine is None or machine.family != "n1"):
        yield Objection(
            f"the accelerator {accelerator} does not go with the machine type {machine_type}",
            "it is attached to machines of the N1 series only, for instance n1-standard-8",
        )
    elif count not in ATTACHED[accelerator]:
        yield _no_such_count(accelerator, count, ATTACHED[accelerator])
    elif machine and machine.cpus:
        fewest = next((least for most, least in FEWEST[accelerator] if machine.cpus <= most), None)
        if fewest is None or count < fewest:
            enough = f"at least {fewest}" if fewest else "fewer processors"
            yield unknown(f"{machine_type} with {count} of {accelerator} is not offered", f"it takes {enough}")


def _no_such_count(accelerator: str, count: int, counts: Sequence[int]) -> Objection:
    *others, last = map(str, counts)
    these = f"{', '.join(others)} or {last}" if others else last
    return Objection(f"no machine has {count} of {accelerator}", f"take {these}")


def step_objections(cpu: float, memory_gb: float, accelerator: str = "", count: int = 1) -> Iterator[Objection]:
    """What speaks against what a step of a pipeline asks of Vertex AI, which chooses the machine.

    Args:
        cpu: processors; 0 where nothing is said.
        memory_gb: GB; 0 where nothing is said.
        accelerator: the accelerators' type; empty for none.
        count: how many of them.
    """
    if cpu > MOST_CPUS:
        yield Objection(f"{cpu:g} processors are asked for, and a step gets {MOST_CPUS} at most", "ask for fewer")
    if memory_gb > MOST_MEMORY_GB:
        yield Objection(
            f"{memory_gb:g} GB of memory are asked for, and a step gets {MOST_MEMORY_GB} at most", "ask for less"
        )
    yield from machine_objections("", accelerator, count)
