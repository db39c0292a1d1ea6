"""A window of spans through ExampleGen: what the driver finds and says, and which rows become examples."""

import json
import os
from datetime import date

import pytest
from pydantic import ValidationError
from tfx.orchestration.portable import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from millrace.base.errors import DataError
from millrace.components.example_gen import options
from millrace.components.example_gen.configured import example_gen
from millrace.components.example_gen.plan import make_plan
from millrace.components.example_gen.section import Data
from millrace.components.example_gen.span_window import Driver


def write(folder, name, text="a,b\n1,2\n3,4\n", time=1_700_000_000):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (time, time))


def data(folder, **window):
    return Data(path=str(folder), pattern="{YYYY}-{MM}-{DD}/v{VERSION}/*.csv", window={"last": 3, **window})


def driven(section):
    """What the driver puts out for a configured component: parameters, and the examples' properties."""
    component = example_gen(section)
    given = {name: value for name, value in component.exec_properties.items() if value is not None}
    examples = standard_artifacts.Examples()
    output = Driver(None).run(
        data_types.ExecutionInfo(exec_properties=given, output_dict={"examples": [examples]})  # type: ignore[arg-type]
    )
    found = output.output_artifacts["examples"].artifacts[0].custom_properties
    return {name: value.string_value or value.int_value for name, value in output.exec_properties.items()}, found


def test_the_driver_writes_every_span_into_the_pattern_and_says_which_they_are(tmp_path):
    for name in ("2023-12-31/v1/a.csv", "2024-01-01/v1/a.csv", "2024-01-02/v1/a.csv", "2024-01-02/v2/a.csv"):
        write(tmp_path, name)
    parameters, said = driven(data(tmp_path))
    config = proto_utils.json_to_proto(parameters["input_config"], example_gen_pb2.Input())
    assert config.splits[0].pattern.split("\n") == [
        "2023-12-31/v1/*.csv",
        "2024-01-01/v1/*.csv",
        "2024-01-02/v2/*.csv",
    ]
    assert json.loads(said["spans"].string_value) == {"2023-12-31": 1, "2024-01-01": 1, "2024-01-02": 2}
    assert (said["span"].int_value, said["version"].int_value) == (19724, 2)
    plan = make_plan(str(tmp_path), config, example_gen_pb2.Output(), options.Options())
    assert [os.path.relpath(one.path, tmp_path) for one in plan.work] == [
        "2023-12-31/v1/a.csv",
        "2024-01-01/v1/a.csv",
        "2024-01-02/v2/a.csv",
    ]


def test_the_fingerprint_changes_with_a_file_of_the_window_and_with_no_other(tmp_path):
    for day in ("01", "02", "03", "04"):
        write(tmp_path, f"2024-01-{day}/v1/a.csv")
    first, _ = driven(data(tmp_path))
    write(tmp_path, "2024-01-01/v2/a.csv")
    assert driven(data(tmp_path))[0] == first, "a day before the window was sent again"
    write(tmp_path, "2024-01-03/v2/a.csv", "a,b\n1,2\n")
    again, said = driven(data(tmp_path))
    assert again["input_fingerprint"] != first["input_fingerprint"] and again["span"] == first["span"]
    assert json.loads(said["spans"].string_value)["2024-01-03"] == 2


def test_a_gap_ends_the_run_or_is_gone_without(tmp_path, caplog):
    write(tmp_path, "2024-01-01/v1/a.csv")
    write(tmp_path, "2024-01-03/v1/a.csv")
    with pytest.raises(DataError, match="1 day is not there: 2024-01-02"):
        driven(data(tmp_path))
    _, said = driven(data(tmp_path, missing="warn"))
    assert list(json.loads(said["spans"].string_value)) == ["2024-01-01", "2024-01-03"]
    assert "2024-01-02; the others are read" in caplog.text


def test_a_window_is_a_range_in_the_words_of_tfx(tmp_path):
    def asked(**values):
        section = Data(path="/data", pattern="{YYYY}{MM}{DD}/*", **values)
        text = example_gen(section).exec_properties["range_config"]
        return proto_utils.json_to_proto(text, range_config_pb2.RangeConfig())

    rolling = asked(window={"last": 7, "since": date(2024, 1, 1)}).rolling_range
    assert (rolling.num_spans, rolling.start_span_number) == (7, 19723)
    static = asked(window={"last": 7}, span="2024-01-31").static_range
    assert (static.start_span_number, static.end_span_number) == (19747, 19753)
    static = asked(span=date(2024, 1, 31)).static_range
    assert static.start_span_number == static.end_span_number == 19753


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pattern": "*.csv", "window": {"last": 7}}, "window is of spans"),
        ({"pattern": "{SPAN}/*", "window": {"last": 0}}, "greater than or equal to 1"),
        ({"pattern": "{SPAN}/*", "format": "tfrecord", "window": {"last": 7}}, "takes one span"),
        ({"pattern": "{SPAN}/*", "span": "2024-01-31"}, "names a day"),
        ({"pattern": "{SPAN}/*", "span": 3, "window": {"last": 7, "since": 4}}, "nothing is left to read"),
        ({"pattern": "{SPAN}/*", "span": True}, "valid"),
        ({"pattern": "{YYYY}{MM}{DD}/*", "span": "2024-02-30"}, "date"),
    ],
)
def test_what_no_window_or_span_can_be_is_refused_at_load(values, said):
    with pytest.raises(ValidationError, match=said):
        Data(path="/data", **values)
