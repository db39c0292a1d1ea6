"""What this machine is, and whether the tools that set-up calls are on it."""

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from bootstrap.errors import SetupError

OS_RELEASE = Path("/etc/os-release")
FREE_GIB = 6  # an environment takes 3.3 GiB, the archives it is made from 1.5

_INSTALL = {
    "debian": "sudo apt-get install ",
    "fedora": "sudo dnf install ",
    "macos": "",
}
_PACKAGES: dict[str, dict[str, str]] = {
    "git": {"debian": "git", "fedora": "git", "macos": "xcode-select --install"},
    "make": {"debian": "make", "fedora": "make", "macos": "xcode-select --install"},
    "c++": {"debian": "g++", "fedora": "gcc-c++", "macos": "xcode-select --install"},
    "headers": {
        "debian": "python{version}-dev",
        "fedora": "python{version}-devel",
        "macos": "brew install python@{version}",
    },
    "venv": {"debian": "python3-venv", "fedora": "python3", "macos": "brew install python@3.11"},
}
_LABELS = {"debian": "Debian, Ubuntu", "fedora": "Fedora, RHEL", "macos": "macOS"}


@dataclass(frozen=True)
class Machine:
    """The facts that decide which stack can run.

    Args:
        system: as `platform.system()` says it: Linux, Darwin.
        architecture: as `platform.machine()` says it: x86_64, arm64.
        glibc: the version of the C library, None where it is another one.
        family: debian, fedora or macos, empty where it is none of them.
    """

    system: str
    architecture: str
    glibc: Optional[tuple[int, int]]
    family: str

    @property
    def said(self) -> str:
        """The machine in a few words, for messages."""
        library = "glibc {}.{}".format(*self.glibc) if self.glibc else "no glibc"
        return f"{self.system} {self.architecture}" + (f", {library}" if self.system == "Linux" else "")


def read_machine() -> Machine:
    """Reads the facts of the machine that this runs on."""
    return Machine(platform.system(), platform.machine(), _glibc(), _family(platform.system(), OS_RELEASE))


def _glibc() -> Optional[tuple[int, int]]:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, OSError, ValueError):
        return None
    parts = version.split(".")
    return (int(parts[0]), int(parts[1])) if name == "glibc" and len(parts) >= 2 else None


def _family(system: str, os_release: Path) -> str:
    if system == "Darwin":
        return "macos"
    if not os_release.exists():
        return ""
    told = dict(line.split("=", 1) for line in os_release.read_text().splitlines() if "=" in line)
    names = " ".join(told.get(key, "").strip('"') for key in ("ID", "ID_LIKE")).split()
    if {"debian", "ubuntu"} & set(names):
        return "debian"
    return "fedora" if {"fedora", "rhel", "centos"} & set(names) else ""


def how_to_get(needs: list[str], family: str, version: str = "3") -> str:
    """One line for each family of systems that says how to get what is missing; one line where the family is known.

    Args:
        needs: keys of what is missing: git, make, c++, headers, venv.
        family: as in `Machine`.
        version: the Python that headers are meant for, "3" for the system's own.
    """
    return "\n".join(
        f"{_LABELS[name]}:".ljust(16) + _command(needs, name, version) for name in ([family] if family else _INSTALL)
    )


def _command(needs: list[str], family: str, version: str) -> str:
    words = list(dict.fromkeys(_PACKAGES[need][family].format(version=version) for need in needs))
    return _INSTALL[family] + (" && " if family == "macos" else " ").join(words)


def missing_tools(environment: Mapping[str, str], which: Callable[[str], Optional[str]] = shutil.which) -> list[str]:
    """Names which of git, make and a C++ compiler cannot be called.

    Args:
        environment: the process's variables; CXX names the compiler where it is set.
        which: finds a command on PATH.
    """
    compilers = [environment["CXX"].split()[0]] if environment.get("CXX") else ["c++", "g++", "clang++"]
    wanted = {"git": ["git"], "make": ["make", "gmake"], "c++": compilers}
    return [need for need, commands in wanted.items() if not any(which(command) for command in commands)]


def require_tools(
    machine: Machine,
    environment: Mapping[str, str],
    which: Callable[[str], Optional[str]] = shutil.which,
    others: Sequence[str] = (),
) -> None:
    """Raises SetupError that names every missing tool at once, and `others` that are known to be missing."""
    missing = [*missing_tools(environment, which), *others]
    if missing:
        spoken = {
            "c++": "a C++ compiler (pyfarmhash, which TFX needs, comes as source only)",
            "venv": "pip and venv for this Python (they fetch uv, the installer)",
        }
        what = "not found on this machine: " + ", ".join(spoken.get(need, need) for need in missing)
        raise SetupError(what, how_to_get(missing, machine.family))


def require_space(folder: Path, free_gib: Optional[float] = None) -> None:
    """Raises SetupError when the disk of the checkout cannot take an environment."""
    free = shutil.disk_usage(folder).free / 2**30 if free_gib is None else free_gib
    if free < FREE_GIB:
        raise SetupError(
            f"{free:.1f} GiB are free on the disk of {folder}; building the environment takes {FREE_GIB} GiB",
            "free some space, or clone to another disk",
        )
