"""Which configuration a command takes when none is named, and what is told when that leads nowhere."""

import click
import pytest
from click.testing import CliRunner

from millrace.base.errors import ConfigError
from millrace.cli.options import VARIABLE, config_options
from millrace.project import project
from millrace.project.default_configuration import option


@click.command()
@config_options
def chosen(config_file: str, overrides: tuple[str, ...]) -> None:
    """Prints the configuration that it was given."""
    click.echo(config_file)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(chosen, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.strip()


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A project with two configurations, where the command is called; its packages are not entered."""
    root = tmp_path / "shop"
    (root / "conf").mkdir(parents=True)
    (root / "models").mkdir()
    (root / "setup.py").write_text('LIBRARY = "millrace>=0.2,<0.3"\n')
    for name in ("taxi.yaml", "other.yaml"):
        (root / "conf" / name).write_text("name: x\n")
    monkeypatch.setattr(project, "enter", lambda found: None)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(root)
    return root


def test_the_default_is_named_by_its_file(shop):
    (shop / "conf/default").write_text("taxi.yaml\n")
    assert run() == "conf/taxi.yaml"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "cannot be read"),
        (b"gone.yaml", "names 'gone.yaml', which is no configuration in conf/"),
        (b"taxi", "names 'taxi', which is no configuration in conf/; did you mean taxi.yaml?"),
        (b"../../elsewhere.yaml", "names '../../elsewhere.yaml'"),
        (b"taxi.yaml\nother.yaml", r"names 'taxi.yaml\nother.yaml'"),
    ],
)
def test_a_default_that_leads_nowhere_is_told_by_its_own_file(shop, content, words):
    (shop.parent / "elsewhere.yaml").write_text("name: x\n")
    (shop / "conf/default").write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        run()
    assert words in refused.value.what
    assert refused.value.where == str(shop / "conf/default")
    assert "write the name of one file of conf/ in it: other.yaml, taxi.yaml" in refused.value.remedy


def test_a_next_command_names_a_file_so_that_it_can_be_pasted(shop):
    assert option("conf/other two.yaml") == " -c 'conf/other two.yaml'"


def test_a_variable_that_was_set_in_another_folder_is_told_by_its_name(shop, monkeypatch):
    monkeypatch.setenv(VARIABLE, "conf/taxi.yaml")
    assert run() == "conf/taxi.yaml"
    monkeypatch.chdir(shop / "models")
    with pytest.raises(ConfigError, match=rf"{VARIABLE} names conf/taxi\.yaml.*mean \.\./conf/taxi\.yaml\?") as refused:
        run()
    assert "absolute path" in refused.value.remedy
    assert run("-c", "../conf/other.yaml") == "../conf/other.yaml", "what is named by hand goes before it"
