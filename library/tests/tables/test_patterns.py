"""Spans and versions in file patterns: what is matched and refused, beside TFX's own driver."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2, range_config_pb2

from millrace.base.errors import DataError
from millrace.tables.files import chosen
from millrace.tables.patterns import FilePattern, SpanVersion, check_patterns


def driver_files(folder, texts, span=None, version=None):
    """The files that TFX's driver and ExampleGen take, as `pipeline.stages.data` asks them."""
    texts = [FilePattern.parse(text).at(version=version).text for text in texts]
    splits = [example_gen_pb2.Input.Split(name=f"s{place}", pattern=text) for place, text in enumerate(texts)]
    static = range_config_pb2.StaticRange(start_span_number=span or 0, end_span_number=span or 0)
    asked = None if span is None else range_config_pb2.RangeConfig(static_range=static)
    processor = FileBasedInputProcessor(str(folder), splits, asked)
    place = processor.resolve_span_and_version()
    files = []
    for text in texts:
        written = os.path.join(str(folder), processor.get_pattern_for_span_version(text, *place))
        files += sorted(path for path in fileio.glob(written) if not fileio.isdir(path))
    return files


def our_files(folder, texts, span=None, version=None):
    check_patterns(texts, span, version)
    return [str(path) for path in chosen(folder, texts, span, version)]


def write(folder, *names):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")


@pytest.mark.parametrize(
    "texts, names, asked, wanted",
    [
        (["{YYYY}{MM}{DD}/*.csv"], ["20240131/a.csv", "20240201/b.csv", "20231231/c.csv"], {}, ["20240201/b.csv"]),
        (["{YYYY}{MM}{DD}/*.csv"], ["20240131/a.csv", "20240201/b.csv"], {"span": 19753}, ["20240131/a.csv"]),
        (["d-{DD}.{MM}.{YYYY}.csv"], ["d-31.01.2024.csv", "d-01.02.2024.csv"], {}, ["d-01.02.2024.csv"]),
        (["span-{SPAN:2}/*.csv"], ["span-07/a.csv", "span-06/b.csv"], {}, ["span-07/a.csv"]),
        (["span-{SPAN:2}/*.csv"], ["span-07/a.csv", "span-06/b.csv"], {"span": 6}, ["span-06/b.csv"]),
        (["span-{SPAN}/*.csv"], ["span-9/a.csv", "span-10/b.csv"], {}, ["span-10/b.csv"]),
        (["{SPAN}/v{VERSION}/x"], ["1/v9/x", "2/v1/x", "2/v10/x", "2/v9/x"], {}, ["2/v10/x"]),
        (["{SPAN}/v{VERSION}/x"], ["1/v9/x", "2/v1/x", "2/v10/x"], {"version": 1}, ["2/v1/x"]),
        (["{SPAN:2}{VERSION:3}.csv"], ["02001.csv", "02010.csv", "01999.csv"], {}, ["02010.csv"]),
        (["{SPAN:2}{VERSION:3}.csv"], ["02001.csv", "01999.csv"], {"span": 1, "version": 999}, ["01999.csv"]),
        (["a-{SPAN}.x", "b-{SPAN}.x"], ["a-2.x", "b-2.x"], {}, ["a-2.x", "b-2.x"]),
        (["*.csv"], ["a.csv", ".hidden.csv", "b.txt"], {}, [".hidden.csv", "a.csv"]),
        (["v.{SPAN}+(x)/*"], ["v.3+(x)/a", "vv3+(x)/a"], {}, ["v.3+(x)/a"]),
    ],
)
def test_the_newest_files_are_those_of_tfx(tmp_path, texts, names, asked, wanted):
    write(tmp_path, *names)
    wanted = [str(tmp_path / name) for name in wanted]
    assert our_files(tmp_path, texts, **asked) == wanted
    assert driver_files(tmp_path, texts, **asked) == wanted


@pytest.mark.parametrize(
    "texts, names, said",
    [
        (["span-{SPAN}/*"], ["span-1/a", "span-old/a"], "not every token with a number or a day"),
        (["{YYYY}{MM}{DD}.csv"], ["20241301.csv"], "not every token with a number or a day"),
        (["a-{SPAN}.x", "b-{SPAN}.x"], ["a-1.x", "a-2.x", "b-1.x"], "different spans or versions"),
    ],
)
def test_files_that_tfx_cannot_choose_among_are_refused(tmp_path, texts, names, said):
    write(tmp_path, *names)
    with pytest.raises(DataError, match=said):
        our_files(tmp_path, texts)
    with pytest.raises(ValueError):  # noqa: PT011 (TFX says it in several ways)
        driver_files(tmp_path, texts)


def test_a_span_with_leading_zeros_needs_its_digits(tmp_path):
    write(tmp_path, "span-07/a.csv")
    with pytest.raises(DataError, match=r"span-7/\*\.csv matches none") as caught:
        our_files(tmp_path, ["span-{SPAN}/*.csv"])
    assert "{SPAN:3}" in caught.value.remedy
    assert driver_files(tmp_path, ["span-{SPAN}/*.csv"]) == []


def test_a_folder_can_be_the_newest_and_is_no_file(tmp_path):
    write(tmp_path, "0", "1/0")
    with pytest.raises(DataError, match="span 1, and 1 is a folder") as caught:
        our_files(tmp_path, ["{SPAN}"])
    assert caught.value.where == str(tmp_path / "1")
    assert "{SPAN}/*.csv" in caught.value.remedy
    assert driver_files(tmp_path, ["{SPAN}"]) == []


@pytest.mark.parametrize(
    "texts, asked",
    [
        (["{SPAN}{SPAN}"], {}),
        (["{SPAN}/{YYYY}{MM}{DD}"], {}),
        (["{YYYY}/{MM}"], {}),
        (["{VERSION}"], {}),
        (["{SPAN:x}"], {}),
        (["{SPAN:0}"], {}),
        (["{SPAN}", "b"], {}),
        (["a"], {"span": 3}),
        (["{SPAN:1}"], {"span": 12}),
    ],
)
def test_what_tfx_refuses_is_refused_before(tmp_path, texts, asked):
    with pytest.raises(ValueError):  # noqa: PT011
        driver_files(tmp_path, texts, **asked)
    with pytest.raises(ValueError):  # noqa: PT011
        check_patterns(texts, asked.get("span"), asked.get("version"))


def test_a_version_that_no_pattern_has_a_place_for_is_refused():
    with pytest.raises(ValueError, match=r"has no \{VERSION\}"):
        check_patterns(["{SPAN}/*"], None, 4)


def test_a_glob_takes_every_token_for_anything():
    assert FilePattern.parse("s{SPAN:2}-{VERSION}/{x}.csv").glob == "s*-*/{x}.csv"
    assert FilePattern.parse("s{SPAN:2}-{VERSION}").place("s07-12") == SpanVersion(7, 12)


PIECES = ["{SPAN}", "{SPAN:2}", "{VERSION}", "{VERSION:1}", "{YYYY}", "{MM}", "{DD}", "-", "/", "*", "a"]
NAMES = st.lists(st.text(alphabet="0129-a/", min_size=1, max_size=8), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join), NAMES, st.none() | st.integers(0, 99))
def test_any_pattern_and_names_as_tfx_does(tmp_path_factory, text, names, span):
    folder = tmp_path_factory.mktemp("data")
    for name in names:
        if "//" not in name and not name.startswith("/") and not name.endswith("/"):
            try:
                write(folder, name)
            except (FileExistsError, IsADirectoryError, NotADirectoryError):
                continue
    text = text.strip("/")
    if "//" in text or not text:
        return

    def outcome(files):
        try:
            return files(folder, [text], span)
        except (ValueError, DataError):
            return []

    assert outcome(our_files) == outcome(driver_files)


@pytest.mark.parametrize(("text", "name"), [("{YYYY}-{MM}-{DD}/*", "2026-11-24"), ("span-{SPAN:2}/*", "20781")])
def test_a_span_that_is_a_day_is_called_by_its_date(text, name):
    assert FilePattern.parse(text).span_name(20781) == name
