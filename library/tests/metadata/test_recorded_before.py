"""What Millrace 0.1.0 recorded stays good: its runs are listed, its champion is compared with, its types are read."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from millrace.metadata import records

RECORDED = Path(__file__).parent / "recorded_by_0_1_0"
CHECKOUT = Path(__file__).resolve().parents[3]
RUN = "20261125-211240"
SMALL = (
    "training.steps=40",
    "evaluation.thresholds=[{metric: AUC, at_least: 0.5}, {metric: AUC, worse_by_at_most: 0.3}]",
)


def restored(root: Path) -> Path:
    """The recorded root in a folder of this machine; each artifact has its folder, with a file in place of its own."""
    for source in RECORDED.rglob("*"):
        if source.is_file() and source.name != "README.md":
            target = root / source.relative_to(RECORDED)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text().replace("@ROOT@", str(root)).replace("@PROJECT@", str(CHECKOUT)))
    database = sqlite3.connect(root / "metadata.db")
    database.executescript((root / "metadata.sql").read_text())
    (root / "metadata.sql").unlink()
    for (uri,) in database.execute("select uri from Artifact"):
        Path(uri).mkdir(parents=True, exist_ok=True)
        (Path(uri) / "recorded").touch()
    database.close()
    return root


@pytest.fixture
def root(tmp_path) -> Path:
    return restored(tmp_path / "runs" / "taxi")


def store(root: Path) -> MetadataStore:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.db")
    return MetadataStore(connection)


def millrace(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "millrace.cli.main", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_the_run_is_listed_with_its_metric_and_its_push(root):
    listed = millrace("runs", "--set", f"root={root}")
    assert listed.returncode == 0, listed.stderr
    [line] = [line for line in listed.stdout.splitlines() if line.startswith(RUN)]
    assert "done" in line and "AUC 0.9354" in line and "\tpushed 1795641180\t" in line
    [run] = json.loads(millrace("runs", "--json", "--set", f"root={root}").stdout)
    assert run["blessed"] is True and run["infra_blessed"] is True


def test_every_stage_of_it_is_read(root):
    [run] = records.runs(store(root), "taxi")
    assert len(run.stages) == 12 and {stage.state for stage in run.stages.values()} == {"done"}
    assert [verdict.blessed for verdict in records.verdicts(run)] == [True, True]
    assert run.artifact("DataGate", "report").uri == str(root / "artifacts/DataGate/report/6")


def test_an_artifact_type_by_its_old_name_is_read_as_the_new_one(root):
    from tfx.types import artifact_utils

    from millrace.components.data_gate.component import DataGateReport

    opened = store(root)
    kind = opened.get_artifact_type("custom_components.DataGateReport")
    [report] = opened.get_artifacts_by_type(kind.name)
    read = artifact_utils.deserialize_artifact(kind, report)
    assert isinstance(read, DataGateReport)
    assert read.uri == report.uri and read.get_int_custom_property("warnings") == 0


@pytest.mark.thorough
@pytest.mark.slow
def test_its_champion_is_found_and_compared_with(root):
    options = [f"--set={value}" for value in (f"root={root}", *SMALL)]
    trained = millrace("run", "--to", "Trainer", *options)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    [model] = (root / "artifacts/Trainer/model").glob("*/Format-Serving")
    champion = root / "artifacts/Trainer/model/8"
    shutil.copytree(model, champion / "Format-Serving")
    judged = millrace("run", "--to", "Evaluator", *options)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    runs = records.runs(store(root), "taxi")
    assert runs[0].run_id == RUN and len(runs) == 3
    report = json.loads(Path(runs[-1].artifact("Evaluator", "evaluation").uri, "gate_report.json").read_text())
    assert report["baseline"] == str(champion)
    assert report["baseline_metrics"]["auc"] == pytest.approx(report["metrics"]["auc"])
    assert {row["verdict"] for row in report["rows"]} == {"pass"}
