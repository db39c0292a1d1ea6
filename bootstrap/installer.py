"""Gets uv, which resolves and installs the stacks in under a minute where pip backtracks for a long time."""

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from bootstrap.commands import Runner
from bootstrap.errors import SetupError
from bootstrap.machine import Machine, how_to_get

OLDEST = (0, 5, 0)  # the first with the index settings that are handed over below


def get_uv(root: Path, runner: Runner, machine: Machine, pythons: Sequence[Path] = ()) -> Path:
    """The path of a uv: the one on PATH if it is new enough, else one that pip installs in .cache.

    Args:
        root: the checkout.
        runner: runs the programs; it also gets the settings that uv takes over from pip.
        machine: decides the words of the advice.
        pythons: interpreters to make pip's environment with; the running one is tried first.

    Raises:
        SetupError: no Python here has both `venv` and `ensurepip`, or pip failed.
    """
    on_path = _on_path(runner)
    if on_path:
        return on_path
    home = _home(root)
    if not (home / "bin" / "uv").exists():
        runner.tell("==> fetching uv, the installer")
        _install(home, _pins(root), runner, machine, [Path(sys.executable), *pythons])
    runner.environment.update(
        from_pip(runner.answer([str(home / "bin" / "python"), "-m", "pip", "config", "list"]), runner.environment)
    )
    return home / "bin" / "uv"


def lacks(root: Path, runner: Runner, pythons: Sequence[Path] = ()) -> list[str]:
    """["venv"] where uv can neither be found nor fetched, for no Python here has pip and venv; else nothing."""
    able = _on_path(runner) or (_home(root) / "bin" / "uv").exists() or _maker(runner, [Path(sys.executable), *pythons])
    return [] if able else ["venv"]


def _on_path(runner: Runner) -> Optional[Path]:
    found = shutil.which("uv", path=runner.environment.get("PATH"))
    return Path(found) if found and _version(runner.answer([found, "--version"])) >= OLDEST else None


def _pins(root: Path) -> Path:
    return root / "requirements" / "uv.txt"


def _home(root: Path) -> Path:
    return root / ".cache" / ("uv-" + pinned_version(_pins(root).read_text()))


def pinned_version(pins: str) -> str:
    """The version in the text of requirements/uv.txt."""
    found = re.search(r"^uv==(\S+)", pins, flags=re.MULTILINE)
    if found is None:
        raise SetupError("requirements/uv.txt pins no uv", "restore it with: git checkout requirements/uv.txt")
    return found.group(1)


def _version(said: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    return tuple(int(number) for number in found.groups()) if found else (0,)


def _install(home: Path, pins: Path, runner: Runner, machine: Machine, pythons: Sequence[Path]) -> None:
    maker = _maker(runner, pythons)
    if maker is None:
        raise SetupError(
            f"{pythons[0]} comes without pip and venv, which fetch uv, the installer",
            how_to_get(["venv"], machine.family) + "\nor put uv on PATH: https://docs.astral.sh/uv",
        )
    partial = home.with_name(home.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    runner.run([str(maker), "-m", "venv", str(partial)], "making an environment for uv")
    runner.run(
        [str(partial / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(pins)],
        "installing uv",
        "pip takes its index and proxy from its own configuration: see pip config list",
    )
    shutil.rmtree(home, ignore_errors=True)
    partial.rename(home)


def _maker(runner: Runner, pythons: Sequence[Path]) -> Optional[Path]:
    """The first Python that can make an environment with pip in it; Debian packages that part separately."""
    asks = "import ensurepip, venv; print('ok')"
    return next((python for python in pythons if runner.answer([str(python), "-c", asks]) == "ok"), None)


def from_pip(configuration: str, environment: Mapping[str, str]) -> dict[str, str]:
    """uv's settings for what the user has set for pip, where uv's own are not set.

    The index that replaces the default one and the certificates are taken over. Extra indexes are not: the locks need
    none, and their hashes would refuse a package that was built again.

    Args:
        configuration: what `pip config list` prints; later sections win, as in pip.
        environment: the process's variables.
    """
    told = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", configuration, flags=re.MULTILINE))
    settings = {}
    if told.get("index-url") and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(environment):
        settings["UV_DEFAULT_INDEX"] = told["index-url"]
    if told.get("cert") and "SSL_CERT_FILE" not in environment:
        settings["SSL_CERT_FILE"] = os.path.expanduser(told["cert"])
    return settings
