"""Where the records of a piece of a CSV file begin and end, beside a reader of one character at a time and Python's."""

import csv
import io
import itertools
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.components.example_gen.csv_text import first_record_end, flaw, last_record_end, record_starts

TEXTS = st.lists(st.sampled_from([b"a", b",", b'"', b"\n", b"\r\n", b"\r"]), max_size=14).map(b"".join)
MANY = settings(max_examples=300, deadline=None)


def ends(text: bytes, odd: bool = False) -> Iterator[int]:
    """The position after each line end before which the number of quotes is even."""
    for place, character in enumerate(text):
        odd ^= character == ord('"')
        if character == ord("\n") and not odd:
            yield place + 1


@MANY
@given(TEXTS, st.booleans())
def test_the_first_record_end_and_whether_a_cell_is_open_there(text, odd):
    first = next(ends(text, odd), None)
    open_at_its_end = odd ^ (text.count(b'"') % 2 == 1)
    assert first_record_end(text, odd) == ((None, open_at_its_end) if first is None else (first, False))


@MANY
@given(TEXTS, TEXTS, st.booleans())
def test_a_piece_that_ends_no_record_hands_on_what_the_next_one_needs(before, after, odd):
    whole, _ = first_record_end(before + after, odd)
    here, still = first_record_end(before, odd)
    if here is None:
        there, _ = first_record_end(after, still)
        here = None if there is None else len(before) + there
    assert here == whole


@MANY
@given(TEXTS)
def test_the_last_record_end(text):
    assert last_record_end(text) == max(ends(text), default=0)


@MANY
@given(TEXTS)
def test_every_record_starts_after_an_end_and_blank_lines_are_none(text):
    places = [0, *ends(text)]
    records = {start: text[start:stop] for start, stop in zip(places, [*places[1:], len(text)], strict=True)}
    blank = (b"", b"\n", b"\r\n", b"\r")
    assert record_starts(text).tolist() == [start for start, record in records.items() if record not in blank]


@MANY
@given(TEXTS.filter(lambda text: text.count(b'"') % 2 == 0))
def test_records_of_a_text_without_a_flaw_are_those_of_pythons_csv(text):
    if flaw(text, b",") is not None:
        return
    places = [*record_starts(text).tolist(), len(text)]
    records = [text[start:stop].decode() for start, stop in itertools.pairwise(places)]
    whole = [row for row in csv.reader(io.StringIO(text.decode(), newline="")) if row]
    alone = [next(csv.reader(io.StringIO(record, newline=""))) for record in records]
    assert [row for row in alone if row] == whole


def test_what_tfx_refuses_is_told_with_its_place():
    for text, words, position in (
        (b"a,b\r\n1\r2\r\n", "a carriage return ends no line", 6),
        (b'a,b\n1,"2\r3"\n', None, 0),
        (b"a,b\r\n1,2\r\n", None, 0),
        (b'a,b\n1,2\n3,x"y\n4,"z\n', "a quote inside a cell has no pair", 8),
        (b'a,b\n"1 ""or"" 2",3\n', None, 0),
    ):
        seen = flaw(text, b",")
        assert (seen and (seen.what, seen.position)) == (words and (words, position)), text
