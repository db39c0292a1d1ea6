"""What a new project can do with nothing but the library's wheel and the lock, and what an upgrade means for it."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import CHECKOUT, SMALL, STACK, Away

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(away, tmp_path_factory) -> Path:
    """A project that the installed command made, set up by its own Makefile."""
    folder = tmp_path_factory.mktemp("empty")
    made = away.millrace(folder, "new", "shop")
    assert made.returncode == 0, made.stderr
    away.done(folder / "shop", "make", "setup")
    return folder / "shop"


def stages(output: str) -> dict[str, str]:
    """The state of each stage, as a run prints them."""
    return dict(re.findall(r"^  (\w+) +(done|cached|failed|refused) ", output, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def first_run(away: Away, shop: Path) -> str:
    """What its first run printed."""
    return away.done(shop, "make", "run", f"ARGS={SMALL}")


@pytest.mark.thorough
def test_it_is_the_same_from_the_wheel_as_from_the_checkout(away, shop, tmp_path):
    command = [sys.executable, "-m", "millrace.cli.main", "new", "shop", str(tmp_path / "shop")]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    for path in (tmp_path / "shop").rglob("*"):
        place = path.relative_to(tmp_path / "shop")
        if path.is_file() and path.suffix != ".whl":
            assert (shop / place).read_bytes() == path.read_bytes(), place
    [mine], [theirs] = (list((folder / "wheels").glob("*.whl")) for folder in (tmp_path / "shop", shop))
    with zipfile.ZipFile(mine) as built, zipfile.ZipFile(theirs) as repacked:
        assert set(built.namelist()) == set(repacked.namelist())


def test_a_second_set_up_has_nothing_to_do_and_needs_no_uv(away, shop):
    done = away.done(shop, "make", "setup", PATH="/usr/local/bin:/usr/bin:/bin")
    assert "==>" not in done


def test_it_runs_to_a_pushed_model(first_run, shop):
    assert set(stages(first_run).values()) == {"done"} and len(stages(first_run)) == 13
    assert list((shop / "runs/taxi/serving/taxi").glob("*/saved_model.pb"))


def test_a_runner_works_like_the_command(away, shop, first_run):
    done = away.done(shop, ".venv/bin/python", "-m", "runners.local", "--to", "ExampleGen")
    assert stages(done)["ExampleGen"] == "cached"


@pytest.mark.thorough
def test_its_own_tests_pass(away, shop):
    assert " passed" in away.done(shop, "make", "test")


@pytest.mark.thorough
def test_its_own_checks_pass(away, shop):
    away.done(shop, "make", "check")


@pytest.mark.thorough
def test_it_compiles_for_both_services_and_rehearses_to_a_pushed_model(away, shop):
    for runner in ("vertex", "kubeflow"):
        assert "compiled taxi" in away.done(shop, "make", "compile", f"ARGS=--runner {runner}")
    rehearsed = away.done(shop, "make", "rehearse", f"ARGS={SMALL} --json")
    report = json.loads(rehearsed[rehearsed.index("{") :])
    assert {task["state"] for task in report["tasks"]} == {"done"}
    assert list(Path(report["pushed_to"]).rglob("saved_model.pb"))


@pytest.mark.thorough
def test_beams_workers_get_the_project_and_the_library(away, shop, tmp_path):
    code = "import sys; from pathlib import Path; from millrace.beam.package import package_problems as problems; "
    code += "[print(problem) for problem in problems('setup.py', Path(sys.argv[1]))]"
    assert away.done(shop, ".venv/bin/python", "-c", code, str(tmp_path)) == ""
    assert list((tmp_path / "packed").glob("shop-*.tar.gz")) and list((tmp_path / "library").glob("millrace-*.whl"))


@pytest.mark.thorough
def test_its_image_holds_it_and_the_library(away, shop, tmp_path):
    build = tmp_path / "build"
    shutil.copytree(shop, build, ignore=shutil.ignore_patterns(".venv", "runs", "__pycache__", ".*_cache"))
    environment = tmp_path / "environment"
    for step in ("dependencies", "project"):
        away.done(
            build,
            "sh",
            "bootstrap/image.sh",
            step,
            STACK.name,
            str(away.variables["MILLRACE_PYTHON"]),
            str(environment),
        )
    code = "import models, millrace, pipeline.pipeline; print(models.__file__, millrace.__file__)"
    home = tmp_path / "home"
    home.mkdir()
    assert away.done(home, str(environment / "bin/python"), "-c", code).count(str(environment)) == 2


@pytest.mark.thorough
def test_an_image_without_the_librarys_wheel_says_what_to_do(away, shop, tmp_path):
    shutil.copytree(shop, tmp_path / "build", ignore=shutil.ignore_patterns(".venv", "runs", "*.whl"))
    command = ("sh", "bootstrap/image.sh", "dependencies", STACK.name, sys.executable, str(tmp_path / "environment"))
    refused = away.run(tmp_path / "build", *command)
    assert refused.returncode == 2 and "make setup MILLRACE=" in refused.stderr


@pytest.mark.thorough
def test_a_table_of_ones_own_runs_to_a_pushed_model(away, shop, tmp_path):
    rows = [
        f"{age},{card},{int(age + seen > 44)}"
        for age in range(20, 70)
        for card in ("gold", "plain")
        for seen in range(20)
    ]
    (tmp_path / "my.csv").write_text("\n".join(["age,card,income", *rows]) + "\n")
    made = away.millrace(tmp_path, "new", "stall", "--data", "my.csv", "--label", "income")
    assert made.returncode == 0, made.stderr
    (tmp_path / "stall/.venv").symlink_to(shop / ".venv")
    done = away.done(tmp_path / "stall", "make", "run")
    assert "pushed to:" in done
    # The notebooks, minutes of all the tests, were tried in the other project.
    assert " passed" in away.done(tmp_path / "stall", "make", "test", "ARGS=--ignore=tests/test_notebooks.py")


@pytest.mark.thorough
def test_a_patch_of_the_library_changes_nothing_and_keeps_the_cache(away, shop, first_run, released):
    # Of the same values before the patch, so that what follows it may all come from the cache: the first run may bless
    # anew, and the second holds its data to that blessing's.
    for _ in range(2):
        away.done(shop, "make", "run", f"ARGS={SMALL}")
    wheel = released("0.2.99")
    away.done(shop, "make", "setup", f"MILLRACE={wheel}")
    assert [path.name for path in (shop / "wheels").glob("*.whl")] == [wheel.name]
    assert "0.2.99" in away.done(shop, ".venv/bin/millrace", "--version")
    states = stages(away.done(shop, "make", "run", f"ARGS={SMALL}"))
    # A resolver looks anew each time.
    assert states.pop("LatestBlessedModel") == states.pop("LatestBlessedData") == "done"
    assert set(states.values()) == {"cached"} and len(states) == 11


@pytest.mark.thorough
def test_a_library_that_does_not_fit_is_refused(away, shop, released):
    away.done(shop, "make", "setup", f"MILLRACE={released('0.3.0')}")
    for command in ("run", "check", "runs"):
        refused = away.run(shop, ".venv/bin/millrace", command)
        assert refused.returncode == 2
        assert "this project was made for millrace>=0.2,<0.3, and 0.3.0 is installed" in refused.stderr
        assert "setup.py" in refused.stderr and "raise LIBRARY" in refused.stderr and "Traceback" not in refused.stderr


def fake(folder: Path, name: str, *modules: str) -> Path:
    """A small distribution with modules of these names."""
    (folder / name).mkdir(parents=True)
    for module in modules:
        (folder / name / f"{module}.py").write_text(f"WHOSE = {name!r}\n\n\nclass Schema:\n    pass\n")
    (folder / name / "setup.py").write_text(
        f"from setuptools import setup\nsetup(name={name!r}, version='1', py_modules={list(modules)})\n"
    )
    return folder / name


@pytest.mark.thorough
@pytest.mark.parametrize("order", ["they come first", "they come last"])
def test_packages_called_like_the_projects_may_be_installed_beside(away, library, tmp_path, order):
    """As PyPI's schema, models, pipeline and conf are called."""
    python = str(away.environment / "bin" / "python")
    install = ("uv", "pip", "install", "--quiet", "--no-deps", "--no-index", "--python", python)
    names = ("schema", "models", "pipeline", "conf")
    others = [str(fake(tmp_path, f"other-{name}", name)) for name in names]
    mine = ("--reinstall", str(library))
    steps = [("--no-build-isolation", *others), mine]
    away.done(tmp_path, "uv", "pip", "uninstall", "--quiet", "--python", python, "millrace")
    for step in steps if order == "they come first" else reversed(steps):
        away.done(tmp_path, *install, *step)
    try:
        assert away.millrace(tmp_path, "new", "shop").returncode == 0
        whose = "import schema, models, conf; print(schema.WHOSE, models.WHOSE, conf.WHOSE, schema.Schema.__name__)"
        seen = away.done(tmp_path, python, "-c", whose).split()
        assert seen == ["other-schema", "other-models", "other-conf", "Schema"]
        compiled = away.millrace(tmp_path / "shop", "compile")
        assert compiled.returncode == 0, compiled.stderr
        assert "distribution other-models brings a package called models" in " ".join(compiled.stdout.split())
        doctor = json.loads(away.millrace(tmp_path / "shop", "doctor", "--json").stdout)
        [told] = [check for check in doctor["checks"] if check["name"] == "Tell the project's packages apart"]
        assert told["state"] == "no" and "models comes with other-models too" in told["detail"]
        assert "other-schema" not in told["detail"] and "other-conf" not in told["detail"]
    finally:
        away.done(
            tmp_path, "uv", "pip", "uninstall", "--quiet", "--python", python, *(f"other-{name}" for name in names)
        )
