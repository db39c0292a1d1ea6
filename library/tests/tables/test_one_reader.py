"""Whoever opens a table opens it alike: init, ExampleGen, and the check before a run."""

import gzip
import io
from pathlib import Path

import fastavro
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from millrace.base.errors import ConfigError, DataError
from millrace.components.example_gen import csv_source
from millrace.components.example_gen.options import Options
from millrace.config.checks import check
from millrace.config.loading import load
from millrace.init.plan import column_names
from millrace.init.sources import find_source
from millrace.tables.avro import avro_schema
from millrace.tables.files import find, opened
from millrace.tables.headers import Delimiter, difference, read_header

CSV = b"fare,tips\n" + b"1.5,1\n2.5,0\n" * 4


@pytest.fixture
def config(tmp_path):
    """A configuration of a small table in the folder `data`; its arguments override keys."""

    def make(*overrides):
        values = yaml.safe_load(Path("conf/taxi.yaml").read_text())
        values |= {"label": {"column": "tips", "task": "binary", "classes": [0, 1]}, "name": "small"}
        values |= {"features": {"fare": {"kind": "numeric"}}, "schema": {}, "root": str(tmp_path / "root")}
        values["data"] = {"path": str(tmp_path / "data")}
        values["evaluation"] |= {"slices": []}
        values["evaluation"]["thresholds"] = [{"metric": "AUC", "at_least": 0.5}]
        (tmp_path / "conf.yaml").write_text(yaml.safe_dump(values))
        return load(tmp_path / "conf.yaml", overrides)

    (tmp_path / "data").mkdir()
    return make


@pytest.mark.parametrize("content", [CSV, gzip.compress(CSV)], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["trips.csv", "trips.csv.gz"])
def test_gzip_is_told_by_its_first_bytes_and_not_by_its_name(config, tmp_path, content, name):
    file = tmp_path / "data" / name
    file.write_bytes(content)
    assert column_names([str(file)]) == ("fare", "tips")
    assert csv_source.header_of(str(file), Options()).names == ("fare", "tips")
    check(config())


def test_what_init_names_is_what_is_read(config, tmp_path):
    (tmp_path / "data" / "trips.csv").write_bytes(CSV)
    (tmp_path / "data" / ".hidden").write_bytes(b"")
    pattern = find_source([str(tmp_path / "data")]).pattern
    assert pattern != "*"
    check(config(f"data.pattern={pattern}"))
    with pytest.raises(DataError, match="the file is empty"):
        check(config("data.pattern=*"))


def test_the_check_reads_the_newest_span(config, tmp_path):
    for day, text in (("20240131", b"fare,other\n1,2\n"), ("20240201", CSV)):
        (tmp_path / "data" / day).mkdir()
        (tmp_path / "data" / day / "trips.csv").write_bytes(text)
    check(config("data.pattern={YYYY}{MM}{DD}/*.csv"))
    with pytest.raises(DataError, match="the label tips is not a column"):
        check(config("data.pattern={YYYY}{MM}{DD}/*.csv", "data.span=19753"))


@pytest.mark.parametrize(
    "override, said",
    [
        ("data.pattern={SPAN}/{SPAN}", "has {SPAN} more than once"),
        ("data.pattern={VERSION}/*", "has a {VERSION} and no {SPAN}"),
        ("data.span=4", "has no {SPAN} and no date"),
        ("data.version=4", "has no {VERSION}"),
    ],
)
def test_a_pattern_that_tfx_would_refuse_is_refused_when_it_is_read(config, override, said):
    with pytest.raises(ConfigError) as caught:
        config(override)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text, rule, names",
    [
        (b'a,"b, c"\n', "csv", ("a", "b, c")),
        (b'a,"b, c"\n', "tfx", ("a", '"b', ' c"')),
        (b"\xef\xbb\xbfa, b ,\r\n", "csv", ("a", "b", "column_3")),
        ("\ufeffa,b\r\n".encode(), "tfx", ("\ufeffa", "b")),
        (b"K\xf6ln\n", "csv", ("Köln",)),
    ],
)
def test_headers_by_both_rules(text, rule, names):
    header = read_header(io.BytesIO(text + b"1,2\n"), "t.csv", ",", rule)
    assert (header.names, header.size) == (names, len(text))


def test_a_header_that_stands_below_titles_or_nowhere():
    text = b'Report 2031\n\na,"b\nin kg"\n1,2\n'
    header = read_header(io.BytesIO(text), "t.csv", ",", "csv", 3)
    assert (header.names, header.size) == (("a", "b in kg"), len(text) - 4)
    assert read_header(io.BytesIO(b"1,2\n3,4\n"), "t.csv", ",", "csv", 0).names == ("column_1", "column_2")
    with pytest.raises(DataError, match="ends before line 9"):
        read_header(io.BytesIO(text), "t.csv", ",", "csv", 9)


@pytest.mark.parametrize(
    "text, rule, said",
    [
        (b"", "tfx", "the file is empty"),
        (b"\xef\xbb\xbf  \n1\n", "csv", "the first line is blank"),
        (b"a\0b\n", "csv", "zero bytes"),
        (b"K\xf6ln\n", "tfx", "not UTF-8"),
        (b'"a\n', "csv", "not a CSV record"),
    ],
)
def test_what_is_no_header_is_refused(text, rule, said):
    with pytest.raises(DataError, match=said) as caught:
        read_header(io.BytesIO(text), "t.csv", ",", rule)
    assert caught.value.where == "t.csv"
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", ";;", "é", '"', "\n", "\r"])
def test_a_delimiter_is_one_character_that_no_cell_begins_or_ends_with(text):
    assert TypeAdapter(Delimiter).validate_python(";") == ";"
    with pytest.raises(ValidationError, match="one ASCII character is needed"):
        TypeAdapter(Delimiter).validate_python(text)


def test_damaged_gzip_is_reported(tmp_path):
    (tmp_path / "t.csv").write_bytes(gzip.compress(CSV)[:20])
    with pytest.raises(DataError, match="the gzip data is damaged"), opened(tmp_path / "t.csv") as stream:
        stream.read()


def test_what_cannot_be_opened_is_told_with_the_systems_reason(tmp_path):
    with pytest.raises(DataError, match="cannot be read: Is a directory") as caught, opened(tmp_path):
        pytest.fail("it was opened")
    assert caught.value.where == str(tmp_path)


def test_an_avro_file_of_anything_but_records_is_refused():
    stream = io.BytesIO()
    fastavro.writer(stream, "long", [1, 2])
    stream.seek(0)
    with pytest.raises(DataError, match=r"t\.avro: its values are no records"):
        avro_schema(stream, "t.avro")


def test_a_star_stays_within_a_folder(tmp_path):
    for name in ("a/x.csv", "a/b/y.csv", "z.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert [file.name for file in find(tmp_path, "**/*.csv")] == ["x.csv"]
    assert [file.name for file in find(tmp_path, "a/b/y.csv")] == ["y.csv"]
    assert find(tmp_path, "nowhere/*") == []


def test_how_columns_differ():
    assert difference(["a", "b"], ["a", "c"]) == "lacks 'b' and adds 'c'"
    assert difference(["a", "b"], ["b", "a"]) == "has them in another order"
