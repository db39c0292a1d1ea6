"""Registries of pushed models, made of files alone: no run, and no SavedModel that could be loaded."""

from pathlib import Path

from millrace.registry import pushed_model
from millrace.registry.registry import Approval, Registry
from millrace.registry.version import VersionFacts


class Clock:
    """Seconds since the epoch, one more each time they are asked for."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """The time."""
        self.now += 1.0
        return self.now


def registry_of(root: Path, approval: Approval = "automatic", who: str = "ada@desk", model: str = "taxi") -> Registry:
    """The registry of a root that the test has made, as `open_registry` opens one."""
    serving = str(root / "serving" / model)
    return Registry(root / "registry.db", model, serving, str(root), approval, Clock(), who)


def pushed(root: Path, number: int, model: str = "taxi", trial: bool = False) -> tuple[int, str, VersionFacts]:
    """A pushed model that no registry knows yet, with what its run says of it."""
    folder = root / ("trials" if trial else "serving") / model / str(number)
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_text(f"graph {number}")
    (folder / "variables" / "variables.index").write_text(f"weights {number}")
    files = pushed_model.file_checksums(folder)
    facts = VersionFacts(str(folder), trial, number, pushed_model.checksum(files), files, 20, judged={"AUC": 0.9})
    return number, f"run-{number}", facts
