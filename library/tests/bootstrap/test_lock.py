"""Refreshing the locks, and what the locks of this checkout may hold."""

import re
from pathlib import Path

import pytest

from bootstrap.commands import Runner
from bootstrap.errors import SetupError
from bootstrap.lock import changes, lock_all, pins

REAL_ROOT = Path(__file__).resolve().parents[3]
NAMES = ("compatible.txt", "current.txt", "deploy.txt", "docs.txt", "gateway.txt", "tables.txt", "uv.txt")
LOCKS = [REAL_ROOT / "requirements" / name for name in NAMES]
BEFORE = (
    "click==8.1 \\\n    --hash=sha256:aa\nkfp==2.5 ; python_full_version < '3.12' \\\n    --hash=sha256:bb\nold==1\n"
)
AFTER = (
    "click==8.2 \\\n    --hash=sha256:aa\nkfp==2.5 ; python_full_version < '3.12' \\\n    --hash=sha256:cc\nnew[x]==3\n"
)


def test_changes_are_told_a_line_a_package() -> None:
    assert changes(BEFORE, AFTER) == ["click: 8.1 -> 8.2", "new: not there -> 3", "old: 1 -> removed"]
    assert changes(BEFORE, BEFORE) == []


def test_versions_for_different_pythons_are_told_with_their_markers() -> None:
    assert pins("a==1 ; python_version < '3.11' \\\na==2 ; python_version >= '3.11'\n") == {
        "a": "1 (python_version < '3.11'), 2 (python_version >= '3.11')"
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/current.txt").write_text("a==1\n")
    return tmp_path


def test_all_locks_are_replaced_and_the_changes_told(root: Path, make_tool) -> None:
    uv = make_tool(root / "uv", 'for last; do :; done; echo "a==2" > "$last"\n')
    told: list = []
    lock_all(root, uv, Runner(root / "log", {}, told.append), [])
    assert "    a: 1 -> 2" in told
    assert "requirements/uv.txt: 1 changed" in told
    assert sorted(path.name for path in (root / "requirements").iterdir()) == list(NAMES)


def test_nothing_is_replaced_when_one_cannot_be_resolved(root: Path, make_tool) -> None:
    uv = make_tool(root / "uv", 'for last; do :; done; echo "a==2" > "$last"; case "$last" in *uv.*) exit 1;; esac\n')
    with pytest.raises(SetupError, match="resolving uv failed"):
        lock_all(root, uv, Runner(root / "log", {}, lambda line: None), [])
    assert (root / "requirements/current.txt").read_text() == "a==1\n"
    assert [path.name for path in (root / "requirements").iterdir()] == ["current.txt"]


@pytest.mark.parametrize("packages, option", [(["all"], "--upgrade "), (["rich"], "--upgrade-package=rich")])
def test_what_to_upgrade_is_handed_on(root: Path, make_tool, packages: list, option: str) -> None:
    uv = make_tool(root / "uv", f'for last; do :; done; echo "$@" >> {root}/calls; : > "$last"\n')
    lock_all(root, uv, Runner(root / "log", {}, lambda line: None), packages)
    assert (root / "calls").read_text().count(option) == len(NAMES)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_everything_by_hash_and_names_no_place(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[A-Za-z0-9][\w.\[\],-]*==\S+", entry) for entry in entries)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--index|--find-links|/home/|/root/|/work/", text)
