"""Which versions of a model are served, while folders come and go and the configuration changes."""

import gc
import shutil
import threading
import time
import weakref

import numpy as np
import pytest
import tensorflow as tf
from saved_models import example, save
from tensorflow_serving.apis import get_model_status_pb2

from millrace.model_server import model_config
from millrace.model_server import versions as module
from millrace.model_server.model_config import ModelConfig
from millrace.model_server.models import ConfigFile, Models
from millrace.model_server.query import Query
from millrace.model_server.versions import Loading, ModelVersions

Status = get_model_status_pb2.ModelVersionStatus


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"), serving_default="good")


@pytest.fixture
def base(tmp_path, model):
    """A folder with the versions 1, 2 and 3."""
    for number in (1, 2, 3):
        (tmp_path / str(number)).symlink_to(model)
    return tmp_path


def config(base, **fields) -> ModelConfig:
    return ModelConfig(name="taxi", base_path=str(base), **fields)


def specific(*versions: int, **labels: int) -> dict:
    return {"model_version_policy": {"specific": {"versions": versions}}, "version_labels": labels}


def looked(config: ModelConfig) -> ModelVersions:
    versions = ModelVersions(config, Loading(warm_up=False))
    versions.look()
    return versions


def states(versions: ModelVersions) -> dict[int, int]:
    return {one.version: one.state for one in versions.status(None)}


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ({}, {3}),
        ({"latest": {}}, {3}),
        ({"latest": {"num_versions": 2}}, {2, 3}),
        ({"latest": {"num_versions": 9}}, {1, 2, 3}),
        ({"all": {}}, {1, 2, 3}),
        ({"specific": {"versions": [1, 3, 7]}}, {1, 3}),
    ],
)
def test_a_policy_chooses_among_the_versions_that_are_there(base, policy, served):
    versions = looked(config(base, model_version_policy=policy))
    assert states(versions) == dict.fromkeys(served, Status.AVAILABLE)
    assert versions.servable(None).version == max(served)
    for number in (1, 2, 3):
        if number in served:
            assert versions.servable(number).version == number
        else:
            with pytest.raises(tf.errors.NotFoundError, match=rf"Specific\(taxi, {number}\)"):
                versions.servable(number)


def test_a_version_that_does_not_load_leaves_the_one_before(base):
    (base / "8").mkdir()
    versions = looked(config(base))
    for _ in range(2):
        versions.look()
        assert states(versions) == {3: Status.AVAILABLE, 8: Status.END}
        assert versions.servable(None).version == 3
    [failed] = versions.status(8)
    assert failed.status.error_code and "8" in failed.status.error_message
    # What was taken away is forgotten, and tried again when it returns.
    (base / "8").rmdir()
    versions.look()
    assert states(versions) == {3: Status.AVAILABLE}
    (base / "8").symlink_to(base / "3")
    versions.look()
    assert states(versions) == {3: Status.END, 8: Status.AVAILABLE}


def test_a_version_that_returns_is_served_again_and_an_empty_folder_takes_nothing_away(base):
    versions = looked(config(base))
    (base / "3").rename(base / "three")
    versions.look()
    assert states(versions) == {3: Status.END, 2: Status.AVAILABLE}
    (base / "three").rename(base / "3")
    versions.look()
    assert states(versions) == {3: Status.AVAILABLE, 2: Status.END}
    shutil.rmtree(base)
    versions.look()
    assert versions.servable(None).version == 3


def test_a_label_is_asked_by_and_moves_when_its_version_is_loaded(base):
    versions = looked(config(base, **specific(1, 2, champion=1)))
    assert versions.servable("champion").version == 1
    assert [one.version for one in versions.status("champion")] == [1]
    versions.change(config(base, **specific(2, 4, champion=4, candidate=2)))
    versions.look()
    # Version 4 is not there yet: the label, and what it points at, stay.
    assert (versions.servable("champion").version, versions.servable("candidate").version) == (1, 2)
    (base / "4").symlink_to(base / "3")
    versions.look()
    assert versions.servable("champion").version == 4
    assert states(versions) == {1: Status.END, 2: Status.AVAILABLE, 4: Status.AVAILABLE}
    versions.change(config(base, **specific(2, 4, champion=4)))
    versions.look()
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unrecognized servable version label: candidate"):
        versions.servable("candidate")


def test_a_version_that_is_unloaded_goes_with_the_last_request_that_holds_it(base):
    versions = looked(config(base, **specific(1)))
    asking = versions.servable(1)
    graph = weakref.ref(asking._session.graph)
    gc.disable()  # what Python finds only when it looks for circles would be kept for long
    try:
        versions.change(config(base, **specific(2)))
        versions.look()
        request = Query("serving_default", {"examples": np.array([example(1.0, "Cash")], object)}, {}, 1)
        assert asking.predict(request.request("taxi"), 20).model_spec.version.value == 1
        del asking
        assert graph() is None
    finally:
        gc.enable()


def test_a_new_label_of_a_version_that_is_not_there_cannot_be_asked_yet(base):
    versions = looked(config(base, **specific(3, 9, next=9)))
    with pytest.raises(tf.errors.UnavailableError, match="Version 9 of label next is not available yet"):
        versions.servable("next")


def test_a_label_has_its_version_served_whatever_the_policy_says(base):
    versions = looked(config(base, version_labels={"stable": 1}))
    assert (versions.servable("stable").version, versions.servable(None).version) == (1, 3)
    assert states(versions) == {1: Status.AVAILABLE, 3: Status.AVAILABLE}


def test_another_folder_of_the_same_versions_is_loaded_anew(base, tmp_path_factory):
    versions = looked(config(base))
    other = tmp_path_factory.mktemp("other")
    versions.change(config(other))
    versions.look()
    assert versions.servable(None).path == str(base / "3")
    (other / "3").symlink_to(base / "3")
    versions.look()
    assert versions.servable(None).path == str(other / "3")


def test_what_failed_is_tried_again_when_the_configuration_changes(base):
    (base / "8").mkdir()
    versions = looked(config(base, **specific(3, 8)))
    (base / "8").rmdir()
    (base / "8").symlink_to(base / "3")
    versions.look()
    assert states(versions)[8] == Status.END
    versions.change(config(base, **specific(3, 8)))
    versions.look()
    assert states(versions)[8] == Status.AVAILABLE


def test_a_load_is_tried_again_as_long_as_it_is_wanted(base, monkeypatch):
    tries = []

    class Sometimes(module.Servable):
        def __init__(self, name: str, version: int, path: str, batching: None) -> None:
            tries.append(version)
            if version == 2 and len(tries) == 2:
                (base / "3").symlink_to(base / "1")
            if version == 2 or len(tries) == 3:
                raise OSError("the bucket does not answer")
            super().__init__(name, version, path)

    (base / "3").unlink()
    monkeypatch.setattr(module, "Servable", Sometimes)
    versions = ModelVersions(config(base), Loading(warm_up=False, retries=5))
    versions.look()
    # Version 2 was given up when 3 came, and 3 was there at its second try.
    assert tries == [2, 2, 3, 3]
    assert versions.servable(None).version == 3


def test_who_changes_the_configuration_need_not_wait_for_the_next_try(base):
    (base / "8").mkdir()
    versions = ModelVersions(config(base), Loading(warm_up=False, retries=3, retry_seconds=600))
    watching = threading.Thread(target=versions.watch, args=(0,), daemon=True)
    watching.start()
    eventually(lambda: versions.status(8))
    (base / "8").rmdir()
    (base / "8").symlink_to(base / "3")
    versions.change(config(base))
    eventually(lambda: 8 in versions.available())
    versions.end()
    watching.join(20)
    assert not watching.is_alive()


def test_models_are_added_changed_and_taken_away(base):
    models = Models(Loading(warm_up=False), poll_seconds=0)
    changes: list[bool] = []
    models.on_change(lambda: changes.append(models.are_available()))
    taxi, bus = config(base), ModelConfig(name="bus", base_path=str(base))
    models.serve({"taxi": taxi, "bus": bus})
    models.wait({"taxi": taxi, "bus": bus}, 60)
    assert {name: models.servable(name, None).version for name in models.names()} == {"taxi": 3, "bus": 3}
    assert (changes[0], changes[-1]) == (False, True)
    kept = models.servable("taxi", None)
    both = config(base, **specific(1, 3))
    models.serve({"taxi": both})
    models.wait({"taxi": both}, 60)
    assert models.servable("taxi", 1).version == 1
    assert models.servable("taxi", 3) is kept
    with pytest.raises(tf.errors.NotFoundError, match=r"Latest\(bus\)"):
        models.servable("bus", None)


def test_waiting_says_what_does_not_load_and_ends_in_time(base):
    (base / "8").mkdir()
    models = Models(Loading(warm_up=False), poll_seconds=0)
    configs = {"taxi": config(base, **specific(3, 8))}
    models.serve(configs)
    with pytest.raises(tf.errors.FailedPreconditionError, match="taxi version 8: "):
        models.wait(configs, 60)
    with pytest.raises(tf.errors.DeadlineExceededError, match="taxi is still being loaded"):
        ModelVersions(configs["taxi"], Loading()).wait(configs["taxi"], 0.01)


def test_a_file_is_followed_when_somebody_asks_and_a_bad_one_changes_nothing(base, caplog):
    def write(versions: str) -> None:
        policy = f"model_version_policy {{ specific {{ {versions} }} }}"
        file.write_text(f'model_config_list {{ config {{ name: "taxi" base_path: "{base}" {policy} }} }}')

    file = base / "models.config"
    write("versions: 1")
    models = Models(Loading(warm_up=False), poll_seconds=0)
    configs = model_config.read(file)
    models.serve(configs)
    followed = ConfigFile(file, models, configs)
    threading.Thread(target=followed.watch, args=(0,), daemon=True).start()
    write("versions: 2")
    followed.ask()
    eventually(lambda: models.available("taxi") == [2])
    write("versions: -2")
    followed.ask()
    eventually(lambda: "-2 is no version" in caplog.text and "what was served before still is" in caplog.text)
    assert models.available("taxi") == [2]
    # Asking is also an order to try again what failed, of a file that says nothing new.
    (base / "7").mkdir()
    write("versions: 2 versions: 7")
    followed.ask()
    eventually(lambda: states_of(models).get(7) == Status.END)
    (base / "7").rmdir()
    (base / "7").symlink_to(base / "1")
    followed.ask()
    eventually(lambda: models.available("taxi") == [2, 7])


def states_of(models: Models) -> dict[int, int]:
    return {one.version: one.state for one in models.status("taxi", None).model_version_status}


def eventually(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
