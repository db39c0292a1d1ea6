"""What pages read is kept by what it was read from, as long as there is room."""

from pathlib import Path

from millrace.base import files
from millrace.base.kept import Kept, KeptFiles


def test_what_is_kept_is_made_once_and_the_oldest_makes_room():
    kept, made = Kept[str](2), []

    def value(key: str) -> str:
        return kept.get(key, lambda: made.append(key) or key.upper())

    assert [value(key) for key in "abab"] == ["A", "B", "A", "B"] and made == ["a", "b"]
    assert value("c") == "C" and [value("b"), value("c")] == ["B", "C"]
    assert made == ["a", "b", "c"], "the newest two stay"
    assert value("a") == "A" and made == ["a", "b", "c", "a"]
    kept.clear()
    assert value("a") == "A" and made[-1] == "a" and len(made) == 5


def test_a_file_is_read_once_until_it_is_another_one(tmp_path: Path) -> None:
    file, read = tmp_path / "run.json", list[str]()

    now = [0.0]
    kept = KeptFiles[str](10, lambda: now[0])

    def text() -> str:
        return kept.get(file, lambda: read.append("read") or file.read_text())

    files.write(file, "one")
    now[0] = file.stat().st_mtime + 10
    assert [text(), text()] == ["one", "one"] and len(read) == 1
    files.write(file, "two")
    now[0] = file.stat().st_mtime + 10
    assert [text(), text()] == ["two", "two"] and len(read) == 2, "of the same size, and another file"
    now[0] = file.stat().st_mtime + 1
    assert [text(), text()] == ["two", "two"] and len(read) == 4, "what is so young may change within a tick"
    file.unlink()
    assert kept.get(file, lambda: "gone") == "gone"
