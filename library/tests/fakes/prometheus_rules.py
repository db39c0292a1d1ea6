"""What Prometheus's rules ask for, held to the figures that a program really shows."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "deploy" / "prometheus"
NEEDS_PROMTOOL = pytest.mark.skipif(not shutil.which("promtool"), reason="Debian's prometheus is not installed")


def rules_of(file: str) -> list[dict[str, Any]]:
    """The rules of a file of deploy/prometheus."""
    return [rule for group in yaml.safe_load((FOLDER / file).read_text())["groups"] for rule in group["rules"]]


def named(rule: Mapping[str, Any]) -> str:
    """A rule's name."""
    return rule.get("alert") or rule["record"]


def labels_of(text: str) -> dict[str, set[str]]:
    """The labels of each series of a page of metrics."""
    # The client's parser gives a counter of Envoy another name: it wants each to end in _total.
    labels: dict[str, set[str]] = {}
    for name, of in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        labels.setdefault(name, set()).update(re.findall(r'(\w+)="', of))
    return labels


def require_shown(rule: Mapping[str, Any], shown: Mapping[str, set[str]], rules: Iterable[Mapping[str, Any]]) -> None:
    """Fails where a rule asks for a metric or a label that is not shown."""
    # What Prometheus itself adds.
    known = {*shown, "up", *(one["record"] for one in rules if "record" in one)}
    bare = re.sub(r"\{[^}]*\}|\b(by|on|group_left) \([^)]*\)|\[\w+\]|offset \w+", " ", rule["expr"])
    names = set(re.findall(r"\b[a-z_][\w:]*(?![\w:]|\s*\()", bare)) - {"and", "or", "unless"}
    assert names and names <= known, "no such metric"
    labels = {one for text in re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]) for one in text.split(", ")}
    labels |= set(re.findall(r"(\w+)[=!]~?\"", rule["expr"]))
    labels |= set(re.findall(r"\$labels\.(\w+)", str(rule.get("annotations", ""))))
    assert labels <= set().union(*shown.values(), {"job", "instance"}), "no such label"


def promtool(*command: str, folder: Path) -> subprocess.CompletedProcess:
    """Runs promtool.

    Args:
        command: as it takes it.
        folder: where it starts.
    """
    return subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True)
