"""ModelArchive: a container component that packs the pushed model into one file, for shelves that take files.

It runs `tar` and `sha256sum` of any image that has them. On Vertex AI buckets are mounted below /gcs, and the launcher
of Kubeflow Pipelines keeps `gs://`, `minio://` and `s3://` below /gcs, /minio and /s3, so the command turns them into
that; on a machine with Docker the folders must be shared with the container.
"""

from tfx.dsl.component.experimental.container_component import create_container_component
from tfx.dsl.component.experimental.placeholders import InputUriPlaceholder, OutputUriPlaceholder
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import PushedModel

SCRIPT = """set -eu
from="$(printf %s "$0" | sed 's#^gs://#/gcs/#;s#^minio://#/minio/#;s#^s3://#/s3/#')"
into="$(printf %s "$1" | sed 's#^gs://#/gcs/#;s#^minio://#/minio/#;s#^s3://#/s3/#')"
mkdir -p "$into"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$from" -czf "$into/model.tar.gz.part" .
mv "$into/model.tar.gz.part" "$into/model.tar.gz"
cd "$into" && sha256sum model.tar.gz > model.tar.gz.sha256
"""


class ArchivedModel(Artifact):
    """model.tar.gz and model.tar.gz.sha256. The type's name is its path: see `custom_components`."""

    TYPE_NAME = "custom_components.ArchivedModel"


def model_archive(image: str) -> type:
    """The component's class for an image.

    Args:
        image: a container image with a POSIX shell, GNU tar, gzip, sed and sha256sum.

    Returns:
        A component class with the input `pushed_model` and the output `archive`, a folder with `model.tar.gz` (the
        same bytes for the same model) and `model.tar.gz.sha256`.
    """
    return create_container_component(
        name="ModelArchive",
        image=image,
        inputs={"pushed_model": PushedModel},
        outputs={"archive": ArchivedModel},
        command=["sh", "-c", SCRIPT, InputUriPlaceholder("pushed_model"), OutputUriPlaceholder("archive")],
    )
