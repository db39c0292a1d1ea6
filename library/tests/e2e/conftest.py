"""A project of one's own for each story: a copy of this one, run by the real command in a process of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest
import yaml

from millrace.config.loading import absolute

CHECKOUT = Path(__file__).resolve().parents[3]
ROOMS = ("runners", "pipeline", "custom_components", "models", "schema", "conf")
TAXI = Path(absolute("package:tfx/examples/chicago_taxi_pipeline/data/big_tipper_label/data.csv", CHECKOUT))

# Enough work to learn the label, little enough for many runs: each feature costs a run half a second.
SMALL = {
    "features": {
        "fare": {"kind": "numeric", "scale": "log"},
        "trip_miles": {"kind": "numeric", "scale": "log"},
        "trip_seconds": {"kind": "numeric", "scale": "log"},
        "pickup_latitude": {"kind": "bucketized", "buckets": 10},
        "payment_type": {"kind": "categorical", "top_k": 20},
        "company": {"kind": "categorical", "top_k": 100, "encode": "embedding", "dimension": 8},
    },
    "training": {"batch_size": 64, "steps": 60, "learning_rate": 0.01, "seed": 20},
    "model": {"hidden_units": [16], "dropout": 0.0},
    "evaluation": {
        "metrics": ["AUC", "BinaryAccuracy", "ExampleCount"],
        "slices": [["payment_type"]],
        "min_slice_size": 50,
        "thresholds": [{"metric": "AUC", "at_least": 0.6}],
    },
}


@dataclass(frozen=True)
class Finished:
    """A finished command."""

    code: int
    output: str
    stages: dict[str, str]


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Project:
    """A project in a folder of its own, with a small taxi pipeline, on the library of this checkout."""

    def __init__(self, folder: Path, rows: int = 3000) -> None:
        self.folder = folder
        for room in ROOMS:
            shutil.copytree(CHECKOUT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(CHECKOUT / "setup.py", folder)
        self.data = folder / "data"
        self.data.mkdir()
        lines = TAXI.read_text().splitlines(keepends=True)
        (self.data / "trips.csv").write_text("".join(lines[: rows + 1]))
        self.root = folder / "runs" / "taxi"
        self.conf = folder / "conf" / "taxi.yaml"
        self.schema = folder / "schema" / "taxi" / "schema.pbtxt"
        self.configure(**SMALL, data={"path": "../data", "format": "csv", "splits": {"train": 2, "eval": 1}})

    def configure(self, **sections) -> None:
        """Replaces whole sections of the configuration; None takes one out."""
        values = yaml.safe_load(self.conf.read_text())
        values.update(sections)
        self.conf.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))

    def edit(self, file: str, before: str, after: str) -> None:
        """Replaces a text that stands in a file exactly as given."""
        path = self.folder / file
        text = path.read_text()
        assert before in text, f"{before!r} is not in {file}"
        path.write_text(text.replace(before, after, 1))

    def start(self, *arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
        """Starts `millrace` with arguments."""
        return self.start_python("-m", "millrace.cli.main", *arguments, prefix=prefix, **environment)

    def start_python(self, *arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
        """Starts the interpreter in the project."""
        return subprocess.Popen(
            [*prefix, sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell that starts the tests in the background has them ignore Ctrl-C, and children inherit that.
            preexec_fn=_heed_interrupts,
        )

    def finish(self, process: "subprocess.Popen[str]", timeout: float = 600) -> Finished:
        """Waits for a started command."""
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Finished(process.returncode, output, self.stages(output))

    def millrace(self, *arguments: str, **environment: str) -> Finished:
        """Runs `millrace` with arguments to its end."""
        return self.finish(self.start(*arguments, **environment))

    def run(self, *arguments: str) -> Finished:
        """Runs the pipeline."""
        return self.millrace("run", *arguments)

    def stages(self, output: str) -> dict[str, str]:
        """How each stage of the run that an output speaks of ended."""
        found = re.search(r"^run (\S+):", output, re.MULTILINE)
        return self.stages_of(found[1]) if found else {}

    def stages_of(self, run_id: str) -> dict[str, str]:
        """The last state of each stage of a run."""
        journal = self.root / "logs" / run_id / "events.jsonl"
        events = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
        return {event["stage"]: event["state"] for event in events}

    def wait_for(self, stage: str, state: str, process: "subprocess.Popen[str]", timeout: float = 300) -> str:
        """Waits until the newest run's stage is in a state; gives the run's id."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            newest: Optional[Path] = max((self.root / "logs").glob("*"), default=None)
            if newest and self.stages_of(newest.name).get(stage) == state:
                return newest.name
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.2)
        raise AssertionError(f"{stage} was not {state} within {timeout} s")

    def runs(self) -> list[dict]:
        """What `millrace runs` says."""
        finished = self.millrace("runs", "--json")
        assert finished.code == 0, finished.output
        return json.loads(finished.output)

    def pushed(self) -> list[Path]:
        """The pushed models' folders, the oldest first."""
        return sorted((self.root / "serving" / "taxi").glob("*"))


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """One project for the stories of a module."""
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def fresh_project(tmp_path) -> Project:
    """A project of a test's own."""
    return Project(tmp_path)
