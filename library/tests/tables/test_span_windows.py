"""Windows of spans: which spans are read, in which version, what is missing, and what is said of it."""

import pytest

from millrace.base.errors import DataError
from millrace.tables.files import chosen_window
from millrace.tables.patterns import SpanVersion
from millrace.tables.windows import SpanRange, find_window, in_words, joined, single_patterns

DAYS = "{YYYY}-{MM}-{DD}/*.csv"


def window(texts, names, asked, missing="refuse"):
    by_text = dict.fromkeys(texts, names) if isinstance(names, list) else names
    return find_window("/data", by_text, asked, missing)


def spans(found):
    return [place.span for place in found.places]


def test_the_last_spans_are_read_and_a_young_table_has_fewer():
    names = [f"span-{number}/a.csv" for number in (3, 4, 5, 6)]
    assert spans(window(["span-{SPAN}/*.csv"], names, SpanRange(2))) == [5, 6]
    assert spans(window(["span-{SPAN}/*.csv"], names, SpanRange(7))) == [3, 4, 5, 6]
    assert spans(window(["span-{SPAN}/*.csv"], names, SpanRange(7, start=5))) == [5, 6]
    assert spans(window(["span-{SPAN}/*.csv"], names, SpanRange(2, end=4))) == [3, 4]


def test_each_span_has_its_newest_version():
    names = ["3/v1/a", "3/v10/a", "3/v9/a", "4/v2/a"]
    found = window(["{SPAN}/v{VERSION}/*"], names, SpanRange(2))
    assert found.places == (SpanVersion(3, 10), SpanVersion(4, 2))
    assert found.patterns("{SPAN}/v{VERSION}/*") == ["3/v10/*", "4/v2/*"]
    assert found.versions() == {"3": 10, "4": 2}
    assert in_words(found.versions()) == "2 spans, 3 to 4 (3 in version 10)"


def test_days_are_named_as_days_and_months_have_an_end():
    names = ["2024-01-31/a.csv", "2024-02-01/a.csv", "2024-02-02/a.csv"]
    found = window([DAYS], names, SpanRange(3))
    assert found.missing == () and list(found.versions()) == ["2024-01-31", "2024-02-01", "2024-02-02"]
    assert found.newest == SpanVersion(19755, None)
    assert in_words(found.versions()) == "3 spans, 2024-01-31 to 2024-02-02"


def test_a_gap_is_refused_or_said():
    names = ["2024-01-30/a.csv", "2024-02-02/a.csv"]
    with pytest.raises(DataError, match="2 days are not there: 2024-01-31, 2024-02-01") as caught:
        window([DAYS], names, SpanRange(7))
    assert "data.window.missing: warn" in caught.value.remedy
    found = window([DAYS], names, SpanRange(7), "warn")
    assert spans(found) == [19752, 19755] and found.missing == (19753, 19754)
    assert found.lack == "of the window 2024-01-30 to 2024-02-02 2 days are not there: 2024-01-31, 2024-02-01"
    one = window(["{SPAN}"], ["1", "3"], SpanRange(3), "warn")
    assert one.lack == "of the window 1 to 3 1 span is not there: 2"


def test_a_late_span_fills_its_gap():
    names = ["1/a", "3/a"]
    assert window(["{SPAN}/*"], names, SpanRange(3), "warn").missing == (2,)
    assert window(["{SPAN}/*"], [*names, "2/a"], SpanRange(3)).missing == ()


def test_a_span_counts_when_every_split_has_it():
    both = {"train-{SPAN}": ["train-1", "train-2", "train-3"], "eval-{SPAN}": ["eval-1", "eval-3"]}
    assert spans(window([], both, SpanRange(3), "warn")) == [1, 3]
    with pytest.raises(DataError, match="no span of every split 3"):
        window([], {**both, "eval-{SPAN}": ["eval-1"]}, SpanRange(3), "warn")
    versions = {"t/{SPAN}/{VERSION}": ["t/1/1", "t/1/2"], "e/{SPAN}/{VERSION}": ["e/1/1"]}
    with pytest.raises(DataError, match="different versions of span 1"):
        window([], versions, SpanRange(1))


@pytest.mark.parametrize(
    ("names", "asked", "said"),
    [
        ([], SpanRange(3), "no file has a span"),
        (["1/a"], SpanRange(3, end=2), "there is no span 2"),
        (["old/a"], SpanRange(3), "not every token with a number or a day"),
    ],
)
def test_what_cannot_be_read_is_refused(names, asked, said):
    with pytest.raises(DataError, match=said):
        window(["{SPAN}/*"], names, asked, "warn")


def test_the_files_of_a_window_are_those_of_each_span_the_oldest_first(tmp_path):
    for name in ("s1/v1/a.csv", "s2/v1/a.csv", "s2/v2/b.csv", "s2/v2/c.csv", "s3/v1/a.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    files = chosen_window(tmp_path, ["s{SPAN}/v{VERSION}/*"], SpanRange(2), None, "refuse")
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["s2/v2/b.csv", "s2/v2/c.csv", "s3/v1/a.csv"]
    files = chosen_window(tmp_path, ["s{SPAN}/v{VERSION}/*"], SpanRange(2), 1, "refuse")
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["s2/v1/a.csv", "s3/v1/a.csv"]


def test_several_patterns_are_one_text_and_several_again():
    assert single_patterns(joined(["a-1/*", "a-2/*"])) == ["a-1/*", "a-2/*"]
    assert single_patterns("a/*") == ["a/*"]
