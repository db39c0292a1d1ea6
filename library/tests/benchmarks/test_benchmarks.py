"""The benchmarks' own parts: rows, what is measured from outside, medians and ratios, the plot."""

import csv
import io
import json
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console

from benchmarks import plot, report, rows
from benchmarks.contenders import MILLRACE, MILLRACE_CACHED, STOCK, Contender, millrace
from benchmarks.measure import Measured, RunFailed, Stage, measure


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> list[dict[str, str]]:
    """More rows than the file has."""
    return _read(rows.make(16_000, tmp_path_factory.mktemp("rows")) / "data.csv")


def test_the_first_rows_are_the_files_own(table):
    own = {tuple(row.values()) for row in _read(rows.taxi_file())}
    assert len(table) == 16_000
    assert {tuple(row.values()) for row in table[:15_002]} == own
    assert sum(tuple(row.values()) in own for row in table[15_002:]) < 300


def test_the_further_rows_keep_their_label_and_their_words(table):
    companies = {row["company"] for row in table[:15_002]}
    for row in table[15_002:]:
        assert row["company"] in companies
        assert row["trip_seconds"] == "" or int(row["trip_seconds"]) >= 0
        ratio = float(row["tips"]) / float(row["fare"]) if float(row["fare"]) else 0.0
        assert (ratio > 0.2) == (row["big_tipper"] == "1") or ratio == pytest.approx(0.2, abs=0.02)


def test_the_same_rows_every_time(table, tmp_path):
    assert _read(rows.make(16_000, tmp_path) / "data.csv") == table
    assert [path.name for path in tmp_path.iterdir()] == ["rows-16000"]


def _metadata(path: Path) -> None:
    """A store with one execution of now and one of long ago."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = MetadataStore(connection)
    node = store.put_context_type(metadata_store_pb2.ContextType(name="node"))
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name="kind"))
    context = metadata_store_pb2.Context(type_id=node, name="taxi.CsvExampleGen")
    store.put_execution(metadata_store_pb2.Execution(type_id=kind), [], [context])


def test_a_run_is_measured_with_its_children(tmp_path):
    busy = "import time; d = bytearray(64 << 20); t = time.time()\nwhile time.time() - t < 0.6: pass"
    store = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport test_benchmarks as t\n"
    code = (
        f"{store}from pathlib import Path; t._metadata(Path({str(tmp_path / 'metadata.db')!r}))\n"
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); sys.exit(3)"
    )
    contender = Contender("x", (sys.executable, "-c", code), tmp_path / "metadata.db", "taxi", accepted=(3,))
    measured = measure(contender, tmp_path / "logs" / "x.log")
    assert measured.exit_code == 3 and measured.seconds > 0.6 and measured.cpu_seconds > 0.3
    assert measured.peak_mib > 64
    assert list(measured.stages) == ["ExampleGen"]


def test_a_run_that_fails_is_no_measurement(tmp_path):
    contender = Contender("x", (sys.executable, "-c", "print('why'); raise SystemExit(1)"), tmp_path / "m", "taxi")
    with pytest.raises(RunFailed, match=r"exit code 1; its output: .*x\.log"):
        measure(contender, tmp_path / "x.log")
    assert (tmp_path / "x.log").read_text() == "why\n"


def test_millrace_does_stocks_training_work(tmp_path):
    command = " ".join(millrace(tmp_path / "data", tmp_path / "root").command)
    for setting in ("training.steps=1000", "training.batch_size=40", "training.eval_steps=150"):
        assert setting in command


def _run(name: str, seconds: float, **stages: float) -> Measured:
    return Measured(
        name, seconds, seconds * 2, 500.0, {key: Stage(value, value, 100.0) for key, value in stages.items()}
    )


@pytest.fixture
def comparison() -> report.Comparison:
    """Three turns, the middle one being the median."""
    runs = [_run(MILLRACE, s, ExampleGen=s / 10, InfraValidator=1.0) for s in (10.0, 12.0, 40.0)]
    runs += [_run(STOCK, s, ExampleGen=s / 4) for s in (48.0, 30.0, 60.0)]
    return report.Comparison(1000, (*runs, _run(MILLRACE_CACHED, 5.0)))


def test_medians_and_ratios(comparison, tmp_path):
    report.write_json([comparison], {"cores": 2}, tmp_path / "r.json")
    (plain,) = json.loads((tmp_path / "r.json").read_text())["comparisons"]
    assert plain["median_seconds"]["whole process"] == {MILLRACE: 12.0, STOCK: 48.0, MILLRACE_CACHED: 5.0}
    assert plain["of_stock"] == pytest.approx({"whole process": 0.25, "processor": 0.25, "ExampleGen": 0.1})
    assert len(plain["runs"]) == 7


def test_the_table_says_what_only_one_has(comparison):
    output = io.StringIO()
    report.show(comparison, Console(width=120, file=output))
    lines = [line.split() for line in output.getvalue().splitlines()]
    assert ["ExampleGen", "1.20", "12.00", "0.100"] in lines
    assert ["InfraValidator", "1.00"] in lines
    assert ["whole", "process", "12.00", "48.00", "5.00", "0.250"] in lines
    assert ["ExampleGen", "100", "100"] in lines


def test_the_plot_is_an_image_of_every_run(comparison, tmp_path):
    plot.write_plot([comparison], tmp_path / "p.svg")
    texts = [e.text for e in xml.etree.ElementTree.parse(tmp_path / "p.svg").iter() if e.tag.endswith("text")]
    assert {MILLRACE, STOCK, MILLRACE_CACHED, "12.0", "48.0", "5.0"} <= set(texts)
