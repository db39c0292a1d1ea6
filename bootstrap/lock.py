"""Makes the locks again from requirements/*.in, and says what changed."""

import re
from pathlib import Path

from bootstrap.commands import Runner
from bootstrap.stacks import COMPATIBLE, CURRENT, STACKS

# The current stack has one lock for its Python versions and systems; the compatible one runs on one of each.
RESOLVE_FOR: dict[str, list[str]] = {
    CURRENT.name: ["--universal", "--python-version", "3.10"],
    COMPATIBLE.name: ["--python-version", "3.10", "--python-platform", "x86_64-manylinux_2_17"],
}
FOR_UV = ["--universal", "--python-version", "3.9"]
FOR_SITE = ["--universal", "--python-version", "3.10"]
FOR_DEPLOY = ["--universal", "--python-version", "3.10"]
FOR_GATEWAY = ["--python-version", "3.10", "--python-platform", "x86_64-manylinux_2_31"]
FOR_TABLES = ["--universal", "--python-version", "3.10", "--no-deps"]


def lock_all(root: Path, uv: Path, runner: Runner, packages: list[str]) -> None:
    """Resolves every lock again; nothing is replaced unless all of them resolve.

    Args:
        root: the checkout.
        uv: the installer.
        runner: runs it.
        packages: names of packages to upgrade, as far as requirements allow; "all" upgrades all. Empty keeps every
            pin that still fits.

    Raises:
        SetupError: the requirements contradict each other.
    """
    folder = root / "requirements"
    stacks = {name: RESOLVE_FOR[name] for name in STACKS}
    names = {
        **stacks,
        "uv": FOR_UV,
        "docs": FOR_SITE,
        "gateway": FOR_GATEWAY,
        "tables": FOR_TABLES,
        "deploy": FOR_DEPLOY,
    }
    for name, options in names.items():
        runner.tell(f"==> resolving {name}")
        partial = folder / f"{name}.partial.txt"
        partial.write_text((folder / f"{name}.txt").read_text() if (folder / f"{name}.txt").exists() else "")
        try:
            runner.run(_command(uv, folder / f"{name}.in", partial, options, packages), f"resolving {name}")
        except BaseException:
            for leftover in folder.glob("*.partial.txt"):
                leftover.unlink()
            raise
    for name in names:
        target = folder / f"{name}.txt"
        before = target.read_text() if target.exists() else ""
        (folder / f"{name}.partial.txt").replace(target)
        report = changes(before, target.read_text())
        runner.tell(f"{target.relative_to(root)}: " + (f"{len(report)} changed" if report else "nothing changed"))
        for line in report:
            runner.tell("    " + line)


def _command(uv: Path, source: Path, target: Path, options: list[str], packages: list[str]) -> list[str]:
    upgrades = ["--upgrade"] if packages == ["all"] else [f"--upgrade-package={package}" for package in packages]
    quiet = ["--quiet", "--no-config", "--no-header", "--no-annotate", "--generate-hashes"]
    return [str(uv), "pip", "compile", *quiet, *options, *upgrades, str(source), "--output-file", str(target)]


def pins(lock: str) -> dict[str, str]:
    """The pinned versions of a lock by package; two versions for two Pythons are told with their markers."""
    found: dict[str, list[str]] = {}
    for name, version, marker in re.findall(
        r"^([A-Za-z0-9][\w.-]*)(?:\[.*?\])?==(\S+)(?: ; (.*?))? ?\\?$", lock, re.MULTILINE
    ):
        found.setdefault(name, []).append(version + (f" ({marker})" if marker else ""))
    return {name: ", ".join(versions) for name, versions in found.items()}


def changes(before: str, after: str) -> list[str]:
    """What differs between two locks, a line a package: added, removed, or from which version to which."""
    old, new = pins(before), pins(after)
    lines = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            lines.append(f"{name}: {old.get(name, 'not there')} -> {new.get(name, 'removed')}")
    return lines
