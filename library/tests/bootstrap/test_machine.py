"""What the machine is, and what is missing on it."""

from pathlib import Path

import pytest

from bootstrap import machine
from bootstrap.errors import SetupError


@pytest.mark.parametrize(
    "text, family",
    [
        ("ID=debian\n", "debian"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ("ID=fedora\n", "fedora"),
        ("ID=arch\n", ""),
    ],
)
def test_the_family_is_read_from_os_release(tmp_path: Path, text: str, family: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert machine._family("Linux", tmp_path / "os-release") == family
    assert machine._family("Darwin", tmp_path / "os-release") == "macos"
    assert machine._family("Linux", tmp_path / "nowhere") == ""


def test_this_machine_is_read() -> None:
    here = machine.read_machine()
    assert here.system in ("Linux", "Darwin")
    assert here.system != "Linux" or here.glibc is None or here.glibc >= (2, 17)


def having(*tools: str):
    return lambda name: f"/usr/bin/{name}" if name in tools else None


def test_every_missing_tool_is_named_at_once_with_one_command() -> None:
    debian = machine.Machine("Linux", "x86_64", (2, 36), "debian")
    with pytest.raises(SetupError) as missing:
        machine.require_tools(debian, {}, having("make"))
    assert "git" in missing.value.what
    assert "C++ compiler" in missing.value.what
    assert missing.value.remedy.splitlines() == ["Debian, Ubuntu: sudo apt-get install git g++"]


def test_an_unknown_system_is_told_all_the_commands() -> None:
    unknown = machine.Machine("Linux", "x86_64", (2, 36), "")
    with pytest.raises(SetupError) as missing:
        machine.require_tools(unknown, {}, having("git", "make"))
    told = missing.value.remedy
    assert "apt-get install g++" in told
    assert "dnf install gcc-c++" in told
    assert "xcode-select --install" in told


@pytest.mark.parametrize("compiler", ["c++", "g++", "clang++"])
def test_any_compiler_will_do(compiler: str) -> None:
    assert machine.missing_tools({}, having("git", "make", compiler)) == []


def test_a_compiler_that_is_named_must_be_there() -> None:
    assert machine.missing_tools({"CXX": "icpx -O2"}, having("git", "make", "g++")) == ["c++"]
    assert machine.missing_tools({"CXX": "icpx -O2"}, having("git", "make", "icpx")) == []


def test_too_small_a_disk_is_refused_before_it_is_full(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"2\.0 GiB are free"):
        machine.require_space(tmp_path, free_gib=2.0)
    machine.require_space(tmp_path, free_gib=50.0)
