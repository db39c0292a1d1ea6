"""Schema files on disk: written whole or not at all, one edit after the other, and back."""

import errno
import multiprocessing
import subprocess

import pytest

from millrace.base.errors import SchemaError
from millrace.schema import files
from millrace.textproto import schema_text

TEXT = '# a comment\nfeature { name: "a" type: INT }\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "schema" / "schema.pbtxt"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def history(file):
    return files.History(file.parent.parent / "history", file)


def test_an_edit_leaves_nothing_beside_the_file_and_can_be_taken_back(file):
    history(file).change(TEXT, TEXT + "# more\n", "test", ("words",))
    assert [path.name for path in file.parent.iterdir()] == ["schema.pbtxt"]
    assert file.read_text() == TEXT + "# more\n"
    assert history(file).undo().why == "test"
    assert file.read_text() == TEXT


def test_edits_are_taken_back_one_after_the_other(file):
    history(file).change(TEXT, TEXT + "# 1\n", "one", ())
    history(file).change(TEXT + "# 1\n", TEXT + "# 1\n# 2\n", "two", ())
    assert [history(file).undo().why, history(file).undo().why] == ["two", "one"]
    assert file.read_text() == TEXT
    with pytest.raises(SchemaError, match="no edit"):
        history(file).undo()


def test_an_edit_on_record_that_was_never_written_is_not_taken_back(file):
    history(file).change(TEXT, TEXT + "# 1\n", "one", ())
    recorded = history(file)
    recorded._record(files.Edit(2, "", "died", (), TEXT + "# 1\n", TEXT + "# 2\n"))
    assert history(file).undo().why == "one"
    assert file.read_text() == TEXT


def test_a_text_that_is_no_schema_is_never_written(file):
    with pytest.raises(SchemaError, match="no field named nam"):
        history(file).change(TEXT, 'feature { nam: "a" }', "test", ())
    assert file.read_text() == TEXT
    assert history(file).edits() == []


def test_an_edit_of_a_text_that_is_no_longer_there_is_refused(file):
    file.write_text(TEXT + "# by hand\n")
    with pytest.raises(SchemaError, match="changed since it was read"):
        history(file).change(TEXT, TEXT + "# mine\n", "test", ())
    assert file.read_text() == TEXT + "# by hand\n"


def test_line_ends_mode_and_links_stay(file):
    file.write_bytes(b'feature { name: "a" }\r\n')
    file.chmod(0o640)
    link = file.parent.parent / "link.pbtxt"
    link.symlink_to(file)
    text = schema_text.read_text(link)
    assert text.endswith("\r\n")
    files.write(link, text + "# x\r\n")
    assert link.is_symlink()
    assert file.read_bytes() == b'feature { name: "a" }\r\n# x\r\n'
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_place_that_cannot_be_written_is_reported(file):
    with pytest.raises(SchemaError, match="cannot be written"):
        files.write(file / "not-in-a-folder.pbtxt", TEXT)


def _append(path, count):
    for _ in range(count):
        with files.locked(path, seconds=60):
            text = schema_text.read_text(path)
            files.History(path.parent.parent / "history", path).change(text, text + "# x\n", "append", ())


def test_edits_of_several_processes_follow_each_other(file):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_append, args=(file, 10)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert file.read_text().count("# x\n") == 30
    assert len(history(file).edits()) == 30


def test_a_lock_that_is_held_is_reported(file):
    with files.locked(file), pytest.raises(SchemaError, match="another command"), files.locked(file, seconds=0.1):
        pass


def test_a_file_that_is_not_utf8_is_told_with_its_place(file):
    file.write_bytes(b'# ok\nfeature { name: "\xff" }\n')
    with pytest.raises(SchemaError, match="not UTF-8") as caught:
        schema_text.read(file)
    assert caught.value.where.endswith(":2:18")


def test_a_folder_and_a_binary_schema_are_read(file, tmp_path):
    assert files.read_any(str(file.parent)).text == TEXT
    binary = tmp_path / "schema.pb"
    binary.write_bytes(schema_text.read(file).proto.SerializeToString())
    assert files.read_any(str(binary)).proto == schema_text.read(file).proto


@pytest.mark.parametrize("source", ["--output=x:y", "nothing", "HEAD:/no/such"])
def test_what_is_neither_a_file_nor_in_git_is_reported(source, file, monkeypatch):
    monkeypatch.chdir(file.parent)
    with pytest.raises(SchemaError):
        files.read_any(source)


def test_an_edit_that_was_changed_by_hand_since_is_taken_back_only_by_force(file):
    history(file).change(TEXT, TEXT + "# more\n", "accept 1", ("words",))
    by_hand = TEXT + "# more\n# mine\n"
    file.write_text(by_hand)
    with pytest.raises(SchemaError, match=r"changed after the last edit \(.*: accept 1\)") as refused:
        history(file).undo()
    assert "--force" in refused.value.remedy and file.read_text() == by_hand
    assert history(file).undo(force=True).why == "accept 1"
    assert file.read_text() == TEXT
    assert history(file).undo().why == "undo --force"
    assert file.read_text() == by_hand, "what was lost by force is there again"


def test_a_folder_of_several_schemas_and_a_broken_binary_are_refused(tmp_path):
    with pytest.raises(SchemaError, match="holds 0 schema files"):
        files.read_any(str(tmp_path))
    (tmp_path / "a.pbtxt").write_text(TEXT)
    (tmp_path / "b.pb").write_bytes(b"\xff\xff")
    with pytest.raises(SchemaError, match="holds 2 schema files"):
        files.read_any(str(tmp_path))
    with pytest.raises(SchemaError, match="not a binary Schema proto") as refused:
        files.read_any(str(tmp_path / "b.pb"))
    assert refused.value.where == str(tmp_path / "b.pb")


def test_a_revision_is_read_as_git_has_it_or_told(file, monkeypatch):
    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *words], cwd=file.parent, check=True, capture_output=True)

    git("init", "-q", ".")
    (file.parent / "latin.pbtxt").write_bytes(b"# caf\xe9\n")
    git("add", ".")
    git("commit", "-qm", "all")
    file.write_text(TEXT + "# later\n")
    monkeypatch.chdir(file.parent)
    assert files.read_any("HEAD:schema.pbtxt").text == TEXT
    assert files.read_any(f"HEAD:{file}").text == TEXT
    with pytest.raises(SchemaError, match="not UTF-8 text"):
        files.read_any("HEAD:latin.pbtxt")
    with pytest.raises(SchemaError, match="this is not a git revision"):
        files.read_any("--output=x:schema.pbtxt")
    monkeypatch.setenv("PATH", str(file.parent))
    with pytest.raises(SchemaError, match="git is not installed"):
        files.read_any("HEAD:schema.pbtxt")


def test_where_nothing_can_be_locked_or_kept_an_edit_is_refused(file, tmp_path, monkeypatch):
    with pytest.raises(SchemaError, match="the folder cannot be opened"), files.locked(tmp_path / "gone" / "s.pbtxt"):
        pytest.fail("it was locked")
    (tmp_path / "history").write_text("a file in the folder's place")
    with pytest.raises(SchemaError, match="the history cannot be kept"):
        history(file).change(TEXT, TEXT + "# more\n", "test", ())
    assert file.read_text() == TEXT

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with pytest.raises(SchemaError, match="files cannot be locked here: No locks available"), files.locked(file):
        pytest.fail("it was locked")
