"""InfraValidator with TFX's artifacts: what it writes is what TFX's Pusher takes, and it compiles for Kubeflow."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
import tensorflow as tf
from docker.errors import DockerException
from tensorflow.python.saved_model import loader_impl
from tensorflow_serving.apis import prediction_log_pb2
from tfx import types
from tfx.components import InfraValidator as TfxInfraValidator
from tfx.components.infra_validator import executor as tfx_executor
from tfx.components.pusher.executor import Executor as PusherExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import infra_validator_pb2, pusher_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils, proto_utils

from millrace.base.errors import CouldNotJudge, DataError
from millrace.components.infra_validator import executor
from millrace.components.infra_validator.blessing import write_verdict, write_warm_model
from millrace.components.infra_validator.component import InfraValidator, docker_or_kubernetes
from millrace.components.infra_validator.examples import read_records
from millrace.components.infra_validator.executor import Executor
from millrace.components.infra_validator.queries import DEFAULT_SIGNATURE, JSON_SIGNATURE, plan
from millrace.components.infra_validator.report import Report
from millrace.components.infra_validator.section import InfraValidation

SECTION = InfraValidation(examples=5, tries=1, p95_milliseconds=10_000.0)
PROPERTIES = {"section": SECTION.model_dump_json(), "code_digest": ""}


def artifact(kind: type, uri: Path) -> types.Artifact:
    found = kind()
    found.uri = str(uri)
    return found


def write_shards(folder: Path, shards: list[list[bytes]]) -> None:
    folder.mkdir(parents=True)
    for number, shard in enumerate(shards):
        path = folder / f"data_tfrecord-{number:05d}-of-{len(shards):05d}.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in shard:
                writer.write(record)


@pytest.fixture
def examples(tmp_path, records) -> types.Artifact:
    """Three shards for eval, one of them empty, and a hidden folder that is no shard."""
    found = artifact(standard_artifacts.Examples, tmp_path / "examples")
    found.split_names = artifact_utils.encode_split_names(["train", "eval"])
    write_shards(tmp_path / "examples" / "Split-train", [[b"never read"]])
    write_shards(tmp_path / "examples" / "Split-eval", [records[:20], [], records[20:]])
    (tmp_path / "examples" / "Split-eval" / ".arrow").mkdir()
    return found


def run(tmp_path: Path, model_path: Path, examples: types.Artifact) -> types.Artifact:
    """Runs the executor on a SavedModel, as TFX would."""
    model = artifact(standard_artifacts.Model, tmp_path / "model")
    model_path.rename(tmp_path / "model" / "Format-Serving")
    blessing = artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    Executor().Do({"model": [model], "examples": [examples]}, {"blessing": [blessing]}, PROPERTIES)
    return blessing


@pytest.mark.parametrize("reason", ["", "load: the model cannot be loaded"])
def test_only_a_blessed_model_is_handed_on_with_what_it_was_asked(
    tmp_path, monkeypatch, good_model, examples, records, reason
):
    """The validation's word is another test's; what becomes of it is the executor's."""
    signatures = loader_impl.parse_saved_model(str(good_model)).meta_graphs[0].signature_def
    asked = []

    def validate(model, given, section, log):
        log.write_text("the server's words")
        asked.append((model, sorted(given), section))
        plans = [] if reason else [plan(DEFAULT_SIGNATURE, signatures[DEFAULT_SIGNATURE], given, section.examples)]
        return Report("process", {}, blessed=not reason, reason=reason), plans

    monkeypatch.setattr(executor, "validate", validate)
    shutil.copytree(good_model, tmp_path / "copy")
    (tmp_path / "model").mkdir()
    blessing = run(tmp_path, tmp_path / "copy", examples)
    assert asked == [(tmp_path / "model" / "Format-Serving", sorted(records), SECTION)], "all may be chosen from"
    mark, model = ("INFRA_NOT_BLESSED", []) if reason else ("INFRA_BLESSED", ["stamped_model"])
    names = sorted(path.name for path in (tmp_path / "blessing").iterdir())
    assert names == [mark, "report.json", "server.log", *model]
    assert (blessing.get_int_custom_property("blessed"), blessing.get_int_custom_property("has_model")) == (
        (0, 0) if reason else (1, 1)
    )
    assert blessing.get_string_custom_property("reason") == reason
    if not reason:
        warm_up = tmp_path / "blessing" / "stamped_model" / "assets.extra" / "tf_serving_warmup_requests"
        assert len(list(tf.data.TFRecordDataset(str(warm_up)))) == 5


def push(tmp_path: Path, blessing: types.Artifact) -> types.Artifact:
    pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=str(tmp_path / "serving"))
    destination = proto_utils.proto_to_json(pusher_pb2.PushDestination(filesystem=filesystem))
    PusherExecutor().Do({"infra_blessing": [blessing]}, {"pushed_model": [pushed]}, {"push_destination": destination})
    return pushed


@pytest.mark.slow
def test_pusher_pushes_the_blessed_model_with_its_warm_up_requests(tmp_path, save_model, examples, records):
    (tmp_path / "model").mkdir()
    saved = save_model(tmp_path / "saved", serving_default="good", predict_json="good_json")
    blessing = run(tmp_path, saved, examples)
    assert (blessing.get_int_custom_property("blessed"), blessing.get_int_custom_property("has_model")) == (1, 1)
    assert blessing.get_string_custom_property("reason") == ""
    names = sorted(path.name for path in (tmp_path / "blessing").iterdir())
    assert names == ["INFRA_BLESSED", "report.json", "server.log", "stamped_model"]
    assert json.loads((tmp_path / "blessing" / "report.json").read_text())["examples"] == 5

    pushed = push(tmp_path, blessing)
    assert pushed.get_int_custom_property("pushed") == 1
    (version,) = (tmp_path / "serving").iterdir()
    assert tf.saved_model.load(str(version)).signatures["serving_default"](examples=tf.constant(records[:1]))
    warm_up = version / "assets.extra" / "tf_serving_warmup_requests"
    requests = [
        prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        for record in tf.data.TFRecordDataset(str(warm_up)).as_numpy_iterator()
    ]
    assert [request.model_spec.signature_name for request in requests] == ["serving_default"] * 5 + ["predict_json"] * 5
    sent = [tf.make_ndarray(request.inputs["examples"]).tolist() for request in requests[:5]]
    assert sent == [[record] for record in read_records(examples, 5)]


def test_a_model_is_whole_under_the_name_that_pusher_looks_for(tmp_path, good_model, records):
    """With up to a hundred warm-up requests a signature, of which servers take a thousand; again after a crash too."""
    signatures = loader_impl.parse_saved_model(str(good_model)).meta_graphs[0].signature_def
    plans = [plan(name, signatures[name], records * 3, 120) for name in (DEFAULT_SIGNATURE, JSON_SIGNATURE)]
    blessing = artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    final = tmp_path / "blessing" / "stamped_model"
    final.mkdir(parents=True)
    (final / "left_by_the_attempt_before").touch()
    write_warm_model(blessing, str(good_model), plans, "model", {})
    assert blessing.get_int_custom_property("has_model") == 1
    assert path_utils.stamped_model_path(blessing.uri) == str(final)
    assert list((tmp_path / "blessing").iterdir()) == [final]
    assert (final / "saved_model.pb").read_bytes() == (good_model / "saved_model.pb").read_bytes()
    assert not (final / "left_by_the_attempt_before").exists()
    warm_up = tf.data.TFRecordDataset(str(final / "assets.extra" / "tf_serving_warmup_requests"))
    specs = [
        prediction_log_pb2.PredictionLog.FromString(record).predict_log.request.model_spec
        for record in warm_up.as_numpy_iterator()
    ]
    assert [spec.signature_name for spec in specs] == ["serving_default"] * 100 + ["predict_json"] * 100
    assert {spec.name for spec in specs} == {"model"}


@pytest.mark.parametrize("blessed", [True, False])
def test_a_verdict_is_marked_where_tfx_and_people_look(tmp_path, blessed):
    blessing = artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    report = Report("process", {"tries": 1.0}, blessed=blessed, reason="" if blessed else "load: no")
    write_verdict(blessing, report)
    mark = "INFRA_BLESSED" if blessed else "INFRA_NOT_BLESSED"
    assert sorted(path.name for path in (tmp_path / "blessing").iterdir()) == [mark, "report.json"]
    assert blessing.get_int_custom_property("blessed") == int(blessed)
    assert blessing.get_string_custom_property("reason") == report.reason
    assert json.loads((tmp_path / "blessing" / "report.json").read_text())["blessed"] is blessed


@pytest.mark.slow
def test_a_refused_model_is_a_successful_execution_and_is_not_pushed(tmp_path, save_model, examples):
    (tmp_path / "model").mkdir()
    blessing = run(tmp_path, save_model(tmp_path / "saved", serving_default="raises"), examples)
    assert blessing.get_int_custom_property("blessed") == 0
    assert not blessing.has_custom_property("has_model")
    reason = blessing.get_string_custom_property("reason")
    assert reason.startswith("predict: the model's signature serving_default raised: assertion failed")
    names = sorted(path.name for path in (tmp_path / "blessing").iterdir())
    assert names == ["INFRA_NOT_BLESSED", "report.json", "server.log"]
    assert json.loads((tmp_path / "blessing" / "report.json").read_text())["reason"] == reason
    assert push(tmp_path, blessing).get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_records_come_from_all_shards(examples, records):
    found = read_records(examples, 6)
    assert set(found) <= set(records)
    assert set(found) & set(records[:20])
    assert set(found) & set(records[20:])
    assert sorted(read_records(examples, 1000)) == sorted(records)


def test_no_examples_or_damaged_ones(tmp_path, examples):
    folder = tmp_path / "examples" / "Split-eval"
    (folder / "data_tfrecord-00000-of-00003.gz").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"the split eval in .* cannot be read") as caught:
        read_records(examples, 5)
    assert (caught.value.exit_code, "ExampleGen" in caught.value.remedy) == (2, True)
    for path in folder.glob("*.gz"):
        path.unlink()
    with pytest.raises(DataError, match="holds no examples"):
        read_records(examples, 5)


def channels():
    return types.Channel(type=standard_artifacts.Model), types.Channel(type=standard_artifacts.Examples)


@pytest.mark.parametrize(
    "image, name, tags, digests",
    [
        ("tensorflow/serving:2.16.1", "tensorflow/serving", ["2.16.1"], []),
        ("tensorflow/serving", "tensorflow/serving", ["latest"], []),
        ("registry:5000/serving", "registry:5000/serving", ["latest"], []),
        ("registry:5000/serving:1", "registry:5000/serving", ["1"], []),
        ("tensorflow/serving@sha256:ab", "tensorflow/serving", [], ["sha256:ab"]),
    ],
)
@pytest.mark.parametrize("platform, field", [("docker", "local_docker"), ("kubernetes", "kubernetes")])
def test_docker_and_kubernetes_are_tfxs_own(platform, field, image, name, tags, digests):
    section = InfraValidation(platform=platform, image=image, examples=3, tries=4, load_seconds=9.5)
    component = docker_or_kubernetes(*channels(), section, "taxi")
    assert isinstance(component, TfxInfraValidator)
    properties = component.exec_properties
    serving = proto_utils.json_to_proto(properties["serving_spec"], infra_validator_pb2.ServingSpec())
    assert serving.WhichOneof("serving_platform") == field
    found = serving.tensorflow_serving
    assert (found.image_name, list(found.tags), list(found.digests)) == (name, tags, digests)
    assert serving.model_name == "taxi"
    request = proto_utils.json_to_proto(properties["request_spec"], infra_validator_pb2.RequestSpec())
    assert (request.split_name, request.num_examples, request.make_warmup) == ("eval", 3, True)
    validation = proto_utils.json_to_proto(properties["validation_spec"], infra_validator_pb2.ValidationSpec())
    assert (validation.num_tries, validation.max_loading_time_seconds) == (4, 10)


@pytest.mark.parametrize("tries", [1, 2])
def test_a_docker_engine_that_does_not_answer_is_no_verdict(tmp_path, monkeypatch, good_model, examples, tries):
    def no_engine(**_):  # Docker's own client leaves a socket to the collector when it finds no engine
        raise DockerException("Error while fetching server API version")

    monkeypatch.setattr(tfx_executor, "_create_model_server_runner", no_engine)
    component = docker_or_kubernetes(*channels(), InfraValidation(platform="docker", tries=tries), "taxi")
    model = artifact(standard_artifacts.Model, tmp_path / "model")
    shutil.copytree(good_model, tmp_path / "model" / "Format-Serving")
    (tmp_path / "examples" / "Split-eval" / ".arrow").rmdir()  # TFX takes it for a shard
    blessing = artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    executor = component.executor_spec.executor_class(BaseExecutor.Context(tmp_dir=str(tmp_path), unique_id="1"))
    with pytest.raises(CouldNotJudge, match="DockerException") as failure:
        executor.Do({"model": [model], "examples": [examples]}, {"blessing": [blessing]}, component.exec_properties)
    assert "platform: process" in failure.value.remedy
    assert not blessing.has_custom_property("blessed")


def test_a_fault_of_the_machine_publishes_no_verdict(tmp_path, monkeypatch, save_model, examples):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "not-there")])
    (tmp_path / "model").mkdir()
    with pytest.raises(CouldNotJudge, match="No usable temporary directory"):
        run(tmp_path, save_model(tmp_path / "saved", serving_default="good"), examples)
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == []


def test_compiles_for_kubeflow(tmp_path):
    model = Importer(str(tmp_path / "model"), standard_artifacts.Model).with_id("ImportModel")
    examples = Importer(str(tmp_path / "examples"), standard_artifacts.Examples).with_id("ImportExamples")
    validator = InfraValidator(model.outputs["result"], examples.outputs["result"], SECTION, code_digest="ab")
    pipeline = Pipeline("taxi", str(tmp_path / "root"), components=[model, examples, validator])
    config = KubeflowV2DagRunnerConfig(default_image="image")
    KubeflowV2DagRunner(config, output_dir=str(tmp_path), output_filename="job.json").run(pipeline)
    spec = json.loads((tmp_path / "job.json").read_text())["pipelineSpec"]
    executor = spec["deploymentSpec"]["executors"]["InfraValidator_executor"]["container"]
    assert "millrace.components.infra_validator.executor.Executor" in executor["args"]
    inputs = spec["root"]["dag"]["tasks"]["InfraValidator"]["inputs"]["parameters"]
    assert set(inputs) == set(PROPERTIES)
