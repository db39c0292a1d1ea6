"""Which models are served, and which of their versions: TensorFlow Serving's ModelServerConfig, read and checked.

A file holds it as text, and `ReloadConfig` sends the message (tensorflow_serving/config/model_server_config.proto).
"""

import re
from collections.abc import Set
from pathlib import Path
from typing import TypeAlias, Union

from google.protobuf import text_format
from tensorflow_serving.config import file_system_storage_path_source_pb2, model_server_config_pb2

from millrace.base import files
from millrace.base.errors import BadInput

ModelConfig: TypeAlias = model_server_config_pb2.ModelConfig
ModelConfigs = dict[str, ModelConfig]
VersionPolicy: TypeAlias = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy

VersionChoice = Union[int, str, None]
"""What a request asks for: a version's number, a label, or, with None, the newest."""

REQUEST_LOG_TYPE = "tfrecord"
"""The one `log_collector_config.type` that is known here; empty means the same."""

# A name and a label are parts of a path (tensorflow_serving/model_servers/http_rest_api_util.cc).
_NAME = re.compile(r"[^/:\s]+")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://")
_EXAMPLE = 'model_config_list { config { name: "taxi" base_path: "/models/taxi" model_platform: "tensorflow" } }'


def read(path: Path) -> ModelConfigs:
    """Reads `--model_config_file`.

    Args:
        path: the file.

    Returns:
        What is to be served, by the models' names.

    Raises:
        BadInput: there is no such file, it is no ModelServerConfig, or it asks for what cannot be served.
    """
    try:
        text = files.read_text(path)
    except FileNotFoundError as error:
        raise BadInput("there is no such file", str(path), "name a file with a ModelServerConfig") from error
    try:
        return check(text_format.Parse(text, model_server_config_pb2.ModelServerConfig()))
    except text_format.ParseError as error:
        raise BadInput(f"this is no ModelServerConfig: {error}", str(path), f"write, for one: {_EXAMPLE}") from error
    except BadInput as error:
        raise BadInput(error.what, str(path), error.remedy) from error


def check(config: model_server_config_pb2.ModelServerConfig) -> ModelConfigs:
    """Looks at a configuration before any of it is done.

    Args:
        config: as a file or a client gives it.

    Returns:
        What is to be served, by the models' names.

    Raises:
        BadInput: it asks for what cannot be served.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise BadInput("there is no model_config_list", remedy=f"write, for one: {_EXAMPLE}")
    models: ModelConfigs = {}
    for model in config.model_config_list.config:
        if not _NAME.fullmatch(model.name):
            raise BadInput(f"{model.name!r} is no name of a model", remedy="a name has no /, no : and no space")
        if model.name in models:
            raise BadInput(f"{model.name} is there twice", remedy="give each model a name of its own")
        _check_model(model)
        models[model.name] = model
    return models


def choose(policy: VersionPolicy, numbers: Set[int]) -> set[int]:
    """The versions that a policy serves.

    Args:
        policy: of a model; the newest version alone where it says nothing.
        numbers: the versions that are there and can be loaded.

    Returns:
        Some of `numbers`.
    """
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return set(numbers)
    if kind == "specific":
        return set(numbers) & set(policy.specific.versions)
    # As TensorFlow Serving: 0 is what is written where nothing is.
    return set(sorted(numbers)[-max(policy.latest.num_versions, 1) :])


def _check_model(model: ModelConfig) -> None:
    if not (model.base_path.startswith("/") or _URI.match(model.base_path)):
        raise BadInput(f"{model.name}: base_path {model.base_path!r} is neither absolute nor a URI")
    if model.model_platform not in ("", "tensorflow"):
        raise BadInput(f"{model.name}: there is no model_platform {model.model_platform!r}", remedy='use "tensorflow"')
    policy = model.model_version_policy
    is_specific = policy.WhichOneof("policy_choice") == "specific"
    if is_specific and not policy.specific.versions:
        raise BadInput(f"{model.name}: the policy is specific and names no version", remedy="specific { versions: 1 }")
    wrong = [version for version in (*policy.specific.versions, *model.version_labels.values()) if version < 0]
    if wrong:
        raise BadInput(f"{model.name}: {wrong[0]} is no version", remedy="a version is a number from 0 on")
    for label, version in sorted(model.version_labels.items()):
        if not _NAME.fullmatch(label):
            raise BadInput(f"{model.name}: {label!r} is no label", remedy="a label has no /, no : and no space")
        if is_specific and version not in policy.specific.versions:
            raise BadInput(
                f"{model.name}: label {label} points at version {version}, which is not served",
                remedy=f"add versions: {version} to specific, or let the label point at another",
            )
    if model.HasField("logging_config"):
        _check_logging(model)


def _check_logging(model: ModelConfig) -> None:
    collector, sampling = model.logging_config.log_collector_config, model.logging_config.sampling_config
    if collector.type not in ("", REQUEST_LOG_TYPE):
        what = f"{model.name}: there is no log_collector_config.type {collector.type!r}"
        raise BadInput(what, remedy=f'use "{REQUEST_LOG_TYPE}"')
    prefix = collector.filename_prefix
    if prefix.endswith("/") or not (prefix.startswith("/") or _URI.match(prefix)):
        raise BadInput(
            f"{model.name}: filename_prefix {prefix!r} is no beginning of a file's path",
            remedy='write an absolute one: "/logs/taxi/requests"',
        )
    if not 0 <= sampling.sampling_rate <= 1:
        raise BadInput(f"{model.name}: sampling_rate {sampling.sampling_rate:g} is not between 0 and 1")
