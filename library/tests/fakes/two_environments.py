"""A project with two environments: staging, where versions are judged and approved, and prod, which takes them in."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from registered_versions import pushed, registry_of

from millrace.base.plain_values import plain
from millrace.components.evaluator.gate_report import JSON_NAME, GateReport, Row
from millrace.config.environments import VARIABLE, option
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.project import project
from millrace.promotion.side import Side

ROOT = Path(__file__).resolve().parents[3]
OPEN = ExitStack()
# Thursday, and Saturday.
THURSDAY, SATURDAY = 1795705200.0, 1795856400.0
PROD = """
promotion:
  after: staging
  approval: second person
  freezes: [{begins: TZ=Europe/Zurich 0 16 * * 5, hours: 64, reason: nobody is there until Monday}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the taxi pipeline, staging and prod, where the command is called."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "setup.py", tmp_path)
    folder = tmp_path / "conf" / "environments"
    (folder / "staging.yaml").write_text("registry: {approval: manual}\n")
    (folder / "prod.yaml").write_text(PROD)
    monkeypatch.setattr(project, "enter", lambda found: None)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def registries_are_closed() -> Iterator[None]:
    with OPEN:
        yield


def side(environment: str, who: str = "ada@desk") -> Side:
    config = load("conf/taxi.yaml", [option(environment)])
    root = Path(layout(config).root)
    root.mkdir(parents=True, exist_ok=True)
    return Side(config, OPEN.enter_context(registry_of(root, config.registry.approval, who)))


def judged(where: Side, number: int, **facts: Any) -> None:
    """Registers a version that both judges blessed, with the Evaluator's report."""
    root = Path(layout(where.config).root)
    number, run, known = pushed(root, number)
    report = root / "artifacts" / "Evaluator" / str(number)
    report.mkdir(parents=True)
    row = Row(metric="AUC", slice="trip_start_hour:3", value=0.875, threshold="at least 0.8", verdict="pass")
    whole = row.model_copy(update={"slice": "overall", "value": 0.9})
    gate = GateReport(blessed=True, reason="good", examples=40, metrics={"auc": 0.9}, rows=(whole, row))
    (report / JSON_NAME).write_text(json.dumps(plain(gate)))
    verdicts = {"Evaluator": True, "InfraValidator": True}
    known = replace(known, **{"verdicts": verdicts, "gate_report": str(report), "commit": "c0ffee", **facts})
    where.registry.take_in([(number, run, known)])


def approved(number: int, **facts: Any) -> tuple[Side, Side]:
    """Staging, where Ada has approved a version, and prod, which Bob has opened."""
    source, target = side("staging"), side("prod", "bob@desk")
    judged(source, number, **facts)
    source.registry.approve(source.registry.version(str(number)), "reviewed")
    return source, target
