"""The image's recipe, as far as it can be judged without Docker: its bases, its copies, what it runs as."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from docker_files import instructions, is_sent, stages

from bootstrap.stacks import STACKS

CHECKOUT = Path(__file__).resolve().parents[3]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
IGNORE = (CHECKOUT / ".dockerignore").read_text()
STAGES = stages(DOCKERFILE)
BUILD = yaml.safe_load((CHECKOUT / "cloudbuild.yaml").read_text())


def tracked() -> list[str]:
    """What git knows, and what it would take in; the files of a clean clone, and those that are about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return [path for path in listed.stdout.splitlines() if (CHECKOUT / path).exists()]


def sources(stack: str) -> list[str]:
    """What is copied from the checkout, for a stack."""
    copies = [copy for stage in STAGES.values() for copy in stage.of("COPY") if "--from=build" not in copy.flags]
    return [word.replace("${STACK}", stack) for copy in copies for word in copy.words[:-1]]


def test_every_base_is_pinned_by_digest_or_is_a_stage():
    for stage in STAGES.values():
        known = {name.replace(stack, "${STACK}") for name in STAGES for stack in STACKS} | set(STAGES)
        assert stage.base in known or re.fullmatch(r"[a-z]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", stage.base), stage.base


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_has_the_python_that_it_prefers(stack):
    version = "{}.{}".format(*STACKS[stack].pythons[0])
    assert STAGES[f"base-{stack}"].base.startswith(f"python:{version}-slim-")


def test_the_default_stack_is_one():
    [default] = [one.text for one in instructions(DOCKERFILE) if one.name == "ARG" and "=" in one.text]
    assert default == "STACK=current"


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_copied_is_there_and_reaches_the_build(stack):
    files = tracked()
    for source in sources(stack):
        below = [path for path in files if path == source or path.startswith(source.rstrip("/") + "/")]
        assert below, f"{source} is not in the checkout"
        for path in below:
            assert is_sent(path, IGNORE), f".dockerignore keeps {path} away"


def test_everything_that_setup_py_packs_is_copied():
    packed = re.search(r"PACKAGES = \((.*?)\)", (CHECKOUT / "setup.py").read_text())
    names = [*re.findall(r'"(\w+)"', packed[1]), "millrace"]
    assert {f"{name}/" for name in names} <= set(sources("current"))


def test_nothing_else_reaches_the_build():
    copied = {source.rstrip("/") for stack in STACKS for source in sources(stack)}
    for path in [
        *tracked(),
        "runs/taxi/metadata.db",
        ".env",
        ".venv/bin/python",
        "models/__pycache__/model.pyc",
        "key.json",
    ]:
        wanted = any(path == source or path.startswith(f"{source}/") for source in copied)
        assert is_sent(path, IGNORE) == (wanted and "__pycache__" not in path), path


def test_the_image_runs_as_nobody_special_and_can_change_nothing_of_itself():
    image = STAGES["image"]
    [user] = image.of("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user.text), "by number, which Kubernetes can check"
    [copy] = image.of("COPY")
    assert (copy.flags, copy.words) == (("--from=build",), ("/opt/millrace", "/opt/millrace"))
    assert image.instructions.index(user) > image.instructions.index(copy), "so the environment belongs to root"
    assert list(STAGES)[-1] == "image"


def test_the_compiler_and_the_caches_stay_behind():
    for stage in STAGES.values():
        for run in stage.of("RUN"):
            if "apt-get install" in run.text:
                assert "--no-install-recommends" in run.text
                assert "rm -rf /var/lib/apt/lists/*" in run.text
                assert stage.name == "build"
            assert not re.search(r"\b(sudo|curl|wget)\b", run.text)
    assert "ADD" not in {one.name for one in instructions(DOCKERFILE)}


def test_whatever_is_installed_is_checked_by_hash():
    script = (CHECKOUT / "bootstrap" / "image.sh").read_text()
    joined = re.sub(r"\\\n\s*", "", script)
    installs = [line for line in joined.splitlines() if re.match(r"\s*uv pip install", line)]
    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    for run in STAGES["build"].of("RUN"):
        assert "pip install" not in run.text or "--require-hashes" in run.text


def test_the_linter_of_dockerfiles_has_nothing_to_say():
    hadolint = str(Path(sys.executable).with_name("hadolint"))
    finished = subprocess.run([hadolint, "Dockerfile"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (0, "")


def test_cloud_build_pushes_what_it_built_and_tells_its_digest():
    build, push, tell = BUILD["steps"]
    image = "$_IMAGE:$BUILD_ID"
    assert image in build["args"] and image in push["args"] and BUILD["images"] == [image]
    [argument] = [text for text in build["args"] if "=" in text]
    assert argument == "STACK=$_STACK"
    assert BUILD["substitutions"]["_STACK"] in STACKS
    assert "image: {{index .RepoDigests 0}}" in tell["args"][-1]
    assert BUILD["options"]["substitutionOption"] == "MUST_MATCH"


@pytest.mark.parametrize(
    ("docker", "words"),
    [(None, "there is no docker here"), ("exit 1", "docker is here, but its daemon does not answer")],
)
def test_make_image_without_docker_says_what_to_do(tmp_path, docker, words):
    for tool in ("make", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    if docker:
        (tmp_path / "docker").write_text(f"#!{shutil.which('sh')}\n{docker}\n")
        (tmp_path / "docker").chmod(0o755)
    finished = subprocess.run(
        ["make", "image"], cwd=CHECKOUT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert words in finished.stderr
    assert "gcloud builds submit" in finished.stderr


def test_make_image_builds_the_stack_that_is_asked_for_and_tells_the_digest(tmp_path):
    for tool in ("make", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    (tmp_path / "docker").write_text(f'#!{shutil.which("sh")}\necho "docker $*"\n')
    (tmp_path / "docker").chmod(0o755)
    environment = {"PATH": str(tmp_path), "MILLRACE_STACK": "compatible"}
    command = ["make", "image", "IMAGE=example.org/trips/millrace:7", "PUSH=1"]
    finished = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "docker build --build-arg STACK=compatible --tag example.org/trips/millrace:7 ." in finished.stdout
    assert "docker push example.org/trips/millrace:7" in finished.stdout
    assert "RepoDigests" in finished.stdout
