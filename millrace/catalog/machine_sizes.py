"""How large a machine type is, and which one a pipeline's step gets that asks for processors and memory."""

from dataclasses import dataclass
from typing import Optional

from millrace.catalog.google_cloud import ATTACHED, BUILT_IN, BY_ACCELERATORS, GB_PER_CPU, MACHINE_TYPES
from millrace.catalog.machines import MachineType

DEFAULT_MACHINE = "e2-standard-4"
"""What a step gets that asks for nothing: https://cloud.google.com/vertex-ai/docs/pipelines/machine-types"""

# Of the families in which a step's machine is looked for; E2 is the cheaper one.
_OF_STEPS = ("e2-highcpu", "e2-standard", "e2-highmem", "n1-highcpu", "n1-standard", "n1-highmem")


@dataclass(frozen=True)
class MachineSize:
    """What a machine has.

    Args:
        machine_type: its name.
        family: the series, such as n1, by which it is priced.
        cpus: processors.
        memory_gb: memory in GB.
    """

    machine_type: str
    family: str
    cpus: int
    memory_gb: float


def machine_size(machine_type: str) -> Optional[MachineSize]:
    """The size of a machine type.

    Args:
        machine_type: for instance n1-standard-8.

    Returns:
        None where nothing here says how large it is.
    """
    machine = MachineType.of(machine_type)
    if machine is None:
        return None
    if machine_type in BY_ACCELERATORS:
        return MachineSize(machine_type, machine.family, *BY_ACCELERATORS[machine_type])
    if machine.kind not in GB_PER_CPU or machine.cpus is None:
        return None
    return MachineSize(machine_type, machine.family, machine.cpus, machine.cpus * GB_PER_CPU[machine.kind])


def machine_of_step(cpu: float, memory_gb: float, accelerator: str = "", count: int = 1) -> Optional[MachineSize]:
    """The smallest machine with what a step asks for: the service chooses it, and does not say how.

    Args:
        cpu: processors; 0 where nothing is said.
        memory_gb: GB; 0 where nothing is said.
        accelerator: the accelerators' type; empty for none.
        count: how many of them.

    Returns:
        None where no machine that is known here has that much.
    """
    if not cpu and not memory_gb and not accelerator:
        return machine_size(DEFAULT_MACHINE)
    names: list[str]
    if accelerator and accelerator not in ATTACHED:
        names = [name for name, built_in in BUILT_IN.items() if built_in == (accelerator, count)]
    else:
        kinds = [kind for kind in _OF_STEPS if not accelerator or kind.startswith("n1-")]
        names = [f"{kind}-{size}" for kind in kinds for size in MACHINE_TYPES[kind]]
    sizes = [size for name in names if (size := machine_size(name))]
    enough = [size for size in sizes if size.cpus >= cpu and size.memory_gb >= memory_gb]
    return min(enough, key=lambda size: (size.cpus, size.family != "e2", size.memory_gb), default=None)
