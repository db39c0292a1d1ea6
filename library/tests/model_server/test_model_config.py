"""The text that says what is served: what is read of it, and what is refused with a reason."""

import contextlib

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from millrace.base.errors import BadInput
from millrace.model_server import model_config

TAXI = 'name: "taxi" base_path: "/models/taxi"'


def configuration(*models: str) -> str:
    return "model_config_list {" + "".join(f" config {{ {model} }}" for model in models) + " }"


def read(tmp_path, text: str):
    file = tmp_path / "models.config"
    file.write_text(text)
    return model_config.read(file)


def test_a_file_of_tensorflow_serving_is_read(tmp_path):
    models = read(
        tmp_path,
        """
        model_config_list {
          config {
            name: 'taxi'
            base_path: '/models/taxi/'   # a comment
            model_platform: 'tensorflow'
            model_version_policy { specific { versions: 42 versions: 43 } }
            version_labels { key: 'stable' value: 42 }
            logging_config {
              log_collector_config { type: 'tfrecord' filename_prefix: '/logs/taxi/requests' }
              sampling_config { sampling_rate: 0.5 }
            }
          }
          config { name: 'bus' base_path: 'gs://bucket/bus' }
        }
        """,
    )
    assert list(models) == ["taxi", "bus"]
    assert dict(models["taxi"].version_labels) == {"stable": 42}
    assert model_config.choose(models["taxi"].model_version_policy, {41, 42}) == {42}
    assert model_config.choose(models["bus"].model_version_policy, {41, 42}) == {42}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no model_config_list"),
        ("custom_model_config {}", "there is no model_config_list"),
        ("model_config_list { config { nome: 'taxi' } }", r"no ModelServerConfig: 1:30 .*\"nome\""),
        (configuration(TAXI, TAXI), "taxi is there twice"),
        (configuration('base_path: "/models"'), "'' is no name of a model"),
        (configuration('name: "a/b" base_path: "/models"'), "'a/b' is no name"),
        (configuration('name: "taxi" base_path: "models"'), "taxi: base_path 'models' is neither absolute nor a URI"),
        (configuration(f'{TAXI} model_platform: "torch"'), "taxi: there is no model_platform 'torch'"),
        (configuration(f"{TAXI} model_version_policy {{ specific {{}} }}"), "specific and names no version"),
        (configuration(f"{TAXI} model_version_policy {{ specific {{ versions: -1 }} }}"), "-1 is no version"),
        (configuration(f'{TAXI} version_labels {{ key: "a b" value: 1 }}'), "'a b' is no label"),
        (
            configuration(
                f'{TAXI} model_version_policy {{ specific {{ versions: 1 }} }} version_labels {{ key: "old" value: 2 }}'
            ),
            "label old points at version 2, which is not served",
        ),
        (
            configuration(f'{TAXI} logging_config {{ log_collector_config {{ type: "kafka" }} }}'),
            "no log_collector_config.type 'kafka'",
        ),
        (
            configuration(f'{TAXI} logging_config {{ log_collector_config {{ filename_prefix: "logs" }} }}'),
            "filename_prefix 'logs' is no beginning",
        ),
        (
            configuration(
                f'{TAXI} logging_config {{ log_collector_config {{ filename_prefix: "/l" }} '
                "sampling_config { sampling_rate: nan } }"
            ),
            "sampling_rate nan is not between 0 and 1",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_place(tmp_path, text, words):
    with pytest.raises(BadInput, match=words) as refused:
        read(tmp_path, text)
    assert refused.value.where == str(tmp_path / "models.config")


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadInput, match="there is no such file"):
        model_config.read(tmp_path / "none")


names = st.from_regex(r"[a-zA-Z0-9_.é-]{1,12}", fullmatch=True)
numbers = st.integers(0, 2**63 - 1)


@st.composite
def models(draw):
    name = draw(names)
    model = model_config.ModelConfig(name=name, base_path=f"/models/{name}")
    policy = model.model_version_policy
    kind = draw(st.sampled_from(["", "latest", "all", "specific"]))
    served = draw(st.lists(numbers, min_size=1, max_size=4, unique=True))
    if kind == "latest":
        policy.latest.num_versions = draw(st.integers(0, 2**32 - 1))
    elif kind == "all":
        policy.all.SetInParent()
    elif kind == "specific":
        policy.specific.versions.extend(served)
    for label in draw(st.sets(names, max_size=3)):
        model.version_labels[label] = draw(st.sampled_from(served))
    if draw(st.booleans()):
        model.logging_config.log_collector_config.filename_prefix = f"/logs/{name}"
        model.logging_config.sampling_config.sampling_rate = draw(st.floats(0, 1))
    return model


@settings(max_examples=40, deadline=None)
@given(st.lists(models(), max_size=4, unique_by=lambda model: model.name), st.sets(numbers))
def test_what_is_written_is_read_again_and_serves_versions_that_are_there(tmp_path_factory, configs, numbers):
    file = tmp_path_factory.getbasetemp() / "written.config"
    whole = model_server_config_pb2.ModelServerConfig()
    whole.model_config_list.config.extend(configs)
    whole.model_config_list.SetInParent()
    file.write_text(text_format.MessageToString(whole))
    found = model_config.read(file)
    assert found == {model.name: model for model in configs}
    for model in configs:
        chosen = model_config.choose(model.model_version_policy, numbers)
        assert chosen <= numbers
        if model.model_version_policy.WhichOneof("policy_choice") in (None, "latest") and numbers:
            assert max(numbers) in chosen


PIECES = [
    *configuration(TAXI + ' version_labels { key: "a" value: 1 }').split(" "),
    "-1",
    '"',
    "\\",
    "é",
    "99e99",
    "\0",
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=24))
def test_whatever_a_file_says_it_is_read_or_refused(tmp_path_factory, pieces):
    file = tmp_path_factory.getbasetemp() / "any.config"
    file.write_text(" ".join(pieces), encoding="utf-8", errors="replace")
    with contextlib.suppress(BadInput):
        model_config.read(file)
