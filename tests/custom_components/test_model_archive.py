"""The archive's command, run as the container would run it."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

SCRIPT_RUNNER = shutil.which("sh")


def packed(model: Path, into: Path) -> bytes:
    from custom_components.model_archive.component import SCRIPT

    subprocess.run([SCRIPT_RUNNER, "-c", SCRIPT, str(model), str(into)], check=True)
    return (into / "model.tar.gz").read_bytes()


@pytest.mark.slow
def test_the_archive_holds_the_model_and_its_checksum_is_right(tmp_path):
    model = tmp_path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "variables.index").write_bytes(b"index")
    archive = packed(model, tmp_path / "first")
    with tarfile.open(tmp_path / "first" / "model.tar.gz") as tar:
        assert tar.extractfile("./saved_model.pb").read() == b"graph"
        assert "./variables/variables.index" in tar.getnames()
    checksum = (tmp_path / "first" / "model.tar.gz.sha256").read_text().split()
    assert checksum == [hashlib.sha256(archive).hexdigest(), "model.tar.gz"]
    assert packed(model, tmp_path / "second") == archive, "the same model gives the same bytes"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uri", "place"),
    [("gs://b/m", "/gcs/b/m"), ("minio://b/m", "/minio/b/m"), ("s3://b/m", "/s3/b/m"), ("/tmp/m", "/tmp/m")],
)
def test_buckets_are_where_the_services_mount_them(uri, place):
    from custom_components.model_archive.component import SCRIPT

    first_lines = "\n".join(SCRIPT.splitlines()[:3])
    told = subprocess.run(
        [SCRIPT_RUNNER, "-c", f'{first_lines}\necho "$from $into"', uri, uri],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.split() == [place, place]


@pytest.mark.slow
def test_the_component_is_a_container_that_takes_the_pushed_model():
    from tfx.types.channel import Channel
    from tfx.types.standard_artifacts import PushedModel

    from custom_components.model_archive.component import model_archive

    component = model_archive("debian:bookworm-slim")(pushed_model=Channel(type=PushedModel))
    spec = component.executor_spec
    assert spec.image == "debian:bookworm-slim"
    assert spec.command[:2] == ["sh", "-c"]
    assert set(component.outputs) == {"archive"}
