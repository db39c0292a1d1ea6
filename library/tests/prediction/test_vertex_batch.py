"""A table is scored by a job of Vertex AI as it is here, whatever order the answers come in."""

import base64
import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from exported_models import export_digits
from fake_bigquery import FakeBigQuery, Table
from fake_buckets import buckets
from fake_vertex import FakeVertex
from prediction_tables import rows, write_table
from tfx.dsl.io import fileio

from millrace.base.errors import BadInput
from millrace.cloud.remote.failures import ServiceFailure
from millrace.cloud.vertex.batch_prediction import BatchPredictions
from millrace.components.vertex_pusher.section import VertexEndpoint
from millrace.config.cloud_sections import VertexDeployment
from millrace.config.loading import load
from millrace.model_server import json_tensor
from millrace.model_server.about import About, ModelOutput, read_about
from millrace.prediction.asked import Asked, predict_asked
from millrace.prediction.chosen_model import ChosenModel
from millrace.prediction.engines import engine_on_vertex
from millrace.prediction.predict import predict
from millrace.prediction.vertex_batch import by_vertex

__all__ = ["buckets"]

VERSION = "projects/a-project/locations/us-central1/models/digits@2"
ENDPOINT = VertexEndpoint(project="a-project", region="us-central1", endpoint="e", image="i", max_replicas=3)


@pytest.fixture(scope="module", params=["multiclass", "regression"])
def model(request, tmp_path_factory):
    """A model's folder, and what it says of itself."""
    folder = export_digits(tmp_path_factory.mktemp("vertex"), request.param)
    return folder, read_about(str(folder))


@pytest.fixture
def fake():
    """The service, with a version in its registry."""
    with FakeVertex(models={VERSION}) as service:
        yield service


def score(model, data, table, out, engine=None):
    predict(str(table), out, *model, data, ("id",), lambda progress: None, engine)
    return pq.read_table(out).to_pydict()


def by_service(fake, model, root="gs://a-bucket/millrace", version=VERSION, show=lambda doing, count: None):
    settings = VertexDeployment(api_endpoint=fake.url, labels={"team": "x"})
    service = BatchPredictions(ENDPOINT, settings, pauses=(0.01,), look_seconds=0.01, borne_seconds=0.1)
    return by_vertex(service, "digits", version, model[1], root, show)


def answers_of(model, job, scratch):
    """What a serving container says of each record: the default signature, asked by `{"b64": ...}`."""
    signature = tf.saved_model.load(str(model[0])).signatures["serving_default"]
    [pattern] = job["inputConfig"]["gcsSource"]["uris"]
    records = []
    for place in sorted(fileio.glob(pattern)):
        with fileio.open(place, "rb") as file:
            (scratch / "records.gz").write_bytes(file.read())
        records += list(tf.data.TFRecordDataset(str(scratch / "records.gz"), "GZIP").as_numpy_iterator())
    outputs = {name: tf.make_tensor_proto(value) for name, value in signature(examples=tf.constant(records)).items()}
    predictions = json_tensor.write_outputs("instances", outputs)["predictions"]
    lines = [
        json.dumps({"instance": {"b64": base64.b64encode(record).decode()}, "prediction": prediction})
        for record, prediction in zip(records, predictions, strict=True)
    ]
    random.Random(7).shuffle(lines)
    folder = f"{job['outputConfig']['gcsDestination']['outputUriPrefix']}/prediction-digits-2031"
    for part in range(2):
        with fileio.open(f"{folder}/prediction.results-0000{part}-of-00002", "w") as file:
            file.write("\n".join(lines[part::2]) + "\n")
    with fileio.open(f"{folder}/prediction.errors_stats-00000-of-00001", "w"):
        pass
    return folder


def test_by_a_job_of_vertex_ai(model, data, tmp_path, fake, buckets):
    fake.predict = lambda job: answers_of(model, job, tmp_path)
    table, told = write_table(tmp_path / "t.parquet", rows(70)), []
    engine = by_service(fake, model, show=lambda doing, count: told.append((doing, count)))
    by_job = score(model, data, table, tmp_path / "job.parquet", engine)
    here = score(model, data, table, tmp_path / "here.parquet")
    assert by_job.keys() == here.keys()
    for name, values in by_job.items():
        assert values == (pytest.approx(here[name]) if isinstance(values[0], float) else here[name])
    [request] = fake.sent("POST", "batchPredictionJobs$")
    assert request.body["model"] == VERSION
    assert request.body["inputConfig"]["instancesFormat"] == "tf-record-gzip"
    assert request.body["dedicatedResources"]["maxReplicaCount"] == 3
    assert request.body["labels"]["team"] == "x"
    assert told[-2:] == [("running, as the service says:", 70), ("succeeded, as the service says:", 70)]
    assert not [place for place in buckets.rglob("*") if place.is_file()], "what was on its way is gone"


@pytest.mark.parametrize("model", ["regression"], indirect=True)
def test_what_the_service_says_is_told(model, data, tmp_path, fake, buckets):
    table = write_table(tmp_path / "t.parquet", rows(5))
    with pytest.raises(ServiceFailure, match=r"models/digits@9 does not exist") as told:
        score(model, data, table, tmp_path / "o.parquet", by_service(fake, model, version=VERSION[:-1] + "9"))
    assert told.value.exit_code == 2

    def fails(job):
        raise ValueError("The container ran out of memory.")

    fake.predict = fails
    with pytest.raises(ServiceFailure, match="the prediction failed: The container ran out of memory"):
        score(model, data, table, tmp_path / "o.parquet", by_service(fake, model))
    assert not (tmp_path / "o.parquet").exists()
    with pytest.raises(BadInput, match="go through a bucket"):
        by_service(fake, model, root=str(tmp_path))


@pytest.mark.parametrize("model", ["regression"], indirect=True)
def test_a_request_whose_answer_got_lost_starts_no_second_job(model, data, tmp_path, fake, buckets):
    fake.predict = lambda job: answers_of(model, job, tmp_path)
    fake.fail("POST", "batchPredictionJobs$", status=503, after=True)
    score(model, data, write_table(tmp_path / "t.parquet", rows(9)), tmp_path / "o.parquet", by_service(fake, model))
    assert len(fake.predictions) == 1


@pytest.mark.parametrize("model", ["regression"], indirect=True)
def test_who_is_interrupted_leaves_no_job_behind(model, data, tmp_path, fake, buckets):
    def show(doing, count):
        if doing.startswith("running"):
            raise KeyboardInterrupt

    table = write_table(tmp_path / "t.parquet", rows(5))
    with pytest.raises(KeyboardInterrupt):
        score(model, data, table, tmp_path / "o.parquet", by_service(fake, model, show=show))
    [job] = fake.predictions.values()
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert not [place for place in buckets.rglob("*") if place.is_file()]


def test_a_model_that_is_no_version_there_is_refused():
    config = load("conf/taxi.yaml", ["vertex.root=gs://a-bucket/root"])
    about = About((ModelOutput("", "tip", "regression"),))
    chosen = ChosenModel(Path("runs/serving/taxi/7"), "version 7", about)
    with pytest.raises(BadInput, match=r"no model is pushed to Vertex AI"):
        engine_on_vertex(config, chosen, lambda progress: None)
    pushing = config.model_copy(update={"push": config.push.model_copy(update={"vertex": ENDPOINT})})
    with pytest.raises(BadInput, match=r"version 7 was never pushed to Vertex AI"):
        engine_on_vertex(pushing, chosen, lambda progress: None)


@pytest.mark.parametrize("model", ["regression"], indirect=True)
def test_from_bigquery_to_bigquery_by_a_job_of_vertex_ai(model, tmp_path, fake, buckets, monkeypatch):
    fake.predict = lambda job: answers_of(model, job, tmp_path)
    here = {"company": "STRING", "place": "FLOAT*", "route taken": "FLOAT*", "id": "STRING"}
    types = dict.fromkeys(rows(1)[0], "FLOAT") | dict.fromkeys(("seats", "tolls"), "INTEGER") | here
    config = load("conf/taxi.yaml", [f"root={tmp_path / 'root'}", "data={path: ., rules: table}"])
    chosen = ChosenModel(model[0], "version 7", model[1])
    table, out = write_table(tmp_path / "t.parquet", rows(30)), tmp_path / "here.parquet"
    predict_asked(config, Asked(str(table), "", str(out), ("id",)), chosen, lambda progress: None)
    datasets = {"a-project.trips": "US", "a-project.scores": "EU"}
    with FakeBigQuery(datasets=datasets, tables={"a-project.trips.new": Table(types, rows(30))}) as bigquery:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery.url)
        asked = Asked("bq://a-project.trips.new", "", "bq://a-project.scores.new", ("id",))
        predict_asked(config, asked, chosen, lambda progress: None, by_service(fake, model))
        written = bigquery.tables["a-project.scores.new"].rows
    assert len(fake.predictions) == 1
    assert [row["id"] for row in written] == [row["id"] for row in rows(30)]
    expected = pq.read_table(out).column("prediction").to_pylist()
    assert [row["prediction"] for row in written] == pytest.approx(expected)
