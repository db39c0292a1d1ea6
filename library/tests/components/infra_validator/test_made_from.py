"""What a model says of where it comes from, when it is handed on with its warm-up requests."""

import json

import pytest
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model

from millrace.base import commit
from millrace.components.infra_validator.blessing import write_warm_model
from millrace.components.infra_validator.made_from import made_from


@pytest.fixture
def model(tmp_path) -> Model:
    model = Model()
    model.uri = str(tmp_path / "Trainer" / "model" / "8")
    extra = tmp_path / "Trainer" / "model" / "8" / "Format-Serving" / "assets.extra"
    extra.mkdir(parents=True)
    (extra.parent / "saved_model.pb").write_bytes(b"graph")
    (extra / "millrace.json").write_text('{"label": "y", "made_from": {"schema": "c805bf9bbadbc0fb"}}')
    return model


def examples(**properties) -> Examples:
    made = Examples()
    made.span = 7
    for name, value in properties.items():
        field = "double_value" if isinstance(value, float) else "string_value"
        setattr(made.mlmd_artifact.custom_properties[name], field, value)
    return made


def handed_on(model: Model, folder, facts) -> dict:
    blessing = InfraBlessing()
    blessing.uri = str(folder)
    write_warm_model(blessing, f"{model.uri}/Format-Serving", [], "model", facts)
    [about] = folder.rglob("assets.extra/millrace.json")
    assert (about.parent.parent / "saved_model.pb").read_bytes() == b"graph"
    return json.loads(about.read_text(encoding="utf-8"))


def test_the_model_carries_its_run_its_data_its_schema_and_its_commit(model, tmp_path, monkeypatch):
    monkeypatch.setenv(commit.VARIABLE, "627b1578 with uncommitted changes")
    facts = made_from(model, examples(input_fingerprint="num_files:1"), "20310101-000001")
    about = handed_on(model, tmp_path / "blessing", facts)
    assert about["label"] == "y", "what it said before, it still says"
    assert about["made_from"] == {
        "schema": "c805bf9bbadbc0fb",
        "run": "20310101-000001",
        "commit": "627b1578 with uncommitted changes",
        "model": model.uri,
        "span": 7,
        "input_fingerprint": "num_files:1",
    }
    own = json.loads((tmp_path / "Trainer/model/8/Format-Serving/assets.extra/millrace.json").read_text())
    assert "run" not in own["made_from"], "the Trainer's artifact is left as it was published"


def test_on_a_service_what_is_not_known_is_left_out(model, monkeypatch):
    monkeypatch.delenv(commit.VARIABLE, raising=False)
    facts = made_from(model, examples(version=3.0), None)
    assert facts == {"model": model.uri, "span": 7, "version": 3}


def test_a_model_of_ones_own_that_says_nothing_gets_the_file(model, tmp_path):
    (tmp_path / "Trainer/model/8/Format-Serving/assets.extra/millrace.json").unlink()
    assert handed_on(model, tmp_path / "blessing", {"span": 7}) == {"made_from": {"span": 7}}
