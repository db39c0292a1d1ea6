"""Which data ExampleGen will read, found in a task of a compiled job as TFX's driver finds it on this machine.

TFX's own driver for services knows one span. Where the job asks for a window of spans, or the service has no
pre-cache check, the task finds them by itself and puts out what that driver would.
"""

import json
from collections.abc import Callable
from typing import Any

from millrace.base import files
from millrace.container.task_input import Json, TaskInput

# What is put out, which are also the names that TFX's driver gives them; `spans` where it is a window.
SPAN, VERSION, FINGERPRINT, INPUT_CONFIG, SPANS = "span", "version", "input_fingerprint", "input_config", "spans"
NO_VERSION = -1
MISSING_SPANS = "missing_spans"
"""A parameter that only an ExampleGen of a window has."""


def find_input(task: TaskInput) -> Json:
    """Finds the data's span, version and fingerprint, and `input_config` with them written into its patterns.

    Raises:
        DataError: a window of spans is not whole, or cannot be told from the names of files.
    """
    from tfx.components.example_gen.input_processor import FileBasedInputProcessor
    from tfx.proto import example_gen_pb2, range_config_pb2
    from tfx.utils import proto_utils

    from millrace.components.example_gen.span_window import WindowInputProcessor

    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(task.value(INPUT_CONFIG), config)
    asked = range_config_pb2.RangeConfig()
    if task.value("range_config"):
        proto_utils.json_to_proto(task.value("range_config"), asked)
    base, missing = task.value("input_base"), task.value(MISSING_SPANS)
    processor: Any = (
        WindowInputProcessor(base, config.splits, asked, missing)
        if missing
        else FileBasedInputProcessor(base, config.splits, asked if task.value("range_config") else None)
    )
    span, version = processor.resolve_span_and_version()
    fingerprint = processor.get_input_fingerprint(span, version)
    for split in config.splits:
        split.pattern = processor.get_pattern_for_span_version(split.pattern, span, version)
    return {
        SPAN: span,
        VERSION: NO_VERSION if version is None else version,
        FINGERPRINT: fingerprint,
        INPUT_CONFIG: proto_utils.proto_to_json(config),
        **({SPANS: json.dumps(processor.window.versions())} if missing else {}),
    }


def put_out_for_kubeflow(task: TaskInput) -> None:
    """Puts out what was found as parameters; `version` is -1 when the pattern has none."""
    files.write(task.output_file, json.dumps({"parameterValues": find_input(task)}))


def put_out_for_vertex(task: TaskInput) -> None:
    """Puts out what was found of a window as TFX's driver does before the cache: parameters, and on the examples."""
    found = find_input(task)
    if found[VERSION] == NO_VERSION:
        del found[VERSION]
    examples = task.output_artifacts.get("examples", {}).get("artifacts", ())
    described = [{**one, "metadata": {**one.get("metadata", {}), **description(found.get)}} for one in examples]
    output = {"parameterValues": found, "artifacts": {"examples": {"artifacts": described}}}
    files.write(task.output_file, json.dumps(output))


def description(value: Callable[[str], Any]) -> Json:
    """What TFX's driver says on the examples, as a service keeps it.

    Args:
        value: gives what was found by its name; None for what was not.
    """
    from google.protobuf import json_format
    from tfx.components.example_gen import driver
    from tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils import to_runtime_artifact
    from tfx.types.standard_artifacts import Examples

    examples = Examples()
    version = value(VERSION)
    properties: dict[str, Any] = {
        SPAN: int(value(SPAN)),
        FINGERPRINT: value(FINGERPRINT),
        VERSION: None if version is None else int(version),
    }
    driver.update_output_artifact(exec_properties=properties, output_artifact=examples.mlmd_artifact)
    if value(SPANS):
        examples.set_string_custom_property(SPANS, value(SPANS))
    described: Json = json_format.MessageToDict(to_runtime_artifact(examples, {}).metadata)
    return described
