"""PushedChampion: the newest pushed model, for services without resolvers."""

import pytest


def champion(tmp_path, directory):
    from tfx.types.standard_artifacts import Model

    from millrace.components.champion.executor import Executor

    model = Model()
    model.uri = str(tmp_path / "model")
    (tmp_path / "model").mkdir()
    Executor().Do({}, {"model": [model]}, {"directory": str(directory)})
    return model


def push(directory, version, text=None):
    (directory / version / "variables").mkdir(parents=True)
    if text:
        (directory / version / "saved_model.pb").write_text(text)


def test_it_is_the_newest_whole_model(tmp_path):
    serving = tmp_path / "serving"
    push(serving, "9", "nine")
    push(serving, "10", "ten")
    push(serving, "11")  # still being written
    push(serving, "tmp", "no version")
    model = champion(tmp_path, serving)
    assert (tmp_path / "model" / "Format-Serving" / "saved_model.pb").read_text() == "ten"
    assert (tmp_path / "model" / "Format-Serving" / "variables").is_dir()
    assert model.get_int_custom_property("absent") == 0
    assert model.get_string_custom_property("pushed_from") == str(serving / "10")


@pytest.mark.parametrize("made", [True, False], ids=["an empty folder", "no folder"])
def test_before_the_first_push_it_is_marked_as_absent(tmp_path, made):
    if made:
        (tmp_path / "serving").mkdir()
    model = champion(tmp_path, tmp_path / "serving")
    assert model.get_int_custom_property("absent") == 1
    assert not (tmp_path / "model" / "Format-Serving").exists()
    assert list((tmp_path / "model").iterdir())  # an object store has no empty folders


def test_the_component_hands_its_executor_the_folder(tmp_path):
    from tfx.types.standard_artifacts import Model

    from millrace.components.champion.component import PushedChampion
    from millrace.components.champion.executor import Executor

    component = PushedChampion(str(tmp_path), code_digest="ab")
    assert component.exec_properties == {"directory": str(tmp_path), "code_digest": "ab"}
    assert component.executor_spec.executor_class is Executor
    assert component.outputs["model"].type is Model and not component.inputs
