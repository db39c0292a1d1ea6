"""What init takes for a table, how it tells its dialect, and what it refuses."""

import gzip
import io
import json
import os
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from init_tables import write_csv

from millrace.base.errors import DataError
from millrace.init import report
from millrace.init.dialect import find_dialect
from millrace.init.plan import column_names, make_plan
from millrace.init.scan import scan
from millrace.init.sources import find_source

ROWS = {"a": [1, 2, 3, 4], "b": ["x", "y, z", 'say "z"', "w"], "c": [0.5, 1.5, "", 2.5]}


def dialect_of(path):
    return find_dialect(find_source([str(path)]))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_beside_quotes_and_other_delimiters_in_cells(tmp_path, delimiter):
    found = dialect_of(write_csv(tmp_path / "t.csv", ROWS, delimiter))
    assert (found.delimiter, found.names) == (delimiter, ("a", "b", "c"))


def test_spaces_between_cells(tmp_path):
    (tmp_path / "t.txt").write_text("Chins Situps Jumps\n5 162 60\n2 110 60\n")
    assert dialect_of(tmp_path / "t.txt").names == ("Chins", "Situps", "Jumps")


def test_commas_as_decimal_points_do_not_delimit(tmp_path):
    (tmp_path / "t.csv").write_text("a;b;c\n" + "1,5;2,5;3,5\n" * 20)
    assert dialect_of(tmp_path / "t.csv").delimiter == ";"


def test_one_column(tmp_path):
    (tmp_path / "t.csv").write_text("words\nhello\nworld\n")
    assert dialect_of(tmp_path / "t.csv").names == ("words",)


@pytest.mark.parametrize(
    ("above", "line"),
    [("", 1), ("sep=;\n", 2), ("\n\n", 3), ("Prices 2031\n\n", 3), ("Prices; 2031;;\n;;;\n", 3), ('"two\nlines"\n', 3)],
)
def test_titles_and_blank_lines_above_the_names(tmp_path, above, line):
    (tmp_path / "t.csv").write_text(
        above + "a;b;c;y\n" + "".join(f"{i};x{i % 3};{i % 7},5;{i % 2}\n" for i in range(40))
    )
    plan = make_plan([str(tmp_path / "t.csv")], "y", "", tmp_path / "project")
    assert (plan.table.dialect.header_line, plan.table.dialect.delimiter, plan.table.rows) == (line, ";", 40)
    assert plan.table.dialect.names == ("a", "b", "c", "y")
    assert (f"header_line: {line}" in next(iter(plan.files.values()))) == (line != 1)


FLOWERS = "".join(f"{5 + i % 9 / 10},{3 + i % 7 / 10},{['setosa', 'virginica'][i % 2]}\n" for i in range(60))


def test_a_file_without_names_is_asked_about(tmp_path):
    (tmp_path / "t.csv").write_text(FLOWERS)
    with pytest.raises(
        DataError, match=r"looks like a row of data and not like column names: 5\.0, 3\.0, setosa"
    ) as caught:
        column_names([str(tmp_path / "t.csv")])
    assert "--header-line 0" in caught.value.remedy and "column_1 to column_3" in caught.value.remedy
    plan = make_plan([str(tmp_path / "t.csv")], "column_3", "", tmp_path / "project", header_line=0)
    assert (plan.table.rows, plan.label.classes) == (60, ("setosa", "virginica"))
    assert make_plan([str(tmp_path / "t.csv")], "setosa", "", tmp_path / "project", header_line=1).table.rows == 59


@pytest.mark.parametrize(
    "header", ["0,1,2", "1,2,3", "a,b,c", "x,y,z", "2019,b,c"], ids=["from 0", "from 1", "letters", "words", "a year"]
)
def test_names_that_are_names_are_not_asked_about(tmp_path, header):
    (tmp_path / "t.csv").write_text(f"{header}\n{FLOWERS}")
    assert column_names([str(tmp_path / "t.csv")]) == tuple(header.split(","))


def test_words_without_names_are_asked_about_too(tmp_path):
    (tmp_path / "t.csv").write_text("".join(f"{'xyz'[i % 3]},{'ab'[i % 2]}\n" for i in range(60)))
    with pytest.raises(DataError, match="looks like a row of data"):
        column_names([str(tmp_path / "t.csv")])


def test_rows_of_empty_cells_are_no_rows_and_are_left_out(tmp_path):
    rows = "".join(f"{i % 7}.5,x{i % 3},{'ab'[i % 2]}\n" for i in range(60))
    (tmp_path / "t.csv").write_text(f"number,word,y\n{rows},,\n{rows},,\n")
    plan = make_plan([str(tmp_path / "t.csv")], "y", "", tmp_path / "project")
    assert (plan.table.rows, plan.table.blank_rows, plan.label.unlabelled) == (120, 2, 2)
    assert all(column.missing == 0 for column in plan.table.columns)
    assert "where: not is_missing(y)" in next(iter(plan.files.values()))


def test_a_byte_order_mark_gzip_and_stray_bytes(tmp_path):
    text = "\ufeffGröße,stadt\n".encode() + b"1,K\xf6ln\n2,Bonn\n"
    with gzip.open(tmp_path / "t.csv.gz", "wb") as file:
        file.write(text)
    table = scan(find_source([str(tmp_path)]))
    assert [column.name for column in table.columns] == ["Größe", "stadt"]
    assert set(table.column("stadt").counts) == {"Köln", "Bonn"}
    assert table.complete
    assert table.rows == 2


def test_a_folder_is_its_tables_and_one_pattern_names_them(tmp_path):
    for name in ("a.csv", "b.csv"):
        write_csv(tmp_path / name, ROWS)
    (tmp_path / "notes.md").write_text("# not a table")
    (tmp_path / "_SUCCESS").write_text("")
    source = find_source([str(tmp_path)])
    assert [file.name for file in source.files] == ["a.csv", "b.csv"]
    assert source.pattern == "*.csv"
    assert scan(source).rows == 8


def test_several_files_are_named_by_a_pattern_that_matches_no_others(tmp_path):
    for name in ("y2030.csv", "y2031.csv", "other.csv"):
        write_csv(tmp_path / name, ROWS)
    source = find_source([str(tmp_path / "y2030.csv"), str(tmp_path / "y2031.csv")])
    assert source.pattern == "y203*.csv"
    with pytest.raises(DataError, match="no file pattern matches"):
        find_source([str(tmp_path / "y2030.csv"), str(tmp_path / "other.csv")])


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        (zipped(), "a ZIP archive or an Excel workbook"),
        (json.dumps([{"a": 1, "b": 2}]).encode(), "this is JSON"),
        (json.dumps({"a": [1, 2]}, indent=2).encode(), "this is JSON"),
        (b"<!DOCTYPE html><html></html>", "HTML or XML"),
        ("a,b\n1,2\n".encode("utf-16"), "text in UTF-16"),
        (b"a,b\n1,\0\n", "zero bytes"),
        (b"", "the file is empty"),
        (b"\n\n  \n", "the file is empty"),
        (b"a,b\n", "column names and no row"),
        (b"a,b,a\n1,2,3\n", "a column name stands twice in the header: 'a'"),
        (b"a,b\n1,2\n1,2,3\n", r"line 3: a line has 3 cells, the header names 2 columns: 1,2,3"),
        (b"a,b\r1,2\r3,4\r", "lines end with carriage returns alone"),
        (b"PAR1 and nothing more", "not a Parquet file"),
        (b"\x1f\x8b\x08broken", "the gzip data is damaged"),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy_and_nothing_is_written(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        make_plan([str(tmp_path / "t.csv")], "b", "", tmp_path)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_two_files_with_different_columns(tmp_path):
    write_csv(tmp_path / "a.csv", ROWS)
    write_csv(tmp_path / "b.csv", {"a": [1], "d": [2]})
    with pytest.raises(DataError, match=r"columns are not those of a\.csv: it lacks 'b', 'c' and adds 'd'"):
        column_names([str(tmp_path)])


def test_a_column_that_stands_twice_in_a_parquet_file(tmp_path):
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="two columns are named 'a'"):
        column_names([str(tmp_path)])


def test_files_of_two_folders_have_no_pattern(tmp_path):
    files = [write_csv(tmp_path / name, ROWS) for name in ("a.csv", "b.csv")]
    (tmp_path / "below").mkdir()
    moved = files[1].rename(tmp_path / "below" / "b.csv")
    with pytest.raises(DataError, match="the files lie in different folders") as caught:
        find_source([str(files[0]), str(moved)])
    assert caught.value.where == f"{tmp_path}, {tmp_path / 'below'}"


def test_csv_beside_parquet(tmp_path):
    write_csv(tmp_path / "a.csv", ROWS)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="different formats"):
        find_source([str(tmp_path)])


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="a pipe or a device"):
        find_source([str(tmp_path / "pipe.csv")])


def test_nothing_there_and_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        find_source([str(tmp_path / "nowhere.csv")])
    with pytest.raises(DataError, match="the folder holds no file"):
        find_source([str(tmp_path)])


def test_parquet_types(tmp_path):
    rows = 40
    table = pa.table(
        {
            "flag": [True, False] * 20,
            "day": pa.array(pd.date_range("2031-01-01", periods=rows)),
            "points": [[0.5, 1.5]] * rows,
            "ragged": [[1] * (i % 3) for i in range(rows)],
            "kind": pa.array(["x", "y"] * 20).dictionary_encode(),
            "hole": pa.nulls(rows),
            "y": [0, 1, 1, 0] * 10,
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    plan = make_plan([str(tmp_path)], "y", "", tmp_path / "project")
    assert {decision.column.name: decision.kind for decision in plan.decisions} == {
        "flag": "boolean", "day": "date", "points": "vector", "ragged": "bag", "kind": "category", "hole": "empty",
        "y": "binary",
    }  # fmt: skip
    assert plan.label.rows == (20, 20)


def test_a_large_table_is_read_in_parts_that_lie_evenly_in_it(tmp_path):
    random = np.random.default_rng(0)
    rows = 200_000
    write_csv(
        tmp_path / "t.csv", {"place": range(rows), "x": random.random(rows).round(6), "y": random.integers(0, 2, rows)}
    )
    size = (tmp_path / "t.csv").stat().st_size
    source = find_source([str(tmp_path)])
    table = scan(source, whole_bytes=size // 2)
    assert not table.complete
    assert table.rows_read < rows
    assert table.rows == pytest.approx(rows, rel=0.02)
    assert scan(source).rows == rows


def test_a_sampled_table_is_not_held_to_what_was_not_seen(tmp_path):
    random = np.random.default_rng(0)
    rows = 100_000
    columns = {
        "x": random.random(rows).round(6),
        "k": random.choice(["a", "b"], rows),
        "y": random.integers(0, 2, rows),
    }
    write_csv(tmp_path / "t.csv", columns)
    plan = make_plan([str(tmp_path / "t.csv")], "y", "", tmp_path / "project", whole_bytes=1 << 20)
    schema = next(text for path, text in plan.files.items() if path.suffix == ".pbtxt")
    assert not plan.table.complete
    assert "string_domain" not in schema
    assert "min: 0 max: 1" in schema
    assert "100,000 rows and" not in next(iter(plan.files.values()))


@pytest.mark.parametrize("columns", [1, 300])
def test_narrow_and_wide_tables(tmp_path, columns):
    random = np.random.default_rng(0)
    values = {f"x {place}": random.normal(size=100).round(3) for place in range(columns)}
    write_csv(tmp_path / "t.csv", {**values, "y": random.integers(0, 2, 100)})
    plan = make_plan([str(tmp_path / "t.csv")], "y", "", tmp_path / "project")
    assert sum(decision.use == "feature" for decision in plan.decisions) == columns


def test_one_column_of_a_kind_is_one_column_in_a_wide_tables_summary(tmp_path):
    """The table said `1 columns`."""
    random = np.random.default_rng(0)
    values = {f"x {place}": random.normal(size=100).round(3) for place in range(70)}
    write_csv(tmp_path / "t.csv", {**values, "flag": ["yes", "no"] * 50, "y": random.integers(0, 2, 100)})
    rows = report.rows(make_plan([str(tmp_path / "t.csv")], "y", "", tmp_path / "project"))
    assert [row[:2] for row in rows[1:]] == [("70 columns", "number"), ("1 column", "boolean")]


def test_a_cell_of_a_megabyte(tmp_path):
    words = ["some words of a text that is long " * 30_000, *[f"a short text with number {i}" for i in range(99)]]
    write_csv(tmp_path / "t.csv", {"text": words, "x": np.arange(100) % 7 + 0.5, "y": [0, 1] * 50})
    plan = make_plan([str(tmp_path / "t.csv")], "y", "", tmp_path / "project")
    assert plan.table.column("text").longest > 1_000_000
    assert {decision.column.name: decision.kind for decision in plan.decisions}["text"] == "text"
