"""The two stacks, and which of them a machine can run. docs/decisions/0001-two-stacks.md says why there are two."""

from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import SetupError
from bootstrap.machine import Machine

# TFDV's and ml-metadata's wheels are tagged manylinux_2_39. They would run from glibc 2.38 on, but no installer takes
# them there.
CURRENT_GLIBC = (2, 39)
COMPATIBLE_GLIBC = (2, 17)
# Of the one wheel of Envoy, the gateway in front of model servers.
GATEWAY_GLIBC = (2, 31)


@dataclass(frozen=True)
class Stack:
    """A TFX release with all that goes with it.

    Args:
        name: current or compatible; also the stem of its lock's name.
        tfx: the release.
        pythons: the Python versions that it runs on, best first.
    """

    name: str
    tfx: str
    pythons: tuple[tuple[int, int], ...]

    def lock(self, root: Path) -> Path:
        """The file that pins all of it."""
        return root / "requirements" / f"{self.name}.txt"

    @property
    def said_pythons(self) -> str:
        """The Python versions in words, best first."""
        return ", ".join("{}.{}".format(*version) for version in self.pythons)


# 3.10 comes last on the current stack: newer Beam and Keras releases have left it.
CURRENT = Stack("current", "1.21", ((3, 11), (3, 12), (3, 13), (3, 10)))
COMPATIBLE = Stack("compatible", "1.16", ((3, 10),))
STACKS = {stack.name: stack for stack in (CURRENT, COMPATIBLE)}


def takes_gateway(machine: Machine) -> bool:
    """Whether requirements/gateway.txt can be installed on a machine."""
    return machine.system == "Linux" and machine.architecture == "x86_64" and (machine.glibc or (0, 0)) >= GATEWAY_GLIBC


def choose_stack(machine: Machine, wanted: str = "") -> Stack:
    """The stack for a machine.

    Args:
        machine: what it is.
        wanted: the value of MILLRACE_STACK, empty to choose the newest that runs.

    Raises:
        SetupError: `wanted` is no stack, or the machine cannot run it, or can run none.
    """
    if wanted and wanted not in STACKS:
        raise SetupError(f"MILLRACE_STACK is {wanted!r}", "set it to current or compatible, or leave it out")
    able = _able(machine)
    if not able:
        raise SetupError(
            f"TFX has no packages for this machine ({machine.said})",
            "Linux on x86_64 with glibc 2.17 or newer, or macOS on Apple silicon, is needed\n"
            "on Windows, use the Windows Subsystem for Linux",
        )
    if wanted and STACKS[wanted] not in able:
        raise SetupError(
            f"the {wanted} stack cannot run on this machine ({machine.said})",
            f"leave MILLRACE_STACK out to get the {able[0].name} stack\n"
            + ("the current stack needs glibc 2.39: Debian 13, Ubuntu 24.04" if wanted == "current" else ""),
        )
    return STACKS[wanted] if wanted else able[0]


def _able(machine: Machine) -> tuple[Stack, ...]:
    if (machine.system, machine.architecture) == ("Darwin", "arm64"):
        return (CURRENT,)
    if (machine.system, machine.architecture) != ("Linux", "x86_64") or machine.glibc is None:
        return ()
    if machine.glibc >= CURRENT_GLIBC:
        return (CURRENT, COMPATIBLE)
    return (COMPATIBLE,) if machine.glibc >= COMPATIBLE_GLIBC else ()
