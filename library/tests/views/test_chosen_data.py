"""Which data is meant by a run, a span or nothing, and which other lies behind it."""

import shutil
from pathlib import Path

import pytest
from looked_at_runs import LookedAtRuns
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import SchemaError
from millrace.components.data_gate.findings import Finding
from millrace.config.loading import load
from millrace.schema.workbench import Workbench
from millrace.views.chosen_data import chosen_data

SCHEMA = schema_pb2.Schema(feature=[schema_pb2.Feature(name="fare", type=schema_pb2.FLOAT)])


def table(first: float) -> dict[str, list[float]]:
    return {"fare": [first, first + 1, first + 2] * 40}


@pytest.fixture
def root(tmp_path) -> Path:
    """Three runs, of the spans 1, 2 and 2; the last was judged beside the data of the first."""
    runs = LookedAtRuns(tmp_path / "taxi")
    said = [Finding("fare", "train", "FLOAT_TYPE_BIG_FLOAT", "", "", action="block")]
    first = runs.add({"train": table(1.0)}, SCHEMA, span=1)
    second = runs.add({"train": table(2.0)}, SCHEMA, span=2)
    third = runs.add({"train": table(3.0), "eval": table(9.0)}, SCHEMA, span=2, said=said, blessed=first)
    (tmp_path / "ids").write_text(" ".join((first, second, third)))
    return tmp_path / "taxi"


def ids(root: Path) -> list[str]:
    return (root.parent / "ids").read_text().split()


def bench(root: Path) -> Workbench:
    config = load("conf/taxi.yaml", [f"root={root}"])
    return Workbench(config, config.file)


def lowest(view) -> float:
    return view.feature("fare").splits[0].range[0]


def test_a_run_is_meant_by_its_id_by_latest_or_by_the_newest_of_its_span(root):
    first, _, third = ids(root)
    for name, run_id, least in ((first, first, 1.0), ("latest", third, 3.0), ("2", third, 3.0), ("1", first, 1.0)):
        run, view = chosen_data(bench(root), name)
        assert (run.run_id, view.run_id, lowest(view)) == (run_id, run_id, least)
    assert chosen_data(bench(root), third)[1].rows[0].state == "blocked", "what DataGate recorded"


def test_behind_it_lies_the_blessed_data_or_else_the_run_before_or_what_is_asked_for(root):
    first, second, third = ids(root)
    assert chosen_data(bench(root), third)[1].compared_with == first, "it was judged beside that"
    assert chosen_data(bench(root), second)[1].compared_with == first
    assert chosen_data(bench(root), first)[1].compared_with == ""
    assert chosen_data(bench(root), third, second)[1].compared_with == second
    alone = chosen_data(bench(root), third, "none")[1]
    assert alone.compared_with == "" and alone.rows[0].distance.value == 1.0, "of eval from train"


def test_what_is_not_there_is_told_with_what_to_do(root):
    first, second, third = ids(root)
    with pytest.raises(SchemaError, match="no run or span of this name"):
        chosen_data(bench(root), "7")
    shutil.rmtree(bench(root).run(second).statistics_folder)
    with pytest.raises(SchemaError, match="the statistics of this run are gone") as caught:
        chosen_data(bench(root), second)
    assert f"millrace runs repeat {second}" in caught.value.remedy
    shutil.rmtree(bench(root).run(first).statistics_folder)
    assert chosen_data(bench(root), third)[1].compared_with == "", "neither of the others can be read"
