"""Every notebook of this project: committed without outputs, and it runs to its end on runs of this pipeline."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from millrace.config.loading import load
from millrace.project.default_configuration import default_file
from millrace.project.project import Project

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """The project's configuration with a root elsewhere, where it ran twice: briefly, and with another threshold."""
    folder = tmp_path_factory.mktemp("notebooks")
    here = Path(default_file(Project(PROJECT), PROJECT))
    config = load(str(PROJECT / here))
    values = yaml.safe_load((PROJECT / here).read_text(encoding="utf-8"))
    values |= {"root": str(folder / "root"), "data": {**values["data"], "path": config.data.path}}
    values["schema"] = {"file": config.schema_.file}
    values["training"] = {**values.get("training", {}), "steps": 20, "epochs": None}
    metrics = list(dict.fromkeys([*config.evaluation.metrics, "ExampleCount"]))
    values["evaluation"] = {**values["evaluation"], "metrics": metrics}
    file = folder / "conf.yaml"
    for least in (1, 2):
        values["evaluation"]["thresholds"] = [{"metric": "ExampleCount", "at_least": least}]
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        command = [sys.executable, "-m", "runners.local", "-c", str(file)]
        run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
    return file


@every_notebook
def test_it_is_committed_without_outputs(file):
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    assert [cell["outputs"] for cell in cells if cell.get("outputs")] == []
    assert {cell["execution_count"] for cell in cells if cell["cell_type"] == "code"} == {None}


@pytest.mark.slow
@every_notebook
def test_it_runs_to_its_end(file, configuration, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("MILLRACE_CONFIG", str(configuration))
    # The kernel keeps its history and its key where it may write, and imports what this process imports.
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(file.parent)}}).execute()
    shown = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs if "data" in out]
    assert shown, "nothing to look at"
    assert not any("Not shown" in out["data"].get("text/html", "") for out in shown)
