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


def flaw(text: bytes) -> Optional[Flaw]:
    """A carriage return that ends no line, outside quotes; None where there is none.

    Python's csv module, which TFX uses, takes carriage returns before a line end or at the end of the text only.
    """
    if text.count(b"\r") == text.count(b"\r\n"):
        return None
    data = np.frombuffer(text, np.uint8)
    returns = np.flatnonzero(data == ord("\r"))
    following = np.append(data, ord(LINE_END))[returns + 1]
    alone = returns[(following != ord(LINE_END)) & (following != ord("\r"))]
    quotes = np.flatnonzero(data == ord(QUOTE))
    outside = alone[np.searchsorted(quotes, alone) % 2 == 0]
    if len(outside) == 0:
        return None
    return Flaw("a carriage return that ends no line", int(outside[0]))
