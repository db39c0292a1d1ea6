"""NA values: the texts that stand for a missing value."""

import re
from collections.abc import Iterable

from millrace.init.columns import Column

ALWAYS = ("?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "Null", "<NA>", "NaT", "\\N", "#NULL!")
"""Taken for missing in any column."""

AMONG_NUMBERS = (
    "-", "--", "---", ".", "..", "*", "**", "x", "X", "na", "n.a.", "N.A.", "none", "None", "NONE", "nil", "unknown",
    "Unknown", "UNKNOWN", "missing", "Missing", "MISSING", "undefined", "(null)", "[null]", "#VALUE!", "#DIV/0!",
    "#REF!", "#NUM!", "not available", "Not Available", "n.d.", "nd", "ND", "TBD", "-nan", "+nan", "1.#QNAN", "-1.#IND",
)  # fmt: skip
"""Taken for missing where the other values are numbers or dates; among words they may be a word like any other."""

CANDIDATES = ALWAYS + AMONG_NUMBERS

# An unlisted text, alone among many numbers, stands for a missing value too.
MOST_UNLISTED = 2
FEWEST_NUMBERS = 20

CODE = "NA"
"""The NA value that is also a code: Namibia among countries, North America among continents."""
_FEWEST_CODES = 3
_CODE_SHAPE = re.compile("[A-Z]{2}")


def are_codes(values: Iterable[str]) -> bool:
    """Whether a column's values, without NA, are several codes of two capital letters: then NA is likely one too."""
    others = [value for value in values if value != CODE]
    return len(others) >= _FEWEST_CODES and all(map(_CODE_SHAPE.fullmatch, others))


def code_or_missing(column: Column) -> str:
    """What a person should decide about an NA among codes of two letters; empty where there is none."""
    counts = column.counts or {}
    if CODE not in counts or not are_codes(map(str, counts)):
        return ""
    return "NA is read as a code like the others (Namibia, North America): for no value, add it to data.missing"
