"""`millrace schema` through its commands, on runs as TFX leaves them: statistics by TFDV, records in ML Metadata.

The statistics are those of 15,002 taxi trips that TFX's own tests come with.
"""

import io
import json
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from rich.console import Console
from tensorflow_metadata.proto.v0 import statistics_pb2

from millrace.base.errors import SchemaError
from millrace.cli.data import schema_tables as tables
from millrace.cli.main import millrace
from millrace.config.loading import absolute
from millrace.schema import native
from millrace.schema.evidence import read_binary
from millrace.schema.workbench import Workbench
from millrace.statistics.columns import of_all_rows
from millrace.textproto import schema_text

CHECKOUT = Path(__file__).resolve().parents[3]
STATISTICS = Path(absolute("package:tfx/components/testdata/statistics_gen", CHECKOUT))

SCHEMA = """\
# The contract. Every comment here is a person's.
default_environment: "TRAINING"
default_environment: "SERVING"

# what is predicted
feature { name: "tips" type: FLOAT presence { min_fraction: 1 } not_in_environment: "SERVING" }
feature {
  name: "fare"   # dollars
  type: FLOAT
  presence { min_fraction: 1 }
  float_domain { min: 0 max: 10000 }
}
feature {
  name: "trip_start_hour"
  type: INT
  int_domain { min: 0 max: 23 }
}
feature {
  name: "payment_type"
  type: BYTES
  domain: "payment_type"
}

string_domain {
  name: "payment_type"
  value: "Cash"          # notes and coins
  value: "Credit Card"
  value: "No Charge"
  value: "Unknown"
  value: "Dispute"
  value: "Pcard"
  value: "Prcard"
}
"""

CONF = """\
name: trips
root: ROOT
data: {path: DATA}
schema: {file: schema.pbtxt}
data_gate: {policy: {SCHEMA_NEW_COLUMN: ignore, FEATURE_EMPTY_IN_SPLIT: ignore}}
label: {column: tips, task: regression}
features:
  fare: {kind: numeric}
  trip_start_hour: {kind: categorical}
  payment_type: {kind: categorical}
training: {steps: 10}
evaluation: {metrics: [MeanSquaredError], thresholds: [{metric: MeanSquaredError, at_most: 100}]}
"""


class Project:
    """A configuration, a schema file, and runs that were validated against it."""

    def __init__(self, folder):
        self.folder = folder
        self.schema = folder / "schema.pbtxt"
        self.conf = folder / "trips.yaml"
        self.root = folder / "root"
        self.root.mkdir()
        self.schema.write_text(SCHEMA)
        self.conf.write_text(CONF.replace("ROOT", str(self.root)).replace("DATA", str(folder)))
        self.runs = 0

    def edit(self, before, after):
        text = self.schema.read_text()
        assert text.count(before) == 1
        self.schema.write_text(text.replace(before, after))

    def run(self, change=lambda _split, _statistics: None, slices=()):
        """Leaves behind what StatisticsGen and ExampleValidator do, and what ML Metadata keeps of them."""
        self.runs += 1
        statistics, anomalies = (
            self.root / "artifacts" / kind / str(self.runs) for kind in ("statistics", "anomalies")
        )
        proto = schema_text.read(self.schema).proto
        for split in ("train", "eval"):
            found = read_binary(
                STATISTICS / f"Split-{split}" / "FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList
            )
            change(split, found.datasets[0])
            for name, rows in slices:
                found.datasets.add().CopyFrom(found.datasets[0])
                found.datasets[-1].name, found.datasets[-1].num_examples = name, rows
            for folder in (statistics, anomalies):
                (folder / f"Split-{split}").mkdir(parents=True)
            (statistics / f"Split-{split}" / "FeatureStats.pb").write_bytes(found.SerializeToString())
            checked = native.validate(of_all_rows(found), proto)
            (anomalies / f"Split-{split}" / "SchemaDiff.pb").write_bytes(checked.SerializeToString())
        self.record(f"run-{self.runs}", {"StatisticsGen": statistics, "ExampleValidator": anomalies})

    def record(self, run_id, artifacts):
        config = mlmd.ConnectionConfig()
        config.sqlite.filename_uri = str(self.root / "metadata.db")
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        store = MetadataStore(config)
        keys = {
            "StatisticsGen": ("statistics", "ExampleStatistics"),
            "ExampleValidator": ("anomalies", "ExampleAnomalies"),
        }
        for stage, folder in artifacts.items():
            contexts = []
            for kind, name in (("pipeline", "trips"), ("pipeline_run", run_id), ("node", f"trips.{stage}")):
                type_id = store.put_context_type(mlmd.ContextType(name=kind))
                contexts.append(mlmd.Context(type_id=type_id, name=name))
            execution_type = store.put_execution_type(mlmd.ExecutionType(name=f"tfx.components.{stage}"))
            execution = mlmd.Execution(type_id=execution_type, last_known_state=mlmd.Execution.COMPLETE)
            key, kind = keys[stage]
            artifact_type = store.put_artifact_type(mlmd.ArtifactType(name=kind))
            artifact = mlmd.Artifact(type_id=artifact_type, uri=str(folder), state=mlmd.Artifact.LIVE)
            artifact.custom_properties["tfx_version"].string_value = "1.16.0"
            event = mlmd.Event(type=mlmd.Event.OUTPUT)
            event.path.steps.add(key=key)
            event.path.steps.add(index=0)
            store.put_execution(execution, [(artifact, event)], contexts, reuse_context_if_already_exist=True)

    def call(self, *arguments, stdin=None):
        """The output of `millrace schema ARGUMENTS`; an error is raised as the command line would catch it."""
        asked = ["schema", arguments[0], "-c", str(self.conf), *arguments[1:]]
        result = CliRunner().invoke(millrace, asked, input=stdin, standalone_mode=False)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code = result.return_value if isinstance(result.return_value, int) else result.exit_code
        return result.output

    def json(self, *arguments):
        return json.loads(self.call(*arguments, "--json"))


def rows_of(feature, value, split):
    found = read_binary(STATISTICS / f"Split-{split}" / "FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList)
    column = next(column for column in of_all_rows(found).features if column.path.step[0] == feature)
    buckets = column.string_stats.rank_histogram.buckets
    return sum(int(bucket.sample_count) for bucket in buckets if bucket.label == value)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def test_show_puts_the_schema_beside_what_the_latest_run_saw(project):
    project.run()
    rows = {row["feature"]: row for row in project.json("show")["features"]}
    assert rows["payment_type"]["domain"] == "payment_type (7 values)"
    assert rows["payment_type"]["seen"]["train"]["values"]["Cash"] > 6000
    assert rows["fare"]["domain"] == "0 to 10000"
    assert rows["fare"]["seen"]["train"]["max"] == pytest.approx(700.07)
    assert rows["tips"]["environments"] == "not in SERVING"
    shown = project.call("show")
    assert "notes and coins" not in shown
    assert "seen: in run run-1" in shown
    assert "company" in shown.splitlines()[-1]  # in the data, and not in the schema


def test_show_of_a_slice_puts_what_was_seen_in_it_beside_the_schema(project):
    project.run(slices=[("payment_type_Cash", 20_000), ("payment_type_Pcard", 30_000)])
    facts = project.json("show", "--slice", "payment_type_Cash")
    assert list(facts["slices"]) == ["payment_type_Pcard", "payment_type_Cash"], "the largest first"
    assert facts["slices"]["payment_type_Cash"] == {"eval": 20_000, "train": 20_000}
    [fare] = [row for row in facts["features"] if row["feature"] == "fare"]
    assert facts["slice"] == "payment_type_Cash" and fare["seen"]["train"]["rows"] == 20_000
    assert "seen: in slice payment_type_Cash of run run-1" in project.call("show", "--slice", "payment_type_Cash")
    shown = project.call("show")
    assert "slices, for --slice: payment_type_Pcard, payment_type_Cash" in shown and "seen: in run run-1" in shown
    with pytest.raises(SchemaError, match=r"no statistics of such a slice; did you mean payment_type_Cash\?"):
        project.call("show", "--slice", "payment_type_Cas")


def test_show_tells_features_that_are_alike_as_one_on_a_terminal():
    """A schema of 857 features, most of them alike, took 1,700 lines of 80 columns."""
    alike = {"presence": "in every row", "values": "shape [1]", "domain": "0 to 255", "domain_mass": ""}
    alike |= {"environments": "", "comparators": {}, "stage": "", "type": "FLOAT"}
    seen = [{"type": "FLOAT", "rows": 10, "filled": 10 - place % 2, "min": place, "max": 255} for place in range(857)]
    rows = [{"feature": f"pixel_{place:03}", **alike, "seen": {"train": one}} for place, one in enumerate(seen)]
    rows.insert(3, {**rows[0], "feature": "label", "type": "INT", "seen": {}})

    def shown(**more):
        console = Console(width=80, force_terminal=True, color_system=None, file=io.StringIO())
        folded = tables.print_features(rows, "train", console=console, **more)
        return console.file.getvalue(), folded

    text, folded = shown()
    assert len(text.splitlines()) < 20 and folded == 857
    for part in ("pixel_000", "... pixel_856", "857 features", "90.00% of rows", "0 to 255", "label", "shape[1]"):
        assert part in text, text
    text, folded = shown(grouped=False)
    assert text.count("pixel_") == 857 and folded == 0
    console = Console(width=80, file=io.StringIO())
    assert tables.print_features(rows, "train", console=console) == 0
    assert console.file.getvalue().count("shape [1]") == 858, "a pipe has each of them, whole"


def test_show_of_a_feature_shows_that_one(project):
    assert [row["feature"] for row in project.json("show", "fare")["features"]] == ["fare"]
    assert len(project.call("show", "fare").splitlines()) == 2
    with pytest.raises(SchemaError, match="no such feature; did you mean fare"):
        project.call("show", "fair")


def test_show_works_before_anything_ran(project):
    assert "no run has read data yet: millrace run" in project.call("show")


def test_statistics_that_are_gone_are_called_gone_as_in_the_console(project):
    """Four runs had been there: "nothing ran yet", said one, and another named them as those that have statistics."""
    project.run()
    gone = "the statistics of every run are gone from this machine"
    shutil.rmtree(project.root / "artifacts" / "statistics")
    for words in (("show",), ("impact",)):
        assert f"{gone}: millrace run" in project.call(*words)
    with pytest.raises(SchemaError, match=gone) as caught:
        project.call("propose")
    assert caught.value.remedy.startswith("millrace run") and "run-1" not in caught.value.remedy


def test_show_refuses_a_split_that_is_not_there(project):
    project.run()
    with pytest.raises(SchemaError, match="no such split") as caught:
        project.call("show", "--split", "test")
    assert "eval, train" in caught.value.remedy


def test_check_finds_nothing_in_a_good_file_and_says_the_line_of_a_bad_one(project):
    assert project.json("check")["findings"] == []
    project.edit('  domain: "payment_type"', '  domain: "payments"')
    found = project.json("check")
    assert project.code == 2
    assert {(f["rule"], f["line"]) for f in found["findings"]} == {("unknown-domain", 21), ("unused-domain", 24)}


def test_a_parse_error_shows_the_line_and_the_nearest_name(project):
    project.edit("  type: INT", "  tipe: INT")
    with pytest.raises(SchemaError) as caught:
        project.call("show")
    assert caught.value.where.endswith("schema.pbtxt:15:3")
    assert "did you mean type?" in caught.value.what
    assert "tipe: INT" in caught.value.what
    assert caught.value.exit_code == 2


def test_a_blocked_run_is_answered_by_number_and_taken_back_by_undo(project):
    project.edit('  value: "Pcard"\n', "")
    before = project.schema.read_bytes()
    project.run()
    proposals = project.json("propose")["proposals"]
    first = proposals[0]
    assert (first["number"], first["reason"]) == ("1", "ENUM_TYPE_UNEXPECTED_STRING_VALUES")
    assert first["words"] == ["payment_type: domain gains 'Pcard'"]
    assert '+  value: "Pcard"' in first["patch"]
    assert first["rows"] == sum(rows_of("payment_type", "Pcard", split) for split in ("train", "eval")) > 0
    assert project.json("impact")["runs"][0]["verdict"] == "still blocked"

    project.call("accept", "1")
    lines = project.schema.read_text().splitlines()
    assert [line for line in lines if line not in before.decode().splitlines()] == ['  value: "Pcard"']
    assert project.json("impact")["runs"][0]["verdict"] == "now passes"
    assert project.json("propose")["proposals"][0]["done"]
    assert "says so already" in project.call("accept", "1")

    project.call("undo")
    assert project.schema.read_bytes() == before
    with pytest.raises(SchemaError, match="no edit"):
        project.call("undo")


def test_accept_all_of_a_reason_takes_the_preferred_edit_of_each(project):
    project.edit('  value: "Pcard"\n', "")
    project.edit("min: 0 max: 23", "min: 5 max: 20")
    project.run()
    accepted = project.json(
        "accept", "--all-of", "INT_TYPE_SMALL_INT", "--all-of", "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    )
    assert accepted["words"] == [
        "trip_start_hour: range: 5 to 20 becomes 0 to 23",
        "payment_type: domain gains 'Pcard'",
    ]
    with pytest.raises(SchemaError, match="no proposal for FLOAT_TYPE_BIG_FLOAT"):
        project.call("accept", "--all-of", "FLOAT_TYPE_BIG_FLOAT")


def test_rows_out_of_range_are_bounded_by_the_histograms(project):
    project.edit("min: 0 max: 10000", "min: 0 max: 100")
    project.run()
    (proposal,) = (p for p in project.json("propose")["proposals"] if p["preferred"])
    assert proposal["reason"] == "FLOAT_TYPE_BIG_FLOAT"
    assert not proposal["rows_exact"]
    assert 0 < proposal["rows"] < 10_000
    assert "at most" in project.call("propose")


def test_what_blocked_the_run_comes_first(project):
    project.conf.write_text(project.conf.read_text().replace("SCHEMA_NEW_COLUMN: ignore", "SCHEMA_NEW_COLUMN: warn"))
    project.edit("min: 0 max: 10000", "min: 0 max: 100")
    project.run()
    reasons = [p["reason"] for p in project.json("propose")["proposals"] if p["preferred"]]
    assert reasons[0] == "FLOAT_TYPE_BIG_FLOAT"
    assert set(reasons[1:]) == {"SCHEMA_NEW_COLUMN"}


def test_numbers_stay_the_same_while_edits_are_accepted(project):
    project.edit('  value: "Pcard"\n', "")
    project.edit("min: 0 max: 10000", "min: 0 max: 10")
    project.run()
    before = [(p["number"], p["feature"], p["reason"]) for p in project.json("propose")["proposals"]]
    project.call("accept", "1")
    assert [(p["number"], p["feature"], p["reason"]) for p in project.json("propose")["proposals"]] == before


def test_accept_refuses_a_number_that_is_not_there_and_nothing_at_all(project):
    project.run()
    with pytest.raises(SchemaError, match="no proposal 9"):
        project.call("accept", "9")
    with pytest.raises(SchemaError, match="say which"):
        project.call("accept")


def test_drop_takes_columns_out_with_the_domain_that_only_they_name_and_undo_brings_them_back(project):
    project.edit('name: "tips"', 'name: "tips" domain: "payment_type"')
    dropped = project.json("drop", "trip_start_hour", "payment_type")
    assert dropped["words"] == ["trip_start_hour: removed", "payment_type: removed"], "tips names the domain too"
    before = project.schema.read_text()
    assert "string_domain" in before and "# what is predicted" in before
    assert "domain payment_type: removed, with its" in project.call("drop", "tips")
    assert "string_domain" not in project.schema.read_text()
    project.call("undo")
    assert project.schema.read_text() == before
    with pytest.raises(SchemaError, match=r"describes no fares; did you mean fare\?"):
        project.call("drop", "fares")
    with pytest.raises(SchemaError, match="nothing would be left of the schema"):
        project.call("drop", "fare", "tips")
    assert project.schema.read_text() == before


def test_propose_needs_a_run(project):
    with pytest.raises(SchemaError, match="no run has read data yet") as caught:
        project.call("propose")
    assert "millrace run -c" in caught.value.remedy


def test_impact_tells_which_runs_an_edit_would_have_blocked(project):
    project.run()
    project.run(lambda _split, statistics: None)
    project.edit("min: 0 max: 10000", "min: 0 max: 100")
    runs = project.json("impact", "-n", "1")["runs"]
    assert [run["run"] for run in runs] == ["run-2"]
    assert runs[0]["verdict"] == "now blocked"
    assert runs[0]["after"] == [{"feature": "fare", "reason": "FLOAT_TYPE_BIG_FLOAT"}]
    shown = project.call("impact")
    assert "2 now blocked" in shown
    assert "fare (FLOAT_TYPE_BIG_FLOAT)" in shown


def test_impact_passes_over_runs_whose_files_are_gone(project):
    project.run()
    project.run()
    shutil.rmtree(project.root / "artifacts" / "statistics" / "2")
    assert [run["run"] for run in project.json("impact")["runs"]] == ["run-1"]
    assert project.json("show")["run"] == "run-1"


def test_diff_compares_files_revisions_and_runs(project):
    project.run()
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "schema.pbtxt"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    project.edit('  value: "Dispute"\n', "")
    assert project.call("diff") == "payment_type: domain loses 'Dispute'\n"
    assert project.call("diff", "HEAD:schema.pbtxt", "schema.pbtxt") == "payment_type: domain loses 'Dispute'\n"
    assert project.json("diff", "schema.pbtxt", "run:run-1")["changes"] == [
        {"subject": "payment_type", "words": "domain gains 'Dispute'"}
    ]
    with pytest.raises(SchemaError, match="neither a file nor known to git"):
        project.call("diff", "HEAD~9:schema.pbtxt")


def test_infer_writes_a_schema_that_the_run_fits_and_does_not_overwrite(project):
    project.run()
    project.call("infer", "-o", "inferred.pbtxt")
    inferred = schema_text.read(project.folder / "inferred.pbtxt").proto
    assert {feature.name for feature in inferred.feature} >= {"fare", "tips", "company"}
    found = read_binary(STATISTICS / "Split-eval" / "FeatureStats.pb", statistics_pb2.DatasetFeatureStatisticsList)
    assert not native.validate(of_all_rows(found), inferred).anomaly_info
    with pytest.raises(SchemaError, match="exists"):
        project.call("infer", "-o", "inferred.pbtxt")


def editor(folder, *bodies):
    """An $EDITOR that runs one Python statement on `text` each time it is opened."""
    script = folder / "editor.py"
    script.write_text(
        f"#!{sys.executable}\n"
        + textwrap.dedent("""
        import pathlib, sys
        count = pathlib.Path(__file__).with_suffix(".count")
        turn = int(count.read_text()) if count.exists() else 0
        count.write_text(str(turn + 1))
        file = pathlib.Path(sys.argv[1])
        text = file.read_text()
        exec(BODIES[turn])
        file.write_text(text)
        """).replace("BODIES", repr(list(bodies)))
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def test_edit_shows_what_the_edit_does_and_keeps_it(project, monkeypatch):
    project.run()
    monkeypatch.setenv("EDITOR", editor(project.folder, "text = text.replace('max: 10000', 'max: 50')"))
    shown = project.call("edit", stdin="k\n")
    assert "fare: range: 0 to 10000 becomes 0 to 50" in shown
    assert "now blocked" in shown
    assert "max: 50 }" in project.schema.read_text()
    project.call("undo")
    assert project.schema.read_text() == SCHEMA


def test_edit_never_keeps_a_broken_file(project, monkeypatch):
    bodies = ("text = text.replace('max: 10000 }', 'max: 10000')", "text = text.replace('max: 10000', 'max: 50 }')")
    monkeypatch.setenv("EDITOR", editor(project.folder, *bodies))
    shown = project.call("edit", stdin="k\ne\nk\n")
    assert "is never closed" in shown
    assert "e = keep editing, r = revert?" in shown
    assert "max: 50 }" in project.schema.read_text()


def test_edit_reverts_and_keeps_a_draft_of_an_edit_that_lost_a_race(project, monkeypatch):
    change = "text = text.replace('max: 10000', 'max: 50')"
    monkeypatch.setenv(
        "EDITOR", editor(project.folder, change, change + f"; pathlib.Path({str(project.schema)!r}).write_text('')")
    )
    assert "reverted" in project.call("edit", stdin="r\n")
    assert project.schema.read_text() == SCHEMA
    with pytest.raises(SchemaError, match="changed since it was read") as caught:
        project.call("edit", stdin="k\n")
    draft = Path(caught.value.remedy.rpartition(" ")[2])
    assert "max: 50" in draft.read_text()


def test_undo_does_not_lose_an_edit_by_hand(project):
    project.edit('  value: "Pcard"\n', "")
    project.run()
    project.call("accept", "1")
    project.edit("# what is predicted", "# what is learned")
    with pytest.raises(SchemaError, match="undo would lose that"):
        project.call("undo")
    by_hand = project.schema.read_text()
    project.call("undo", "--force")
    assert '"Pcard"' not in project.schema.read_text()
    project.call("undo")
    assert project.schema.read_text() == by_hand


def test_the_next_command_names_a_configuration_only_where_it_has_to(project, monkeypatch):
    text = project.call("show")
    assert f"no run has read data yet: millrace run -c {project.conf}" in text
    monkeypatch.delenv("MILLRACE_CONFIG", raising=False)
    monkeypatch.chdir(Path(__file__).resolve().parents[3])
    assert Workbench.of("conf/taxi.yaml", ()).option == ""
    assert Workbench.of(str(project.conf), ()).option == f" -c {project.conf}"


def test_a_configuration_without_a_file_says_how_to_get_one(project):
    project.conf.write_text(project.conf.read_text().replace("schema: {file: schema.pbtxt}\n", ""))
    with pytest.raises(SchemaError, match="names no schema file") as caught:
        project.call("check")
    assert "millrace schema infer" in caught.value.remedy


def test_the_commands_import_no_tensorflow(project):
    project.edit('  value: "Pcard"\n', "")
    project.run()
    code = (
        "import sys; from millrace.cli.main import millrace\n"
        "for name in ('show', 'check', 'propose', 'impact'):\n"
        f"    millrace.main(['schema', name, '-c', {str(project.conf)!r}], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'tfx', 'apache_beam', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
