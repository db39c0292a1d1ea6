"""Where CSV records begin and end, in bytes.

The rule is that of TFX's `CsvExampleGen` (`_CsvLineBuffer`): a record ends at the first line end before which the
number of quotes is even.
"""

import dataclasses
from typing import Optional

import numpy as np

QUOTE = b'"'
LINE_END = b"\n"


def first_record_end(text: bytes, odd: bool) -> tuple[Optional[int], bool]:
    """Finds the first record end.

    Args:
        text: any piece of a file.
        odd: whether an odd number of quotes precedes it.

    Returns:
        The position after the line end, or None where no record ends here; and whether the number of quotes up to
        that point (or to the end of the text) is odd.
    """
    position = 0
    while True:
        quote = text.find(QUOTE, position)
        if not odd:
            end = text.find(LINE_END, position, quote if quote >= 0 else len(text))
            if end >= 0:
                return end + 1, False
        if quote < 0:
            return None, odd
        odd = not odd
        position = quote + 1


def last_record_end(text: bytes) -> int:
    """The position after the last record end of a text that begins with a record; 0 where none ends here."""
    stop = len(text)
    quotes = text.count(QUOTE)
    while True:
        end = text.rfind(LINE_END, 0, stop)
        if end < 0:
            return 0
        quotes -= text.count(QUOTE, end, stop)
        if quotes % 2 == 0:
            return end + 1
        stop = text.rfind(QUOTE, 0, end)
        quotes -= 1


def record_starts(text: bytes) -> np.ndarray:
    """Positions of the records of a text that begins with one, blank lines left out."""
    data = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(data == ord(QUOTE))
    ends = np.flatnonzero(data == ord(LINE_END))
    ends = ends[np.searchsorted(quotes, ends) % 2 == 0] + 1
    starts = np.concatenate(([0], ends))
    sizes = np.diff(np.append(starts, max(len(text), starts[-1])))
    return starts[sizes > _blank_sizes(data, starts, sizes)]


def _blank_sizes(data: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How many bytes each record would have if it were blank: a line end, with or without a carriage return."""
    padded = np.append(data, [0, 0])
    carriage = padded[starts] == ord("\r")
    line_end = padded[starts + carriage] == ord(LINE_END)
    return np.minimum(sizes, carriage.astype(np.int64) + line_end)


@dataclasses.dataclass(frozen=True)
class Flaw:
    """Something that TFX's reader refuses too: what, and the position at which it was seen."""

    what: str
    position: int


def flaw(text: bytes, delimiter: bytes) -> Optional[Flaw]:
    """What stands in the way of reading whole records as TFX does; None where nothing does.

    That is a carriage return that ends no line (Python's csv module, which TFX uses, takes them before a line end or
    at the end of the text only), or a record whose end by the number of its quotes is not its end by its cells.
    """
    data = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(data == ord(QUOTE)) if QUOTE in text else np.zeros(0, np.int64)
    return _lone_return(text, data, quotes) or _unsound_record(text, data, quotes, delimiter)


def _lone_return(text: bytes, data: np.ndarray, quotes: np.ndarray) -> Optional[Flaw]:
    if text.count(b"\r") == text.count(b"\r\n"):
        return None
    returns = np.flatnonzero(data == ord("\r"))
    following = np.append(data, ord(LINE_END))[returns + 1]
    alone = returns[(following != ord(LINE_END)) & (following != ord("\r"))]
    outside = alone[np.searchsorted(quotes, alone) % 2 == 0]
    return Flaw("a carriage return ends no line", int(outside[0])) if len(outside) else None


def _unsound_record(text: bytes, data: np.ndarray, quotes: np.ndarray, delimiter: bytes) -> Optional[Flaw]:
    """Counting quotes and reading cells agree but where a quote that should open stands inside a cell: look there."""
    opening = quotes[::2]
    before = np.where(opening > 0, data[opening - 1], ord(LINE_END))
    doubled = np.isin(opening - 1, quotes[1::2])
    stray = opening[(before != ord(LINE_END)) & (before != ord(delimiter)) & ~doubled]
    if len(stray) == 0:
        return None
    starts = record_starts(text)
    ends = np.append(starts[1:], len(text))
    for place in np.unique(np.searchsorted(starts, stray, side="right") - 1):
        if not _sound(text[starts[place] : ends[place]].rstrip(b"\r\n"), delimiter):
            return Flaw("a quote inside a cell has no pair", int(starts[place]))
    return None


def _sound(record: bytes, delimiter: bytes) -> bool:
    """Whether a record, read cell by cell, ends where it ends, and no earlier and no later."""
    position = 0
    while True:
        if record.startswith(QUOTE, position):
            position = _after_closing_quote(record, position + 1)
            if position == 0:
                return False
        stop = record.find(delimiter, position)
        outside = record[position : stop if stop >= 0 else len(record)]
        if LINE_END in outside or b"\r" in outside:
            return False
        if stop < 0:
            return True
        position = stop + 1


def _after_closing_quote(record: bytes, position: int) -> int:
    """The position after the quote that closes a cell, of which two in a row are one in the cell; 0 for none."""
    while (quote := record.find(QUOTE, position)) >= 0:
        if not record.startswith(QUOTE, quote + 1):
            return quote + 1
        position = quote + 2
    return 0
