"""`millrace release`: the same bytes for the same commit, and a changed byte is found and named."""

import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from release_keys import pem

from millrace.base.errors import BadInput, GateRefused
from millrace.cli.main import millrace
from millrace.config.loading import load
from millrace.jobspec.job import load as load_job
from millrace.project import project
from millrace.release.build import build
from millrace.release.bundle import JOB, MANIFEST, Manifest, Release, digest, file_name, read
from millrace.release.signing import SUFFIX, is_signed, private_key, public_key, signature
from millrace.release.verify import job_of, verified

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "library/tests/jobspec/golden/taxi-vertex.json"
IMAGE = "us-central1-docker.pkg.dev/my-project/millrace/millrace@sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    files = tmp_path / "release.pem", tmp_path / "release.pub"
    for file, content in zip(files, (pem(key, private=True), pem(key, private=False)), strict=True):
        file.write_bytes(content)
    return files


def release(**changes: bytes) -> Release:
    """The taxi job with two files, small ones, so that each byte can be changed in turn."""
    contents = {
        JOB: b'{"a": 1}\n',
        "conf/taxi.yaml": b"name: taxi\n",
        "schema/taxi/schema.pbtxt": b"feature {}\n",
        **changes,
    }
    files = {name: digest(content) for name, content in sorted(contents.items())}
    manifest = Manifest(
        pipeline="taxi", environment="prod", commit="a" * 40, library="0.2.0", images=(IMAGE,), files=files
    )
    return Release(manifest, contents)


def written(folder: Path, made: Release, keys: tuple[Path, Path]) -> Path:
    file = folder / file_name(made)
    file.write_bytes(made.to_bytes())
    (folder / (file.name + SUFFIX)).write_text(signature(made.to_bytes(), private_key(str(keys[0]))))
    return file


def test_the_same_content_is_the_same_bytes_in_whatever_order() -> None:
    made = release()
    backwards = Release(made.manifest, dict(reversed(list(made.files.items()))))
    assert made.to_bytes() == backwards.to_bytes()
    assert read(made.to_bytes(), "x") == made
    assert file_name(made).startswith("taxi-prod-") and file_name(made) != file_name(release(more=b""))


def test_any_tar_reads_it(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    with tarfile.open(written(tmp_path, release(), keys)) as tar:
        assert tar.getnames() == [MANIFEST, "conf/taxi.yaml", JOB, "schema/taxi/schema.pbtxt"]
        assert {entry.mtime for entry in tar} == {0}


def test_every_changed_byte_is_found_and_what_it_was_in_is_named(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    """Without a key too: by the manifest, the archive's form, and the file's name."""
    file = written(tmp_path, release(), keys)
    data = file.read_bytes()
    assert verified(file).manifest.pipeline == "taxi"
    with tarfile.open(file) as tar:
        content = {at: entry.name for entry in tar for at in range(entry.offset_data, entry.offset_data + entry.size)}
    for at in range(0, len(data), 5):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(GateRefused) as refused:
            verified(file)
        inside = content.get(at)
        assert inside is None or inside in str(refused.value), (at, inside, str(refused.value))
    for cut in (100, 512, len(data) - 1):
        file.write_bytes(data[:cut])
        with pytest.raises(GateRefused, match="not what was built"):
            verified(file)


def test_the_archives_own_entries_are_held_whatever_the_file_is_called(tmp_path: Path) -> None:
    """Of a file with another name nothing else tells what stands between the entries' contents."""
    data = bytearray(release().to_bytes())
    with tarfile.open(fileobj=io.BytesIO(bytes(data))) as tar:
        entry = tar.getmember(JOB)
    data[entry.offset_data + entry.size] = ord("x")
    file = tmp_path / "renamed.tar"
    file.write_bytes(data)
    with pytest.raises(GateRefused, match="the archive's own entries"):
        verified(file)


def test_what_is_missing_or_more_is_named(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    made = release()
    smaller = Release(made.manifest, {name: one for name, one in made.files.items() if name != JOB})
    larger = Release(made.manifest, {**made.files, "more.txt": b"x"})
    for changed, words in ((smaller, "job.json is missing"), (larger, "more.txt is not of it")):
        file = tmp_path / file_name(made)
        file.write_bytes(changed.to_bytes())
        with pytest.raises(GateRefused, match=words):
            verified(file)


def test_who_changes_the_manifest_too_has_no_signature(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    file = written(tmp_path, release(), keys)
    key = public_key(keys[1])
    assert verified(file, key).manifest.environment == "prod"
    forged = release(**{JOB: b'{"a": 2}\n'})
    other = tmp_path / file_name(forged)
    other.write_bytes(forged.to_bytes())
    assert verified(other), "by itself it is whole"
    with pytest.raises(GateRefused, match="there is no signature beside it"):
        verified(other, key)
    shutil.copy(file.with_name(file.name + SUFFIX), other.with_name(other.name + SUFFIX))
    with pytest.raises(GateRefused, match="not of this key, or not of these bytes"):
        verified(other, key)
    stranger = tmp_path / "stranger.pub"
    stranger.write_bytes(pem(Ed25519PrivateKey.generate(), private=False))
    with pytest.raises(GateRefused, match="not of this key"):
        verified(file, public_key(stranger))
    assert not is_signed(b"x", "no base64!", key)


def test_keys_that_will_not_do_are_refused(tmp_path: Path, keys: tuple[Path, Path], monkeypatch: Any) -> None:
    monkeypatch.setenv("SIGNING_KEY", keys[0].read_text())
    assert is_signed(b"x", signature(b"x", private_key(variable="SIGNING_KEY")), public_key(keys[1]))
    with pytest.raises(BadInput, match="is not set"):
        private_key(variable="NO_SUCH_KEY")
    with pytest.raises(BadInput, match="no private key that can be read") as refused:
        private_key(str(keys[1]))
    assert "openssl genpkey" in refused.value.remedy
    with pytest.raises(BadInput, match="no public key that can be read"):
        public_key(keys[0])
    (tmp_path / "ec.pem").write_bytes(pem(ec.generate_private_key(ec.SECP256R1()), private=True))
    with pytest.raises(BadInput, match="of another kind than Ed25519"):
        private_key(str(tmp_path / "ec.pem"))


def test_what_is_no_release_is_bad_input(tmp_path: Path) -> None:
    for content in (b"", b"no archive", b"x" * 20_000):
        (tmp_path / "file.tar").write_bytes(content)
        with pytest.raises(BadInput, match="no release"):
            verified(tmp_path / "file.tar")
    with tarfile.open(tmp_path / "file.tar", "w") as tar:
        link = tarfile.TarInfo("manifest.json")
        link.type, link.linkname = tarfile.SYMTYPE, "nowhere"
        tar.addfile(link)
    with pytest.raises(BadInput, match="no release"):
        verified(tmp_path / "file.tar")
    with tarfile.open(tmp_path / "file.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(GOLDEN, "manifest.json")
    with pytest.raises(BadInput, match=r"no release: manifest\.json: pipeline"):
        verified(tmp_path / "file.tar")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "a/b"], "another file's, or that one's folder"),
        (["a/b", "a"], "another file's, or that one's folder"),
        (["conf/taxi.yaml"], "another file's, or that one's folder"),
        (["../evil"], "cannot be unpacked by that name"),
        (["/etc/evil"], "cannot be unpacked by that name"),
        (["./job.json"], "cannot be unpacked by that name"),
        (["."], "cannot be unpacked by that name"),
        ([""], "cannot be unpacked by that name"),
        (["a//b"], "cannot be unpacked by that name"),
    ],
)
def test_names_that_cannot_be_unpacked_are_no_releases(tmp_path: Path, names: list[str], words: str) -> None:
    """It was whole, and ended in a traceback when half of it was written."""
    file = tmp_path / "file.tar"
    file.write_bytes(release().to_bytes())
    with tarfile.open(file, "a") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(BadInput, match=words):
        verified(file)
    shown = CliRunner().invoke(millrace, ["release", "show", str(file), "--into", str(tmp_path / "into")])
    assert isinstance(shown.exception, BadInput) and not (tmp_path / "into").exists()


def test_what_an_archive_claims_is_not_believed(tmp_path: Path) -> None:
    """Before its signature was looked at: a file of ten kilobytes was read as the terabyte that it said it was."""
    sparse = tarfile.TarInfo("more.txt")
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[483:495] = tarfile.itn(10**12, 12, tarfile.GNU_FORMAT)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    huge = tarfile.TarInfo("more.txt")
    huge.pax_headers = {"size": "99999999999999999999"}
    extended = tarfile.TarInfo("more.txt")
    extended.pax_headers = {"comment": "x"}
    large = tarfile.TarInfo("more.txt")
    large.size = 10**9
    for entry in (
        bytes(header),
        huge.tobuf(tarfile.PAX_FORMAT),
        extended.tobuf(tarfile.PAX_FORMAT),
        large.tobuf(tarfile.USTAR_FORMAT),
    ):
        whole = release().to_bytes()
        end = len(whole.rstrip(b"\0"))
        file = tmp_path / "file.tar"
        file.write_bytes(whole[: -(-end // 512) * 512] + entry + b"\0" * 1024)
        with pytest.raises(BadInput, match="no release"):
            verified(file)


@pytest.mark.parametrize("headers", [1, 2000])
@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_extended_headers_are_no_releases(headers: int, kind: bytes) -> None:
    """Many of them, one after the other, ended in a RecursionError."""
    header = tarfile.TarInfo("header")
    content = b"more.txt\0" if kind == tarfile.GNUTYPE_LONGNAME else b"13 comment=x\n"
    header.type, header.size = kind, len(content)
    extended = (header.tobuf(tarfile.USTAR_FORMAT) + content.ljust(512, b"\0")) * headers
    whole = release().to_bytes()
    with pytest.raises(BadInput, match=r"no release: (more\.txt: it is no plain file|the archive cannot be read)"):
        read(extended + tarfile.TarInfo("more.txt").tobuf(tarfile.USTAR_FORMAT) + whole, "file.tar")


@pytest.mark.parametrize("folder", [True, False])
def test_a_release_is_unpacked_whole_or_not_at_all(tmp_path: Path, folder: bool) -> None:
    file, into = tmp_path / "file.tar", tmp_path / "into"
    file.write_bytes(release().to_bytes())
    into.mkdir()
    if folder:
        (into / "conf/taxi.yaml").mkdir(parents=True)
    else:
        (into / "conf").write_text("mine")
    before = sorted(into.rglob("*"))
    shown = CliRunner().invoke(millrace, ["release", "show", str(file), "--into", str(into)])
    assert isinstance(shown.exception, BadInput) and "nothing was written" in str(shown.exception)
    assert sorted(into.rglob("*")) == before


def git(folder: Path, *arguments: str) -> None:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **who})


@pytest.fixture
def own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a commit, where the command is called."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "conf", folder / "conf")
    shutil.copytree(ROOT / "schema", folder / "schema")
    (folder / "requirements").mkdir()
    shutil.copy(ROOT / "requirements/compatible.txt", folder / "requirements")
    shutil.copy(ROOT / "setup.py", folder)
    (folder / ".gitignore").write_text("/runs/\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all of it")
    monkeypatch.setattr(project, "enter", lambda found: None)
    monkeypatch.chdir(folder)
    return folder


def test_only_what_is_committed_and_would_be_taken_is_released(own_project: Path) -> None:
    config, job = load("conf/taxi.yaml"), load_job(GOLDEN)
    (own_project / "conf/new.yaml").write_text("name: new\n")
    with pytest.raises(BadInput, match=r"not everything is committed: conf/new\.yaml"):
        build(job, config, (), own_project)
    (own_project / "conf/new.yaml").unlink()
    # The golden files name no version.
    with pytest.raises(BadInput, match="a job that would be refused is no release"):
        build(job, config, (), own_project)
    job.executor(job.tasks["Trainer"])["container"]["image"] = "millrace:latest"
    with pytest.raises(BadInput, match="may mean another image tomorrow"):
        build(job, config, (), own_project)
    # What serves afterwards is shipped too, and so is what custom jobs and Dataflow's workers run in.
    everything = load_job(GOLDEN.with_name("everything-vertex.json"))
    with pytest.raises(BadInput, match=r"^push\.vertex\.image: tf-serving may mean another image tomorrow"):
        build(everything, config, (), own_project)
    shutil.rmtree(own_project / ".git")
    with pytest.raises(BadInput, match="git knows no commit"):
        build(job, config, (), own_project)
    git(own_project, "init", "-q")
    with pytest.raises(BadInput, match="git knows no commit"):
        build(job, config, (), own_project)


def test_what_looks_like_a_secret_goes_into_no_release(own_project: Path) -> None:
    """A comment with a webhook's address went to the bucket, and a `--set` value into the manifest."""
    job, config = load_job(GOLDEN), load("conf/taxi.yaml")
    token = "ghp_" + "a1B2" * 9
    with pytest.raises(BadInput, match=r"^--set: something there looks like a GitHub token"):
        build(job, config, (f"deploy.tensorboard={token}",), own_project)
    text = (own_project / "conf/taxi.yaml").read_text()
    (own_project / "conf/taxi.yaml").write_text(f"{text}# https://hooks.slack.com/services/T0000/B0000/{'x' * 24}\n")
    git(own_project, "commit", "-qam", "a secret")
    line = len(text.splitlines()) + 1
    with pytest.raises(BadInput, match=rf"^conf/taxi\.yaml:{line}: something there looks like a Slack webhook"):
        build(job, load("conf/taxi.yaml"), (), own_project)


def test_each_source_is_in_the_commit(own_project: Path, tmp_path: Path) -> None:
    job = load_job(GOLDEN)
    (own_project / "conf/environments/secret.yaml").write_text("root: runs/secret\n")
    (own_project / ".git/info/exclude").write_text("secret.yaml\n")
    with pytest.raises(BadInput, match=r"environments/secret\.yaml: is not in the commit: git ignores it"):
        build(job, load("conf/taxi.yaml", ["environment=secret"]), (), own_project)
    with pytest.raises(BadInput, match="a job that would be refused"):
        build(job, load("conf/taxi.yaml"), (), own_project)
    # Told to look away, git status says that all is committed.
    git(own_project, "update-index", "--assume-unchanged", "conf/taxi.yaml")
    (own_project / "conf/taxi.yaml").write_text((own_project / "conf/taxi.yaml").read_text() + "\n# changed\n")
    with pytest.raises(BadInput, match=r"conf/taxi\.yaml: is not as it is in the commit"):
        build(job, load("conf/taxi.yaml"), (), own_project)
    git(own_project, "update-index", "--no-assume-unchanged", "conf/taxi.yaml")
    git(own_project, "checkout", "conf/taxi.yaml")
    # A configuration beside the project, and a link to it.
    shutil.copy(own_project / "conf/taxi.yaml", tmp_path / "taxi.yaml")
    with pytest.raises(BadInput, match="is outside of the project"):
        build(job, load(str(tmp_path / "taxi.yaml")), (), own_project)
    (own_project / "conf/linked.yaml").symlink_to(tmp_path / "taxi.yaml")
    git(own_project, "add", "-A")
    git(own_project, "commit", "-qm", "a link")
    with pytest.raises(BadInput, match="is outside of the project"):
        build(job, load("conf/linked.yaml"), (), own_project)


def test_code_that_an_image_gets_is_in_the_commit(own_project: Path) -> None:
    job, config = load_job(GOLDEN), load("conf/taxi.yaml")
    for package in ("models", "pipeline"):
        shutil.copytree(ROOT / package, own_project / package, ignore=shutil.ignore_patterns("__pycache__"))
    (own_project / ".gitignore").write_text("/runs/\n__pycache__/\nsecret.py\n/custom_components/\n")
    git(own_project, "add", "-A")
    git(own_project, "commit", "-qm", "code")
    (own_project / "models/__pycache__").mkdir()
    (own_project / "models/__pycache__/taxi.pyc").write_bytes(b"")
    with pytest.raises(BadInput, match="a job that would be refused"):
        build(job, config, (), own_project)
    for name in ("models/secret.py", "pipeline/secret.py", "custom_components/whole/package.py"):
        (own_project / name).parent.mkdir(parents=True, exist_ok=True)
        (own_project / name).write_text("x = 1\n")
        with pytest.raises(BadInput, match=f"{name} goes into an image, and is not in the commit: git ignores it"):
            build(job, config, (), own_project)
        (own_project / name).unlink()
    git(own_project, "update-index", "--assume-unchanged", "models/__init__.py")
    (own_project / "models/__init__.py").write_text("x = 2\n")
    with pytest.raises(BadInput, match=r"models/__init__\.py goes into an image, and is not as it is in the commit"):
        build(job, config, (), own_project)


def test_a_job_of_another_root_or_project_is_not_taken(own_project: Path) -> None:
    config = load("conf/taxi.yaml")
    for change, place in (
        (lambda job: job.runtime.update(gcsOutputDirectory="gs://another/root"), "runtimeConfig.gcsOutputDirectory"),
        (lambda job: job.executor(job.tasks["Trainer"])["container"].update(image="x"), r"pipelineSpec\..*image"),
        (lambda job: job.labels.update(team="x"), "labels"),
    ):
        job = load_job(GOLDEN)
        change(job)
        with pytest.raises(BadInput, match=f"not the one that .*taxi.yaml compiles to: {place}.* differs"):
            build(job, config, (), own_project, load_job(GOLDEN))
    with pytest.raises(BadInput, match="a job that would be refused"):
        build(load_job(GOLDEN), config, (), own_project, load_job(GOLDEN))


@pytest.mark.slow
def test_a_release_is_built_twice_the_same_verified_and_its_job_is_the_one_that_was_compiled(
    own_project: Path, keys: tuple[Path, Path]
) -> None:
    settings = {
        "project": "my-project",
        "root": "gs://my-bucket/millrace",
        "data_path": "gs://my-bucket/data",
        "image": IMAGE,
    }
    options = [word for key, value in settings.items() for word in ("--set", f"vertex.{key}={value}")]

    def run(*arguments: str) -> str:
        return CliRunner().invoke(millrace, ["release", *arguments], catch_exceptions=False).output

    shown = run("build", "--env", "staging", *options, "--key", str(keys[0]))
    file = Path(shown.splitlines()[0].partition("release: ")[2])
    assert file.name.startswith("taxi-staging-")
    run("build", "--env", "staging", *options, "-o", str(own_project / "runs/again.tar"))
    assert (own_project / "runs/again.tar").read_bytes() == file.read_bytes()
    assert "whole, and signed by that key" in run("verify", str(file), "--public-key", str(keys[1]))
    run("show", str(file), "--into", str(own_project / "runs/shipped"))
    manifest = json.loads(run("show", str(file), "--json"))
    assert manifest["environment"] == "staging" and manifest["images"] == [IMAGE]
    assert manifest["overrides"] == [word for word in options if word != "--set"]
    assert set(manifest["files"]) >= {
        "conf/taxi.yaml",
        "conf/environments/staging.yaml",
        "schema/taxi/schema.pbtxt",
        "requirements/compatible.txt",
    }
    job = load_job(own_project / "runs/shipped/job.json")
    # The job that was compiled and tried before is taken, and another one is not.
    tried = ("build", "--env", "staging", *options, "--job", str(own_project / "runs/shipped/job.json"))
    run(*tried, "-o", str(own_project / "runs/tried.tar"))
    assert (own_project / "runs/tried.tar").read_bytes() == file.read_bytes()
    other = [word.replace("my-bucket/millrace", "my-bucket/other") for word in tried]
    with pytest.raises(BadInput, match=r"compiles to: .*differs"):
        run(*other, "-o", str(own_project / "runs/other.tar"))
    assert job.to_document() == job_of(verified(file)).to_document()
    assert str(own_project) not in file.read_bytes().decode("latin-1"), "no path of this machine"
