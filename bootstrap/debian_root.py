"""Tries the README's commands on a fresh Debian, in a root folder of its own: what `make stack-*` does.

The base of the root is built once by debootstrap and never changed: each try writes into a layer above it, which is
thrown away. Everything is mounted in a mount namespace of the try, so that nothing stays mounted however it ends.
Of this machine the root gets caches of uv and pip for its release, what is needed to reach their registries, where it
is asked for, an interpreter that pyenv built (it counts as a cache of what pyenv would build there), and the folder in
which the two stacks leave what they made for each other.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from bootstrap.commands import Runner, say
from bootstrap.errors import SetupError
from bootstrap.pythons import pyenv_versions
from bootstrap.stacks import COMPATIBLE, CURRENT

# What a Python that pyenv built on Debian is linked to.
PYTHON_LIBRARIES = ("libbz2-1.0", "libffi8", "libncursesw6", "libsqlite3-0")
TOOLS = {"debootstrap": "debootstrap", "unshare": "util-linux", "chroot": "coreutils", "git": "git"}
# ARGS goes on to the targets; visit.sh installs what WITH names.
PASSED_ON = re.compile(
    r"(?i)(https?|no|all)_proxy|UV_(DEFAULT_INDEX|INDEX_URL|HTTP_TIMEOUT)|PIP_(INDEX_URL|DEFAULT_TIMEOUT)|CI|ARGS|WITH"
)
CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
# Where a try leaves what `make stacks-agree` compares.
RESULTS = Path(".cache", "stacks")
APT_KEPT = re.compile(r"^Acquire::(https?|Retries|Check-)")


@dataclass(frozen=True)
class Release:
    """A Debian release and what a user of it has before reading the README.

    Args:
        suite: its name.
        title: its name and number in words.
        packages: what is installed beyond the smallest system.
        python: the Python that pyenv has there, empty for none.
    """

    suite: str
    title: str
    packages: tuple[str, ...]
    python: str


BEFORE = ("ca-certificates", "git", "make")
RELEASES = {
    # Debian's own Python, without its headers and venv: the messages of set-up bring those.
    CURRENT.name: Release(
        "trixie", "Debian 13", (*BEFORE, "python3", *PYTHON_LIBRARIES, "libreadline8t64", "libssl3t64"), ""
    ),
    # No Python but one called python3.10.
    COMPATIBLE.name: Release("bookworm", "Debian 12", (*BEFORE, *PYTHON_LIBRARIES, "libreadline8", "libssl3"), "3.10"),
}


def try_release(
    checkout: Path, release: Release, targets: Sequence[str], environment: Mapping[str, str], python: str = ""
) -> int:
    """Builds the root, clones the checkout into it and makes the targets there.

    Args:
        checkout: the project; its last commit is tried, not what is uncommitted.
        release: which Debian.
        targets: of the Makefile.
        environment: the process's variables.
        python: a version such as 3.11, to be there as if by pyenv; empty for the release's own choice.

    Returns:
        The exit code of the first target that failed, 0 when all passed.

    Raises:
        SetupError: it cannot be done on this machine, or the root cannot be built.
    """
    require_able(os.geteuid(), environment)
    roots = checkout / ".cache" / "roots"
    base = build_base(roots, release, environment)
    layer = roots / f"{release.suite}.layer"
    _remove(layer)
    for name in ("above", "scratch", "root"):
        (layer / name).mkdir(parents=True)
    write_host_settings(layer / "above", environment)
    interpreter = find_interpreter(python or release.python, environment, bool(python))
    tell_uncommitted(checkout)
    say(f"==> {release.title}: make {' '.join(targets)}" + (f", with Python {interpreter.name}" if interpreter else ""))
    try:
        return subprocess.run(_enter(checkout, base, layer, interpreter, targets, environment), check=False).returncode
    finally:
        _remove(layer)


def require_able(user: int, environment: Mapping[str, str]) -> None:
    """Raises SetupError unless this process may build and enter a root folder."""
    if user != 0:
        raise SetupError(
            "a Debian root can only be built and entered by root", "run it with sudo, or in a virtual machine"
        )
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool, path=environment.get("PATH"))]
    if missing:
        raise SetupError(
            "not found on this machine: " + ", ".join(missing), "sudo apt-get install " + " ".join(missing)
        )
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        raise SetupError(
            "this machine does not let root mount anything, as in a container without privileges",
            "start the container with --privileged, or try it in a virtual machine",
        )


def mirror(environment: Mapping[str, str], sources: Sequence[Path]) -> str:
    """The Debian mirror that apt uses on this machine.

    Args:
        environment: MILLRACE_DEBIAN_MIRROR names another one.
        sources: apt's lists of sources.

    Raises:
        SetupError: apt names no Debian mirror here.
    """
    if environment.get("MILLRACE_DEBIAN_MIRROR"):
        return environment["MILLRACE_DEBIAN_MIRROR"]
    for source in sources:
        lines = [line for line in source.read_text().splitlines() if not line.lstrip().startswith("#")]
        found = re.search(r"\b(?:https?|file)://\S*/debian/?(?=\s|$)", "\n".join(lines))
        if found:
            return found.group()
    raise SetupError("apt names no Debian mirror on this machine", "name one: MILLRACE_DEBIAN_MIRROR=URL")


def apt_sources() -> list[Path]:
    """The files in which apt's sources are listed."""
    folder = Path("/etc/apt")
    lists = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]
    return [path for path in (*lists, *sorted(folder.glob("sources.list.d/*.sources"))) if path.is_file()]


def build_base(roots: Path, release: Release, environment: Mapping[str, str]) -> Path:
    """The root folder as debootstrap makes it; made again when the wanted packages changed."""
    base, wanted = roots / release.suite, " ".join(release.packages)
    stamp = roots / f"{release.suite}.stamp"
    if stamp.exists() and stamp.read_text() == wanted and base.is_dir():
        return base
    stamp.unlink() if stamp.exists() else None
    _remove(base)
    say(f"==> building a {release.title} root")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(release.packages)}", release.suite, str(base)]
    Runner(roots / f"{release.suite}.log", environment).run(
        ["unshare", "--mount", *command, mirror(environment, apt_sources())], f"building a {release.title} root"
    )
    stamp.write_text(wanted)
    return base


def write_host_settings(above: Path, environment: Mapping[str, str]) -> None:
    """Writes what is needed to reach the registries into the layer: names, certificates, apt's proxy."""
    for name in ("resolv.conf", "hosts"):
        if Path("/etc", name).exists():
            _put(above / "etc" / name, Path("/etc", name).read_text())
    bundle = next((environment[name] for name in CERTIFICATES if environment.get(name)), "")
    if bundle and Path(bundle).is_file():
        _put(above / "etc/ssl/host.pem", Path(bundle).read_text())
    # The root is thrown away: dpkg need not wait for the disk after every file.
    _put(above / "etc/dpkg/dpkg.cfg.d/00host", "force-unsafe-io\n")
    apt = shutil.which("apt-config")
    dump = subprocess.run([apt, "dump"], stdout=subprocess.PIPE, check=False).stdout.decode() if apt else ""
    _put(
        above / "etc/apt/apt.conf.d/00host", "".join(f"{line}\n" for line in dump.splitlines() if APT_KEPT.match(line))
    )


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def find_interpreter(version: str, environment: Mapping[str, str], required: bool) -> Optional[Path]:
    """The folder of a Python that pyenv built here, None when there is none and none is required."""
    if not version:
        return None
    numbers = version.split(".")
    folders = pyenv_versions((int(numbers[0]), int(numbers[1])), environment)
    if folders or not required:
        return folders[0] if folders else None
    raise SetupError(f"pyenv has no Python {version} on this machine", f"pyenv install {version}")


def tell_uncommitted(checkout: Path) -> None:
    """Says so when what is tried is not what is in the editor."""
    command = ["git", "-c", "safe.directory=*", "-C", str(checkout), "status", "--porcelain"]
    changed = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.splitlines()
    if changed:
        say(f"==> the last commit is tried; uncommitted files are left out: {len(changed)}")


def inner_environment(environment: Mapping[str, str], interpreter: Optional[Path], certificates: bool) -> list[str]:
    """The variables inside, as NAME=VALUE: a user's plain ones, and what reaches the registries."""
    variables = {
        "HOME": "/root",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
    }
    variables.update({name: value for name, value in environment.items() if PASSED_ON.fullmatch(name)})
    if certificates:
        variables.update(dict.fromkeys(CERTIFICATES, "/etc/ssl/host.pem"))
    if interpreter:
        variables["PYENV_ROOT"] = str(interpreter.parent.parent)
    return [f"{name}={value}" for name, value in variables.items()]


def _enter(
    checkout: Path,
    base: Path,
    layer: Path,
    interpreter: Optional[Path],
    targets: Sequence[str],
    environment: Mapping[str, str],
) -> list[str]:
    scripts = Path(__file__).parent
    cache = Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/root"), ".cache"))
    # Each release has caches of its own: they also keep what was compiled, which uv and pip would give to a Python of
    # the same version here, whose C library it does not fit.
    caches = [
        f"{environment.get('UV_CACHE_DIR') or cache / 'uv'}-{base.name}",
        f"{environment.get('PIP_CACHE_DIR') or cache / 'pip'}-{base.name}",
    ]
    shutil.copy(scripts / "visit.sh", layer / "above" / "visit.sh")
    inner = inner_environment(environment, interpreter, (layer / "above/etc/ssl/host.pem").exists())
    (checkout / RESULTS).mkdir(parents=True, exist_ok=True)
    return [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", str(scripts / "enter_root.sh")),
        *(str(base), str(layer), str(checkout), *caches, str(RESULTS), str(interpreter or "")),
        *("env", "-i", *inner, "sh", "/visit.sh", *targets),
    ]


def _remove(folder: Path) -> None:
    places = [Path(line.split()[1]) for line in Path("/proc/self/mounts").read_text().splitlines()]
    if any(folder == place or folder in place.parents for place in places):
        raise SetupError(f"something is mounted in {folder}", f"umount -R {folder}")
    shutil.rmtree(folder, ignore_errors=True)
