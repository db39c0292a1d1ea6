"""`--env` and MILLRACE_ENV: on every command that takes a configuration, kept in next commands, shown, compared."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from millrace.base.errors import BadInput, ConfigError
from millrace.cli.cloud.service_options import also
from millrace.cli.main import millrace
from millrace.cli.options import again
from millrace.config.config import Config
from millrace.config.environments import VARIABLE
from millrace.config.loading import load
from millrace.console.pages.runs import asked_again
from millrace.metadata.resuming import to_resume
from millrace.metadata.run_folder import RunRequest, new_run
from millrace.project import project
from millrace.schema.workbench import Workbench

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the taxi pipeline and its overlays, where the command is called; its packages are not entered."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "setup.py", tmp_path)
    monkeypatch.setattr(project, "enter", lambda found: None)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(millrace, arguments, catch_exceptions=False)


def commands(group: click.Group, path: str = "millrace") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_command_that_takes_a_configuration_takes_an_environment() -> None:
    options = {path: {name for one in command.params for name in one.opts} for path, command in commands(millrace)}
    taking = {path for path, names in options.items() if "-c" in names}
    assert {"millrace run", "millrace compile", "millrace models rollback", "millrace doctor"} <= taking
    assert {path for path in taking if not {"--env", "--set"} <= options[path]} == set()


def test_the_option_is_nearer_than_the_variable(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def approval(*arguments: str) -> Any:
        shown = json.loads(run("config", "show", *arguments, "--json").stdout)
        return {one["key"]: one["value"] for one in shown}.get("registry.approval", "the default")

    assert approval() == "the default"
    assert approval("--env", "prod") == "manual"
    monkeypatch.setenv(VARIABLE, "prod")
    assert approval() == "manual"
    assert approval("--env", "dev") == "the default"
    assert approval("--env", "dev", "--set", "registry.approval=candidate") == "candidate"


def test_what_differs_is_told_with_its_places(here: Path) -> None:
    shown = run("config", "show", "--env", "prod", "--diff", "dev")
    lines = {line.split()[0]: line for line in shown.stdout.splitlines()}
    assert lines["key"].split() == ["key", "prod", "dev"]
    assert "manual; conf/environments/prod.yaml:6:13" in lines["registry.approval"]
    assert "automatic; default" in lines["registry.approval"]
    assert "4.0; conf/taxi.yaml:" in lines["vertex.defaults.cpu"]
    assert "2.0; conf/environments/dev.yaml:9:19" in lines["vertex.defaults.cpu"]
    assert "training.steps" not in lines
    [cpu] = json.loads(run("config", "show", "vertex.defaults.cpu", "--env", "prod", "--diff", "dev", "--json").stdout)
    assert cpu["after"] == {"key": "vertex.defaults.cpu", "value": 2.0, "place": "conf/environments/dev.yaml:9:19"}
    assert run("config", "show", "training", "--env", "prod", "--diff", "dev").stdout == "prod and dev say the same\n"


def test_a_secret_that_is_known_by_name_is_shown_by_no_other_key(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBPW_OF_THIS_TEST", "hunter2-secret")
    said = "metadata: {backend: mysql, host: db, port: 3306, user: me, database: ml, password_env: DBPW_OF_THIS_TEST}\n"
    (here / "conf/environments/prod.yaml").write_text(f"{said}vertex: {{environment: {{OTHER: hunter2-secret}}}}\n")
    for more in ([], ["--json"], ["--diff", "dev"], ["--diff", "dev", "--json"]):
        shown = run("config", "show", "--env", "prod", *more).output
        assert "DBPW_OF_THIS_TEST" in shown and "hunter2" not in shown, shown


def test_an_environment_that_is_not_there_ends_a_command(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "stagign")
    with pytest.raises(ConfigError, match="there is no environment stagign; did you mean staging") as refused:
        run("runs", "list")
    assert refused.value.exit_code == 2 and VARIABLE in str(refused.value.remedy)


def test_next_commands_keep_the_environment(here: Path) -> None:
    overrides = ("environment=prod", "training.steps=5")
    (here / "conf/other.yaml").write_text((here / "conf/taxi.yaml").read_text())
    assert again("conf/taxi.yaml", overrides) == " --env prod"
    assert again("conf/other.yaml", overrides) == " -c conf/other.yaml --env prod"
    assert also("conf/taxi.yaml", overrides, "kubeflow") == " --env prod --runner kubeflow"
    assert again("conf/taxi.yaml", ()) == ""
    assert Workbench.of("conf/taxi.yaml", overrides).option == " --env prod"
    config = load("conf/taxi.yaml", overrides)
    assert asked_again(config, RunRequest("conf/taxi.yaml", overrides)).startswith("millrace run --env prod --set")
    assert "millrace run --env prod" in run("runs", "list", "--env", "prod").stdout


def test_what_is_resumed_keeps_its_values_when_only_the_environment_is_named(tmp_path: Path) -> None:
    asked = ("environment=prod", "training.steps=5")
    with new_run(tmp_path, RunRequest("conf/taxi.yaml", asked)) as folder:
        folder.finish(1)
    assert to_resume(tmp_path, ("environment=prod",)).overrides == asked
    other = ("environment=prod", "training.steps=6")
    assert to_resume(tmp_path, other).overrides == other


def test_environments_are_completed(here: Path) -> None:
    complete = ShellComplete(millrace, {}, "millrace", "_MILLRACE_COMPLETE")
    for words, typed, offered in [
        (["run", "--env"], "", ["dev", "prod", "staging"]),
        (["config", "show", "--diff"], "s", ["staging"]),
        (["compile", "-c", "gone/taxi.yaml", "--env"], "", []),
    ]:
        assert [item.value for item in complete.get_completions(words, typed)] == offered


def test_both_schemas_are_written_and_either_to_a_file(here: Path) -> None:
    for file in (here / "conf").glob("*.schema.json"):
        file.unlink()
    assert run("config", "schema").exit_code == 0
    for name in ("millrace.schema.json", "millrace.overlay.schema.json"):
        assert (here / "conf" / name).read_text() == (ROOT / "conf" / name).read_text()
    assert run("config", "schema", "--overlay", "-o", "-").stdout == (ROOT / f"conf/{name}").read_text()
    with pytest.raises(BadInput, match="which schema -o writes"):
        run("config", "schema", "--overlay")


def test_runs_show_names_the_environment(here: Path) -> None:
    from millrace.metadata import provenance

    overrides = ("environment=prod", "vertex.project=my-shop")
    config: Config = load("conf/taxi.yaml", overrides)
    logs = here / "runs/taxi/environments/prod/logs"
    with new_run(logs, RunRequest(str(here / "conf/taxi.yaml"), overrides, pipeline="taxi")) as folder:
        provenance.record(folder.path, config, overrides)
        folder.finish(1)
    words = " ".join(run("runs", "show", "--env", "prod").stdout.split())
    assert "environment: prod" in words
    assert "taxi.yaml --env prod --set vertex.project=my-shop" in words


@pytest.mark.parametrize("command", ["check", "iam", "cost", "deploy vars"])
def test_what_has_to_be_compiled_first_is_named_in_its_environment(here: Path, command: str) -> None:
    with pytest.raises(BadInput) as refused:
        run(*command.split(), "-c", "conf/taxi.yaml", "--env", "prod", "--set", "vertex.project=my-project")
    assert re.search(r"millrace compile\b[^;]* --env prod", str(refused.value.remedy))


def test_a_job_that_lacks_what_an_environment_asks_for_is_compiled_again_in_it(here: Path) -> None:
    job = str(ROOT / "library/tests/jobspec/golden/taxi-vertex.json")
    shown = run("check", job, "-c", "conf/taxi.yaml", "--env", "prod", "--set", "vertex.labels.team=shop")
    assert "millrace compile --runner vertex --env prod" in " ".join(shown.output.split())
