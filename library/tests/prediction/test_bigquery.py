"""Rows of BigQuery are scored as a file's, and the result is a table of BigQuery: all of it, or nothing."""

import csv
import fcntl
import os
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from exported_models import export_digits
from fake_bigquery import FakeBigQuery, Table
from prediction_tables import rows, write_table

from millrace.base.errors import BadInput, DataError
from millrace.cli.main import millrace
from millrace.cloud.bigquery.client import BigQuery
from millrace.cloud.bigquery.columns import column_names
from millrace.cloud.bigquery.table_name import table_name
from millrace.cloud.remote.failures import ServiceFailure
from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.model_server.about import read_about
from millrace.prediction.asked import Asked, predict_asked
from millrace.prediction.bigquery_table import bigquery_table
from millrace.prediction.chosen_model import ChosenModel
from millrace.prediction.work_folder import WorkFolder

TYPES = {
    "id": "STRING", "seats": "INTEGER", "fare": "FLOAT", "miles": "FLOAT", "tolls": "INTEGER", "company": "STRING",
    "place": "FLOAT*", "route taken": "FLOAT*", "day": "DATE",
}  # fmt: skip
TRIPS, OUT = "bq://a-project.taxi.trips", "bq://a-project.scores.trips"


def table(count, **more):
    """The rows of `prediction_tables`, and a column that no model reads."""
    return Table(TYPES | more, [{**row, "day": "2026-11-01", **dict.fromkeys(more, 1)} for row in rows(count)])


@pytest.fixture
def fake(monkeypatch):
    """The service, with a table of trips and a data set for results."""
    service = FakeBigQuery(
        datasets={"a-project.taxi": "europe-west3", "a-project.scores": "US"},
        tables={"a-project.taxi.trips": table(40)},
    )
    with service:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service.url)
        yield service


@pytest.fixture
def config(tmp_path):
    """A configuration whose folder is the test's own."""
    return load(
        "conf/taxi.yaml",
        [f"root={tmp_path / 'root'}", "data={path: ., rules: table, missing: [N/A]}", "vertex.project=a-project"],
    )


def connect(project, seconds):
    """The service, which is looked at often."""
    return BigQuery(project, seconds, pauses=(0.01,), look_seconds=0.01, borne_seconds=0.1)


def score(config, model, source="", out=OUT, query="", keys=("id",), existing="refuse", show=lambda progress: None):
    chosen = ChosenModel(model[0], "version 7", model[1])
    return predict_asked(config, Asked(source, query, str(out), keys, existing), chosen, show, None, connect)


def of_file(config, model, tmp_path, count=40):
    """What predicting the same rows from a file gives."""
    score(config, model, str(write_table(tmp_path / "t.parquet", rows(count))), tmp_path / "o.parquet")
    return pq.read_table(tmp_path / "o.parquet").to_pylist()


def test_from_a_table_into_a_table(fake, config, digits, tmp_path):
    told = []
    assert score(config, digits, TRIPS, show=lambda progress: told.append(progress.doing)) == 40
    written = fake.tables["a-project.scores.trips"]
    assert written.types == {"row": "INTEGER", "id": "STRING", "prediction": "FLOAT"}
    assert written.rows == of_file(config, digits, tmp_path)
    asked = [
        one.body["configuration"]["query"]["query"] for one in fake.sent("POST", "v2/projects/a-project/jobs$")[:2]
    ]
    assert asked[0] == "SELECT * FROM `a-project.taxi.trips`", "a dry run, for its columns"
    assert "`day`" not in asked[1] and asked[1].startswith("SELECT `id`, `seats`"), "what is not needed is not read"
    assert len(fake.sent("GET", "tables/anon0/data$")) == 6
    doing = list(dict.fromkeys(re.sub(r"\d+ s$", "", one) for one in told))
    assert doing == [
        "BigQuery is asked to run the query: running for ",
        "fetching", "checking", "scoring",
        f"sending the predictions for {OUT}",
        f"BigQuery is asked to load {OUT}: running for ",
    ]  # fmt: skip
    assert not [one for one in (tmp_path / "root").rglob("*") if one.is_file()], "what was on its way is gone"


def test_a_query_as_the_same_rows_of_a_csv(fake, config, tmp_path):
    folder = export_digits(tmp_path / "model", "multiclass")
    model = (folder, read_about(str(folder)))
    flat = {name: kind for name, kind in TYPES.items() if "*" not in kind and kind != "DATE"}
    made = [{name: row[name] for name in flat} for row in rows(40)]
    for row in made:
        row["place"] = None
    query = "SELECT t.* FROM trips t"
    fake.results[query] = Table({**flat, "place": "FLOAT", "route taken": "FLOAT"}, made)
    for row in made:
        row["route taken"] = None
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, made[0])
        writer.writeheader()
        writer.writerows(made)
    asked = config.model_copy(update={"data": config.data.model_copy(update={"format": "bigquery", "query": query})})
    score(asked, model, out=tmp_path / "query.csv")  # by the configuration's own query
    score(config, model, str(tmp_path / "t.csv"), tmp_path / "file.csv")
    assert (tmp_path / "query.csv").read_text() == (tmp_path / "file.csv").read_text()
    assert (tmp_path / "query.csv").read_text().count("\n") == 41


@pytest.mark.parametrize(("existing", "count"), [("replace", 40), ("append", 42)])
def test_what_becomes_of_a_table_that_is_there(fake, config, digits, existing, count):
    there = Table({"row": "INTEGER", "id": "STRING", "prediction": "FLOAT"}, [{"row": 1}, {"row": 2}])
    fake.tables["a-project.scores.trips"] = there
    with pytest.raises(BadInput, match="there is a table already, with 2 rows"):
        score(config, digits, TRIPS)
    assert not fake.jobs, "it is refused before anything costs anything"
    score(config, digits, TRIPS, existing=existing)
    assert len(fake.tables["a-project.scores.trips"].rows) == count
    fake.tables["a-project.scores.trips"] = Table({"row": "INTEGER"}, [{"row": 1}])
    with pytest.raises(BadInput, match="the table that is there has no column id, prediction"):
        score(config, digits, TRIPS, existing="append")


def test_what_was_loaded_is_not_loaded_twice(fake, config, digits):
    fake.fail("PUT", "upload", status=503, after=True, message="an answer that got lost")
    # Nobody hears any more what becomes of the job.
    seen = []

    def show(progress):
        seen.append(progress.doing)
        if "asked to load" in progress.doing:
            fake.looks = 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(config, digits, TRIPS, show=show)
    [load_id] = [name for name, job in fake.jobs.items() if "load" in job["configuration"]]
    fake.jobs[load_id]["status"] = fake._ran(fake.jobs[load_id]["run"])
    assert len(fake.tables["a-project.scores.trips"].rows) == 40
    told = []
    assert score(config, digits, TRIPS, show=lambda progress: told.append(progress.doing)) == 40
    assert "scoring" not in told and len(fake.uploads) == 1
    assert len(fake.tables["a-project.scores.trips"].rows) == 40
    with pytest.raises(BadInput, match="there is a table already, with 40 rows"):
        score(config, digits, TRIPS)


def test_other_rows_are_loaded_although_a_load_was_under_way(fake, config, digits):
    def show(progress):
        if "asked to load" in progress.doing:
            raise KeyboardInterrupt

    fake.looks = 0
    for _ in range(2):  # the second time they are other rows
        with pytest.raises(KeyboardInterrupt):
            score(config, digits, TRIPS, existing="append", show=show)
        for job in fake.jobs.values():
            if job["status"]["state"] == "RUNNING":
                job["status"] = fake._ran(job["run"])
        fake.tables["a-project.taxi.trips"].rows[0]["seats"] += 1
    assert len(fake.tables["a-project.scores.trips"].rows) == 80


def test_an_upload_that_did_not_come_through_keeps_its_id(fake, config, digits):
    fake.fail("POST", "upload", status=403)
    with pytest.raises(ServiceFailure, match=r"may not do this: .*\n.*roles/bigquery\.dataEditor"):
        score(config, digits, TRIPS)
    [kept] = layout(config).local.rglob("*.job")
    job_id = kept.read_text()
    score(config, digits, TRIPS)
    assert [name for name, job in fake.jobs.items() if "load" in job["configuration"]] == [job_id]


def test_a_load_that_fails_leaves_the_scores(fake, config, digits):
    told = []

    def taken(progress):
        told.append(progress.doing)
        if progress.doing.startswith("sending"):
            fake.tables["a-project.scores.trips"] = Table({"row": "INTEGER"}, [{"row": 1}])

    with pytest.raises(
        ServiceFailure, match=r"exists already: Already Exists: Table a-project:scores\.trips"
    ) as told_of:
        score(config, digits, TRIPS, show=taken)
    assert told_of.value.exit_code == 2
    del fake.tables["a-project.scores.trips"]
    told.clear()
    assert score(config, digits, TRIPS, show=lambda progress: told.append(progress.doing)) == 40
    assert "scoring" not in told, "the same rows are not scored again"
    fake.tables["a-project.taxi.trips"].rows[0]["seats"] = 3
    score(config, digits, TRIPS, existing="replace", show=lambda progress: told.append(progress.doing))
    assert "scoring" in told, "other rows are"


def test_an_answer_that_got_lost_runs_no_second_query(fake, config, digits, tmp_path):
    fake.fail("POST", "/jobs$", status=503, after=True)
    fake.fail("POST", "/jobs$", status=503, after=True)
    with pytest.raises(
        ServiceFailure, match=r"asked to look at bq://a-project\.taxi\.trips, the service cannot be used"
    ):
        score(config, digits, TRIPS, tmp_path / "o.parquet")
    fake.faults.clear()
    score(config, digits, TRIPS, tmp_path / "o.parquet")
    assert len(fake.jobs) == 1


def test_what_a_killed_process_has_left_goes_and_what_another_holds_stays(fake, config, digits, tmp_path):
    for name in ("left", "held"):
        (tmp_path / f".millrace-rows-{name}").mkdir()
        (tmp_path / f".millrace-rows-{name}" / "rows.parquet").touch()
    held = os.open(tmp_path / ".millrace-rows-held", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    score(config, digits, TRIPS, tmp_path / "o.parquet")
    os.close(held)
    assert [one.name for one in tmp_path.glob(".millrace-rows-*")] == [".millrace-rows-held"]


def test_who_is_interrupted_leaves_no_query_behind(fake, config, digits, tmp_path):
    def show(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(config, digits, TRIPS, tmp_path / "o.parquet", show=show)
    [job] = fake.jobs.values()
    assert job["status"]["errorResult"]["reason"] == "stopped"


REFUSED = {
    "no such table": ({"source": "bq://a-project.taxi.trip"}, "no such thing: Not found: Table a-project:taxi.trip"),
    "no rights": ({"source": "bq://a-project.secret.trips"}, "may not do this: Access Denied: Dataset"),
    "no such data set": (
        {"out": "bq://a-project.score.t"},
        "asked for the data set score, the service says that there",
    ),
    "another word for the same": ({"source": "bq://taxi/trips"}, "this is no name of a table of BigQuery"),
    "a mistake in the query": ({"query": "SELECT * FORM t", "source": ""}, "refused the request: Syntax error"),
    "no query": ({"query": "DELETE FROM t", "source": ""}, "this is a DELETE of BigQuery's"),
    "both": ({"query": "SELECT 1"}, "a table is named, and a query too"),
    "nothing": ({"source": ""}, "nothing is named that is to be scored"),
    "a type": ({"keys": ("day",)}, r"day is of type DATE.*\n.*CAST\(day AS STRING\)"),
    "a column": ({"source": "bq://a-project.taxi.other"}, r"lacks 1 of the 7 .*: fare \(did you mean fares\?\)"),
    "a key": ({"keys": ("ids",)}, r"no column ids\n.*did you mean id\?"),
    "a key like an answer": ({"keys": ("prediction",)}, "prediction is a column of the answer, too"),
    "no row": ({"source": "bq://a-project.taxi.none"}, "there is not one row of data"),
    "a file": ({"out": "o.parquet", "existing": "replace"}, "a file is replaced by the result"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_before_anything_is(case, fake, config, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fake.datasets["a-project.secret"] = "US"
    fake.denied.add("a-project.secret")
    other = table(3, fares="FLOAT")
    del other.types["fare"]
    fake.tables |= {"a-project.taxi.other": other, "a-project.taxi.none": table(0)}
    fake.results["DELETE FROM t"] = None
    asked, message = REFUSED[case]
    with pytest.raises((BadInput, ServiceFailure)) as refused:
        score(config, digits, **{"source": TRIPS, **asked})
    assert re.search(message, str(refused.value)), str(refused.value)
    assert refused.value.exit_code == 2 and refused.value.where and refused.value.remedy
    assert "a-project.scores.trips" not in fake.tables and not fake.uploads
    assert case == "no row" or not fake.jobs
    assert not list(tmp_path.rglob("*.partial"))


def test_a_value_of_another_kind_is_told_with_its_row(fake, config, digits):
    fake.tables["a-project.taxi.trips"].types["seats"] = "FLOAT"
    fake.tables["a-project.taxi.trips"].rows[17]["seats"] = 1.5
    with pytest.raises(DataError, match=r"bq://a-project\.taxi\.trips, row 18: seats has 1\.5"):
        score(config, digits, TRIPS)
    assert not fake.uploads


def test_a_query_that_fails_once_it_runs(fake, config, digits):
    query = "SELECT * FROM trips"
    fake.results |= {query: table(3), f"failure of {query}": "Division by zero: 1 / 0"}
    with pytest.raises(
        ServiceFailure, match=r"asked to run the query, .* refused the request: Division by zero"
    ) as told:
        score(config, digits, query=query)
    assert told.value.exit_code == 2 and not fake.uploads


def test_columns_that_are_called_otherwise_there(fake, tmp_path):
    columns, name = ["row", "nobody has one", "labels", "probability_<=50K"], table_name("bq://a-project.scores.people")
    work = WorkFolder(tmp_path / "people.parquet")
    place = bigquery_table(connect("a-project", 5), name, "refuse", columns, work.result, lambda progress: None)
    with WorkFolder(tmp_path / "people.parquet", place) as work:
        work.begin({})
        work.add(pa.table([[1, 2], pa.nulls(2), [["a", "b"], []], pa.array([0.5, 1], pa.float32())], columns))
        work.finish(2)
    written = fake.tables["a-project.scores.people"]
    assert written.types == {
        "row": "INTEGER", "nobody_has_one": "STRING", "labels": "STRING*", "probability___50K": "FLOAT",
    }  # fmt: skip
    assert written.descriptions["probability___50K"] == "probability_<=50K" and not written.descriptions["row"]
    assert written.rows[0] == {"row": 1, "nobody_has_one": None, "labels": ["a", "b"], "probability___50K": 0.5}


def test_the_command(fake, digits, tmp_path):
    # Training from Parquet by TFX's rules takes 0 for missing; a row of BigQuery has its 0.
    settings = ["--set", f"root={tmp_path / 'root'}", "--set", "data={path: ., format: parquet}"]
    asked = ["predict", TRIPS, "-o", OUT, "--key", "id", "--model", str(digits[0]), *settings]
    done = CliRunner().invoke(millrace, asked, catch_exceptions=False)
    assert done.exit_code == 0 and "40 rows scored by" in done.output and OUT in done.output
    assert len(fake.tables["a-project.scores.trips"].rows) == 40
    with pytest.raises(BadInput, match="there is a table already, with 40 rows"):
        CliRunner().invoke(millrace, asked, catch_exceptions=False)


def test_names_that_bigquery_takes():
    names = column_names(
        ["row", "probability_<=50K", "probability_>50K", "probability_a", "probability_A", "_FILE_x", "1st"]
    )
    assert list(names.values()) == [
        "row", "probability___50K", "probability__50K", "probability_a", "probability_A_2", "c_FILE_x", "c1st",
    ]  # fmt: skip
