"""The JSON schema for editors: what they are shown, and that it takes what Millrace takes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from millrace.cli.main import millrace
from millrace.config import json_schema
from millrace.init.plan import make_plan, write

ROOT = Path(__file__).resolve().parents[3]
TAXI = ROOT / "conf" / "taxi.yaml"


def mistakes(values: Any) -> list[str]:
    # As JSON: YAML's dates are texts to an editor.
    plain = json.loads(json.dumps(values, default=str))
    return [error.message for error in Draft202012Validator(json_schema.json_schema()).iter_errors(plain)]


def test_the_file_in_conf_is_what_the_model_says() -> None:
    assert (ROOT / "conf" / json_schema.FILE_NAME).read_text(encoding="utf-8") == json_schema.text(), "make golden"


def test_the_shipped_configuration_names_it_and_fits() -> None:
    text = TAXI.read_text(encoding="utf-8")
    assert text.startswith(json_schema.LINE + "\n")
    assert mistakes(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "section, key, value",
    [
        ("training", "setps", 100),
        ("training", "steps", "many"),
        ("data", "format", "excel"),
        ("features", "fare", {"kind": "numeric", "scale": "cube"}),
        ("features", "fare", {"scale": "log"}),
        ("model", "dropout", 1.5),
    ],
)
def test_a_mistake_is_seen_while_it_is_typed(section: str, key: str, value: Any) -> None:
    values = yaml.safe_load(TAXI.read_text(encoding="utf-8"))
    assert mistakes({**values, section: {**values[section], key: value}})


def test_an_editor_is_told_what_a_key_means() -> None:
    training = json_schema.json_schema()["$defs"]["Training"]["properties"]
    assert training["epochs"]["description"] == "passes over the train split; in place of steps"
    assert "title" not in training["epochs"]


def test_what_init_writes_names_a_schema_that_lies_beside_it(tmp_path: Path) -> None:
    table = tmp_path / "trips.csv"
    table.write_text("miles,late\n" + "".join(f"{n % 17}.5,{'yes' if n % 3 else 'no'}\n" for n in range(300)))
    (tmp_path / "conf").mkdir()
    write(make_plan([str(table)], "late", "trips", tmp_path))
    text = (tmp_path / "conf" / "trips.yaml").read_text(encoding="utf-8")
    named = text.partition("\n")[0].partition("$schema=")[2]
    assert (tmp_path / "conf" / named).read_text(encoding="utf-8") == json_schema.text()
    assert mistakes(yaml.safe_load(text)) == []


def test_the_schema_is_written_where_the_project_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "setup.py").write_text((ROOT / "setup.py").read_text(encoding="utf-8"))
    for package in ("pipeline", "models", "custom_components"):
        (tmp_path / package).mkdir()
    monkeypatch.chdir(tmp_path)
    millrace.main(["config", "schema"], standalone_mode=False)
    assert (tmp_path / "conf" / json_schema.FILE_NAME).read_text(encoding="utf-8") == json_schema.text()
    capsys.readouterr()
    millrace.main(["config", "schema", "-o", "-"], standalone_mode=False)
    assert capsys.readouterr().out == json_schema.text()


def test_keys_are_listed_with_type_default_and_meaning(capsys: Any) -> None:
    millrace.main(["config", "keys", "training"], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["training.batch_size", "64", "whole", "number", "(at", "least", "1);", "rows", "of", "a", "training", "step"]  # fmt: skip  # noqa: E501
    assert len(lines) == 12
