"""The section `data:` as ExampleGen's own execution properties: which component, files, splits, span and reading."""

import json

import pytest
from google.protobuf import struct_pb2
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.utils import proto_utils

from millrace.components.example_gen.configured import example_gen
from millrace.components.example_gen.options import from_custom_config
from millrace.components.example_gen.section import Data

QUERY = {"path": "", "format": "bigquery", "query": "SELECT 1"}


def of(**data):
    return example_gen(Data(**{"path": "/data", **data}))


def parsed(component, name, message):
    return proto_utils.json_to_proto(component.exec_properties[name], message)


def inputs(component):
    config = parsed(component, "input_config", example_gen_pb2.Input())
    return {split.name: split.pattern for split in config.splits}


def outputs(component):
    config = parsed(component, "output_config", example_gen_pb2.Output())
    return {split.name: split.hash_buckets for split in config.split_config.splits}


@pytest.mark.parametrize(
    ("format", "name", "executor"),
    [
        ("csv", "ColumnarExampleGen", "millrace.components.example_gen.executor"),
        ("parquet", "ColumnarExampleGen", "millrace.components.example_gen.executor"),
        ("tfrecord", "ImportExampleGen", "tfx.components.example_gen.import_example_gen.executor"),
        ("avro", "FileBasedExampleGen", "tfx.components.example_gen.custom_executors.avro_executor"),
    ],
)
def test_each_format_has_its_reader(format, name, executor):
    component = of(format=format, pattern="*.data", splits={"train": 3, "eval": 2, "test": 1})
    assert type(component).__name__ == name
    assert component.executor_spec.executor_class.__module__ == executor
    assert component.exec_properties["input_base"] == "/data"
    assert inputs(component) == {"single_split": "*.data"}
    assert outputs(component) == {"train": 3, "eval": 2, "test": 1}
    assert component.exec_properties.get("range_config") is None
    if name == "ColumnarExampleGen":
        assert from_custom_config(component.exec_properties["custom_config"]).format == format


def test_a_table_is_read_by_the_rules_that_are_named():
    chosen = {"delimiter": ";", "missing": ("?", "-"), "strip_spaces": True}
    for rules, header, values in (("table", "csv", "all"), ("tfx", "tfx", "tfx")):
        options = from_custom_config(of(rules=rules, **chosen).exec_properties["custom_config"])
        assert (options.header, options.values) == (header, values)
        assert (options.delimiter, options.missing, options.strip_spaces) == (";", ("?", "-"), True)


def test_an_edit_of_the_reader_makes_its_examples_stale():
    config = parsed(of(), "custom_config", example_gen_pb2.CustomConfig())
    options = struct_pb2.Struct()
    config.custom_config.Unpack(options)
    assert len(json.loads(options["columnar_example_gen"])["code_digest"]) >= 16


def test_files_of_their_own_are_splits_as_they_come():
    files = [{"name": "train", "pattern": "train/*.csv"}, {"name": "eval", "pattern": "eval/*.csv"}]
    component = of(files=files)
    assert inputs(component) == {"train": "train/*.csv", "eval": "eval/*.csv"}
    assert outputs(component) == {}


@pytest.mark.parametrize("span", [0, 7])
def test_a_span_that_is_named_is_the_only_one(span):
    ranges = parsed(of(pattern="{SPAN}/*.csv", span=span), "range_config", range_config_pb2.RangeConfig())
    assert ranges.static_range.start_span_number == ranges.static_range.end_span_number == span
    assert ranges.HasField("static_range")


def test_a_version_that_is_named_is_written_into_the_pattern():
    assert inputs(of(pattern="{SPAN}/v{VERSION}/*.csv", span=1, version=3)) == {"single_split": "{SPAN}/v3/*.csv"}
    assert inputs(of(pattern="{SPAN}/v{VERSION}/*.csv", span=1)) == {"single_split": "{SPAN}/v{VERSION}/*.csv"}


def test_a_query_runs_where_the_section_says():
    where = {"project": "billed", "temp_location": "gs://rows/temp"}
    component = of(**QUERY, bigquery=where)
    assert component.exec_properties["input_config"] and "SELECT 1" in component.exec_properties["input_config"]
    assert outputs(component) == {"train": 2, "eval": 1}
    args = component.executor_spec.beam_pipeline_args
    assert args == ["--project=billed", "--temp_location=gs://rows/temp"]
    assert not of(**QUERY).executor_spec.beam_pipeline_args
