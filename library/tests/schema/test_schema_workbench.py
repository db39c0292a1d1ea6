"""The workbench on recorded runs: which run is meant, what it saw, and what DataGate says of it, in rows and bounds."""

from pathlib import Path

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from recorded_runs import RecordedRuns
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import SchemaError
from millrace.schema import edits
from millrace.schema.impact import Blocker
from millrace.schema.workbench import Workbench

CONF = """\
name: trips
root: ROOT
data: {path: .}
schema: {file: schema.pbtxt}
data_gate: {policy: {SCHEMA_NEW_COLUMN: ignore}}
label: {column: tips, task: regression}
features: {fare: {kind: numeric}, paid: {kind: categorical}}
training: {steps: 10}
evaluation: {metrics: [MeanSquaredError], thresholds: [{metric: MeanSquaredError, at_most: 100}]}
"""
SCHEMA = """\
feature { name: "tips" type: FLOAT presence { min_fraction: 1 } }
feature { name: "fare" type: FLOAT float_domain { min: 0 max: 100 } }
feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }
feature { name: "paid" type: BYTES domain: "paid" }
string_domain { name: "paid" value: "cash" value: "card" }
"""


def rows(**changes):
    numbers = range(40)
    table = {"tips": [n / 4 for n in numbers], "fare": [float(n) for n in numbers], "hour": [n % 24 for n in numbers]}
    return {**table, "paid": ["cash", "card"] * 20, **changes}


class Trips:
    """A project with a schema, and runs that were validated against it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recorded = RecordedRuns(folder / "root", "trips")
        (folder / "conf.yaml").write_text(CONF.replace("ROOT", str(folder / "root")))
        (folder / "schema.pbtxt").write_text(SCHEMA)

    def run(self, number: int, table=None, validated=True, **examples) -> str:
        run_id = f"20310101-00000{number}"
        self.recorded.begin(run_id)
        made = self.recorded.stage(run_id, "ExampleGen", {}, {"examples": "Examples"})["examples"]
        self.recorded.note(made, **examples)
        schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
        kinds = {"StatisticsGen": ("statistics", "ExampleStatistics")}
        if validated:
            kinds["ExampleValidator"] = ("anomalies", "ExampleAnomalies")
        places = {}
        for stage, (key, kind) in kinds.items():
            places[stage] = Path(self.recorded.stage(run_id, stage, {}, {key: kind})[key].uri)
        for split in ("train", "eval"):
            seen = tfdv.generate_statistics_from_dataframe(
                pd.DataFrame(table if table and split == "train" else rows())
            )
            found = {"StatisticsGen": ("FeatureStats.pb", seen)}
            if validated:
                found["ExampleValidator"] = ("SchemaDiff.pb", tfdv.validate_statistics(seen, schema))
            for stage, (name, proto) in found.items():
                (places[stage] / f"Split-{split}").mkdir()
                (places[stage] / f"Split-{split}" / name).write_bytes(proto.SerializeToString())
        return run_id

    @property
    def workbench(self) -> Workbench:
        return Workbench.of(str(self.folder / "conf.yaml"), [])


@pytest.fixture
def trips(tmp_path) -> Trips:
    return Trips(tmp_path)


def test_runs_are_known_by_their_id_and_the_newest_comes_first(trips):
    first, second = trips.run(1, span=3), trips.run(2)
    bench = trips.workbench
    assert [one.run_id for one in bench.newest()] == [second, first]
    assert [one.run_id for one in bench.newest(before=second)] == [first]
    assert [one.run_id for one in bench.last(1)] == [second]
    assert [one.run_id for one in bench.last(5)] == [first, second]
    assert bench.run("latest").run_id == bench.latest.run_id == second
    assert (bench.run(first).span, bench.run(second).span) == (3, None)
    assert bench.run(first).state == "done"
    with pytest.raises(SchemaError, match="no such run") as refused:
        bench.run("20310101-000009")
    assert f"{second}, {first}" in refused.value.remedy


def test_the_latest_run_is_one_whose_statistics_are_still_there(trips):
    first, second = trips.run(1), trips.run(2)
    for file in trips.workbench.run(second).statistics_folder.rglob("*.pb"):
        file.unlink()
    bench = trips.workbench
    assert bench.latest.run_id == first
    assert bench.seen()["train"]["fare"].rows == 40


def test_before_the_first_run_there_is_nothing_to_see(tmp_path):
    trips = Trips(tmp_path)
    (tmp_path / "root" / "metadata.db").unlink()
    bench = trips.workbench
    assert bench.latest is None and bench.seen() == {} and bench.last(3) == []
    with pytest.raises(SchemaError, match="no run has read data yet"):
        bench.run("latest")


@pytest.mark.parametrize(
    ("changes", "feature", "reason", "count", "exact"),
    [
        ({"paid": ["cash"] * 37 + ["gift"] * 3}, "paid", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", 3, True),
        ({"tips": [n / 4 for n in range(38)] + [None] * 2}, "tips", "LABEL_VALUES_MISSING", 2, True),
        # Of a range TFDV's histogram knows a bound: a bucket reaches over its end.
        ({"fare": [-5.0] * 4 + [1.0] * 36}, "fare", "FLOAT_TYPE_SMALL_FLOAT", 4, False),
        ({"fare": [500.0] * 4 + [1.0] * 36}, "fare", "FLOAT_TYPE_BIG_FLOAT", 4, False),
        ({"hour": [30] * 5 + [1] * 35}, "hour", "INT_TYPE_BIG_INT", 5, False),
        ({"hour": [-1] * 6 + [23] * 34}, "hour", "INT_TYPE_SMALL_INT", 6, False),
    ],
)
def test_what_blocks_a_run_is_told_with_its_rows(trips, changes, feature, reason, count, exact):
    run_id = trips.run(1, rows(**changes))
    bench = trips.workbench
    run = bench.run(run_id)
    [anomaly] = bench.anomalies(run)
    assert (anomaly.feature, anomaly.reason, anomaly.splits) == (feature, reason, ("train",))
    assert count <= anomaly.rows <= count + (not exact) and anomaly.exact is exact
    assert anomaly.words
    assert bench.blocks(run.statistics, run.anomalies, run.schema) == [Blocker(feature, reason)]
    assert [one.reason for one in bench.verdict(run) if one.action == "block"] == [reason]


def test_honest_data_is_told_of_nothing(trips):
    run = trips.workbench.run(trips.run(1))
    assert trips.workbench.anomalies(run) == []
    assert trips.workbench.blocks(run.statistics, run.anomalies, run.schema) == []


def test_a_run_that_was_not_validated_has_no_schema_and_no_verdict(trips):
    run_id = trips.run(1, validated=False)
    bench = trips.workbench
    run = bench.run(run_id)
    assert (run.schema, bench.anomalies(run), bench.verdict(run)) == (None, [], ())
    with pytest.raises(SchemaError, match="its schema is not known"):
        bench.source(f"run:{run_id}")


def test_a_schema_comes_from_a_run_as_from_a_file(trips):
    run_id = trips.run(1)
    told = trips.workbench.source(f"run:{run_id}")
    assert told.proto == text_format.Parse(SCHEMA, schema_pb2.Schema())
    assert trips.workbench.source("run:latest").proto == told.proto
    assert trips.workbench.source(str(trips.folder / "schema.pbtxt")).proto == told.proto
    assert trips.workbench.read().proto == told.proto


def test_a_configuration_without_a_schema_says_how_to_get_one(trips):
    bench = Workbench.of(str(trips.folder / "conf.yaml"), ["schema={}"])
    with pytest.raises(SchemaError, match="names no schema file") as refused:
        _ = bench.path
    assert "schema infer" in refused.value.remedy and "schema/trips/schema.pbtxt" in refused.value.remedy


def test_the_label_and_the_features_are_what_the_configuration_reads(trips, monkeypatch):
    uses = trips.workbench.uses
    assert (uses.labels, set(uses.columns)) == (("tips",), {"fare", "paid"})
    monkeypatch.chdir(trips.folder)
    assert trips.workbench.shown_path == "schema.pbtxt"
    monkeypatch.chdir(trips.folder / "root")
    assert trips.workbench.shown_path == str(trips.folder / "schema.pbtxt")


GIFTS = {"paid": ["cash"] * 37 + ["gift"] * 3}


def test_a_proposal_is_made_in_the_file_once_and_can_be_taken_back(trips):
    bench = trips.workbench
    run = bench.run(trips.run(1, rows(**GIFTS)))
    offered = edits.proposals(bench, bench.read(), run)
    [preferred] = [one for one in offered if one.preferred]
    made = edits.accept(bench, run, [preferred.number])
    assert made.numbers == (preferred.number,) and any("gift" in word for word in made.words)
    assert "+" in made.patch and '"gift"' in made.patch
    assert '"gift"' in (trips.folder / "schema.pbtxt").read_text()
    assert bench.history.last().why == f"accept {preferred.number}"
    bench.history.undo()
    assert (trips.folder / "schema.pbtxt").read_text() == SCHEMA
    by_reason = edits.accept(bench, run, [], [preferred.anomaly.reason])
    assert by_reason.numbers == made.numbers and by_reason.patch == made.patch


def test_what_is_no_proposal_is_refused_with_those_that_there_are(trips):
    bench = trips.workbench
    run = bench.run(trips.run(1, rows(**GIFTS)))
    with pytest.raises(SchemaError, match="no proposal 99, 7z") as refused:
        edits.accept(bench, run, ["99", "7z"])
    assert refused.value.remedy.startswith("there are ")
    with pytest.raises(SchemaError, match=r"no proposal for ENUM_TYPE_UNEXPECTED_STRING_VALUE\n") as refused:
        edits.choose(edits.proposals(bench, bench.read(), run), [], ["ENUM_TYPE_UNEXPECTED_STRING_VALUE"])
    assert "ENUM_TYPE_UNEXPECTED_STRING_VALUES" in refused.value.remedy
    with pytest.raises(SchemaError) as refused:
        edits.choose([], ["1"])
    assert refused.value.remedy == "there are none"
    assert (trips.folder / "schema.pbtxt").read_text() == SCHEMA


def test_an_anomaly_without_an_edit_says_so(trips):
    bench = trips.workbench
    run = bench.run(trips.run(1, rows(tips=[1.0] * 40)))
    empty = [one for one in edits.proposals(bench, bench.read(), run) if one.after is None]
    for one in empty:
        with pytest.raises(SchemaError, match=f"{one.number} has no edit") as refused:
            edits.choose([one], [one.number])
        assert refused.value.remedy == "fix the data or the configuration"
    assert empty


def test_an_edit_of_the_whole_text_is_looked_at_before_it_is_kept(trips):
    bench = trips.workbench
    trips.run(1, rows(**GIFTS))
    wider = SCHEMA.replace('value: "card"', 'value: "card" value: "gift"')
    review = edits.review(bench, SCHEMA, wider, last=5)
    assert any("gift" in word for word in review.words) and review.gives_up == ()
    [impact] = review.impacts
    assert impact.run_id == "20310101-000001" and review.patch.count("\n+") >= 1
    assert edits.review(bench, "no schema", SCHEMA, last=0).words == ("fixed: the file was not a schema",)
    assert edits.review(bench, SCHEMA, SCHEMA + "# a word\n", last=0).words == ("only the layout changes",)
    narrower = SCHEMA.replace(" presence { min_fraction: 1 }", "")
    assert edits.review(bench, SCHEMA, narrower, last=0).gives_up
    with pytest.raises(SchemaError):
        edits.review(bench, SCHEMA, "feature {", last=0)
    edits.keep(bench, SCHEMA, wider, review.words)
    assert (trips.folder / "schema.pbtxt").read_text() == wider and bench.history.last().why == "edit"
    with pytest.raises(SchemaError):
        edits.keep(bench, SCHEMA, wider, ())


def test_a_damaged_artifact_is_told_with_its_file(trips):
    run_id = trips.run(1)
    file = trips.workbench.run(run_id).statistics_folder / "Split-train" / "FeatureStats.pb"
    file.write_bytes(b"\xff\xff")
    with pytest.raises(SchemaError, match="not a DatasetFeatureStatisticsList proto") as refused:
        _ = trips.workbench.run(run_id).statistics
    assert refused.value.where == str(file) and "--no-cache" in refused.value.remedy
