"""What the commands print, at several widths and in a pipe, on values of our own. `make golden` writes the files again."""

# ruff: noqa: E501 - what is printed is read better whole

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from rich.console import Console

from millrace.alerts.alert import Alert, AlertState
from millrace.base import printing
from millrace.base.errors import Failure
from millrace.base.outcomes import State
from millrace.cli.cloud.findings import print_findings
from millrace.cli.cloud.rehearsal_report import print_report
from millrace.cli.data import schema_tables
from millrace.cli.data.config import config
from millrace.cli.data.init import show_plan
from millrace.cli.doctor import show as show_diagnosis
from millrace.cli.models.explain import print_story
from millrace.cli.models.models import print_version, print_versions
from millrace.cli.running.board import STAGE_COLUMNS, Board, stage_rows
from millrace.cli.runs.runs import print_runs
from millrace.cli.serving.explain import show as show_explanation
from millrace.cli.watching.alerts import print_alerts
from millrace.execution.diagnosis import Check, Diagnosis, Difference
from millrace.init.plan import make_plan
from millrace.jobspec.findings import JobFinding
from millrace.metadata.journal import Journal, StageProgress
from millrace.metadata.records import JudgeVerdict
from millrace.metadata.run_summaries import RunSummary
from millrace.registry.events import Event, VersionState
from millrace.registry.questions import Answered
from millrace.registry.registry import AUTOMATIC
from millrace.registry.replay import Replay
from millrace.registry.story import ServedTime, Story
from millrace.registry.version import Signature, Version, VersionFacts
from millrace.rehearsal.report import Attempt, Result, TaskReport, TaskState
from millrace.schema.lint import Issue
from millrace.schema.proposals import Proposal
from millrace.schema.ways import Anomaly

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (60, 80, 120)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
REASON = "AUC overall is 0.9012; it must be at least 0.92. Of 24 values of trip_start_hour, 2 are below 0.8."
METRICS = {"auc": 0.95143, "binary_accuracy": 0.894, "calibration": 1.0}


class Terminal(io.StringIO):
    """Text that says of itself that it is a terminal, and in which encoding."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Pipe(Terminal):
    def isatty(self) -> bool:
        return False


@contextlib.contextmanager
def screen(width: int, stream: io.StringIO, **variables: str) -> Iterator[None]:
    """Has what is printed go to a stream that is a screen of some width; the variables are added to the process's own."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLORTERM")}
    kept |= {"COLUMNS": str(width), "LINES": "40", "TERM": "xterm-256color", **variables}
    with mock.patch.dict(os.environ, kept, clear=True), contextlib.redirect_stdout(stream):
        yield


def printed(case: str, width: int, stream: io.StringIO, **variables: str) -> str:
    """What a case prints on a screen, as it is sent there."""
    with screen(width, stream, **variables):
        CASES[case]()
    return stream.getvalue()


def golden(case: str) -> str:
    """The golden file's text: each width without colours and trailing spaces, then the pipe."""
    parts = []
    for width in WIDTHS:
        plain = ESCAPES.sub("", printed(case, width, Terminal()))
        parts += [f"== {width} columns ==", *(line.rstrip() for line in plain.splitlines()), ""]
    return "\n".join([*parts, "== a pipe ==", printed(case, 80, Pipe())])


def _run() -> None:
    rows = [
        StageProgress("ExampleGen", State.CACHED, 0.0, 0.4),
        StageProgress("Transform", State.DONE, 0.0, 132.25),
        StageProgress("DataGate", State.BLOCKED, 0.0, 1.25, "1 finding: 'Bitcoin' in payment_type, 88 rows"),
        StageProgress("Trainer", State.SKIPPED),
    ]
    if sys.stdout.isatty():
        console = Console(highlight=False)
        console.print(printing.table(STAGE_COLUMNS, stage_rows(rows, 0.0), console.width))
        return
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        with Board("taxi", journal, sys.stdout) as board:
            board.show(["ExampleGen", "DataGate"])
            journal.record("ExampleGen", State.CACHED)
            journal.record("DataGate", State.BLOCKED, note=rows[2].note)


def _runs() -> None:
    run = "20310101-0000"
    start = "2031-01-01T00:00:00+01:00"
    pushed = "runs/serving/taxi/1795228113"
    ended = "DataGate: a signal asked it to end"
    rows = [
        RunSummary(f"{run}00", State.DONE, start, 17.12, METRICS, METRICS, True, True, pushed, False, ""),
        RunSummary(f"{run}25", State.BLOCKED, start, 208.4, METRICS, METRICS, False, True, "", False, REASON),
        RunSummary(f"{run}59", State.INTERRUPTED, start, 3.0, {}, {}, None, None, "", False, ended),
    ]
    print_runs([("taxi", row) for row in rows])


def _models() -> None:
    facts = VersionFacts(
        "", checksum="bd07d85ba0b467f6" * 4, files={"saved_model.pb": "0" * 64}, bytes=708_783, span=3,
        fingerprint="split:single_split,num_files:1,total_bytes:1952827,xor_checksum:1795637457,sum_checksum:1795637457",
        commit="4f1c2ab09d3e4f1c2ab09d3e4f1c2ab09d3e4f1c", schema_digest="8f14e45fceea167a", metrics=METRICS,
        judged={"AUC": 0.95143, "BinaryAccuracy": 0.894}, verdicts={"Evaluator": True, "InfraValidator": True},
        signatures={"serving_default": Signature({"examples": "string[?]"}, {"label": "string[?]", "probabilities": "float32[?]"})},
    )  # fmt: skip
    folder, at, why = (
        Path("runs/taxi/serving/taxi"),
        "2031-01-01T00:00:00+00:00",
        "it refuses everybody since noon, and nobody knows why",
    )
    versions = [
        Version(
            "taxi",
            number,
            folder / str(number),
            VersionState(state),
            aliases,
            "20310101-000000",
            at,
            replace(facts, trial=trial),
        )
        for number, state, aliases, trial in (
            (1795228113, "approved", ("champion",), False),
            (1795228999, "rejected", (), False),
            (1795229500, "registered", (), True),
            (1795230001, "registered", ("candidate", "shadow"), False),
        )
    ]
    events = (
        Event("registered", 1795228113, who="ada@desk", at=at),
        Event("approved", 1795228113, because="both judges blessed it", who=AUTOMATIC, at=at),
        Event(
            "alias moved",
            1795228113,
            "champion",
            "it is the newest that was pushed",
            AUTOMATIC,
            details={"from": None},
            at=at,
        ),
        Event("rolled back", 1795228113, "champion", why, "ada@desk", details={"from": 1795228999}, at=at),
    )
    served = (
        ServedTime(
            "champion", at, "2031-01-02T00:00:00+00:00", "it is the newest that was pushed", AUTOMATIC, "better"
        ),
        ServedTime("champion", "2031-01-03T00:00:00+00:00", "", why, "ada@desk"),
    )
    asked = Replay(
        1795228113,
        1795228999,
        "2,481 examples of test of run 20310101-000000",
        2481,
        True,
        86,
        {"0 -> 1": 60, "1 -> 0": 26},
        0.0312,
        0.61,
    )
    first, last = datetime(2031, 1, 3, tzinfo=timezone.utc), datetime(2031, 1, 4, 12, 30, tzinfo=timezone.utc)
    answered = Answered(1_204, 2_481, first, last, {"0": 2_000, "1": 481})
    verdicts = (JudgeVerdict("Evaluator", True, "AUC is above its threshold", ""),)
    console = Console(highlight=False)
    with mock.patch.object(Version, "there", True):
        print_versions(versions, console)
        console.print()
        print_version(versions[0], events, console)
        console.print()
        print_story(Story(versions[0], verdicts, served, events, answered, asked), console)


def _schema_show() -> None:
    def row(name: str, domain: str, seen: dict, **more: object) -> dict:
        facts = {"feature": name, "type": "BYTES", "presence": "in at least 95% of rows", "values": "one value"}
        facts |= {"domain": domain, "domain_mass": "", "environments": "", "comparators": {}, "stage": ""}
        return {**facts, **more, "seen": {"train": {"type": "BYTES", "rows": 10_000, **seen}}}

    counts = {"Cash": 5800, "Credit Card": 4000, "Dispute": 11}
    limits = {"drift": "infinity_norm at most 0.01"}
    schema_tables.print_features(
        [
            row(
                "payment_type",
                "payment_type (7 values)",
                {"filled": 10_000, "distinct": 7, "values": counts},
                comparators=limits,
            ),
            row("fare", "0 to 500", {"filled": 9_811, "min": 0.0, "max": 302.5, "type": "FLOAT"}, type="FLOAT"),
            row("dropoff_census_tract", "", {"filled": 0}, environments="not in serving"),
        ],
        "train",
    )


def _schema_check() -> None:
    schema_tables.print_findings(
        [
            Issue("single-value", "warning", "company", "the domain has one value, and the data has 31", 12),
            Issue("unknown-domain", "error", "payment_type", "the domain payment_types is not in this file; did you mean payment_type?", 245),
        ],
        "schema/taxi/schema.pbtxt",
    )  # fmt: skip


def _schema_propose() -> None:
    anomaly = Anomaly(
        feature="payment_type", reason="ENUM_TYPE_UNEXPECTED_STRING_VALUES", splits=("eval", "train"), rows=301, exact=True,
        words="expected: one of the domain payment_type (7 values); seen: 'Bitcoin' in 88 rows (1.79%)",
    )  # fmt: skip
    patch = (
        '--- a/schema.pbtxt\n+++ b/schema.pbtxt\n@@ -245,2 +245,3 @@\n   value: "Unknown"\n+  value: "Bitcoin"\n }\n'
    )
    other = "share within the domain: nothing said becomes at least 0.978 of the values"
    schema_tables.print_proposals(
        [
            Proposal("1", anomaly, ("payment_type: domain gains 'Bitcoin'",), patch, "", True, None),
            Proposal("1b", anomaly, (other,), "", "lets that share of any other values pass, mistyped ones too", False, None, ("mistyped values",)),
        ]
    )  # fmt: skip


def _doctor() -> None:
    show_diagnosis(
        Diagnosis(
            "current", "3.13.5", "Linux, x86_64, glibc 2.41", {"tfx": "1.21.0", "tensorflow": "2.21.0", "kfp": ""}, "requirements/current.txt",
            (Difference("numpy", "2.3.4", "2.3.5"), Difference("apache-beam", "2.74.0", "")),
            (
                Check("Packages as locked", "no", "1 of 310 packages has another version, 1 is missing", "make setup"),
                Check("Memory", "yes", "23.5 GiB, of which 9.1 are free"),
                Check("Writing runs", "broken", "/srv/taxi/runs/taxi cannot be written: Permission denied", "sudo chown -R $USER /srv/taxi/runs"),
            ),
        ),
        Console(highlight=False),
    )  # fmt: skip


def _check() -> None:
    print_findings(
        [
            JobFinding("image", "warning", "the image is named by a tag, which can come to mean another image", "vertex.image", "name it by its digest, NAME@sha256:..."),
            JobFinding("accelerator", "error", "NVIDIA_T4 is no accelerator of Vertex AI; did you mean NVIDIA_TESLA_T4?", "vertex.stages.Trainer.accelerator", "name one of its types"),
            JobFinding(
                "data", "before submit",
                "data.path, package:tfx/examples/chicago_taxi_pipeline/data/big_tipper_label/of/a/name/that/is/wider/than/a/terminal/of/120/columns, is a place on this machine",
                "vertex.data_path", "copy the data to a bucket",
            ),
            JobFinding("project", "before submit", "no project is named", "vertex.project", "set it to the id of a Google Cloud project"),
        ],
        Console(),
    )  # fmt: skip


def _rehearse() -> None:
    gib = 10**9
    print_report(
        Result(
            "taxi", "20310101-000000", Path("runs/taxi/logs/20310101-000000"), 1,
            (
                TaskReport("ExampleGen", TaskState.DONE, 4.1, int(0.8 * gib), 16 * gib, {"examples": ["gs://b/1"]}),
                TaskReport("Trainer", TaskState.FAILED, 8.0, int(17.1 * gib), 16 * gib, attempts=(Attempt(137, 4.0, 60.0), Attempt(137, 4.0)), note="took more memory than its limit"),
                TaskReport("Pusher", TaskState.SKIPPED),
            ),
            ("Trainer on the service has 16 GB, and is ended there",),
            Failure("it took 17.10 GB of memory, and its limit is 16.00 GB", "Trainer", "raise vertex.stages.Trainer.memory_gb", 1),
            "", 61.0, False, ("IAM, quota and network",),
        ),
        Console(highlight=False),
    )  # fmt: skip


def _alerts() -> None:
    drift = "drift of fare, version 1795733175: jensen_shannon_divergence 0.0909, limit 0.02, usual up to 0.0713"
    asked = "requests are not what they were: ask who sends them what has changed"
    seen = 1_795_228_113.0
    print_alerts(
        [
            Alert(12, "monitor/drift/jensen_shannon_divergence/fare/1795733175", "monitor champion", AlertState.FIRING, seen, seen, 1, drift, asked),
            Alert(14, "monitor/slow/slow//7", "monitor 7", AlertState.PENDING, seen, seen, 1, "slow, version 7: 40 of 800 answers took longer than 100 ms (5 %, limit 1 %)", "see what else its machine does", seen + 7200),
            Alert(15, "monitor/errors/errors//7", "monitor 7", AlertState.RESOLVED, seen, seen + 3600, 1, "errors, version 7: 40 of 800 answers failed"),
        ],
        seen + 60,
    )  # fmt: skip


def _explain() -> None:
    parts = [
        SimpleNamespace(column=name, value=value, baseline=baseline, attribution=part, error=error)
        for name, value, baseline, part, error in (
            ("payment_type", "Credit Card", "Cash", 0.765, 0.008),
            ("dropoff_community_area", 28, None, -0.2531, 0.0041),
            ("company", "Taxi Affiliation Services", "Blue Ribbon Taxi Association Inc.", -0.0457, 0.0058),
            ("fare", 11.25, 7.85, 0.2, 0.0),
        )
    ]
    why = SimpleNamespace(
        output=None, explained_class="1", prediction=0.7271, baseline=0.0036, error=0.008, parts=parts
    )
    then = SimpleNamespace(output=None, explained_class="1", before=0.7271, after=0.00063, label_after="0")
    row = SimpleNamespace(number=1, explanations=[why], changes={"payment_type": "Cash"}, what_if=[then], nearest=())
    show_explanation(row, "version 7", 3, Console(highlight=False), {"": "big_tipper"})


def _init() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "people.csv")
        row = "{0},{1}.5,{2},{3},{4}\n"
        colours = ("red", "blue", "green", "a colour with a long name")
        table.write_text(
            "id,size,colour,empty,over_50k\n"
            + "".join(row.format(n, n % 37, colours[n % 4], "", "yes" if n % 3 else "no") for n in range(300))
        )
        show_plan(make_plan([str(table)], "over_50k", "people", Path(folder)))


def _config_keys() -> None:
    config.main(["keys", "tuning"], standalone_mode=False)


CASES: dict[str, Callable[[], None]] = {
    "run": _run,
    "runs": _runs,
    "models": _models,
    "schema-show": _schema_show,
    "schema-check": _schema_check,
    "schema-propose": _schema_propose,
    "doctor": _doctor,
    "check": _check,
    "rehearse": _rehearse,
    "alerts": _alerts,
    "explain": _explain,
    "init": _init,
    "config-keys": _config_keys,
}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in CASES:
        (GOLDEN / f"{name}.txt").write_text(golden(name), encoding="utf-8")
