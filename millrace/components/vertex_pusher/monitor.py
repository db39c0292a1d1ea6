"""The model monitor of a push: one of the pipeline's own, which follows the newest version, with a schedule a kind.

What it is to look at was written as the graph was built, before there was an endpoint; here that name comes in. Found
again by its display name: a monitor has no labels.
"""

import json
from collections.abc import Mapping
from typing import Any, Optional

from google.cloud import aiplatform
from google.cloud.aiplatform_v1beta1 import types

from millrace.base.errors import BadInput

MONITOR = "monitor"
"""What the monitor is made from, within `vertex_version.VERSION`, as plain values by the client's names: its
`model_monitoring_schema`, a `ModelMonitoringSpec` by kind (`specs`), and the `cron` of each."""

ENDPOINT_TO_COME = "projects/-/locations/-/endpoints/-"
"""Stands in those for the endpoint."""

KINDS = ("skew", "drift")
_KEY = "push.vertex.encryption_key"


def found(model_id: str, key: str) -> Optional[types.ModelMonitor]:
    """The monitor that an earlier push made, which a push may move to its version.

    Args:
        model_id: the model's.
        key: the encryption key that is configured; empty for none.

    Returns:
        None where there is none.

    Raises:
        BadInput: it has another key, which cannot be changed.
    """
    parent = aiplatform.initializer.global_config.common_location_path()
    listed = _monitors().list_model_monitors(parent=parent)
    monitor: Optional[types.ModelMonitor] = next((one for one in listed if one.display_name == _title(model_id)), None)
    if monitor is None:
        return None
    has = str(monitor.encryption_spec.kms_key_name)
    if key and has != key:
        what = f"the monitor {monitor.name} has {f'the key {has}' if has else 'no key of its own'}, and keeps it"
        raise BadInput(what, _KEY, "delete it there, and the next push makes one with yours; or name the key it has")
    return monitor


def follow(
    monitor: Optional[types.ModelMonitor],
    model_id: str,
    asked: Mapping[str, Any],
    version: str,
    endpoint: str,
    key: str,
) -> None:
    """Has the monitor watch a version that is deployed: made where there is none, moved where there is one.

    Args:
        monitor: as `found` gives it.
        model_id: the model's.
        asked: as `MONITOR` says.
        version: its resource name, `projects/P/locations/L/models/ID@VERSION`.
        endpoint: that answers, and logs its requests.
        key: the encryption key of one that is made; empty for none.
    """
    model, _, number = version.partition("@")
    wanted = types.ModelMonitor(
        display_name=_title(model_id),
        model_monitoring_target={"vertex_model": {"model": model, "model_version_id": number}},
        model_monitoring_schema=types.ModelMonitoringSchema.from_json(json.dumps(asked["model_monitoring_schema"])),
        encryption_spec={"kms_key_name": key} if key else None,
    )
    if monitor is None:
        parent = aiplatform.initializer.global_config.common_location_path()
        monitor = _monitors().create_model_monitor(parent=parent, model_monitor=wanted).result()
    else:
        wanted.name = monitor.name
        changed = {"paths": ["model_monitoring_target", "model_monitoring_schema"]}
        _monitors().update_model_monitor(model_monitor=wanted, update_mask=changed).result()
    specs = {
        kind: types.ModelMonitoringSpec.from_json(json.dumps(spec).replace(ENDPOINT_TO_COME, endpoint))
        for kind, spec in asked["specs"].items()
    }
    _schedule(str(monitor.name), model_id, specs, asked["cron"])


def _schedule(monitor: str, model_id: str, specs: Mapping[str, types.ModelMonitoringSpec], cron: str) -> None:
    """A schedule for each kind, as it is asked for now; one that somebody has paused stays paused."""
    client = _schedules()
    parent = aiplatform.initializer.global_config.common_location_path()
    # The service's schedules of pipelines are in the same list.
    listed = client.list_schedules({"parent": parent, "filter": "create_model_monitoring_job_request:*"})
    there = {one.display_name: str(one.name) for one in listed}
    for kind in KINDS:
        title = f"{_title(model_id)}, {kind}"
        if kind not in specs:
            if title in there:
                client.delete_schedule(name=there[title]).result()
            continue
        job = {"display_name": title, "model_monitoring_spec": specs[kind]}
        wanted = types.Schedule(
            name=there.get(title, ""),
            display_name=title,
            cron=cron,
            max_concurrent_run_count=1,
            create_model_monitoring_job_request={"parent": monitor, "model_monitoring_job": job},
        )
        if title in there:
            changed = {"paths": ["cron", "create_model_monitoring_job_request"]}
            client.update_schedule(schedule=wanted, update_mask=changed)
        else:
            client.create_schedule(parent=parent, schedule=wanted)


def _title(model_id: str) -> str:
    """A display name that nobody else gives."""
    return f"millrace: {model_id}"


def _monitors() -> Any:
    settings = aiplatform.initializer.global_config
    return settings.create_client(client_class=aiplatform.utils.ModelMonitoringClientWithOverride)


def _schedules() -> Any:
    settings = aiplatform.initializer.global_config
    # The first version of the interface knows no schedule of a monitor.
    return settings.create_client(client_class=aiplatform.utils.ScheduleClientWithOverride).select_version("v1beta1")
