"""VertexPusher: the client knows the encryption key before TFX's executor uploads anything."""

import pytest

pytestmark = pytest.mark.slow

KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"


@pytest.fixture
def client():
    from google.cloud import aiplatform

    yield aiplatform.initializer.global_config
    aiplatform.initializer.global_config.__init__()


def push(tmp_path, blessed, **more):
    from tfx.types.standard_artifacts import Model, ModelBlessing, PushedModel
    from tfx.utils import json_utils

    from millrace.components.vertex_pusher.executor import Executor

    model, blessing, pushed = Model(), ModelBlessing(), PushedModel()
    model.uri, pushed.uri = str(tmp_path / "model"), str(tmp_path / "pushed")
    blessing.set_int_custom_property("blessed", int(blessed))
    custom_config = json_utils.dumps({"ai_platform_serving_args": {"endpoint_name": "e"}, **more})
    inputs = {"model": [model], "model_blessing": [blessing]}
    Executor().Do(inputs, {"pushed_model": [pushed]}, {"custom_config": custom_config})
    return pushed


def test_the_key_holds_for_every_new_resource_and_an_unblessed_model_stays_here(tmp_path, client):
    pushed = push(tmp_path, blessed=False, millrace_encryption_key=KEY)
    assert client.encryption_spec_key_name == KEY
    # What TFX calls next keeps it: `aiplatform.init` with a project and a place, and no key.
    from google.cloud import aiplatform

    aiplatform.init(project="p", location="us-central1")
    assert client.encryption_spec_key_name == KEY
    assert pushed.get_int_custom_property("pushed") == 0


def test_without_a_key_nothing_is_changed(tmp_path, client):
    push(tmp_path, blessed=False)
    assert client.encryption_spec_key_name is None
