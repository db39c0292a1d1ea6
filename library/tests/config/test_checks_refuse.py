"""What the check before a run refuses: each refusal once, with its place, by files as a person may leave them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.base.errors import BadInput, ConfigError, DataError, MillraceError, SchemaError
from millrace.config.checks import check, require_writable_root
from millrace.config.loading import load

SCHEMA = 'feature { name: "x" type: INT }\nfeature { name: "y" type: INT }\n'
CONF = """\
name: small
root: runs
data: {path: data}
label: {column: y, task: regression}
features: {x: {kind: numeric}}
training: {steps: 10}
evaluation: {metrics: [MeanSquaredError], thresholds: [{metric: MeanSquaredError, at_most: 100}]}
code: {pipeline: pipeline.pipeline.create_pipeline}
"""


@pytest.fixture
def small(tmp_path):
    """Checks a small configuration beside data and a schema."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    (tmp_path / "small.yaml").write_text(CONF.replace("code:", "# code:"))

    def checked(*settings):
        check(load(str(tmp_path / "small.yaml"), settings))

    checked.folder = tmp_path
    return checked


def test_what_is_as_it_should_be_passes(small):
    small()
    small(f"schema.file={small.folder / 'schema.pbtxt'}")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no data file matches"), ("", "the file is empty"), ("x,y\n", "there is a header and no row"),
     ("x,y\n\n  \n", "there is a header and no row")],
)  # fmt: skip
def test_data_without_a_row_is_refused(small, content, words):
    file = small.folder / "data" / "a.csv"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(DataError, match=words) as refused:
        small()
    assert refused.value.remedy and str(small.folder) in refused.value.where


def test_a_span_in_the_path_is_told_where_it_belongs(small):
    with pytest.raises(DataError, match="no data file matches") as refused:
        small(f"data.path={small.folder}/days/span-{{SPAN}}")
    assert refused.value.remedy.endswith(f"data.path={small.folder}/days data.pattern=span-{{SPAN}}/*")


def test_an_empty_file_among_others_is_named(small):
    (small.folder / "data" / "b.csv").touch()
    with pytest.raises(DataError, match="the file is empty") as refused:
        small()
    assert refused.value.where == str(small.folder / "data" / "b.csv")


def test_parquet_is_looked_at_as_parquet(small):
    with pytest.raises(DataError, match="not a Parquet file") as refused:
        small("data.format=parquet")
    assert refused.value.where == str(small.folder / "data" / "a.csv")
    (small.folder / "data" / "a.csv").unlink()
    pq.write_table(pa.table({"x": [1], "z": [2]}), small.folder / "data" / "a.parquet")
    with pytest.raises(DataError, match="the label y is not a column of the data"):
        small("data.format=parquet")
    pq.write_table(pa.table({"x": [1], "y": [2]}), small.folder / "data" / "a.parquet")
    small("data.format=parquet")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('feature { name: "other" type: INT }\n', "the schema names none of the pipeline's columns"),
        ('feature { name: "y" type: INT }\n', "the schema does not describe: x"),
        ("feature {", "schema.pbtxt"),
    ],
)
def test_a_schema_that_does_not_fit_is_refused(small, schema, words):
    file = small.folder / "schema.pbtxt"
    file.write_text(schema)
    with pytest.raises(SchemaError, match=words) as refused:
        small(f"schema.file={file}")
    assert str(file) in str(refused.value)


def test_columns_that_are_not_there_are_named_all(small):
    with pytest.raises(DataError, match="features are not in the data: p, q") as refused:
        small("features={x: {kind: numeric}, p: {kind: numeric}, q: {kind: numeric}}")
    assert refused.value.remedy.endswith("the columns are: x, y")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("evaluation.slices=[[z]]", "z is not a column of the data"),
        ("evaluation.thresholds=[{metric: MeanSquaredError, at_most: 1, slice: {z: a}}]", "z is not a column"),
        ("evaluation.metrics=[MeanSquaredErrr]", "MeanSquaredErrr"),
    ],
)
def test_what_could_not_be_measured_is_refused(small, setting, words):
    named = ["evaluation.thresholds.0.metric=MeanSquaredErrr"] if "metrics" in setting else []
    with pytest.raises(MillraceError, match=words) as refused:
        small(setting, *named)
    assert "evaluation" in str(refused.value) and refused.value.exit_code == 2


def test_a_query_without_a_place_to_run_is_refused_unless_dataflow_has_one(small):
    query = "data={format: bigquery, query: SELECT 1}"
    with pytest.raises(ConfigError, match="a query needs the project") as refused:
        small(query)
    assert refused.value.where == "data.bigquery"
    small("data={format: bigquery, query: SELECT 1, bigquery: {project: p, temp_location: 'gs://b/t'}}")
    small(query, "beam.mode=dataflow", "beam.dataflow={project: p, region: us-central1, temp_location: 'gs://b/t'}")


def test_ml_metadata_in_postgresql_is_refused(small):
    where = "metadata={backend: postgresql, host: h, port: 5432, database: d, user: u, password_env: P}"
    with pytest.raises(ConfigError, match="cannot keep a backslash") as refused:
        small(where)
    assert refused.value.where == "metadata.backend"
    small(where.replace("postgresql", "mysql"))


def test_a_root_that_cannot_be_written_is_told_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("")
    config = load("conf/taxi.yaml", [f"root={tmp_path / 'file' / 'runs'}"])
    with pytest.raises(BadInput, match="nothing can be written here") as refused:
        require_writable_root(config)
    assert "--set root=" in refused.value.remedy
    require_writable_root(load("conf/taxi.yaml", [f"root={tmp_path / 'runs'}"]))
    assert list((tmp_path / "runs").iterdir()) == []
