"""The table of `make quality`: printed from the results of several processes, and quoted between a page's marks."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.quality import __main__ as quality
from benchmarks.quality import results
from benchmarks.quality.__main__ import main
from benchmarks.quality.kept import Trainings
from benchmarks.quality.learners import Result
from benchmarks.quality.results import Comparison
from benchmarks.quality.tables import TABLES

TIPS = Comparison(
    table="tips",
    rows=15_002,
    metric="RMSE",
    seeds=5,
    scores={"millrace": 0.9163, "linear": 1.3521, "boosting": 0.93215},
    spread=0.0123,
    best="boosting",
    ahead=0.0158,
    error=0.018,
    cpu_seconds={"millrace": 41.27, "linear": 0.04, "boosting": 1.5},
    tfx="1.16.0",
)
WINE = replace(TIPS, table="wine", rows=178, metric="accuracy", ahead=-0.05, error=0.02)


@pytest.fixture
def parts(tmp_path):
    """Results of two processes, the table that comes first in the report in the second."""
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, of in zip(files, (TIPS, WINE), strict=True):
        results.write([of], file)
    return list(map(str, files))


def test_results_of_several_processes_are_one_table_in_the_tables_order(parts):
    printed = CliRunner().invoke(main, parts).output.splitlines()
    assert [line.split(" | ")[0] for line in printed[2:4]] == ["| wine", "| tips"]
    assert printed[3] == (
        "| tips | 15,002 | RMSE | 0.9163 ± 0.01 | 1.352 | 0.9322 | +0.016 ± 0.02 | 41.3 / 0.0 / 1.5 |"
    )
    assert "-0.05 ± 0.02 \\*" in printed[2]
    assert printed[-1].startswith(
        "Level with the better of the two within one standard error, or better: 1 of 2; furthest behind by 5.4% of its "
        "accuracy, wine; a star: behind by more than the error; not measured: breast-cancer, digits, "
    )
    assert printed[-1].endswith(", late-flights. 5 seeds, TFX 1.16.0.")


def test_tables_of_fewer_seeds_are_named(parts, tmp_path):
    results.write([replace(TIPS, seeds=2)], tmp_path / "tips.json")
    printed = CliRunner().invoke(main, [*parts, str(tmp_path / "tips.json")]).output
    assert printed.endswith(" 5 seeds (but tips 2), TFX 1.16.0.\n")


def test_what_was_measured_with_other_defaults_says_so(tmp_path):
    results.write([replace(TIPS, changes={"model": {"members": 1}})], tmp_path / "a.json")
    printed = CliRunner().invoke(main, [str(tmp_path / "a.json")]).output
    assert "; with other defaults: model.members=1. 5 seeds" in printed and "furthest behind" not in printed


def test_a_training_that_is_done_is_not_done_again_unless_with_other_settings(tmp_path):
    done = []

    def train():
        done.append(len(done))
        return Result(np.array([0.25, 0.5]), 1.5 + len(done))

    first, again, other = (Trainings(tmp_path, {"changes": of}).once("millrace-0", train) for of in ({}, {}, {"a": 1}))
    assert done == [0, 1] and again.predicted.tolist() == [0.25, 0.5]
    assert [first.cpu_seconds, again.cpu_seconds, other.cpu_seconds] == [2.5, 2.5, 3.5]


def test_a_measurement_begins_anew_unless_it_is_resumed(tmp_path, monkeypatch):
    kept = tmp_path / "tips" / "trainings" / "millrace-0.npz"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"")
    monkeypatch.setattr(quality, "compare", lambda *_: TIPS)
    options = ["--table", "tips", "--out", str(tmp_path)]
    CliRunner().invoke(main, [*options, "--resume"], catch_exceptions=False)
    assert kept.exists()
    CliRunner().invoke(main, options, catch_exceptions=False)
    assert not kept.exists()


def test_tables_are_measured_side_by_side_each_in_a_process_with_its_share_of_the_cores(tmp_path, monkeypatch):
    commands = []

    def run(command, env, **_):
        name, file = command[command.index("--table") + 1], command[command.index("--json") + 1]
        commands.append((name, env["OMP_NUM_THREADS"], command[-1]))
        results.write([replace(TIPS, table=name)], Path(file))
        return subprocess.CompletedProcess(command, int(name == "digits"), "", "no such thing")

    monkeypatch.setattr(quality.subprocess, "run", run)
    monkeypatch.setattr(quality.os, "cpu_count", lambda: 6)
    options = ["--jobs", "3", "--out", str(tmp_path), "--change", "model.members=1"]
    done = CliRunner().invoke(main, [*options, "--table", "tips", "--table", "wine"], catch_exceptions=False)
    assert sorted(commands) == [("tips", "2", "--change=model.members=1"), ("wine", "2", "--change=model.members=1")]
    read = results.read([tmp_path / "results.json"], [table.name for table in TABLES])
    assert [of.table for of in read] == ["wine", "tips"] and "| wine |" in done.output
    failed = CliRunner().invoke(main, [*options, "--table", "digits"])
    assert failed.exit_code == 1 and "digits ended with 1:\nno such thing" in failed.output


def test_the_last_result_of_a_table_counts(parts, tmp_path):
    again = tmp_path / "c.json"
    results.write([replace(TIPS, ahead=-0.1)], again)
    read = results.read([*map(Path, parts), again], [table.name for table in TABLES])
    assert [(of.table, of.level) for of in read] == [("wine", False), ("tips", False)]


def test_a_page_is_quoted_into_between_its_marks_alone(parts, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"above\n{results.BEGIN}\nold\n{results.END}\nbelow\n", encoding="utf-8")
    printed = CliRunner().invoke(main, [*parts, "--quote", str(page)], catch_exceptions=False).output
    assert page.read_text(encoding="utf-8") == f"above\n{results.BEGIN}\n{printed}{results.END}\nbelow\n"


def test_a_page_without_marks_is_left_as_it_is(parts, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    ended = CliRunner().invoke(main, [*parts, "--quote", str(page)])
    assert ended.exit_code == 1 and "make quality-quote: begin" in ended.output
    assert page.read_text(encoding="utf-8") == "nothing\n"
