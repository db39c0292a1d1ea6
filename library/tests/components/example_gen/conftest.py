"""Runs the columnar executor's own stages, and TFX's own reader, on the same files; both as records of each split."""

import csv
import glob
import gzip
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Optional

import apache_beam as beam
import pytest
import tensorflow as tf
from tfx.components.example_gen import base_example_gen_executor, utils
from tfx.components.example_gen.csv_example_gen import executor as csv_executor
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.utils import io_utils, proto_utils
from tfx_bsl.coders import csv_decoder

from millrace.components.example_gen import divisions, executor, options, stages
from millrace.components.example_gen.configured import example_gen
from millrace.components.example_gen.divisions import StratifiedDivision, TimeDivision
from millrace.components.example_gen.plan import WorkPlan, make_plan
from millrace.components.example_gen.section import Data

Splits = dict[str, Counter]  # of serialised examples, by split

BUCKETS = {"train": 2, "eval": 1}


def output_config(feature: Optional[str] = None) -> example_gen_pb2.Output:
    """Two splits, 2 to 1."""
    splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=size) for name, size in BUCKETS.items()]
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(splits=splits, partition_feature_name=feature)
    )


@pytest.fixture
def stages_of() -> Callable[..., Splits]:
    """Runs the stages without a Beam runner: fast enough for hundreds of tables."""

    def run(base: str, out: str, feature: Optional[str] = None, **chosen: object) -> Splits:
        told = options.Options(**chosen)
        plan = make_plan(str(base), utils.make_default_input_config(), output_config(feature), told)
        folders = staged(plan, told, str(out))
        return {name: unframed(folder) for name, folder in folders.items()}

    return run


def staged(plan: WorkPlan, told: options.Options, out: str) -> dict[str, str]:
    """Runs the stages of a plan one after the other; gives the folder of each split."""
    csv_work = plan.work if told.format == "csv" else ()
    quotes = [pair for work in csv_work for pair in stages.CountQuotes().process(work)]
    types = {}
    for work in csv_work:
        for group, found in stages.InferTypes(plan, told, out).process(work, quotes):
            types[group] = stages.merge_types([*([types[group]] if group in types else []), found])
    os.makedirs(out, exist_ok=True)
    survey = None
    if isinstance(plan.division, (TimeDivision, StratifiedDivision)):
        look = stages.SurveyRows(plan, told, out, plan.division).process
        survey = divisions.merged(plan.division, [one for work in plan.work for one in look(work, quotes, types)])
    write = stages.WriteShards(plan, told, out)
    results = [result for work in plan.work for result in write.process(work, quotes, types, survey)]
    refused = [result for result in results if isinstance(result, Exception)]
    if refused:
        raise refused[0]
    folders = {name: os.path.join(out, f"Split-{name}") for name in plan.division.names}
    stages.Publish(plan, told, out, folders, out).process(None, results, survey)
    executor._raise_refusal(os.path.join(out, stages.REFUSAL_FILE))
    return folders


@pytest.fixture
def configured_rows() -> Callable[[Data, str], Splits]:
    """Runs the stages as the section `data:` asks for it."""

    def run(data: Data, out: str) -> Splits:
        component = example_gen(data)
        properties = component.exec_properties
        told = options.from_custom_config(properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        configs = [
            proto_utils.json_to_proto(properties[key], message())
            for key, message in (
                (standard_component_specs.INPUT_CONFIG_KEY, example_gen_pb2.Input),
                (standard_component_specs.OUTPUT_CONFIG_KEY, example_gen_pb2.Output),
            )
        ]
        folders = staged(make_plan(data.path, *configs, told), told, out)
        return {name: unframed(folder) for name, folder in folders.items()}

    return run


def unframed(folder: str) -> Counter:
    """The examples of a split without TensorFlow's reader, which takes its time for each file."""
    found: Counter = Counter()
    for path in glob.glob(os.path.join(folder, "*")):
        with gzip.open(path) as file:
            while head := file.read(12):
                found[file.read(struct.unpack("<Q", head[:8])[0])] += 1
                file.read(4)
    return found


def records(folder: str) -> Counter:
    """The examples of a split, as TensorFlow reads them, in deterministic bytes."""
    files = sorted(tf.io.gfile.glob(os.path.join(folder, "*")))
    found = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
    return Counter(tf.train.Example.FromString(record).SerializeToString(deterministic=True) for record in found)


@pytest.fixture
def executed() -> Callable[..., tuple[standard_artifacts.Examples, Splits]]:
    """Runs an executor class through its own `Do`."""

    def run(
        executor_class: type, base: str, out: str, told: object = None, feature: Optional[str] = None, **more: object
    ):
        artifact = standard_artifacts.Examples()
        artifact.uri = str(out)
        properties = {
            standard_component_specs.INPUT_BASE_KEY: str(base),
            standard_component_specs.INPUT_CONFIG_KEY: proto_utils.proto_to_json(utils.make_default_input_config()),
            standard_component_specs.OUTPUT_CONFIG_KEY: proto_utils.proto_to_json(output_config(feature)),
            standard_component_specs.OUTPUT_DATA_FORMAT_KEY: example_gen_pb2.FORMAT_TF_EXAMPLE,
            standard_component_specs.OUTPUT_FILE_FORMAT_KEY: example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            **more,
        }
        if told is not None:
            packed = options.to_custom_config(told, "digest")
            properties[standard_component_specs.CUSTOM_CONFIG_KEY] = proto_utils.proto_to_json(packed)
        executor_class().Do({}, {standard_component_specs.EXAMPLES_KEY: [artifact]}, properties)
        return artifact, {name: records(os.path.join(out, f"Split-{name}")) for name in BUCKETS}

    return run


class _Once:
    """Gives one record to a csv reader, which in TFX would get the same one again, for ever."""

    def __init__(self, record: str) -> None:
        self._left = [record]

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._left:
            raise ValueError("TFX would never finish this record")
        return self._left.pop()


@pytest.fixture
def tfx_of() -> Callable[..., Splits]:
    """The examples of CSV files by the very steps of CsvExampleGen, without a Beam runner."""
    return tfx_examples


def tfx_examples(paths: list[str], feature: Optional[str] = None) -> Splits:
    """See `tfx_of`."""
    names = io_utils.load_csv_column_names(paths[0])
    rows = [row for path in paths for row in _tfx_rows(path)]
    inferrer = csv_decoder.ColumnTypeInferrer(names, skip_blank_lines=True)
    accumulator = inferrer.create_accumulator()
    for row in rows:
        accumulator = inferrer.add_input(accumulator, row)
    infos = inferrer.extract_output(accumulator)
    to_example = csv_executor._ParsedCsvToTfExample()
    config = output_config(feature).split_config
    bounds = [2, 3]
    found: Splits = {name: Counter() for name in BUCKETS}
    for row in rows:
        for example in to_example.process(row, infos):
            place = base_example_gen_executor._PartitionFn(example, 2, bounds, config)
            found[list(BUCKETS)[place]][example.SerializeToString(deterministic=True)] += 1
    return found


def _tfx_rows(path: str) -> Iterator[list[bytes]]:
    with beam.io.filesystems.FileSystems.open(path) as file:
        file.readline()
        buffer = csv_executor._CsvLineBuffer()
        for line in file:
            buffer.write(line.decode("utf-8"))
            if buffer.is_complete_line():
                yield [cell.encode() for cell in next(csv.reader(_Once(buffer.read())))]
        if not buffer.is_empty():
            raise ValueError("unbalanced quotes")
