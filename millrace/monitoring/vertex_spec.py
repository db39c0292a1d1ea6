"""The same contract as Vertex AI's own messages: `ModelMonitoringSpec` and what stands around it in the locked client.

A message has one baseline. So there are two: skew, against the training data, and drift, against the window before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import BadInput
from millrace.components.vertex_pusher.explanation import explanation_messages
from millrace.components.vertex_pusher.monitor import ENDPOINT_TO_COME
from millrace.config.config import Config
from millrace.config.monitoring_section import vertex_cron
from millrace.features.keys import safe_name
from millrace.model_server.about import About, ModelColumn, ModelOutput, ValueType
from millrace.monitoring.contract import curated_schema, of_requests
from millrace.statistics.comparison import Kind

# What a data source says of its files, by `data.format`.
_FORMATS = {"csv": "CSV", "tfrecord": "TF_RECORD"}
_TYPES = {schema_pb2.INT: "integer", schema_pb2.FLOAT: "float", schema_pb2.BYTES: "categorical"}
_VALUE_TYPES: Mapping[int, ValueType] = {schema_pb2.INT: "INT", schema_pb2.FLOAT: "FLOAT"}
_PREDICTED = {"binary": "float", "regression": "float"}


@dataclass(frozen=True)
class VertexMonitor:
    """What a model monitor of Vertex AI is made from, as plain values by the client's names.

    Args:
        model_monitoring_schema: the fields of requests, predictions and labels.
        specs: a `ModelMonitoringSpec` for skew and one for drift, as far as the schema has such limits.
        cron: when each is to run.
        not_kept: what Vertex AI's monitor cannot be told.
    """

    model_monitoring_schema: dict[str, Any]
    specs: dict[str, dict[str, Any]]
    cron: str
    not_kept: tuple[str, ...]


def vertex_monitor(config: Config, schema: schema_pb2.Schema, endpoint: str) -> VertexMonitor:
    """Makes the messages.

    Args:
        config: with `vertex` and `monitoring`.
        schema: the curated one.
        endpoint: whose requests are logged, `projects/P/locations/L/endpoints/ID`.

    Returns:
        Messages that the locked client takes.

    Raises:
        BadInput: Vertex AI has no such window, there is no data or bucket to name, or the schema has no limit.
    """
    from google.cloud.aiplatform_v1beta1.types import model_monitor, model_monitoring_spec

    read = set(config.feature_table().columns())
    labels = {one.column: one for one in config.label.by_output().values()}
    held, _ = of_requests(schema, read - set(labels), set(labels))
    cron, window = _cron(config), config.monitoring.window
    specs: dict[str, dict[str, Any]] = {}
    attributed = _attribution_spec(config, held)
    kinds: tuple[Kind, ...] = ("skew", "drift")
    for kind in kinds:
        drift_spec = _drift_spec(held, kind)
        if drift_spec is None:
            continue
        tabular: dict[str, Any] = {"feature_drift_spec": drift_spec}
        if kind == "drift":
            limit = {"threshold": config.monitoring.predictions}
            tabular["prediction_output_drift_spec"] = {
                "categorical_metric_type": "l_infinity",
                "numeric_metric_type": "jensen_shannon_divergence",
                "default_categorical_alert_condition": limit,
                "default_numeric_alert_condition": limit,
            }
            if attributed:
                tabular["feature_attribution_spec"] = attributed
        logs = {"vertex_endpoint_logs": {"endpoints": [endpoint]}}
        baseline = (
            _training(config) if kind == "skew" else {**logs, "time_offset": {"offset": window, "window": window}}
        )
        message = {
            "objective_spec": {
                "tabular_objective": tabular,
                "baseline_dataset": baseline,
                **({"explanation_spec": _explanation(config, held)} if "feature_attribution_spec" in tabular else {}),
                "target_dataset": {**logs, "time_offset": {"offset": "0h", "window": window}},
            },
            "notification_spec": {
                "email_config": {"user_emails": list(config.monitoring.notify.emails)},
                "enable_cloud_logging": True,
                "notification_channel_configs": [
                    {"notification_channel": one} for one in config.monitoring.notify.channels
                ],
            },
            "output_spec": {"gcs_base_directory": {"output_uri_prefix": f"{_bucket(config)}/monitoring/{kind}"}},
        }
        specs[kind] = _as_the_client_has_it(model_monitoring_spec.ModelMonitoringSpec, message)
    if not specs:
        raise BadInput(
            "the schema has no limit that Vertex AI could watch",
            where=config.schema_.file or "schema.file",
            remedy="give a feature a skew_comparator or a drift_comparator",
        )
    fields = {
        "feature_fields": [_field(feature) for feature in held.feature],
        "prediction_fields": [
            {"name": one.prediction_name, "data_type": _PREDICTED.get(one.task, "categorical")}
            for one in labels.values()
        ],
        "ground_truth_fields": [
            {"name": name, "data_type": "float" if one.task == "regression" else "categorical"}
            for name, one in labels.items()
        ],
    }
    schema_message = _as_the_client_has_it(model_monitor.ModelMonitoringSchema, fields)
    return VertexMonitor(schema_message, specs, cron, tuple(_not_kept(config, held)))


def monitor_of_push(config: Config) -> dict[str, Any]:
    """What the Pusher makes a monitor from, of the endpoint that it deploys to.

    Args:
        config: the pipeline's, with `push.vertex.monitor`.

    Returns:
        As `vertex_pusher.monitor.MONITOR` says.

    Raises:
        BadInput: as `vertex_monitor` has it; or there is no curated schema.
    """
    made = vertex_monitor(config, curated_schema(config), ENDPOINT_TO_COME)
    return {"model_monitoring_schema": made.model_monitoring_schema, "specs": made.specs, "cron": made.cron}


def _as_the_client_has_it(message: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the client's own message gives them: a field that it does not know is an error here, not there."""
    # By JSON: of plain values the client makes no map of messages a second time in a process.
    read = message.from_json(json.dumps(values))
    made = json_format.MessageToDict(message.pb(read), preserving_proto_field_name=True)
    return dict(_sorted_limits(made))


def _sorted_limits(values: Any) -> Any:
    """A message's maps come in no order, and a file is to be the same each time."""
    if not isinstance(values, dict):
        return values
    return {
        name: dict(sorted(value.items())) if name in ("feature_alert_conditions", "inputs") else _sorted_limits(value)
        for name, value in values.items()
    }


def _drift_spec(schema: schema_pb2.Schema, kind: Kind) -> Any:
    limits = {}
    for feature in schema.feature:
        comparator = getattr(feature, f"{kind}_comparator")
        for measure in ("infinity_norm", "jensen_shannon_divergence"):
            if comparator.HasField(measure):
                limits[feature.name] = {"threshold": round(getattr(comparator, measure).threshold, 9)}
    if not limits:
        return None
    return {
        "features": list(limits),
        "categorical_metric_type": "l_infinity",
        "numeric_metric_type": "jensen_shannon_divergence",
        "feature_alert_conditions": limits,
    }


def _attribution_spec(config: Config, schema: schema_pb2.Schema) -> Optional[dict[str, Any]]:
    """Drift of attributions, by batch explanation there, where the model in Vertex AI has an explanation spec."""
    push, section = config.push.vertex, config.monitoring.attributions
    if push is None or not push.explanations or section is None:
        return None
    machine = {"machine_type": push.machine_type}
    return {
        "features": [safe_name(feature.name) for feature in schema.feature],
        "default_alert_condition": {"threshold": section.limit},
        "batch_explanation_dedicated_resources": {"machine_spec": machine, "starting_replica_count": 1},
    }


def _explanation(config: Config, schema: schema_pb2.Schema) -> dict[str, Any]:
    """What the monitor is to explain by: as the pusher says it of a version, which holds the baseline besides."""
    columns = tuple(
        ModelColumn(one.name, safe_name(one.name), _VALUE_TYPES.get(one.type, "BYTES")) for one in schema.feature
    )
    outputs = tuple(
        ModelOutput(name, one.column, one.task, one.class_names) for name, one in config.label.by_output().items()
    )
    metadata, parameters = explanation_messages(About(outputs, columns))
    return {"metadata": metadata, "parameters": parameters}


def _field(feature: schema_pb2.Feature) -> dict[str, Any]:
    is_category = feature.int_domain.is_categorical
    several = feature.value_count.max > 1 or any(one.size > 1 for one in feature.shape.dim)
    return {
        "name": feature.name,
        "data_type": "categorical" if is_category else _TYPES.get(feature.type, "string"),
        "repeated": several,
    }


def _training(config: Config) -> dict[str, Any]:
    place, data_format = config.vertex.data_path, _FORMATS.get(config.data.format)
    if not place or data_format is None:
        raise BadInput(
            "Vertex AI compares with the training data in a bucket"
            + ("" if data_format else f", and reads no {config.data.format}"),
            where=config.place("vertex.data_path"),
            remedy="set vertex.data_path to a copy of data.path as CSV or TFRecord",
        )
    return {
        "columnized_dataset": {"gcs_source": {"gcs_uri": f"{place.rstrip('/')}/*", "format_": data_format}},
    }


def _bucket(config: Config) -> str:
    if not config.vertex.root:
        raise BadInput(
            "Vertex AI writes what it found to a bucket",
            where=config.place("vertex.root"),
            remedy="set vertex.root to gs://BUCKET/FOLDER",
        )
    return config.vertex.root.rstrip("/")


def _cron(config: Config) -> str:
    """When windows end, in UTC."""
    cron = vertex_cron(config.monitoring.window)
    if cron is not None:
        return cron
    raise BadInput(
        f"Vertex AI cannot follow windows of {config.monitoring.window}",
        where=config.place("monitoring.window"),
        remedy="take a day, or hours by which a day can be divided: 1h, 6h, 1d",
    )


def _not_kept(config: Config, schema: schema_pb2.Schema) -> list[str]:
    section, lost = config.monitoring, []
    if section.drift.false_alarm_rate or section.skew.false_alarm_rate:
        lost.append("false_alarm_rate: Vertex AI takes distances, and the schema's are written")
    comparators = [one for feature in schema.feature for one in (feature.drift_comparator, feature.skew_comparator)]
    if any(one.HasField("normalized_abs_difference") for one in comparators):
        lost.append("normalized_abs_difference: Vertex AI has no such distance")
    if section.outliers or section.saturation:
        lost.append("outliers and saturation: Vertex AI's monitor looks at distances alone")
    if section.attributions and not (config.push.vertex and config.push.vertex.explanations):
        lost.append("attributions: push.vertex.explanations gives the model in Vertex AI what explains it")
    lost.append(
        "the schema's own rules (domains, presence), chance, errors and slow answers: only distances are watched"
    )
    return lost
