"""The file of what is served: TensorFlow Serving's `--model_config_file`, written whole whenever an alias moves.

`tensorflow_model_server` and the server of this library follow it. Versions are named one by one (`specific`), aliases
are `version_labels`. Beside those that an alias names, the champion before this one stays loaded where its number is
lower: to roll back to it loads nothing. One of a higher number must not: TensorFlow Serving gives a request that names
neither version nor label to the highest that is loaded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from millrace.base import files

_HEAD = "# Written by millrace models whenever an alias moves: change it there.\n"


def place(serving_directory: str) -> Path:
    """Where the file lies: beside the folder of a model's versions, with the same name.

    Args:
        serving_directory: the folder to which models are pushed that are served.
    """
    return Path(f"{serving_directory.rstrip('/')}.config")


def text(model: str, serving_directory: str, versions: Sequence[int], aliases: Mapping[str, int]) -> str:
    """The file's content.

    Args:
        model: the name by which clients ask.
        serving_directory: the folder of its versions.
        versions: those that are to be loaded.
        aliases: the version that each names, one of `versions`.

    Returns:
        A `ModelServerConfig` as text; without a model where there is no version to load.
    """
    config = model_server_config_pb2.ModelServerConfig()
    entries = config.model_config_list.config
    if versions:
        entry = entries.add(name=model, base_path=serving_directory, model_platform="tensorflow")
        entry.model_version_policy.specific.versions.extend(sorted(versions))
        for name, number in sorted(aliases.items()):
            entry.version_labels[name] = number
    else:
        config.model_config_list.SetInParent()
    return _HEAD + text_format.MessageToString(config)


def write(file: Path, content: str) -> None:
    """Writes the file where it does not say so already.

    Args:
        file: as `place` gives it.
        content: as `text` gives it.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    try:
        if file.read_text(encoding="utf-8") == content:
            return
    except (OSError, UnicodeDecodeError):
        pass
    files.write(file, content)


def sweep(serving_directory: str, now: float) -> None:
    """Deletes what was left half written where versions are served, by processes that were killed.

    Args:
        serving_directory: as of `place`; one in a bucket is left alone.
        now: seconds since the epoch.
    """
    if "://" not in serving_directory:
        for folder in (Path(serving_directory), place(serving_directory).parent):
            files.sweep(folder, now)
