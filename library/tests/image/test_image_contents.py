"""What the image holds, without Docker: its script fills a fresh folder, and the compiled job is rehearsed from it."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from docker_files import is_sent

from bootstrap.stacks import STACKS

CHECKOUT = Path(__file__).resolve().parents[3]
STACK = next(stack for stack in STACKS.values() if metadata.version("tfx").startswith(f"{stack.tfx}."))
# Of what only works on Millrace, nothing belongs into the image.
FOR_DEVELOPERS = ("pytest", "mypy", "ruff", "hypothesis", "import-linter")
SMALL = ("training.steps=40", "evaluation.thresholds=[{metric: AUC, at_least: 0.5}]")

pytestmark = pytest.mark.slow


def context(folder: Path) -> Path:
    """The build context, as .dockerignore leaves it."""
    ignore = (CHECKOUT / ".dockerignore").read_text()
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    for path in listed.stdout.splitlines():
        if is_sent(path, ignore) and (CHECKOUT / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / path, folder / path)
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """The environment that the image has in /opt/millrace."""
    folder = tmp_path_factory.mktemp("image")
    build = context(folder / "build")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*pip, "--target", str(folder / "uv"), "-r", "requirements/uv.txt"], cwd=build, check=True)
    # The bytecode of all packages takes longer than the rest together, and proves nothing.
    environment = {**os.environ, "PATH": f"{folder / 'uv' / 'bin'}:{os.environ['PATH']}", "UV_COMPILE_BYTECODE": "0"}
    for step in ("dependencies", "project"):
        command = ["sh", "bootstrap/image.sh", step, STACK.name, sys.executable, str(folder / "environment")]
        done = subprocess.run(command, cwd=build, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    shutil.rmtree(build)
    return folder / "environment"


def inside(image: Path, home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as in a container: the image's programs, a home of its own, and nothing of this process."""
    environment = {"PATH": f"{image / 'bin'}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home)}
    passed = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return subprocess.run(
        command, cwd=home, env={**environment, **passed}, capture_output=True, text=True, check=False, timeout=1200
    )


def versions(pins: list[str]) -> dict[str, str]:
    """NAME==VERSION as a mapping, with names as the index of packages compares them (PEP 503)."""
    pairs = [pin.split("==") for pin in pins]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_it_holds_what_the_library_asks_for_at_the_versions_of_the_lock(image, tmp_path):
    script = "import importlib.metadata as all; print(*(f'{one.name}=={one.version}' for one in all.distributions()))"
    installed = versions(inside(image, tmp_path, "python", "-c", script).stdout.split())
    lock = (CHECKOUT / "requirements" / f"{STACK.name}.txt").read_text().splitlines()
    pinned = versions([line.split(" ")[0] for line in lock if "==" in line and line[0].isalnum()])
    assert installed.pop("millrace") and installed.pop("taxi-pipeline")
    assert {name: installed[name] for name in installed} == {name: pinned.get(name) for name in installed}
    assert not set(FOR_DEVELOPERS) & set(installed)


@pytest.mark.thorough
def test_the_job_rehearses_from_it_with_nothing_of_the_checkout(image, tmp_path):
    place = "import millrace, models; print(millrace.__file__, models.__file__)"
    assert all(path.startswith(str(image)) for path in inside(image, tmp_path, "python", "-c", place).stdout.split())
    for folder in ("conf", "schema"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    options = [f"--set={value}" for value in (f"root={tmp_path / 'runs'}", *SMALL)]
    finished = inside(image, tmp_path, "millrace", "rehearse", "-c", "conf/taxi.yaml", "--json", *options)
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert {task["state"] for task in report["tasks"]} == {"done"}
    assert list(Path(report["pushed_to"]).rglob("saved_model.pb"))
    assert str(CHECKOUT) not in finished.stdout + finished.stderr
