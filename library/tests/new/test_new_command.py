"""`millrace new` through its command: what it writes, what it refuses, and that it leaves nothing half done."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from millrace.base.errors import BadInput, MillraceError
from millrace.cli.data.new import new
from millrace.config.loading import load
from millrace.init import plan
from millrace.new import project_files as files
from millrace.new import write
from millrace.new.beside import folder_beside
from millrace.project.project import Project

CHECKOUT = Path(__file__).resolve().parents[3]


def make(*arguments: str) -> str:
    """Runs the command; what it refuses is raised."""
    result = CliRunner().invoke(new, arguments, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.output


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table(here) -> Path:
    rows = [f"{age},{'gold' if age % 3 else 'plain'},{int(age > 40)}" for age in range(20, 70)] * 8
    (here / "my.csv").write_text("\n".join(["age,card,income", *rows]) + "\n")
    return here / "my.csv"


def test_the_next_command_can_be_pasted_where_the_folder_has_spaces(here):
    assert "next: cd 'my own/shop' && make run" in make("shop", "my own/shop")


def test_the_taxi_project_has_the_checkouts_own_files(here):
    said = make("shop")
    assert "cd shop && make run" in said
    shop = here / "shop"
    for place in ("pipeline/pipeline.py", "models/model.py", "conf/taxi.yaml", "schema/taxi/schema.pbtxt"):
        assert (shop / place).read_bytes() == (CHECKOUT / place).read_bytes()
    for place in (
        "runners/local.py",
        "notebooks/look_at_data.ipynb",
        "tests",
        "custom_components",
        "requirements/current.txt",
        ".gitignore",
        "Makefile",
    ):
        assert (shop / place).exists(), place
    assert (shop / "conf/default").read_text() == "taxi.yaml\n"
    assert [path.name for path in here.iterdir()] == ["shop"], "nothing else was left"
    assert not {"millrace", "library", "benchmarks", "docs"} & {path.name for path in shop.iterdir()}


def test_it_is_named_and_fits_this_library(here):
    make("corner-shop")
    shop = here / "corner-shop"
    assert 'NAME = "corner-shop"' in (shop / "setup.py").read_text()
    assert "corner-shop" in (shop / "README.md").read_text() and "corner-shop" in (shop / "Makefile").read_text()
    made = Project(shop)
    assert made.library == "millrace>=0.2,<0.3" and made.shipped >= {"models", "pipeline", "custom_components"}
    [wheel] = (shop / "wheels").glob("*.whl")
    assert re.fullmatch(r"millrace-0\.2\.\d+-py3-none-any\.whl", wheel.name)


def test_no_machine_path_registry_or_placeholder_is_in_it(here):
    make("shop")
    for path in (here / "shop").rglob("*"):
        if path.is_file() and path.suffix != ".whl":
            text = path.read_text()
            for unwanted in (str(CHECKOUT), str(here), "PROJECT-NAME", "--index-url", "--find-links", "/simple"):
                assert unwanted not in text, f"{unwanted} in {path}"


def test_with_data_the_pipeline_is_the_tables(here, table):
    said = make("shop", "--data", str(table), "--label", "income")
    assert "income" in said
    shop = here / "shop"
    assert [path.name for path in (shop / "conf").glob("*.yaml")] == ["shop.yaml"]
    assert (shop / "conf/default").read_text() == "shop.yaml\n"
    assert [path.name for path in (shop / "schema").iterdir()] == ["shop"]
    config = yaml.safe_load((shop / "conf/shop.yaml").read_text())
    assert config["label"]["column"] == "income" and set(config["features"]) == {"age", "card"}
    assert config["schema"]["file"] == "../schema/shop/schema.pbtxt"
    assert config["data"]["path"] == "../..", "no place of this machine is written down"
    assert load(shop / "conf/shop.yaml").data.path == str(here)
    # As the first line of its Makefile has it.
    assert load(shop / "conf/shop.yaml", ["training.steps=200"]).training.steps == 200


@pytest.fixture
def fork(tmp_path_factory, table, monkeypatch) -> Path:
    """A checkout in which `millrace init` has made pipelines of its own, and which works on one of them."""
    root = tmp_path_factory.mktemp("fork") / "checkout"
    for place in files.collect(CHECKOUT):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / place, root / place)
    for name in ("cancel-date", "taxi-2"):
        plan.write(plan.make_plan([str(table)], "income", name, root))
        (root / "conf" / f"{name}.json").write_text("{}")
    (root / "conf/default").write_text("cancel-date.yaml\n")
    monkeypatch.setattr(files, "checkout", lambda: root)
    return root


def places(folder: Path) -> set[str]:
    found = [path for name in ("conf", "schema") for path in (folder / name).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix() for path in found}


def test_from_a_fork_it_takes_no_pipeline_but_the_tables(here, table, fork):
    make("a1", "--data", str(table), "--label", "income")
    assert places(here / "a1") == {
        "conf/a1.yaml",
        "conf/default",
        "conf/millrace.overlay.schema.json",
        "conf/millrace.schema.json",
        "schema/a1/schema.pbtxt",
    }
    assert (here / "a1/conf/default").read_text() == "a1.yaml\n"


def test_from_a_fork_it_takes_no_pipeline_but_the_taxi_one(here, fork):
    make("a1")
    taxi = {
        "conf/taxi.yaml",
        "conf/default",
        "conf/millrace.overlay.schema.json",
        "conf/millrace.schema.json",
        "schema/taxi/schema.pbtxt",
    }
    assert places(here / "a1") == taxi
    assert (here / "a1/conf/default").read_text() == "taxi.yaml\n"


def test_a_fork_without_the_taxi_pipeline_makes_projects_for_tables_alone(here, table, fork):
    (fork / "conf/taxi.yaml").unlink()
    with pytest.raises(BadInput, match="no longer in this checkout") as refused:
        make("a1")
    assert "--data FILE --label COLUMN" in refused.value.remedy and not (here / "a1").exists()
    make("a1", "--data", str(table), "--label", "income")
    assert (here / "a1/conf/a1.yaml").is_file()


def test_a_name_with_other_signs_is_answered_with_the_one_that_would_do(here):
    with pytest.raises(BadInput) as refused:
        make("Corner_Shop")
    assert refused.value.remedy.endswith(": millrace new corner-shop")


def test_a_folder_of_another_name_and_an_empty_one_will_do(here):
    (here / "work").mkdir()
    make("shop", "work")
    make("stall", "somewhere/deep")
    assert (here / "work/setup.py").is_file() and (here / "somewhere/deep/setup.py").is_file()


@pytest.mark.parametrize("name", ["Shop", "my shop", "../shop", "-shop", "shop-", "7up", "", "x" * 61, "millrace"])
def test_a_bad_name_is_refused(here, name):
    with pytest.raises(BadInput) as refused:
        make("--", name)
    assert refused.value.remedy and list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["numpy", "tfx", "typing-extensions", "uv"])
def test_the_name_of_a_package_that_the_project_needs_is_refused(here, name):
    with pytest.raises(BadInput, match=f"{name} is a package that the project stands on") as refused:
        make(name)
    assert f"my-{name}" in refused.value.remedy and list(here.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(here):
    (here / "shop").mkdir()
    (here / "shop" / "mine").write_text("precious")
    with pytest.raises(BadInput, match="not empty"):
        make("shop")
    (here / "stall").write_text("a file")
    with pytest.raises(BadInput, match="no folder"):
        make("stall")
    assert [path.name for path in (here / "shop").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--label", "income"], "--label names a column"),
        (["--data", "my.csv"], "which column"),
        (["--data", "my.csv", "--label", "incomes"], "incomes"),
        (["--data", "none.csv", "--label", "income"], "none.csv"),
    ],
)
def test_data_that_will_not_do_is_told_before_anything_is_written(here, table, arguments, words):
    with pytest.raises(MillraceError) as refused:
        make("shop", *arguments)
    assert words in str(refused.value) and refused.value.exit_code == 2
    assert [path.name for path in here.iterdir()] == ["my.csv"]


def test_it_is_written_whole_or_not_at_all(here, monkeypatch):
    def fails(folder):
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(write, "library_wheel", fails)
    with pytest.raises(BadInput, match="No space left"):
        make("shop")
    assert list(here.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(here):
    left = here / ".shop.millrace-new-abc"
    (left / "conf").mkdir(parents=True)
    others = [here / ".shop.settings", here / ".stall.millrace-new-abc"]
    for other in others:
        other.mkdir()
    with folder_beside(here / "shop") as beside:
        assert not left.exists()
        make("shop")
        assert beside.is_dir(), "a second process leaves it alone"
    assert sorted(here.iterdir()) == sorted([here / "shop", *others])


def test_a_killed_process_holds_nothing(here):
    code = "import os, sys; from pathlib import Path; from millrace.new.beside import folder_beside\n"
    code += "with folder_beside(Path('shop')):\n    os.kill(os.getpid(), 9)\n"
    killed = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=False)
    assert killed.returncode == -9 and [path.name[:6] for path in here.iterdir()] == [".shop."]
    make("shop")
    assert [path.name for path in here.iterdir()] == ["shop"]


def test_a_file_that_no_longer_reads_as_expected_is_reported(here, monkeypatch):
    monkeypatch.setitem(files._REPLACED, "setup.py", {"not in it": ""})
    with pytest.raises(MillraceError, match="0 times"):
        make("shop")
    assert list(here.iterdir()) == []


def test_an_installation_without_the_files_says_so(here, monkeypatch):
    monkeypatch.setattr(files, "checkout", lambda: None)
    monkeypatch.setattr(files, "_IN_WHEEL", here / "nowhere")
    with pytest.raises(MillraceError, match="without the files of a project"):
        make("shop")


def test_others_may_read_what_is_written(tmp_path):
    make("shop", str(tmp_path / "shop"))
    assert (tmp_path / "shop").stat().st_mode & 0o777 == 0o755
