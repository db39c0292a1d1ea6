"""What is installed here against what the lock pins, and what this machine can run. Imports no TensorFlow."""

import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Optional

import psutil
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from millrace.base.errors import BadInput
from millrace.base.stack import MAIN_PACKAGES
from millrace.config.config import Config
from millrace.execution import envoy_program
from millrace.project.project import clashes

MEMORY_GIB = 4  # half a million taxi trips peak at 2.1 GiB
DISK_GIB = 2
GIB = 2**30

State = Literal["yes", "no", "broken"]


@dataclass(frozen=True)
class Check:
    """One thing that a person may want to do here.

    Args:
        name: what it is.
        state: yes; no, where Millrace works without it; broken, where it does not.
        detail: what was found.
        remedy: how to get it, empty where nothing needs doing.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Difference:
    """A package that is not installed as the lock pins it; `installed` is empty when it is missing."""

    package: str
    locked: str
    installed: str


@dataclass(frozen=True)
class Diagnosis:
    """All that doctor found."""

    stack: str
    python: str
    system: str
    versions: dict[str, str]
    lock: str
    differences: tuple[Difference, ...]
    checks: tuple[Check, ...] = field(default_factory=tuple)

    @property
    def able(self) -> bool:
        """Whether the pipeline can run on this machine."""
        return all(check.state != "broken" for check in self.checks)


def diagnose(checkout: Path, environment: Mapping[str, str], root: Optional[Path]) -> Diagnosis:
    """Looks at the environment that runs this and at the machine.

    Args:
        checkout: the project, which holds requirements/; without one nothing is compared.
        environment: the process's variables.
        root: where runs are written, None when the configuration cannot be read.
    """
    installed = installed_versions()
    lock = find_lock(checkout / "requirements", installed)
    differences = tuple(compare(pins(lock.read_text()), installed)) if lock else ()
    return Diagnosis(
        stack=lock.stem if lock else "unknown",
        python=f"{platform.python_version()} ({sys.executable})",
        system=_system(),
        versions={name: installed.get(name, "") for name in MAIN_PACKAGES},
        lock=str(lock or ""),
        differences=differences,
        checks=(
            packages_check(lock, differences, installed),
            clashes_check(),
            writable_check(root),
            memory_check(memory_gib(Path("/sys/fs/cgroup"))),
            disk_check(root),
            model_server_check(shutil.which("tensorflow_model_server", path=environment.get("PATH"))),
            gateway_check(envoy_program.find_envoy()),
            docker_check(environment),
            gpu_check(environment),
            vertex_check(installed),
            kubeflow_check(installed, sys.version_info[:2]),
            credentials_check(environment),
        ),
    )


def clashes_check() -> Check:
    """Whether other distributions bring packages of the project's names."""
    name, found = "Tell the project's packages apart", clashes()
    if not found:
        return Check(name, "yes", "no other distribution brings packages of their names")
    detail = ", ".join(f"{package} comes with {distribution} too" for package, distribution in found.items())
    return Check(
        name, "no", detail, f"pip uninstall {' '.join(sorted(set(found.values())))}, or rename the project's package"
    )


def installed_versions() -> dict[str, str]:
    """Every installed distribution's version by its canonical name."""
    return {
        canonicalize_name(found.metadata["Name"]): found.version
        for found in metadata.distributions()
        if found.metadata["Name"]
    }


def pins(lock: str) -> dict[str, str]:
    """The versions that a lock pins for the Python and system that run this, by canonical name."""
    lines = [line.rstrip("\\ ") for line in lock.splitlines() if line[:1].isalnum()]
    requirements = [Requirement(line) for line in lines]
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }


def find_lock(folder: Path, installed: Mapping[str, str]) -> Optional[Path]:
    """The lock of the stack that is installed: the one that pins the TFX that is here.

    Args:
        folder: holds the locks, `*.txt`.
        installed: versions by canonical name.
    """
    for lock in sorted(folder.glob("*.txt")):
        pinned = re.search(r"^tfx(?:\[.*?\])?==(\S+)", lock.read_text(), flags=re.MULTILINE)
        if pinned and pinned.group(1) == installed.get("tfx"):
            return lock
    return None


def compare(locked: Mapping[str, str], installed: Mapping[str, str]) -> Iterator[Difference]:
    """What the lock pins and the environment lacks or has otherwise.

    Args:
        locked: the lock's versions by canonical name.
        installed: the environment's.
    """
    for package, version in sorted(locked.items()):
        found = installed.get(package, "")
        if found != version:
            yield Difference(package, version, found)


def packages_check(lock: Optional[Path], differences: tuple[Difference, ...], installed: Mapping[str, str]) -> Check:
    """Whether the installed packages are those of the lock."""
    name = "Packages as locked"
    if "tfx" not in installed:
        return Check(name, "broken", "TFX is not installed", "make setup")
    if lock is None:
        return Check(name, "no", f"TFX {installed['tfx']} is of neither stack's lock", "in a checkout: make setup")
    missing = [difference for difference in differences if not difference.installed]
    if missing:
        return Check(
            name, "broken", f"{len(missing)} missing, {len(differences) - len(missing)} different", "make clean setup"
        )
    if differences:
        return Check(name, "no", f"{len(differences)} different from {lock.name}", "make clean setup")
    return Check(name, "yes", lock.name)


def writable_check(root: Optional[Path]) -> Check:
    """Whether runs can be written; nothing is left behind."""
    name = "Writing runs"
    if root is None:
        return Check(name, "no", "the configuration cannot be read", "millrace run says what is wrong with it")
    existing = _nearest(root)
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Check(name, "yes", str(root))
    except OSError as error:
        remedy = f"make {existing} writable, or set another root: --set root=FOLDER"
        return Check(name, "broken", f"{existing}: {error.strerror}", remedy)


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def memory_check(gib: float) -> Check:
    """Whether a run of the taxi pipeline and some more fits into memory."""
    state: State = "yes" if gib >= MEMORY_GIB else "no"
    remedy = "" if state == "yes" else f"{MEMORY_GIB} GiB are advised; large data may be killed for memory"
    return Check("Memory", state, f"{gib:.1f} GiB", remedy)


def memory_gib(cgroup: Path) -> float:
    """The memory that this process may use: the machine's, or its control group's where that is less."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = int((cgroup / "memory.max").read_text())
    except (OSError, ValueError):  # no such limit: the file is missing or says "max"
        limit = total
    return min(total, limit) / GIB


def disk_check(root: Optional[Path]) -> Check:
    """Whether there is room for some runs."""
    gib = shutil.disk_usage(_nearest(root or Path.cwd())).free / GIB
    state: State = "yes" if gib >= DISK_GIB else "no"
    return Check("Disk", state, f"{gib:.1f} GiB free", "" if state == "yes" else "remove old runs, or set another root")


def model_server_check(server: Optional[str]) -> Check:
    """Whether TensorFlow Serving itself can be asked; without it, Millrace's own model server validates."""
    if server:
        return Check("TensorFlow Serving", "yes", server)
    remedy = "not needed: models are validated in a server process of Millrace's own"
    return Check("TensorFlow Serving", "no", "tensorflow_model_server is not on PATH", remedy)


def gateway_check(envoy: Optional[Path]) -> Check:
    """Whether traffic can be moved between versions by degrees."""
    name = "Roll out by degrees (Envoy)"
    if envoy:
        return Check(name, "yes", str(envoy))
    return Check(name, "no", "Envoy is not installed", f"for millrace rollout alone: {envoy_program.remedy()}")


def docker_check(environment: Mapping[str, str]) -> Check:
    """Whether a Docker engine answers; the client alone is not enough."""
    host = environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    problem = _refusal(host)
    if not problem:
        return Check("Docker", "yes", host)
    remedy = "start Docker, or stay with infra_validation.platform: process, which needs none"
    return Check("Docker", "no", f"no engine at {host} ({problem})", remedy)


def require_docker(config: Config, environment: Mapping[str, str]) -> None:
    """Checks before a run that a Docker engine answers where a stage will ask one, hours later perhaps.

    Args:
        config: the configuration.
        environment: the environment's variables.

    Raises:
        BadInput: a stage needs one, and none answers.
    """
    asking = "archive" if config.archive else "infra_validation.platform"
    host = environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not (config.archive or config.infra_validation.platform == "docker") or not host.startswith(("unix:", "tcp:")):
        return
    found = docker_check(environment)
    if found.state == "no":
        remedy = f"start Docker, or take {asking} out of the configuration"
        raise BadInput(f"no Docker engine answers: {found.detail}", where=asking, remedy=remedy)


def _refusal(host: str, seconds: float = 0.3) -> str:
    """Why a Docker host refuses a connection; empty when it takes one."""
    scheme, _, place = host.partition("://")
    try:
        if scheme == "unix":
            with socket.socket(socket.AF_UNIX) as engine:
                engine.settimeout(seconds)
                engine.connect(place)
        elif scheme == "tcp":
            name, _, port = place.rpartition(":")
            socket.create_connection((name, int(port)), timeout=seconds).close()
        else:
            return f"{scheme} hosts are not asked"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""


def gpu_check(environment: Mapping[str, str]) -> Check:
    """Whether there is an NVIDIA GPU, by its driver's own tool."""
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if tool:
        remedy = "TensorFlow uses it once CUDA's packages are there: pip install 'tensorflow[and-cuda]'"
        return Check("GPU", "yes", tool, remedy)
    return Check("GPU", "no", "nvidia-smi is not on PATH", "not needed: training runs on the CPU")


def vertex_check(installed: Mapping[str, str]) -> Check:
    """Whether a pipeline can be compiled for Vertex AI."""
    if "kfp-pipeline-spec" in installed:
        return Check("Compile for Vertex AI", "yes", f"kfp-pipeline-spec {installed['kfp-pipeline-spec']}")
    return Check("Compile for Vertex AI", "no", "kfp-pipeline-spec is not installed", "make clean setup")


def kubeflow_check(installed: Mapping[str, str], python: tuple[int, ...]) -> Check:
    """Whether the Kubeflow Pipelines client is there, which TFX leaves out from Python 3.12 on."""
    name = "Kubeflow Pipelines client"
    if "kfp" in installed:
        return Check(name, "yes", f"kfp {installed['kfp']}")
    if python >= (3, 12):
        detail = "TFX has it on Python 3.10 and 3.11 only; this is {}.{}".format(*python)
        return Check(
            name, "no", detail, "set up with Python 3.11: make clean setup MILLRACE_PYTHON=/path/to/python3.11"
        )
    return Check(name, "no", "kfp is not installed", "make clean setup")


def credentials_check(environment: Mapping[str, str]) -> Check:
    """Whether Google's application default credentials are there; whether they are good, only Google can say."""
    name, remedy = "Google credentials", "gcloud auth application-default login"
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        if Path(named).is_file():
            return Check(name, "yes", named)
        return Check(name, "no", f"GOOGLE_APPLICATION_CREDENTIALS names {named}, which is not there", remedy)
    folder = environment.get("CLOUDSDK_CONFIG") or os.path.join(environment.get("HOME", ""), ".config", "gcloud")
    file = Path(folder, "application_default_credentials.json")
    return Check(name, "yes", str(file)) if file.is_file() else Check(name, "no", "none found", remedy)


def _system() -> str:
    library, version = platform.libc_ver()
    return f"{platform.system()} {platform.machine()}" + (f", {library} {version}" if library else "")


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis in plain values, for `--json`."""
    return {
        "able": diagnosis.able,
        "stack": diagnosis.stack,
        "python": diagnosis.python,
        "system": diagnosis.system,
        "versions": diagnosis.versions,
        "lock": diagnosis.lock,
        "differences": [vars(difference) for difference in diagnosis.differences],
        "checks": [vars(check) for check in diagnosis.checks],
    }
