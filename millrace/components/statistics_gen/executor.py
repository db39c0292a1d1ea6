"""The executor: in this process where the options, the payload and the Beam runner allow, else TFX's own."""

import os
from collections.abc import Iterator
from typing import Optional

import pyarrow as pa
from absl import logging
from tensorflow_data_validation.statistics.stats_options import StatsOptions
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, json_utils, stats_utils
from tfx_bsl.tfxio import dataset_options

from millrace.base import files
from millrace.components.beam_engine import runner_elsewhere
from millrace.components.example_gen import sidecar
from millrace.components.executor_types import Artifacts, Properties
from millrace.components.statistics_gen import in_process
from millrace.components.statistics_gen.number_sample import NumberSample
from millrace.statistics import order_statistics

SLICES_KEY, IN_PROCESS_KEY = "slices", "in_process"
_DECODED_AT_ONCE = 8192


class Executor(tfx_executor.Executor):
    """Computes the statistics of every split; outputs and properties are those of TFX's executor."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: Properties) -> None:
        """Writes `FeatureStats.pb` of each split, and the order statistics that tell what distances are usual.

        Args:
            input_dict: `examples`, and `schema` where the options are to be taken from one.
            output_dict: `statistics`.
            exec_properties: those of TFX's StatisticsGen, `slices` as JSON, and `in_process`.

        Raises:
            DataError: there are too many slices for this process.
            ValueError: as TFX's executor.
        """
        exec_properties = _with_slices(exec_properties)
        examples = artifact_utils.get_single_instance(input_dict[keys.EXAMPLES_KEY])
        options = _stats_options(input_dict, exec_properties)
        if options is None or not self._fits(examples, exec_properties):
            super().Do(input_dict, output_dict, exec_properties)
            artifact_utils.get_single_instance(output_dict[keys.STATISTICS_KEY]).span = _span(examples)
            return
        self._log_startup(input_dict, output_dict, exec_properties)
        excluded = json_utils.loads(exec_properties.get(keys.EXCLUDE_SPLITS_KEY) or "null") or []
        splits = [name for name in artifact_utils.decode_split_names(examples.split_names) if name not in excluded]
        if not splits:
            raise ValueError(f"No splits for examples artifact: {examples}")
        statistics = artifact_utils.get_single_instance(output_dict[keys.STATISTICS_KEY])
        _describe(statistics, examples, splits)
        for split in splits:
            # TFX makes a round trip through JSON too: the schema's own settings are applied by it
            options_of_tfx = StatsOptions.from_json(options.to_json())
            numbers = NumberSample()
            computed = in_process.generate(numbers.watch(_batches(examples, split)), options_of_tfx)
            content = order_statistics.to_bytes(numbers.order_statistics())
            files.write(order_statistics.file_of(statistics.uri, split), content)
            folder = artifact_utils.get_split_uri([statistics], split)
            files.write(os.path.join(folder, tfx_executor.DEFAULT_FILE_NAME), computed.SerializeToString())
            logging.info("Statistics for split %s written.", split)

    def _fits(self, examples: types.Artifact, exec_properties: Properties) -> bool:
        """Whether this process can do what TFX's executor would do with Beam."""
        return (
            bool(exec_properties.get(IN_PROCESS_KEY, True))
            and self._make_beam_pipeline_fn is None
            and not runner_elsewhere(self._beam_pipeline_args or ())
            and not exec_properties.get(keys.SHARDED_STATS_OUTPUT_KEY)
            and not json_utils.loads(exec_properties.get(keys.SAMPLE_RATE_BY_SPLIT_KEY) or "null")
            and not examples.has_custom_property(examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME)
            and examples_utils.get_payload_format(examples) == example_gen_pb2.FORMAT_TF_EXAMPLE
        )


def _with_slices(exec_properties: Properties) -> Properties:
    """The slices as TFX's executor takes them, among the options of TFDV."""
    slices = json_utils.loads(exec_properties.get(SLICES_KEY) or "[]")
    if not slices:
        return exec_properties
    text = exec_properties.get(keys.STATS_OPTIONS_JSON_KEY)
    options = StatsOptions.from_json(text) if text else StatsOptions()
    options.slicing_config = in_process.slicing_config(slices)
    return {**exec_properties, keys.STATS_OPTIONS_JSON_KEY: options.to_json()}


def _stats_options(input_dict: Artifacts, exec_properties: Properties) -> Optional[StatsOptions]:
    """The options with the schema that was given, or None where TFX's executor has to see to them."""
    text = exec_properties.get(keys.STATS_OPTIONS_JSON_KEY)
    options = StatsOptions.from_json(text) if text else StatsOptions()
    if not in_process.supports(options):
        return None
    if not input_dict.get(keys.SCHEMA_KEY):
        return options
    if options.schema:
        return None
    uri = artifact_utils.get_single_uri(input_dict[keys.SCHEMA_KEY])
    options.schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri))
    return options


def _describe(statistics: types.Artifact, examples: types.Artifact, splits: list[str]) -> None:
    """Sets the properties that TFX's executor sets."""
    statistics.split_names = artifact_utils.encode_split_names(splits)
    statistics.span = _span(examples)
    link = stats_utils.generate_stats_dashboard_link(statistics)
    statistics.set_string_custom_property(tfx_executor.STATS_DASHBOARD_LINK, link)
    rates = json_utils.dumps(dict.fromkeys(splits, 1.0))
    statistics.set_json_value_custom_property(tfx_executor.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME, rates)


def _span(examples: types.Artifact) -> int:
    """The span of examples. TFX's executor takes the property, where file-based ExampleGens write the custom one."""
    text = examples.get_string_custom_property(utils.SPAN_PROPERTY_NAME)
    return int(text) if text else examples.get_int_custom_property(utils.SPAN_PROPERTY_NAME) or examples.span


def _batches(examples: types.Artifact, split: str) -> Iterator[pa.RecordBatch]:
    """The rows of a split: from the Arrow sidecar where the artifact has one, else decoded from its TFRecords."""
    files = sidecar.files(examples.uri, split)
    if files:
        for path in files:
            yield from sidecar.batches(path)
        return
    tfxio = tfxio_utils.get_split_tfxio([examples], split, telemetry_descriptors=["StatisticsGen"])
    options = dataset_options.RecordBatchesOptions(_DECODED_AT_ONCE, num_epochs=1, shuffle=False)
    yield from tfxio.RecordBatches(options)
