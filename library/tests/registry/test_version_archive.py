"""An archive brings a version whole, as it was judged, or changes nothing."""

import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from registered_versions import pushed, registry_of

from millrace.base.errors import BadInput
from millrace.registry.archive import export, import_version
from millrace.registry.pushed_model import checksum, file_checksums


@pytest.fixture
def archive(tmp_path):
    """An archive of version 11 of a root that is not there any more, and its events."""
    root, file = tmp_path / "there", tmp_path / "taxi-11.tar"
    with registry_of(root) as registry:
        registry.take_in([pushed(root, 11)])
        size = export(registry, registry.version("champion"), file)
        assert registry.events()[-1].kind == "exported" and size == file.stat().st_size
    shutil.rmtree(root)
    return file


def entries(file) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}


def packed(file, content: dict[str, bytes], kind: bytes = tarfile.REGTYPE):
    with tarfile.open(file, "w") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.type = len(data), kind if name.startswith("model/") else tarfile.REGTYPE
            entry.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            archive.addfile(entry, io.BytesIO(data))
    return file


def test_a_version_comes_whole_and_nobody_has_approved_it(archive, tmp_path):
    root = tmp_path / "here"
    with registry_of(root) as registry:
        registry.take_in([pushed(root, 10)])
        done = import_version(registry, archive, "from the training machine")
        version = done.version
        assert (version.number, version.state.value, version.aliases, done.restored) == (11, "registered", (), False)
        assert file_checksums(version.folder) == version.facts.files
        assert version.facts.imported_from.endswith("there/serving/taxi/11")
        assert [one.kind for one in registry.events(11)] == ["registered", "imported"]
        assert registry.version("champion").number == 10
        with pytest.raises(BadInput, match="version 11 is registered, and is whole"):
            import_version(registry, archive, "again")
        registry.approve(version, "measured here")
        registry.move("champion", version, "better")
        shutil.rmtree(version.folder)
        (version.folder).mkdir()
        assert import_version(registry, archive, "lost").restored
        assert (
            file_checksums(version.folder) == version.facts.files and "versions: 11" in registry.served_file.read_text()
        )
        assert [one.name for one in version.folder.parent.iterdir() if one.name.startswith(".")] == []


@pytest.mark.parametrize("is_registered", [True, False])
def test_what_a_person_put_into_a_folder_of_that_number_is_not_deleted(archive, tmp_path, is_registered):
    root = tmp_path / "here"
    with registry_of(root) as registry:
        folder = root / "serving" / "taxi" / "11"
        if is_registered:
            import_version(registry, archive, "from the training machine")
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text("precious")
        events = registry.events()
        with pytest.raises(BadInput, match=r"holds what is none of its files: notes\.txt") as refused:
            import_version(registry, archive, "again")
        assert "move it away" in refused.value.remedy and registry.events() == events
        assert [one.name for one in folder.parent.rglob("*")] == ["11", "notes.txt"]


def test_a_number_that_no_push_of_today_has_is_refused(archive, tmp_path):
    with registry_of(tmp_path / "here") as registry:
        with pytest.raises(BadInput, match="its number, 11, is later than now"):
            import_version(registry, archive, "from tomorrow", now=10.0)
        assert registry.versions() == () and not (tmp_path / "here" / "serving").exists()
        assert import_version(registry, archive, "from today", now=11.0).version.number == 11


def test_a_name_that_says_gzip_is_compressed_and_taken_in(tmp_path):
    with registry_of(tmp_path / "a") as registry:
        registry.take_in([pushed(tmp_path / "a", 11)])
        export(registry, registry.version("champion"), tmp_path / "m.tar.gz")
    with tarfile.open(tmp_path / "m.tar.gz", "r:gz") as archive:
        assert archive.next().name == "version.json"
    # What was renamed since is known by its content.
    (tmp_path / "m.tar.gz").rename(tmp_path / "m.tar")
    with registry_of(tmp_path / "b") as registry:
        assert import_version(registry, tmp_path / "m.tar", "from there").version.number == 11


def test_two_exports_of_a_version_hold_the_same_model(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        export(registry, version, tmp_path / "a.tar")
        export(registry, version, tmp_path / "b.tar")
    first, second = entries(tmp_path / "a.tar"), entries(tmp_path / "b.tar")
    assert {**first, "version.json": b""} == {**second, "version.json": b""}
    assert list(first) == ["version.json", "model/saved_model.pb", "model/variables/variables.index"]


def test_a_damaged_version_is_not_exported(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        (version.folder / "saved_model.pb").write_text("graph 99")
        with pytest.raises(BadInput, match=r"is not whole: .* has another content"):
            export(registry, version, tmp_path / "a.tar")
        assert not (tmp_path / "a.tar").exists() and registry.events()[-1].kind == "alias moved"


def about(content: dict[str, bytes], **values: object) -> dict[str, bytes]:
    return {**content, "version.json": json.dumps({**json.loads(content["version.json"]), **values}).encode()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: {**c, "model/saved_model.pb": b"graph 12"}, "saved_model.pb has another checksum"),
        (lambda c: {name: data for name, data in c.items() if not name.endswith("index")}, "index is not in it"),
        (lambda c: {**c, "model/../../../evil": b"x"}, "evil is none of the version's files"),
        (lambda c: {**c, "model/more": b"x"}, "model/more is none of the version's files"),
        (lambda c: dict(reversed(c.items())), "it does not begin with version.json"),
        (lambda c: {**c, "version.json": b"{}"}, "is damaged, or of a later Millrace: format"),
        (lambda c: about(c, format=2), "of a later Millrace: format"),
        (lambda c: about(c, model="shop"), "it holds a version of shop, and this is the registry of taxi"),
        (lambda c: about(c, number=0), "number"),
        (
            lambda c: about(c, facts={**json.loads(c["version.json"])["facts"], "files": {"../evil": "0" * 64}}),
            "contradicts itself",
        ),
    ],
)
def test_what_is_not_as_it_was_judged_is_refused_and_leaves_nothing(archive, tmp_path, change, words):
    packed(archive, change(entries(archive)))
    with registry_of(tmp_path / "here") as registry:
        with pytest.raises(BadInput, match=words):
            import_version(registry, archive, "why not")
        assert registry.events() == ()
    assert not [*(tmp_path / "here").rglob("saved_model.pb"), *tmp_path.rglob("evil"), *tmp_path.rglob("*.part")]


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "", "."])
def test_a_file_that_an_archive_would_place_elsewhere_is_refused_though_its_checksums_are_right(
    archive, tmp_path, name
):
    content = entries(archive)
    evil = hashlib.sha256(b"x").hexdigest()
    facts = json.loads(content["version.json"])["facts"]
    named = {**facts["files"], name: evil}
    changed = about(content, facts={**facts, "files": named, "checksum": checksum(named)})
    packed(archive, {**changed, f"model/{name}": b"x"})
    with registry_of(tmp_path / "here") as registry:
        with pytest.raises(BadInput, match="contradicts itself"):
            import_version(registry, archive, "why not")
        assert registry.events() == ()
    assert not Path("/evil").exists() and not [*tmp_path.rglob("evil"), *tmp_path.rglob("*.part")]


def test_an_archive_says_more_of_itself_than_fits_into_memory(archive, tmp_path, monkeypatch):
    size = len(entries(archive)["version.json"])
    monkeypatch.setattr("millrace.registry.archive._LARGEST_ABOUT", size - 1)
    with registry_of(tmp_path / "here") as registry:
        with pytest.raises(BadInput, match=r"does not begin with version\.json"):
            import_version(registry, archive, "x")
        monkeypatch.setattr("millrace.registry.archive._LARGEST_ABOUT", size)
        assert import_version(registry, archive, "x").version.number == 11


@pytest.mark.parametrize("same", [True, False])
def test_a_folder_that_no_registry_knows_stays_where_it_holds_just_these_files(archive, tmp_path, same):
    root = tmp_path / "here"
    pushed(root, 11)
    folder = root / "serving" / "taxi" / "11"
    if not same:
        (folder / "variables" / "variables.index").write_text("another")
    before = folder.stat().st_ino
    with registry_of(root) as registry:
        version = import_version(registry, archive, "x").version
        assert (folder.stat().st_ino == before) == same
        assert file_checksums(folder) == version.facts.files and version.state.value == "registered"
    assert [one.name for one in folder.parent.iterdir()] == ["11"]


def test_an_archive_that_cannot_be_written_is_told_and_is_no_event(tmp_path):
    with registry_of(tmp_path) as registry:
        [version] = registry.take_in([pushed(tmp_path, 11)])
        events = registry.events()
        with pytest.raises(BadInput, match="cannot be written") as refused:
            export(registry, version, tmp_path / "registry.db" / "a.tar")
        assert "-o" in refused.value.remedy and registry.events() == events


def test_a_link_in_an_archive_is_not_followed(archive, tmp_path):
    packed(archive, entries(archive), tarfile.SYMTYPE)
    with registry_of(tmp_path / "here") as registry, pytest.raises(BadInput, match="none of the version's files"):
        import_version(registry, archive, "why not")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b"])
def test_what_is_no_archive_is_told(tmp_path, content):
    file = tmp_path / "x.tar"
    with registry_of(tmp_path) as registry:
        with pytest.raises(BadInput, match="there is no such file"):
            import_version(registry, file, "x")
        file.write_bytes(content)
        with pytest.raises(BadInput, match=r"cannot be read as an archive|does not begin with version\.json"):
            import_version(registry, file, "x")


def test_another_version_of_that_number_stays(archive, tmp_path):
    root = tmp_path / "here"
    with registry_of(root) as registry:
        number, run, facts = pushed(root, 11)
        (root / "serving" / "taxi" / "11" / "saved_model.pb").write_text("another")
        registry.take_in([(number, run, replace(facts, checksum="0" * 64))])
        with pytest.raises(BadInput, match="another version 11 is registered, with other files"):
            import_version(registry, archive, "x")
        assert (root / "serving" / "taxi" / "11" / "saved_model.pb").read_text() == "another"
