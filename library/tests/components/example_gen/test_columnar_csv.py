"""CSV: the same examples as CsvExampleGen, or a refusal where it fails too."""

import csv
import gzip
import io
import os
import tempfile
from collections import Counter

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from millrace.base.errors import DataError

EVERY = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])

CELLS = [
    *["", " ", "0", "5", "-7", "-0", "+5", " 5", "5 ", "007", "1_000", "1__0", "_1", "0x10", "1e5", "1E-3", "1.", ".5"],
    *["-.5", "+.5", ".", "-", "e5", "1e", "5e", "1.5e+10", "1e400", "-1e400", "1e-400", "nan", "NaN", "-nan", "inf"],
    *["-Infinity", "infinit", "9" * 18, "9" * 19, "-" + "9" * 19, "9223372036854775807", "9223372036854775808"],
    *["-9223372036854775808", "-9223372036854775809", "1" * 40, "0." + "3" * 45, "123456789012345678901234567890.5"],
    *[
        "1.2.3",
        "1-2",
        "--1",
        "3.4028236e38",
        "16777217",
        "0.1",
        "yes",
        "é",
        "日本",
        "a b",
        "\t5",
        "5\x0b",
        "\xa05",
        "٣",
        "1,5",
    ],
    *['say "no"', "two\nlines", "cr\r\nlf", "\ufeffx", "1d5", "1f", "True"],
]


def _write(folder: str, text: str, name: str = "data.csv") -> str:
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    return path


def _same_or_both_refuse(stages_of, tfx_of, text: str, **chosen: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.join(folder, "in")
        os.mkdir(base)
        path = _write(base, text)
        try:
            expected = tfx_of([path])
        except Exception as error:
            expected = error
        try:
            seen = stages_of(base, os.path.join(folder, "out"), **chosen)
        except DataError as refusal:
            seen = refusal
    if isinstance(seen, DataError):
        nothing = not isinstance(expected, Exception) and not any(expected.values())
        assert isinstance(expected, Exception) or nothing, f"refused what TFX reads: {seen}"
        assert seen.exit_code == 2 and seen.remedy and seen.where
        return
    assert not isinstance(expected, Exception), f"read what TFX refuses: {expected!r}"
    if _sorted_otherwise(seen):
        seen, expected = _whatever_split(seen), _whatever_split(expected)
    assert seen == expected


def _sorted_otherwise(splits: dict[str, Counter]) -> bool:
    """Whether this protobuf serialises the names in another order, as docs/decisions/0007 says that protobuf 6 does."""
    return any(_again(record) != record for found in splits.values() for record in found)


def _whatever_split(splits: dict[str, Counter]) -> Counter:
    """The examples themselves: a split is a hash of their bytes, and so of the order."""
    return Counter(_again(record) for found in splits.values() for record in found.elements())


def _again(record: bytes) -> bytes:
    return tf.train.Example.FromString(record).SerializeToString(deterministic=True)


def test_only_names_that_begin_with_one_another_are_sorted_otherwise(stages_of, tmp_path):
    """And no protobuf sorts other names otherwise, so that `_same_or_both_refuse` compares bytes nearly always."""
    for number, names in enumerate(("b,a,C,é,_", "hour_by,hour")):
        (tmp_path / f"in{number}").mkdir()
        _write(str(tmp_path / f"in{number}"), names + "\n" + ",".join("12345"[: names.count(",") + 1]) + "\n")
        found = stages_of(tmp_path / f"in{number}", tmp_path / f"out{number}")
        assert not _sorted_otherwise(found) or number == 1


@pytest.mark.slow
@EVERY
@given(st.data())
def test_generated_tables(stages_of, tfx_of, data):
    """Odd cells in every column, quoted where they must be or at random."""
    width = data.draw(st.integers(1, 4))
    pools = [data.draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4)) for _ in range(width)]
    rows = data.draw(st.lists(st.tuples(*(st.sampled_from(pool) for pool in pools)), min_size=1, max_size=30))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(rows)
    header = ",".join(f"c{place}" for place in range(width)) + end
    body = text.getvalue() if data.draw(st.booleans()) else text.getvalue().rstrip("\r\n")
    chosen = {"block_bytes": data.draw(st.integers(1, 60)), "range_bytes": data.draw(st.integers(1, 200))}
    _same_or_both_refuse(stages_of, tfx_of, header + body, **chosen)


@pytest.mark.slow
@EVERY
@given(st.text(alphabet='ab1,"\n\r -.', max_size=40), st.integers(1, 20), st.integers(1, 20))
def test_any_text(stages_of, tfx_of, text, block_bytes, range_bytes):
    """Whatever follows a header, TFX and the columnar stages agree on it."""
    _same_or_both_refuse(stages_of, tfx_of, "x,y\n" + text, block_bytes=block_bytes, range_bytes=range_bytes)


@pytest.mark.slow
@EVERY
@given(st.lists(st.sampled_from(["1", '"a"', '""', '" b', 'c"', '"d\n"', '"e""f"', "", '"', "\r", ","]), max_size=8))
def test_any_sequence_of_cells_and_quotes(stages_of, tfx_of, parts):
    """Quotes at every place of a cell."""
    _same_or_both_refuse(stages_of, tfx_of, "x,y\n" + ",".join(parts) + "\n" + "3,4\n")


@pytest.mark.slow
@EVERY
@given(st.text(alphabet='ab,"\ufeff \t', min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
@example("\ufeff", "\n")
def test_any_header(stages_of, tfx_of, header, end):
    """Names are what TFX takes them for: duplicates, empty ones, quotes and byte order marks included."""
    if header.strip():
        row = ",".join(str(place) for place in range(header.count(",") + 1))
        _same_or_both_refuse(stages_of, tfx_of, header + end + row + end)


@pytest.mark.parametrize("text", [*CELLS])
def test_every_odd_cell_beside_an_integer(stages_of, tfx_of, text):
    """Each odd cell alone decides its column's type."""
    quoted = '"' + text.replace('"', '""') + '"'
    _same_or_both_refuse(stages_of, tfx_of, f"x,y\n{quoted},1\n4,2\n,3\n")


def test_a_record_of_several_lines_is_whole_wherever_the_file_is_cut(stages_of, tmp_path):
    """A unit of work that begins inside of quotes knows it by the quotes in every unit before it."""
    base = tmp_path / "in"
    base.mkdir()
    _write(base, 'x,y\n1,"a\n2,b\n"\n3,c\n4,"d ""e""\n\n5,f"\n6,g\n')
    whole = stages_of(base, tmp_path / "whole")
    assert sum(sum(rows.values()) for rows in whole.values()) == 4
    for size in (3, 5, 8, 13, 21):
        assert stages_of(base, tmp_path / f"cut{size}", range_bytes=size, block_bytes=7) == whole


def test_split_by_a_feature(stages_of, tfx_of, tmp_path):
    """`partition_feature_name` hashes that feature alone."""
    base = tmp_path / "in"
    base.mkdir()
    path = _write(base, "id,s\n" + "".join(f"{place * 977},s{place % 7}\n" for place in range(300)))
    for feature in ("id", "s"):
        assert stages_of(base, tmp_path / feature, feature) == tfx_of([path], feature)


@pytest.mark.parametrize(
    ("feature", "said"), [("f", "is a float"), ("none", "rows without a value"), ("absent", "is not a column")]
)
def test_split_by_an_unfit_feature_is_refused(stages_of, tmp_path, feature, said):
    """TFX fails on these in a worker."""
    _write(tmp_path, "f,none\n1.5,\n2.5,\n")
    with pytest.raises(DataError, match=said):
        stages_of(tmp_path, tmp_path / "out", feature, header="tfx")


def test_gzip_reads_like_the_plain_file(stages_of, tmp_path):
    """TFX cannot read a compressed header; the rows are those of the plain file."""
    text = 'a,b\n1,"x\ny"\n2,z\n' * 1
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.mkdir()
    packed.mkdir()
    _write(plain, text)
    (packed / "data.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert stages_of(packed, tmp_path / "o1") == stages_of(plain, tmp_path / "o2")


def test_large_cells_wide_rows_and_stray_bytes_are_kept(stages_of, tmp_path):
    """Beyond what Python's csv module or UTF-8 allow, a cell keeps its bytes."""
    stray = "\udcff\udcfe"
    wide = 2000
    names = ["s", "big", *(f"c{place}" for place in range(wide))]
    row = [stray, "x" * (1 << 20), *(str(place) for place in range(wide))]
    _write(tmp_path, ",".join(names) + "\n" + (",".join(row) + "\n") * 3)
    found = stages_of(tmp_path, tmp_path / "out", block_bytes=1 << 16)
    (record,) = (found["train"] + found["eval"]).keys()
    features = tf.train.Example.FromString(record).features.feature
    assert features["s"].bytes_list.value[0] == b"\xff\xfe"
    assert len(features["big"].bytes_list.value[0]) == 1 << 20
    assert [features[f"c{place}"].int64_list.value[0] for place in range(wide)] == list(range(wide))


def test_header_read_as_csv_drops_quotes_and_mark(stages_of, tmp_path):
    """The `csv` header option."""
    _write(tmp_path, '\ufeff"a, b";c\n1;2\n')
    found = stages_of(tmp_path, tmp_path / "out", header="csv", delimiter=";")
    (record,) = (found["train"] + found["eval"]).keys()
    assert sorted(tf.train.Example.FromString(record).features.feature) == ["a, b", "c"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no file matches"),
        ({"a.csv": ""}, "the file is empty"),
        ({"a.csv": "x,y\n"}, "not one row"),
        ({"a.csv": "\n1,2\n"}, "first line is blank"),
        ({"a.csv": "x,y\n1,2\n", "b.csv": "x,z\n1,2\n"}, r"b\.csv: its columns .* lacks 'y' and adds 'z'"),
        ({"a.csv": "x,y\n1,2\n", "b.csv": "y,x\n1,2\n"}, "another order"),
        ({"a.csv": 'x,y\n1,2\n\n"3\n3",4\n5\n'}, r"a\.csv, line 6: this line has 1 cell, the header names 2 columns"),
        ({"a.csv": "x\n1\n2\n3,4\n"}, r"line 4: this line has 2 cells, the header names 1 column"),
        ({"a.csv": 'x,y\n1,2\n3,"4\n'}, r"line 3: a quote is opened and never closed"),
        ({"a.csv": 'x,y\n1,2\n5" pipe,1\n6" pipe,2\n'}, r"line 3: a quote inside a cell has no pair"),
        ({"a.csv": "x,y\n1,2\n3\r4,5\n"}, r"line 3: a carriage return ends no line"),
        ({"a.csv": "\x89PNG\r\n\x1a\n\0\0"}, "not UTF-8|not text"),
        ({"a.csv": "PK\x03\x04\0\0\n"}, "not text"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(stages_of, tmp_path, files, said):
    """Each refusal says what and where, with a remedy."""
    base = tmp_path / "in"
    base.mkdir()
    for name, text in files.items():
        (base / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=said) as refused:
        stages_of(base, tmp_path / "out", block_bytes=8)
    assert refused.value.remedy and refused.value.exit_code == 2
