"""What tasks are given and what is remembered: ExecutorInput, drivers, importers, resolvers, cache, metadata."""

import json
import shutil
from pathlib import Path

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from small_jobs import WRITE_METADATA, JobBuilder, bucket, makes, python, shell

from millrace.base.errors import BadInput, MillraceError
from millrace.metadata import records
from millrace.rehearsal.artifacts import Artifact, name_of
from millrace.rehearsal.cloud_folder import CloudFolder, mapping
from millrace.rehearsal.executor_input import TaskIo
from millrace.rehearsal.report import TaskState
from millrace.rehearsal.resolvers import parse

DONE, CACHED = TaskState.DONE, TaskState.CACHED
SAVE_INPUT = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
BLESSED = 'schema_title="tfx.ModelBlessing" AND state=LIVE AND metadata.blessed.number_value=1'
ITS_MODEL = (
    'schema_title="tfx.Model" AND state=LIVE AND '
    "name=\"{{$.inputs.artifacts['input'].metadata['current_model_id']}}\""
)


def store(folder: Path) -> MetadataStore:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(folder / "metadata.db")
    return MetadataStore(connection)


def states(result) -> dict[str, TaskState]:
    return {row.task: row.state for row in result.tasks}


def executor_input(run, tmp_path, version: str) -> dict:
    job = JobBuilder(version=version).add("first", makes("data", rows=3.0), outputs={"data": "Model"})
    job.add(
        "second",
        python(SAVE_INPUT, "gs://saved", "{{$}}"),
        parameters={"text": "a", "whole": 7, "half": 0.5},
        inputs={"x": "first.data"},
        outputs={"model": "Model"},
    )
    job.components["second"]["inputDefinitions"]["parameters"]["half"] = {"type": "DOUBLE"}
    result = run(job.build())
    assert result.exit_code == 0, result.failure
    return json.loads(bucket(tmp_path, "saved").read_text())


@pytest.mark.parametrize(
    ("version", "key", "values"),
    [
        ("2.1.0", "parameterValues", {"text": "a", "whole": 7, "half": 0.5}),
        (
            "2.0.0",
            "parameters",
            {"text": {"stringValue": "a"}, "whole": {"intValue": "7"}, "half": {"doubleValue": 0.5}},
        ),
    ],
)
def test_the_executor_input_is_the_services(run, tmp_path, version, key, values):
    """It is what KFP's own message reads, and has the parts that TFX's entry point needs."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    given = executor_input(run, tmp_path, version)
    json_format.ParseDict(given, pipeline_spec_pb2.ExecutorInput())
    assert given["inputs"][key] == values
    [taken] = given["inputs"]["artifacts"]["x"]["artifacts"]
    assert taken["metadata"] == {"rows": 3.0} and Path(taken["uri"]).read_text() == "made"
    [made] = given["outputs"]["artifacts"]["model"]["artifacts"]
    assert made["name"].startswith("projects/") and made["name"] != taken["name"]
    assert made["type"] == {"instanceSchema": "title: tfx.Model\ntype: object\n"}
    assert Path(made["uri"]).parent == Path(given["outputs"]["outputFile"]).parent


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("DOUBLE", 1.0, {"doubleValue": 1.0}),
        ("DOUBLE", 2, {"doubleValue": 2.0}),
        ("INT", 7.0, {"intValue": "7"}),
        ("INT", 2**60, {"intValue": str(2**60)}),
        ("STRING", "1.0", {"stringValue": "1.0"}),
        ("", 3.0, {"intValue": "3"}),
        ("", 0.5, {"doubleValue": 0.5}),
    ],
)
def test_a_number_keeps_the_type_that_it_is_declared_with(kind, value, typed, tmp_path):
    """A service's JSON has one type of number: 1.0 of a DOUBLE is no integer."""
    given = TaskIo(
        folder=str(tmp_path), parameters={"x": value}, typed=True, inputs={}, types={"x": kind} if kind else {}
    )
    assert given.to_json()["inputs"]["parameters"] == {"x": typed}


DRIVER = (
    "import json,sys; out=json.loads(sys.argv[1])['outputs']; a=out['artifacts']['examples']['artifacts'][0];"
    "open(out['outputFile'],'w').write(json.dumps({'parameterValues': {'span': 4, 'found': sys.argv[2]},"
    "'artifacts': {'examples': {'artifacts': [{'uri': a['uri'], 'metadata': {'span': 4.0}}]}}}))"
)


def with_driver(tmp_path: Path, found: str, dialect: str = "vertex"):
    executor = python(SAVE_INPUT, "gs://saved", "{{$}}")
    executor["lifecycle"] = {"preCacheCheck": {"command": ["python", "-c"], "args": [DRIVER, "{{$}}", found]}}
    job = JobBuilder(dialect=dialect)
    caching = {"cachingOptions": {"enableCache": True}}
    return job.add("gen", executor, outputs={"examples": "Examples"}, parameters={"base": "x"}, **caching).build()


def test_an_output_that_is_one_value_has_no_folder_where_its_file_goes(tmp_path):
    """TFX writes a file there; a folder was made, and every component with a value for an output failed."""
    types = {"n": "tfx.Integer", "text": "tfx.String", "model": "tfx.Model"}
    outputs = {
        key: [Artifact(7, name_of(7), {"instanceSchema": f"title: {title}\n"}, f"{tmp_path}/{key}/1")]
        for key, title in types.items()
    }
    TaskIo(folder=str(tmp_path / "task"), parameters={}, typed=True, inputs={}, outputs=outputs).make_folders(True)
    assert {key: (tmp_path / key / "1").is_dir() for key in types} == {"n": False, "text": False, "model": True}
    assert all((tmp_path / key).is_dir() for key in types)


def test_the_driver_is_asked_before_the_cache(run, tmp_path):
    assert states(run(with_driver(tmp_path, "a"))) == {"gen": DONE}
    given = json.loads(bucket(tmp_path, "saved").read_text())
    assert given["inputs"]["parameterValues"] == {"base": "x", "span": 4, "found": "a"}
    assert given["outputs"]["artifacts"]["examples"]["artifacts"][0]["metadata"] == {"span": 4.0}
    bucket(tmp_path, "bucket").mkdir(parents=True, exist_ok=True)
    assert states(run(with_driver(tmp_path, "b"))) == {"gen": DONE}, "the driver found other data"


def test_kubeflow_runs_no_driver_and_refuses_resolvers(run, tmp_path):
    run(with_driver(tmp_path, "a", "kubeflow"))
    assert "span" not in json.loads(bucket(tmp_path, "saved").read_text())["inputs"]["parameterValues"]
    query = {"outputArtifactQueries": {"model": {"filter": 'schema_title="tfx.Model"'}}}
    job = JobBuilder(dialect="kubeflow").add("look", query, kind="resolver", outputs={"model": "Model"})
    result = run(job.build())
    assert result.exit_code == 2 and "refuses resolver" in result.failure.what


def cacheable(word: str, image: str = "image") -> JobBuilder:
    on = {"cachingOptions": {"enableCache": True}}
    job = JobBuilder().add(
        "first", {**makes("data"), "image": image}, outputs={"data": "Model"}, parameters={"p": word}, **on
    )
    return job.add(
        "second",
        shell("echo $1 > $2", "{{$.inputs.artifacts['x'].name}}", "{{$.outputs.artifacts['said'].uri}}"),
        inputs={"x": "first.data"},
        outputs={"said": "Model"},
        **on,
    )


def test_the_cache_looks_at_what_the_service_looks_at(run, tmp_path):
    first = run(cacheable("a").build())
    again = run(cacheable("a").build())
    assert states(first) == {"first": DONE, "second": DONE}
    assert states(again) == {"first": CACHED, "second": CACHED}, "cached outputs keep their names"
    assert again.task("first").outputs == first.task("first").outputs
    assert states(run(cacheable("b").build())) == {"first": DONE, "second": DONE}
    assert states(run(cacheable("a", "other").build())) == {"first": DONE, "second": DONE}
    assert states(run(cacheable("a").build(), cache=False)) == {"first": DONE, "second": DONE}
    off = cacheable("a")
    del off.tasks["second"]["cachingOptions"]
    assert states(run(off.build()))["second"] is DONE
    shutil.rmtree(bucket(tmp_path, "bucket"))
    assert states(run(cacheable("a").build()))["first"] is DONE, "its files are gone"


@pytest.mark.parametrize("loss", [Path.unlink, lambda file: file.write_text("gra")], ids=["gone", "cut"])
def test_what_lost_a_file_is_made_again(run, tmp_path, loss):
    """The folder was still there, and so the cache served a model without its graph."""
    on = {"cachingOptions": {"enableCache": True}}
    train = shell("mkdir $1; echo graph > $1/saved_model.pb; echo 7 > $1/vars", "{{$.outputs.artifacts['model'].uri}}")
    job = JobBuilder().add("train", train, outputs={"model": "Model"}, **on).build()
    first = run(job)
    assert states(run(job)) == {"train": CACHED}
    [model] = first.task("train").outputs["model"]
    loss(bucket(tmp_path, model.removeprefix("gs://")) / "saved_model.pb")
    again = run(job)
    assert states(again) == {"train": DONE} and again.task("train").outputs != first.task("train").outputs
    assert states(run(job)) == {"train": CACHED}


@pytest.mark.parametrize("own", [{"rows": 3.0}, {"digest": "a task's own", "files": "7"}])
def test_a_task_is_handed_what_tasks_wrote_and_nothing_that_is_noted_here(run, tmp_path, own):
    """Of an artifact from the cache, as of one that was just made: `rehearsed` and its files are for this machine."""
    on = {"cachingOptions": {"enableCache": True}}
    job = JobBuilder().add("first", makes("data", **own), outputs={"data": "Model"}, **on)
    job.add("second", python(SAVE_INPUT, "gs://saved", "{{$}}"), inputs={"x": "first.data"})
    for state in (DONE, CACHED):
        assert states(run(job.build())) == {"first": state, "second": DONE}
        given = json.loads(bucket(tmp_path, "saved").read_text())
        assert given["inputs"]["artifacts"]["x"]["artifacts"][0]["metadata"] == own
    models = store(tmp_path).get_artifacts_by_type("Model")
    [stored] = [model for model in models if model.state == metadata_store_pb2.Artifact.LIVE]
    assert stored.custom_properties["rehearsed"].int_value == 1


def imported(folder: Path, **said) -> JobBuilder:
    spec = {"artifactUri": {"constant": "gs://data/schema"}, "typeSchema": {"schemaTitle": "tfx.Schema"}, **said}
    return JobBuilder().add("import", spec, kind="importer", outputs={"result": "Schema"})


def test_an_import_is_kept_unless_it_is_asked_for_again(run, tmp_path):
    place = tmp_path / "here"
    place.mkdir()
    where = {"elsewhere": {"gs://data/schema": place}}
    assert states(run(imported(tmp_path, metadata={"version": 2}).build(), **where)) == {"import": DONE}
    assert states(run(imported(tmp_path, metadata={"version": 2}).build(), **where)) == {"import": CACHED}
    assert states(run(imported(tmp_path, metadata={"version": 3}).build(), **where)) == {"import": DONE}
    last = run(imported(tmp_path, metadata={"version": 3}, reimport=True).build(), **where)
    assert states(last) == {"import": DONE} and last.task("import").outputs == {"result": ["gs://data/schema"]}


def test_an_import_of_nothing_says_how_to_bring_it(run, tmp_path):
    result = run(imported(tmp_path).build(), partial=True)
    assert result.exit_code == 2 and result.ending == "nothing rehearsed", "nothing ran, which is not even a part"
    assert "there is nothing to import at gs://data/schema here; --gs" in result.task("import").note


def test_an_import_of_a_folder_of_this_machine_fails_as_on_the_service(run, tmp_path):
    (tmp_path / "here").mkdir()
    result = run(imported(tmp_path, artifactUri={"constant": str(tmp_path / "here")}).build())
    assert (result.exit_code, result.failure.where) == (1, "import")
    assert "no place that a task on the service can see" in result.failure.what


def champion() -> JobBuilder:
    """TFX's LatestBlessedModelStrategy, as it is compiled: two queries."""
    job = JobBuilder().add(
        "look-blessing",
        {"outputArtifactQueries": {"model_blessing": {"filter": BLESSED}}},
        kind="resolver",
        outputs={"model_blessing": "ModelBlessing"},
    )
    return job.add(
        "look-model",
        {"outputArtifactQueries": {"model": {"filter": ITS_MODEL}}},
        kind="resolver",
        inputs={"input": "look-blessing.model_blessing"},
        outputs={"model": "Model"},
    )


def blessing_of(blessed: int) -> JobBuilder:
    """Finds the champion, trains a model and judges it: the blessing names the model by its resource name."""
    code = WRITE_METADATA.replace(
        "json.loads(sys.argv[2])", "{'blessed': float(sys.argv[2]), 'current_model_id': sys.argv[4]}"
    )
    job = champion().add("train", makes("model"), outputs={"model": "Model"}, after=("look-model",))
    executor = python(code, "blessing", str(blessed), "{{$}}", "{{$.inputs.artifacts['model'].name}}")
    return job.add("judge", executor, inputs={"model": "train.model"}, outputs={"blessing": "ModelBlessing"})


def test_the_champion_is_the_newest_blessed_model(run, tmp_path):
    first = run(blessing_of(1).build())
    assert first.task("look-model").outputs == {"model": []} and first.task("look-model").note == "nothing found"
    refused = run(blessing_of(0).build())
    assert refused.exit_code == 3
    assert refused.task("look-model").outputs["model"] == first.task("train").outputs["model"]
    assert run(blessing_of(1).build()).task("look-model").outputs["model"] == first.task("train").outputs["model"]


def test_one_artifact_may_come_in_twice(run):
    """As a champion that is compared with itself does, when nothing has changed."""
    job = JobBuilder().add("train", makes("model"), outputs={"model": "Model"})
    job.add("judge", shell("true"), inputs={"model": "train.model", "baseline": "train.model"})
    assert run(job.build()).exit_code == 0


def test_the_champion_of_a_local_run_is_seen(run, tmp_path):
    """TFX's own Evaluator keeps the model's id; a rehearsal reads it as a resource name, and writes it as an id."""
    first = run(blessing_of(1).build())
    known = store(tmp_path)
    [blessing] = known.get_artifacts_by_type("ModelBlessing")
    [model] = [a for a in known.get_artifacts_by_type("Model") if a.state == metadata_store_pb2.Artifact.LIVE]
    assert blessing.custom_properties["current_model_id"].int_value == model.id
    assert blessing.custom_properties["blessed"].int_value == 1
    assert blessing.custom_properties["rehearsed"].int_value == 1, "no champion of a run on this machine"
    assert str(bucket(tmp_path, first.task("train").outputs["model"][0].removeprefix("gs://"))) == model.uri


def test_what_is_remembered_is_what_a_local_run_leaves(run, tmp_path):
    job = JobBuilder().add(
        "gen", makes("examples", span=3.0, split_names='["train"]', note=["a"]), outputs={"examples": "Examples"}
    )
    job.add("bad", shell("exit 1"), inputs={"x": "gen.examples"})
    schema = {
        "instanceSchema": "title: tfx.Examples\ntype: object\nproperties:\n"
        "  span:\n    type: integer\n  split_names:\n    type: string\n"
    }
    job.components["gen"]["outputDefinitions"]["artifacts"]["examples"]["artifactType"] = schema
    result = run(job.build())
    [record] = records.runs(store(tmp_path), "small")
    assert (record.run_id, record.state) == (result.run_id, "failed")
    assert {name: stage.state for name, stage in record.stages.items()} == {"gen": "done", "bad": "failed"}
    assert record.stages["bad"].failure == "it ended with exit code 1"
    examples = record.artifact("gen", "examples")
    assert (examples.properties["span"].int_value, examples.properties["split_names"].string_value) == (3, '["train"]')
    assert examples.custom_properties["note"].struct_value["__value__"][0] == "a"
    [kind] = [t for t in store(tmp_path).get_artifact_types() if t.id == examples.type_id]
    assert kind.name == "Examples" and kind.properties["span"] == metadata_store_pb2.INT


@pytest.mark.parametrize(
    ("text", "metadata", "fits"),
    [
        ('metadata.a.number_value=1 AND name!="x"', {"a": 1.0}, True),
        ("metadata.a.number_value=1", {"a": 2.0}, False),
        ("metadata.a.bool_value=true", {"a": True}, True),
        ('uri="/u" AND metadata.b.string_value="it\\"s"', {"b": 'it"s'}, True),
        ('display_name="n"', {"name": "n"}, True),
        ("metadata.a.number_value=1", {}, False),
    ],
)
def test_a_query_reads_fields(text, metadata, fits):
    artifact = Artifact(5, name_of(5), {}, "/u", metadata)
    assert all(term.accepts(artifact) for term in parse(text)) is fits


@pytest.mark.parametrize("text", ['a="b"', 'name="x" OR name="y"', 'name="x" AND', "in_context(3)", ""])
def test_a_query_that_says_more_is_refused(text):
    with pytest.raises(MillraceError, match="cannot be rehearsed from here on"):
        parse(text)


def test_buckets_are_folders_and_come_back(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    clouds = CloudFolder(tmp_path / "r", {"gs://b/data": here})
    job = {"a": ["gs://b/data/x.csv", '{"d": "gs://b/root"}'], "n": 1, "t": "--temp=gs://b/database"}
    assert clouds.local(job) == {
        "a": [f"{here}/x.csv", f'{{"d": "{tmp_path}/r/gs/b/root"}}'],
        "n": 1,
        "t": f"--temp={tmp_path}/r/gs/b/database",
    }
    assert clouds.cloud(clouds.local(job)) == job
    assert clouds.local("minio://m/x") == f"{tmp_path}/r/minio/m/x"
    looks_for_it = "sed 's#^gs://#/gcs/#'"
    assert clouds.local(looks_for_it) == looks_for_it, "it would turn folders of this machine into /gcs"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="is not there"):
        CloudFolder(tmp_path, mapping((f"gs://b={tmp_path}/nothing",)))
    with pytest.raises(BadInput, match="maps nothing"):
        mapping(("/b=/c",))


def test_a_job_without_all_its_values_is_refused(run):
    with pytest.raises(BadInput, match="no value: needed"):
        run(JobBuilder().declare("needed").declare("free", defaultValue="x").add("t", shell("true")).build())
