"""Getting uv, and what it takes over from pip's configuration."""

from pathlib import Path

import pytest

from bootstrap.commands import Runner
from bootstrap.errors import SetupError
from bootstrap.installer import from_pip, get_uv, pinned_version
from bootstrap.machine import Machine

DEBIAN = Machine("Linux", "x86_64", (2, 36), "debian")
REAL_ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/uv.txt").write_text("uv==0.0.7 \\\n    --hash=sha256:00\n")
    return tmp_path


def runner(root: Path, path: str) -> Runner:
    return Runner(root / ".cache/setup.log", {"PATH": path}, lambda line: None)


def test_a_uv_on_path_is_used(root: Path, make_tool) -> None:
    uv = make_tool(root / "bin/uv", "echo 'uv 0.9.1 (x86_64)'\n")
    assert get_uv(root, runner(root, str(root / "bin")), DEBIAN) == uv


def test_a_uv_on_path_that_is_too_old_is_passed_over(root: Path, make_tool) -> None:
    make_tool(root / "bin/uv", "echo 'uv 0.4.30'\n")
    kept = make_tool(root / ".cache/uv-0.0.7/bin/uv", "exit 0\n")
    assert get_uv(root, runner(root, str(root / "bin")), DEBIAN) == kept


def test_the_index_and_certificates_of_pip_reach_uv(root: Path, make_tool) -> None:
    make_tool(root / ".cache/uv-0.0.7/bin/uv", "exit 0\n")
    make_tool(root / ".cache/uv-0.0.7/bin/python", "echo \"global.index-url='https://mirror.example/simple'\"\n")
    runs = runner(root, "/usr/bin:/bin")
    get_uv(root, runs, DEBIAN)
    assert runs.environment["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"


def test_a_python_without_venv_is_told_with_the_package_that_brings_it(
    root: Path, make_tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = make_tool(root / "bin/python3", "exit 1\n")
    monkeypatch.setattr("sys.executable", str(bare))
    with pytest.raises(SetupError, match="without pip and venv") as refused:
        get_uv(root, runner(root, "/usr/bin:/bin"), DEBIAN)
    assert "sudo apt-get install python3-venv" in refused.value.remedy


def test_a_failed_fetch_leaves_no_half_made_uv(root: Path, make_tool, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = 'if [ "$1" = -c ]; then echo ok; exit; fi\nmkdir -p "$3/bin"; ln -s /bin/false "$3/bin/python"\n'
    monkeypatch.setattr("sys.executable", str(make_tool(root / "bin/python3", venv)))
    with pytest.raises(SetupError, match="installing uv failed"):
        get_uv(root, runner(root, "/usr/bin:/bin"), DEBIAN)
    assert not (root / ".cache/uv-0.0.7").exists()


def test_what_the_user_set_for_uv_itself_wins() -> None:
    configuration = "global.index-url='https://mirror.example/simple'\nglobal.cert='/etc/ca.pem'\n"
    assert from_pip(configuration, {"UV_DEFAULT_INDEX": "x", "SSL_CERT_FILE": "y"}) == {}
    assert from_pip(configuration, {}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "SSL_CERT_FILE": "/etc/ca.pem",
    }


def test_extra_indexes_are_not_taken_over() -> None:
    assert from_pip("global.extra-index-url='https://extra.example/simple'\nglobal.timeout='9'\n", {}) == {}


def test_the_checkout_pins_a_uv_with_hashes() -> None:
    text = (REAL_ROOT / "requirements/uv.txt").read_text()
    assert pinned_version(text)[0].isdigit()
    assert "--hash=sha256:" in text
    with pytest.raises(SetupError, match="pins no uv"):
        pinned_version("")
