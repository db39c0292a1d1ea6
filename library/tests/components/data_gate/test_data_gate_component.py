"""DataGate in real pipelines: behind TFX's own components, on both local runners, and compiled for Vertex AI."""

import csv
import json
from datetime import date
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCHEMA = """
feature { name: "label" type: INT presence { min_fraction: 1 min_count: 1 } shape { dim { size: 1 } }
          int_domain { min: 0 max: 1 } }
feature { name: "size" type: FLOAT presence { min_fraction: 1 min_count: 1 } shape { dim { size: 1 } } }
feature { name: "kind" type: BYTES presence { min_count: 1 } value_count { min: 0 max: 1 } domain: "kind" }
string_domain { name: "kind" value: "a" value: "b" }
"""
ROWS = [{"label": n % 2, "size": n / 4, "kind": ("a", "b", "")[n % 3], "extra": n} for n in range(60)]
LABEL = {"column": "label", "task": "binary", "classes": [0, 1]}


def write_rows(folder: Path, rows) -> None:
    folder.mkdir()
    with (folder / "rows.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def make_pipeline(tmp_path: Path):
    """Builds CsvExampleGen to DataGate over a table, with a curated schema."""
    from tfx import v1 as tfx

    from millrace.components.data_gate.component import DataGate
    from millrace.components.data_gate.section import DataGateSection
    from millrace.features.label import Label

    def make(rows, schema=SCHEMA, policy=None, waivers=(), features=("size", "kind"), label=LABEL):
        data = tmp_path / "data"
        if not data.exists():
            write_rows(data, rows)
        schema_file = tmp_path / "schema.pbtxt"
        schema_file.write_text(schema)
        examples = tfx.components.CsvExampleGen(input_base=str(data))
        statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
        curated = tfx.components.ImportSchemaGen(schema_file=str(schema_file))
        validator = tfx.components.ExampleValidator(
            statistics=statistics.outputs["statistics"], schema=curated.outputs["schema"]
        )
        gate = DataGate(
            statistics=statistics.outputs["statistics"],
            schema=curated.outputs["schema"],
            anomalies=validator.outputs["anomalies"],
            section=DataGateSection(policy=policy or {}, waivers=tuple(waivers)),
            label=Label.model_validate(label),
            feature_columns=list(features),
            schema_file=str(schema_file),
            config_file="conf/mine.yaml",
        )
        metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
        return tfx.dsl.Pipeline(
            "gated",
            str(tmp_path / "artifacts"),
            components=[examples, statistics, curated, validator, gate],
            enable_cache=True,
            metadata_connection_config=metadata,
        )

    return make


def local():
    from tfx import v1 as tfx

    return tfx.orchestration.LocalDagRunner()


def beam():
    from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

    return BeamDagRunner()


def gate_refusal(error: BaseException):
    """The refusal, wherever in the chain of causes a runner put it."""
    while error is not None and not hasattr(error, "findings"):
        error = error.__cause__ or error.__context__
    return error


def executions(root: Path):
    """The states of DataGate's executions and its reports, as ML Metadata holds them."""
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(root / "metadata.db")
    store = metadata_store.MetadataStore(config)
    kind = "millrace.components.data_gate.component.DataGate"
    states = [
        metadata_store_pb2.Execution.State.Name(found.last_known_state) for found in store.get_executions_by_type(kind)
    ]
    return states, store.get_artifacts_by_type("millrace.DataGateReport")


def test_good_data_leaves_a_report_and_a_second_run_is_cached(make_pipeline, tmp_path: Path) -> None:
    for _ in range(2):
        local().run(make_pipeline(ROWS))
    states, reports = executions(tmp_path)
    assert states == ["COMPLETE", "CACHED"]
    (report,) = reports
    assert (report.custom_properties["warnings"].int_value, report.custom_properties["waived"].int_value) == (
        2,
        0,
    )  # one a split
    assert sorted(path.name for path in Path(report.uri).iterdir()) == ["report.json", "report.txt"]
    told = json.loads((Path(report.uri) / "report.json").read_text())
    assert told["passed"] is True
    assert sum(told["splits"].values()) == len(ROWS)
    assert {(found["feature"], found["reason"], found["action"]) for found in told["findings"]} == {
        ("extra", "SCHEMA_NEW_COLUMN", "warn")
    }
    assert "SCHEMA_NEW_COLUMN" in (Path(report.uri) / "report.txt").read_text()


@pytest.mark.parametrize("runner", [local, beam])
def test_a_broken_contract_stops_the_run_and_says_why(make_pipeline, tmp_path: Path, runner) -> None:
    odd = [{**row, "kind": "x" if n == 7 else row["kind"]} for n, row in enumerate(ROWS)]
    with pytest.raises(Exception, match="DataGate") as raised:
        runner().run(make_pipeline(odd))
    error = gate_refusal(raised.value)
    assert error.exit_code == 3
    assert "'x' in 1 row" in str(error)
    assert "while running" not in error.what
    assert str(tmp_path / "schema.pbtxt") in error.remedy
    (blocking,) = [found for found in error.findings if found["action"] == "block"]
    assert (blocking["feature"], blocking["reason"], blocking["rows"]) == (
        "kind",
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        1,
    )
    states, _ = executions(tmp_path)
    assert states == ["FAILED"]
    waiver = {"feature": "kind", "reason": blocking["reason"], "until": "2999-01-01", "because": "x is on its way"}
    runner().run(make_pipeline(odd, waivers=[waiver]))
    states, (report, *_) = executions(tmp_path)
    assert sorted(states) == ["COMPLETE", "FAILED"]
    assert report.custom_properties["waived"].int_value == 1


def test_a_header_without_rows_is_bad_input(make_pipeline, tmp_path: Path) -> None:
    pipeline = make_pipeline(ROWS)
    (tmp_path / "data" / "rows.csv").write_text("label,size,kind\n")
    with pytest.raises(Exception, match="DataGate") as raised:
        local().run(pipeline)
    error = gate_refusal(raised.value)
    assert error.exit_code == 2
    assert [found["reason"] for found in error.findings if found["action"] == "block"] == ["DATA_EMPTY"]


def test_a_column_without_a_value_and_a_label_that_is_gone_are_told_at_once(make_pipeline) -> None:
    rows = [{"size": row["size"], "kind": ""} for row in ROWS]
    with pytest.raises(Exception, match="DataGate") as raised:
        local().run(make_pipeline(rows))
    error = gate_refusal(raised.value)
    assert error.exit_code == 3
    assert {(found["feature"], found["reason"]) for found in error.findings if found["action"] == "block"} == {
        ("label", "SCHEMA_MISSING_COLUMN"),
        ("kind", "FEATURE_ALL_MISSING"),
    }


def test_a_wrong_type_late_in_the_table_is_shown(make_pipeline) -> None:
    rows = [{**row, "size": "many" if n == 55 else row["size"]} for n, row in enumerate(ROWS)]
    with pytest.raises(Exception, match="DataGate") as raised:
        local().run(make_pipeline(rows))
    assert "BYTES: 'many' in 1 row" in str(gate_refusal(raised.value))


def test_it_compiles_for_vertex_and_its_artifact_is_found_in_a_container(make_pipeline, tmp_path: Path) -> None:
    from tfx import v1 as tfx
    from tfx.utils import import_utils

    from millrace.components.data_gate.component import DataGateReport

    waivers = [{"feature": "kind", "reason": "SCHEMA_NEW_COLUMN", "until": date(2030, 1, 1), "because": "it's new"}]
    config = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image="example.invalid/image")
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(config, output_filename=str(tmp_path / "job.json"))
    job = runner.run(make_pipeline(ROWS, waivers=waivers))
    spec = job["pipelineSpec"]
    gate = spec["root"]["dag"]["tasks"]["DataGate"]
    assert set(gate["inputs"]["artifacts"]) == {"statistics", "schema", "anomalies"}
    (waiver,) = json.loads(gate["inputs"]["parameters"]["waivers"]["runtimeValue"]["constantValue"]["stringValue"])
    assert waiver["until"] == "2030-01-01"
    title = spec["components"]["DataGate"]["outputDefinitions"]["artifacts"]["report"]["artifactType"]["instanceSchema"]
    assert f"title: {DataGateReport.TYPE_NAME}" in title
    assert import_utils.import_class_by_path(DataGateReport.TYPE_NAME) is DataGateReport


def test_an_unknown_reason_is_refused_when_the_pipeline_is_built(make_pipeline) -> None:
    with pytest.raises(ValueError, match="the nearest are SCHEMA_NEW_COLUMN"):
        make_pipeline(ROWS, policy={"SCHEMA_NEW_COLUMNS": "warn"})
