"""The executor: the Beam pipeline of `stages`, and the standard properties of the Examples artifact."""

import os
from typing import Any

from absl import logging
from tfx import types
from tfx.components.example_gen import utils, write_split
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from millrace.components.example_gen import shards, stages
from millrace.components.example_gen.options import from_custom_config
from millrace.components.example_gen.plan import make_plan
from millrace.components.example_gen.refusal import from_json
from millrace.components.executor_types import Artifacts, Properties


class Executor(base_beam_executor.BaseBeamExecutor):
    """Turns CSV or Parquet files into tf.Examples, by columns, in place of TFX's executors of the two formats."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Writes the examples and their Arrow sidecar.

        Args:
            input_dict: empty.
            output_dict: `examples`, one Examples artifact.
            exec_properties: those of FileBasedExampleGen, after its driver; `custom_config` as `options` packs it.

        Raises:
            DataError: the input is not a table, or not one that TFX's own executor would read.
            ValueError: an output format is asked for other than tf.Examples in gzipped TFRecords.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        input_config = _read(exec_properties, standard_component_specs.INPUT_CONFIG_KEY, example_gen_pb2.Input())
        output_config = _read(exec_properties, standard_component_specs.OUTPUT_CONFIG_KEY, example_gen_pb2.Output())
        options = from_custom_config(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY))
        _describe(artifact, utils.generate_output_split_names(input_config, output_config), exec_properties)
        plan = make_plan(exec_properties[standard_component_specs.INPUT_BASE_KEY], input_config, output_config, options)
        folders = {name: artifact_utils.get_split_uri([artifact], name) for name in plan.division.names}
        self._run(plan, options, artifact.uri, folders)
        logging.info("Examples generated.")

    def _run(self, plan: Any, options: Any, uri: str, folders: dict[str, str]) -> None:
        staging = os.path.join(uri, shards.STAGING)
        fileio.makedirs(staging)
        stages.PARSED.begin(staging)
        try:
            with self._make_beam_pipeline() as pipeline:
                stages.build(pipeline, plan, options, uri, folders)
            _raise_refusal(os.path.join(staging, stages.REFUSAL_FILE))
        finally:
            stages.PARSED.forget(staging)
            fileio.rmtree(staging)


def _read(exec_properties: Properties, key: str, message: Any) -> Any:
    return proto_utils.json_to_proto(exec_properties[key], message)


def _describe(artifact: types.Artifact, names: list[str], exec_properties: Properties) -> None:
    """Sets split names, payload and file format, as TFX's BaseExampleGenExecutor does."""
    payload = exec_properties.get(standard_component_specs.OUTPUT_DATA_FORMAT_KEY)
    file_format = exec_properties.get(standard_component_specs.OUTPUT_FILE_FORMAT_KEY)
    if payload not in (None, example_gen_pb2.FORMAT_TF_EXAMPLE):
        raise ValueError("output_data_format must be FORMAT_TF_EXAMPLE: other payloads need TFX's own executor")
    artifact.split_names = artifact_utils.encode_split_names(names)
    if payload:
        examples_utils.set_payload_format(artifact, payload)
    if file_format:
        examples_utils.set_file_format(artifact, write_split.to_file_format_str(file_format))


def _raise_refusal(path: str) -> None:
    if fileio.exists(path):
        with fileio.open(path) as file:
            raise from_json(file.read())
