"""NA values: the texts that stand for a missing value."""

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
