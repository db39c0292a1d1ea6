"""The folders of a pipeline that Terraform empties: those for what is temporary, in which nothing else lies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from millrace.config.config import Config
from millrace.config.settings import settings
from millrace.jobspec.job import CompiledJob

_SCHEMES = ("gs://", "/gcs/")  # Vertex AI mounts buckets below /gcs
_TEMP = "temp_location"


@dataclass(frozen=True)
class TemporaryFolder:
    """A folder for what is temporary.

    Args:
        key: which value of the configuration names it.
        bucket: in which it is, as gs://BUCKET.
        prefix: what the names of its objects begin with, with a slash at the end; empty for a whole bucket.
        spared: why it is not emptied; empty where it is.
    """

    key: str
    bucket: str
    prefix: str
    spared: str

    @property
    def place(self) -> str:
        """The folder's address."""
        return f"{self.bucket}/{self.prefix}".rstrip("/")


def temporary_folders(job: CompiledJob, config: Config, beside: Iterable[Config] = ()) -> list[TemporaryFolder]:
    """The folders that what a pipeline runs on Google Cloud fills with what is temporary.

    A rule on a bucket's objects deletes for good, so a folder is spared where any other value of a configuration leads
    into it, whatever that value is for; and a whole bucket always is.

    Args:
        job: for Vertex AI, compiled of the configuration: its parameters may name other data.
        config: says which they are.
        beside: the configurations of the other pipelines of the environment.
    """
    named = [(one.key, str(one.value)) for one in settings(config)]
    engine = "vertex.beam" if config.vertex.beam else "beam"
    used = {f"{engine}.dataflow.{_TEMP}", f"data.bigquery.{_TEMP}"}
    kept = [*_kept(config), *(one for other in beside for one in _kept(other))]
    kept += [(f"the job's {name}", text) for name, value in job.effective_values.items() for text in _texts(value)]
    return [_folder(key, value, kept) for key, value in named if key in used and split_place(value)[0]]


def split_place(place: str) -> tuple[str, str]:
    """A place's bucket as gs://BUCKET, and its folder there with a slash at the end; both empty for another place.

    Args:
        place: such as gs://BUCKET/FOLDER, or what a file says in place of it.
    """
    for scheme in _SCHEMES:
        if place.startswith(scheme):
            bucket, _, folder = place[len(scheme) :].partition("/")
            folder = folder.rstrip("/")
            return f"gs://{bucket}", f"{folder}/" if folder else ""
    return "", ""


def _kept(config: Config) -> Iterator[tuple[str, str]]:
    for one in settings(config):
        if not one.key.endswith(_TEMP):
            yield from ((one.key, text) for text in _texts(one.value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _texts(below)


def _folder(key: str, value: str, kept: Iterable[tuple[str, str]]) -> TemporaryFolder:
    bucket, prefix = split_place(value)
    spared = "" if prefix else "it is a whole bucket: name a folder of it"
    for other, place in kept:
        there, folder = split_place(place)
        if there == bucket and folder.startswith(prefix):
            spared = f"{other} leads into it, to {place}: name a folder of its own"
    return TemporaryFolder(key, bucket, prefix, spared)
