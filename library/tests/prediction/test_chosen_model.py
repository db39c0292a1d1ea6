"""Which model is asked: the champion, a version, an alias or a path, and by which file a server follows it."""

import json
import shlex
import shutil

import pytest
from registered_versions import pushed

from millrace.base.errors import BadInput, SchemaError
from millrace.config.loading import load
from millrace.prediction.chosen_model import choose
from millrace.prediction.engines import engine_here
from millrace.prediction.gateway_request import gateway_command
from millrace.prediction.served import served_model
from millrace.registry.intake import open_registry


def configured(tmp_path, *overrides):
    return load("conf/taxi.yaml", [f"root={tmp_path / 'taxi'}", *overrides])


@pytest.fixture
def config(tmp_path):
    """A pipeline whose version 11 is champion again, while version 12 is there."""
    config = configured(tmp_path)
    with open_registry(config) as registry:
        first, second = registry.take_in([pushed(tmp_path / "taxi", number) for number in (11, 12)])
        registry.roll_back(first, "slow", expected=12)
        registry.move("candidate", second, "look at it")
    return config


@pytest.mark.parametrize(
    ("named", "number", "name", "alias"),
    [
        ("", 11, "version 11 (champion)", "champion"),
        ("champion", 11, "version 11 (champion)", "champion"),
        ("candidate", 12, "version 12 (candidate)", "candidate"),
        ("11", 11, "version 11", ""),
        ("12", 12, "version 12", ""),
    ],
)
def test_a_version_is_asked_for_by_its_number_or_an_alias_and_the_champion_by_nothing(
    config, named, number, name, alias
):
    chosen = choose(config, named)
    assert (chosen.folder.name, chosen.name, chosen.alias) == (str(number), name, alias)
    # The model says nothing of itself: its columns are the features, in the curated schema's types.
    assert {"trip_miles", "company"} <= {column.name for column in chosen.about.columns}
    [output] = chosen.about.outputs
    assert (output.label, output.task, output.classes) == ("big_tipper", "binary", ("0", "1"))


def test_a_path_is_asked_for_as_it_is_and_knows_no_alias(config, tmp_path):
    folder = choose(config, "12").folder
    away = shutil.copytree(folder, tmp_path / "away" / "3")
    chosen = choose(config, str(away))
    assert (chosen.folder, chosen.name, chosen.alias) == (away, str(away), "")
    with pytest.raises(BadInput, match="there is no SavedModel here"):
        choose(config, str(away.parent))
    shutil.rmtree(folder)
    with pytest.raises(BadInput, match="there is no SavedModel here"):
        choose(config, "12")
    with pytest.raises(BadInput, match=r"no alias candidat of .*; did you mean candidate\?"):
        choose(config, "candidat")


def test_without_a_champion_the_remedy_is_what_lacks(tmp_path):
    config = configured(tmp_path, "registry.approval=manual")
    with pytest.raises(BadInput, match="no version of taxi is champion") as refused:
        choose(config, "")
    assert refused.value.remedy == "millrace run pushes the first version"
    with open_registry(config) as registry:
        registry.take_in([pushed(tmp_path / "taxi", 11)])
    with pytest.raises(BadInput, match="no version of taxi is champion") as refused:
        choose(config, "")
    assert "millrace models approve" in refused.value.remedy
    assert choose(config, "11").name == "version 11", "a version may be looked at before it is approved"


def test_a_model_that_says_nothing_of_its_columns_needs_a_schema(config):
    without = config.model_copy(update={"schema_": config.schema_.model_copy(update={"file": None})})
    with pytest.raises(SchemaError, match="does not say what columns it reads"):
        choose(without, "")


def test_an_alias_is_served_as_the_registry_has_it_and_a_number_by_itself(config):
    with served_model(config, "") as (served, chosen):
        assert served.path == "/v1/models/taxi/labels/champion" and chosen.name == "version 11 (champion)"
        with open_registry(config) as registry:
            assert served.config_file == registry.served_file
    with served_model(config, "12") as (served, _):
        assert served.path == "/v1/models/taxi/versions/12" and served.folder == chosen.folder.parent
        text = served.config_file.read_text()
        assert "versions: 12\n" in text and "versions: 11" not in text and "version_labels" not in text
        own = served.config_file
    assert not own.exists()
    with pytest.raises(BadInput, match="is a path, and what is served is a version"), served_model(config, "a/b"):
        pass


@pytest.mark.parametrize(
    ("options", "module"),
    [
        ([], "scorer"),
        (["--runner=DirectRunner"], "scorer"),
        (["--runner=FlinkRunner", "--flink_master=flink:8081"], "bulk_inferrer"),
    ],
)
def test_a_table_is_scored_in_this_process_unless_beam_runs_elsewhere(config, options, module):
    beam = config.beam.model_copy(update={"options": tuple(options)})
    engine = engine_here(config.model_copy(update={"beam": beam}), choose(config, ""), lambda progress: None)
    assert callable(engine) and engine.__module__ == f"millrace.prediction.{module}"


def test_the_gateway_s_request_is_that_of_a_server_with_a_user(config):
    command = gateway_command(config.file, [f"root={config.root}"], "127.0.0.1", 8080)
    assert command.startswith("curl http://127.0.0.1:8080/v1/models/taxi/labels/champion:predict -H 'x-user-id: 1' -d ")
    request = json.loads(shlex.split(command)[-1])
    assert request["signature_name"] == "predict_json" and len(request["instances"]) == 1
