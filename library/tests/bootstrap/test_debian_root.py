"""What a try on a fresh Debian is made of; the tries themselves are `make stack-current` and `stack-compatible`."""

import subprocess
from pathlib import Path

import pytest

from bootstrap import __main__ as command_line
from bootstrap import debian_root
from bootstrap.errors import SetupError
from bootstrap.machine import Machine

DEB822 = """\
Types: deb
# http://archive.example/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
"""
SECURITY = "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\n"


def written(tmp_path: Path, *texts: str) -> list:
    paths = [tmp_path / f"{number}.sources" for number in range(len(texts))]
    for path, text in zip(paths, texts):
        path.write_text(text)
    return paths


def test_the_mirror_is_the_one_that_apt_uses(tmp_path: Path) -> None:
    assert debian_root.mirror({}, written(tmp_path, SECURITY, DEB822)) == "http://mirror.example/debian"
    old = "deb [signed-by=/x.gpg] https://mirror.example/debian/ bookworm main\n"
    assert debian_root.mirror({}, written(tmp_path, old)) == "https://mirror.example/debian/"


def test_another_mirror_can_be_named(tmp_path: Path) -> None:
    named = {"MILLRACE_DEBIAN_MIRROR": "http://near.example/debian"}
    assert debian_root.mirror(named, written(tmp_path, DEB822)) == "http://near.example/debian"


def test_without_a_mirror_it_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no Debian mirror") as refused:
        debian_root.mirror({}, written(tmp_path, "# deb http://mirror.example/debian bookworm main\n", SECURITY))
    assert "MILLRACE_DEBIAN_MIRROR" in refused.value.remedy


def test_only_root_may_try(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="only be built and entered by root") as refused:
        debian_root.require_able(1000, {"PATH": "/usr/bin:/bin"})
    assert "sudo" in refused.value.remedy


def test_a_missing_debootstrap_is_reported(tmp_path: Path, make_tool) -> None:
    for tool in ("unshare", "chroot", "git"):
        make_tool(tmp_path / tool, "exit 0\n")
    with pytest.raises(SetupError, match="not found on this machine: debootstrap") as refused:
        debian_root.require_able(0, {"PATH": str(tmp_path)})
    assert refused.value.remedy == "sudo apt-get install debootstrap"


def test_a_mount_that_was_left_is_never_deleted_through(tmp_path: Path) -> None:
    # /dev/shm is mounted wherever tests run; what holds a mount is refused, not emptied.
    with pytest.raises(SetupError, match="something is mounted"):
        debian_root._remove(Path("/dev"))
    (tmp_path / "old/inner").mkdir(parents=True)
    debian_root._remove(tmp_path / "old")
    assert not (tmp_path / "old").exists()


def test_only_what_reaches_the_registries_and_what_was_asked_for_is_passed_on() -> None:
    host = {"https_proxy": "http://proxy:3128", "UV_DEFAULT_INDEX": "https://index", "SECRET": "x", "PYTHONPATH": "/x"}
    host |= {"ARGS": "library/tests/console -v", "WITH": "chromium"}
    inner = debian_root.inner_environment(host, Path("/home/me/.pyenv/versions/3.11.7"), certificates=True)
    names = {line.split("=", 1)[0] for line in inner}
    assert names == {
        *("HOME", "PATH", "LANG", "https_proxy", "UV_DEFAULT_INDEX", "PYENV_ROOT", "ARGS", "WITH"),
        *debian_root.CERTIFICATES,
    }
    assert "PYENV_ROOT=/home/me/.pyenv" in inner


def test_an_interpreter_of_pyenv_is_found_or_reported(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    for release in ("3.11.2", "3.11.10"):
        (tmp_path / ".pyenv/versions" / release).mkdir(parents=True)
    found = debian_root.find_interpreter("3.11", home, required=True)
    assert found is not None and found.name == "3.11.10"
    assert debian_root.find_interpreter("3.10", home, required=False) is None
    assert debian_root.find_interpreter("", home, required=False) is None
    with pytest.raises(SetupError, match=r"no Python 3\.10"):
        debian_root.find_interpreter("3.10", home, required=True)


def test_host_settings_hold_the_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("a certificate\n")
    debian_root.write_host_settings(tmp_path / "above", {"PIP_CERT": str(tmp_path / "ca.pem")})
    assert (tmp_path / "above/etc/ssl/host.pem").read_text() == "a certificate\n"


@pytest.mark.parametrize("script", ["enter_root.sh", "visit.sh", "python.sh"])
def test_the_scripts_parse(script: str) -> None:
    folder = Path(debian_root.__file__).parent
    assert subprocess.run(["sh", "-n", str(folder / script)], capture_output=True).stderr == b""


def test_where_nothing_may_be_mounted_it_says_so(tmp_path: Path, make_tool, monkeypatch) -> None:
    for tool in ("debootstrap", "chroot", "git"):
        make_tool(tmp_path / tool, "exit 0\n")
    make_tool(tmp_path / "unshare", "echo 'unshare failed: Operation not permitted' >&2; exit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="does not let root mount") as refused:
        debian_root.require_able(0, {"PATH": str(tmp_path)})
    assert "--privileged" in refused.value.remedy


@pytest.mark.parametrize("chosen, other", [("current", "compatible"), ("compatible", "current")])
def test_the_other_stack_is_the_one_that_set_up_does_not_choose(monkeypatch, chosen: str, other: str) -> None:
    machine = Machine("Linux", "x86_64", (2, 41), "debian")
    monkeypatch.setattr(command_line, "read_machine", lambda: machine)
    monkeypatch.setenv("MILLRACE_STACK", chosen)
    assert command_line._stack_named("other") == other
    assert command_line._stack_named("current") == "current"
