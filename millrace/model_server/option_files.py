"""TensorFlow Serving's small files of options, whose messages no package brings.

They are those of tensorflow_serving/servables/tensorflow/session_bundle_config.proto and
tensorflow_serving/config/monitoring_config.proto, as far as this server follows them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from google.protobuf import descriptor_pb2, message_factory, text_format, wrappers_pb2

from millrace.base import files
from millrace.base.cores import cores
from millrace.base.errors import BadInput

METRICS_PATH = "/monitoring/prometheus/metrics"
"""Where TensorFlow Serving shows them when nothing else is said."""

_FIELD = descriptor_pb2.FieldDescriptorProto
_INT64 = ".google.protobuf.Int64Value"
_TEXT = ".google.protobuf.StringValue"
_MESSAGES: dict[str, list[dict[str, Any]]] = {
    "BatchingParameters": [
        {"name": "max_batch_size", "type": _FIELD.TYPE_MESSAGE, "type_name": _INT64},
        {"name": "batch_timeout_micros", "type": _FIELD.TYPE_MESSAGE, "type_name": _INT64},
        {"name": "max_enqueued_batches", "type": _FIELD.TYPE_MESSAGE, "type_name": _INT64},
        {"name": "num_batch_threads", "type": _FIELD.TYPE_MESSAGE, "type_name": _INT64},
        {"name": "thread_pool_name", "type": _FIELD.TYPE_MESSAGE, "type_name": _TEXT},
        {"name": "allowed_batch_sizes", "type": _FIELD.TYPE_INT64, "label": _FIELD.LABEL_REPEATED},
    ],
    "PrometheusConfig": [
        {"name": "enable", "type": _FIELD.TYPE_BOOL},
        {"name": "path", "type": _FIELD.TYPE_STRING},
    ],
    "MonitoringConfig": [
        {"name": "prometheus_config", "type": _FIELD.TYPE_MESSAGE, "type_name": ".tensorflow.serving.PrometheusConfig"},
    ],
}


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are put together.

    Args:
        max_batch_size: rows of a batch, at most.
        batch_timeout_micros: how long a batch waits for more requests; with 0 it begins as soon as a thread is free.
        max_enqueued_batches: batches of one signature that may wait; a request that needs one more is refused.
        num_batch_threads: batches that are run at once.
        allowed_batch_sizes: a batch is filled up to the next of these; any size when there are none.
    """

    max_batch_size: int
    batch_timeout_micros: int
    max_enqueued_batches: int
    num_batch_threads: int
    allowed_batch_sizes: tuple[int, ...] = ()


def read_batching_parameters(path: Optional[Path]) -> BatchingParameters:
    """Reads `--batching_parameters_file`.

    Args:
        path: the file; without one, and for what it leaves out, TensorFlow Serving's values are taken.

    Returns:
        The parameters.

    Raises:
        BadInput: the file cannot be read, or no batch could be made so.
    """
    given = _read(path, "BatchingParameters") if path else None

    def number(name: str, otherwise: int, least: int) -> int:
        value = getattr(given, name).value if given is not None and given.HasField(name) else otherwise
        if value < least:
            raise BadInput(f"{name} is {value}", str(path), f"give at least {least}")
        return value

    size = number("max_batch_size", 1000, 1)
    allowed = tuple(given.allowed_batch_sizes) if given is not None else ()
    if allowed and (list(allowed) != sorted({*allowed}) or allowed[0] < 1 or allowed[-1] != size):
        raise BadInput(
            f"allowed_batch_sizes are {', '.join(map(str, allowed))}", str(path),
            f"let them rise, and end with max_batch_size, {size}",
        )  # fmt: skip
    return BatchingParameters(
        size,
        number("batch_timeout_micros", 0, 0),
        number("max_enqueued_batches", 10, 1),
        number("num_batch_threads", cores(), 1),
        allowed,
    )


def read_metrics_path(path: Path) -> str:
    """Reads `--monitoring_config_file`.

    Args:
        path: the file.

    Returns:
        Under which path the metrics are shown; empty where they are not.

    Raises:
        BadInput: the file cannot be read, or the path is none.
    """
    config = _read(path, "MonitoringConfig").prometheus_config
    if not config.enable:
        return ""
    if config.path and not config.path.startswith("/"):
        raise BadInput(f"prometheus_config.path is {config.path!r}", str(path), f'begin with /: "{METRICS_PATH}"')
    return config.path or METRICS_PATH


def _read(path: Path, name: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="millrace/option_files.proto", package="tensorflow.serving", syntax="proto3"
    )
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for message, fields in _MESSAGES.items():
        numbered = [
            {"label": _FIELD.LABEL_OPTIONAL, "number": number, **field} for number, field in enumerate(fields, 1)
        ]
        file.message_type.add(name=message, field=[_FIELD(**field) for field in numbered])
    wrappers = descriptor_pb2.FileDescriptorProto.FromString(wrappers_pb2.DESCRIPTOR.serialized_pb)
    kind = message_factory.GetMessages([wrappers, file])[f"tensorflow.serving.{name}"]
    try:
        return text_format.Parse(files.read_text(path), kind())
    except FileNotFoundError as error:
        raise BadInput("there is no such file", str(path), f"name a file with {name} as text") from error
    except text_format.ParseError as error:
        raise BadInput(f"these are no {name}: {error}", str(path), "see TensorFlow Serving's documentation") from error
