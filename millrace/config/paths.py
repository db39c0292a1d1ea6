"""Where a pipeline keeps things below its root, said once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Union

from millrace.config.config import Config
from millrace.config.environments import root_of
from millrace.config.metadata_section import Sqlite

_OF_THE_SERVICE = ("minio://", "s3://")


@dataclass(frozen=True)
class Layout:
    """The folders of one pipeline.

    Args:
        root: the configured root, a local folder or a `gs://` URI.
        name: the pipeline's name.
        beside: the local folder that stands for a root in a bucket, where only files of this machine serve.
    """

    root: str
    name: str
    beside: str = ""

    @property
    def local(self) -> Path:
        """The folder of this machine: for logs, ML Metadata's file, compiled jobs and rehearsals."""
        return Path(self.beside or self.root)

    @property
    def artifacts(self) -> str:
        """TFX's pipeline root: one folder per stage."""
        return f"{self.root}/artifacts"

    @property
    def logs(self) -> Path:
        """One folder per run."""
        return self.local / "logs"

    @property
    def metadata_file(self) -> str:
        """ML Metadata's SQLite file, unless the configuration names another store."""
        return str(self.local / "metadata.db")

    @property
    def registry_file(self) -> str:
        """The registry's SQLite file, unless the configuration names another."""
        return str(self.local / "registry.db")

    @property
    def requests(self) -> str:
        """The folder of the log of requests to this model, as a server of the registry's versions writes it."""
        return f"{self.root}/requests/{self.name}"

    @property
    def serving(self) -> str:
        """The folder that a model server watches: one numbered folder a pushed model."""
        return f"{self.root}/serving/{self.name}"

    @property
    def trials(self) -> str:
        """The folder of blessed models that nothing serves: those of runs with `--set`."""
        return f"{self.root}/trials/{self.name}"


def layout(config: Config) -> Layout:
    """The layout of a configured pipeline; beside a root in a bucket it is the folder `runs/NAME` of the project."""
    beside = str(Path(config.file).parent.parent / "runs" / config.name) if "://" in config.root else ""
    if beside and config.environment:
        beside = root_of(beside, config.environment)
    return Layout(config.root.rstrip("/"), config.name, beside)


def push_directory(config: Config) -> str:
    """Where the Pusher puts blessed models: a trial's beside those that are served."""
    if not config.push.trial:
        return serving_directory(config)
    # Only the service itself can write to a root such as minio://, and models are then pushed to a volume.
    if config.push.directory and config.root.startswith(_OF_THE_SERVICE):
        return f"{config.push.directory.rstrip('/')}-trials"
    return layout(config).trials


def serving_directory(config: Config) -> str:
    """Where the models are that are served."""
    return config.push.directory or layout(config).serving


def registry_file(config: Config) -> Path:
    """The registry's SQLite file."""
    return Path(config.registry.file or layout(config).registry_file)


def metadata_file(config: Config) -> Union[str, None]:
    """The SQLite file of ML Metadata; None when a database server holds it."""
    if not isinstance(config.metadata, Sqlite):
        return None
    return config.metadata.file or layout(config).metadata_file


def alerts_file(config: Config) -> Path:
    """The SQLite file of alerts, beside the registry's."""
    return registry_file(config).parent / "alerts.db"


def triggers_file(config: Config) -> Path:
    """The SQLite file of what triggers started, beside the registry's."""
    return registry_file(config).parent / "triggers.db"
