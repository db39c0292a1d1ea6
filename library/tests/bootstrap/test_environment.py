"""The environment's life: when it is built, kept, brought up to date and built again."""

import json
import shutil
from pathlib import Path

import pytest

from bootstrap import environment, pythons
from bootstrap.commands import Runner
from bootstrap.environment import Checkout, set_up, up_to_date
from bootstrap.errors import SetupError
from bootstrap.machine import Machine
from bootstrap.stacks import COMPATIBLE, CURRENT

DEBIAN = Machine("Linux", "x86_64", (2, 36), "debian")
UV = """
if [ "$1" = --version ]; then echo "uv 0.9.0"; exit; fi
echo "$@" >> "$CALLS"
case "$1 $2" in
  "venv --quiet") mkdir -p "$5/bin"; ln -sf "$4" "$5/bin/python" ;;
  "python install") echo "dns error"; exit 2 ;;
  "pip sync") exit ${SYNC_EXIT:-0} ;;
esac
"""


class Setting:
    """A checkout with a uv that notes its calls, and one Python."""

    def __init__(self, folder: Path, make_tool, make_python) -> None:
        self.folder = folder
        self.checkout = Checkout(folder / "checkout")
        for name in ("compatible", "current", "gateway"):
            lock = self.checkout.root / "requirements" / f"{name}.txt"
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.write_text("tfx==1\n")
        self.setup_file = self.checkout.root / "library" / "setup.py"
        self.setup_file.parent.mkdir()
        self.setup_file.write_text("")
        for tool in ("git", "make", "g++"):
            make_tool(folder / "bin" / tool, "exit 0\n")
        for tool in ("mkdir", "ln", "seq"):
            (folder / "bin" / tool).symlink_to(str(shutil.which(tool)))
        make_tool(folder / "bin/uv", UV)
        self.python = make_python(folder / "bin/python3.10", "3.10.5")
        self.variables = {
            "PATH": str(folder / "bin"),
            "HOME": str(folder),
            "CALLS": str(folder / "calls"),
        }
        self.told: list = []

    def set_up(self, stack=COMPATIBLE, machine=DEBIAN, **variables: str) -> list:
        """Sets up; returns what uv was called for this time."""
        (self.folder / "calls").write_text("")
        all_variables = {**self.variables, **variables}
        runner = Runner(self.checkout.cache / "setup.log", all_variables, self.told.append)
        set_up(self.checkout, stack, machine, all_variables, runner)
        return [" ".join(line.split()[:2]) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def setting(tmp_path: Path, make_tool, make_python, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setattr(pythons, "EXTRA_FOLDERS", ())
    # uv is a stand-in that installs nothing, wherever the tests run.
    monkeypatch.setattr(environment, "require_space", lambda *_: None)
    return Setting(tmp_path, make_tool, make_python)


def test_the_first_set_up_builds_and_the_second_has_nothing_to_do(setting: Setting) -> None:
    assert setting.set_up() == ["venv --quiet", "pip sync", "pip install"]
    assert up_to_date(setting.checkout, COMPATIBLE)
    assert setting.told[-1].startswith("==> ready in ")
    assert setting.told[-1].endswith("; for the command millrace in your shell: . .venv/bin/activate")
    assert setting.set_up() == []
    assert any("Python 3.10.5" in line for line in setting.told)


def test_a_new_lock_is_installed_into_the_environment_that_is_there(setting: Setting) -> None:
    setting.set_up()
    (setting.checkout.root / "requirements/compatible.txt").write_text("tfx==2\n")
    assert not up_to_date(setting.checkout, COMPATIBLE)
    assert setting.set_up() == ["pip sync", "pip install"]


@pytest.mark.parametrize(
    ("machine", "is_added"),
    [
        (DEBIAN, True),
        (Machine("Linux", "x86_64", (2, 28), "fedora"), False),
        (Machine("Linux", "aarch64", (2, 36), "debian"), False),
        (Machine("Darwin", "arm64", None, "macos"), False),
    ],
)
def test_the_gateway_is_added_where_its_wheel_runs(setting: Setting, machine: Machine, is_added: bool) -> None:
    setting.set_up(machine=machine)
    [synced] = [line for line in (setting.folder / "calls").read_text().splitlines() if line.startswith("pip sync")]
    assert ("requirements/compatible.txt" in synced, "requirements/gateway.txt" in synced) == (True, is_added)


def test_a_changed_setup_py_of_the_library_is_installed(setting: Setting) -> None:
    setting.set_up()
    setting.setup_file.write_text("# more\n")
    assert setting.set_up() == ["pip sync", "pip install"]


def test_an_interrupted_set_up_is_built_again(setting: Setting) -> None:
    with pytest.raises(SetupError, match="installing the packages failed"):
        setting.set_up(SYNC_EXIT="1")
    (setting.checkout.venv / "leftover").write_text("")
    assert not up_to_date(setting.checkout, COMPATIBLE)
    assert setting.set_up()[0] == "venv --quiet"
    assert not (setting.checkout.venv / "leftover").exists()


def test_a_failed_update_of_a_whole_environment_is_built_again(setting: Setting) -> None:
    setting.set_up()
    (setting.checkout.root / "requirements/compatible.txt").write_text("tfx==2\n")
    with pytest.raises(SetupError, match="installing the packages failed"):
        setting.set_up(SYNC_EXIT="1")
    (setting.checkout.root / "requirements/compatible.txt").write_text("tfx==1\n")
    assert not up_to_date(setting.checkout, COMPATIBLE)
    assert setting.set_up()[0] == "venv --quiet"


def test_an_environment_whose_python_is_gone_is_built_again(setting: Setting, make_python) -> None:
    setting.set_up()
    setting.python.unlink()
    assert not up_to_date(setting.checkout, COMPATIBLE)
    make_python(setting.folder / ".pyenv/versions/3.10.7/bin/python3.10", "3.10.7")
    assert setting.set_up()[0] == "venv --quiet"


def test_a_moved_or_copied_environment_is_built_again(setting: Setting) -> None:
    """Set-up said that all was well, and the command was broken, or ran the code of the checkout it was copied from."""
    setting.set_up()
    command = setting.checkout.venv / "bin" / "millrace"
    for here in ("#!{}/bin/python3\n", "#!/bin/sh\n'''exec' '{}/bin/python' \"$0\" \"$@\"\n"):
        command.write_text(here.format(setting.checkout.venv))
        assert up_to_date(setting.checkout, COMPATIBLE)
    by_link = setting.folder / "by-link"
    by_link.symlink_to(setting.checkout.root)
    assert up_to_date(Checkout(by_link), COMPATIBLE)
    command.write_text("#!/another/checkout/.venv/bin/python\n")
    assert not up_to_date(setting.checkout, COMPATIBLE)
    assert setting.set_up()[0] == "venv --quiet", "from nothing: scripts of packages name the place too"


def test_a_named_python_takes_the_place_of_the_one_that_was_found(setting: Setting, make_python) -> None:
    setting.set_up()
    other = make_python(setting.folder / "other/python", "3.10.11")
    assert setting.set_up(MILLRACE_PYTHON=str(other))[0] == "venv --quiet"
    assert setting.set_up(MILLRACE_PYTHON=str(other)) == []
    assert json.loads(setting.checkout.stamp.read_text())["python"] == f"{other} 3.10.11"


def test_no_python_and_no_download_is_reported(setting: Setting) -> None:
    setting.python.unlink()
    with pytest.raises(SetupError, match=r"no Python 3\.10 runs .* dns error") as refused:
        setting.set_up()
    assert "pyenv install 3.10" in refused.value.remedy
    assert not setting.checkout.venv.exists()


def test_headers_are_told_where_only_they_are_missing(setting: Setting, make_python) -> None:
    make_python(setting.python, "3.10.5", headers=False)
    with pytest.raises(SetupError, match="without its C headers") as refused:
        setting.set_up()
    assert "python3.10-dev" in refused.value.remedy


def test_a_missing_compiler_stops_before_anything_is_made(setting: Setting) -> None:
    with pytest.raises(SetupError, match=r"C\+\+ compiler"):
        setting.set_up(CXX="a-compiler-that-is-nowhere")
    assert not setting.checkout.venv.exists()


def test_a_failure_tells_the_end_of_the_output_and_where_the_rest_is(setting: Setting, make_tool) -> None:
    make_tool(setting.folder / "bin/uv", UV + 'if [ "$1" = pip ]; then seq 100; echo the cause; exit 3; fi\n')
    with pytest.raises(SetupError, match="the cause") as failed:
        setting.set_up()
    assert "exit code 3" in failed.value.what
    assert "\n7\n" not in failed.value.what
    assert str(setting.checkout.cache / "setup.log") in failed.value.remedy


def test_a_linked_environment_is_not_emptied(setting: Setting) -> None:
    elsewhere = setting.folder / "precious"
    elsewhere.mkdir()
    setting.checkout.venv.symlink_to(elsewhere)
    with pytest.raises(SetupError, match="is a link"):
        setting.set_up()
    assert elsewhere.exists()


def test_both_stacks_may_take_turns(setting: Setting) -> None:
    setting.set_up()
    assert not up_to_date(setting.checkout, CURRENT)
    assert setting.set_up(CURRENT) == ["pip sync", "pip install"]
    assert up_to_date(setting.checkout, CURRENT)
    assert not up_to_date(setting.checkout, COMPATIBLE)


def test_a_broken_stamp_counts_as_none(setting: Setting) -> None:
    setting.set_up()
    setting.checkout.stamp.write_text("{")
    assert environment.read_stamp(setting.checkout) == {}
    assert setting.set_up()[0] == "venv --quiet"
