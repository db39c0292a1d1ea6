"""The names that a column has after Transform and in a serving request: safe for TensorFlow, stable, never colliding.

A column may have any name that a file can hold (`hours-per-week`, `3rd class`, `Größe`); TensorFlow takes less as the
name of an input, an op or a file.
"""

import hashlib
import keyword
import re

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_LOOKS_DERIVED = re.compile(r".*_x[0-9a-f]{12}")


def safe_name(column: str) -> str:
    """Gives a column a name of ASCII letters, digits and underscores that starts with a letter.

    A plain name stays as it is. Any other gets its readable part and 12 hexadecimal digits of the SHA-256 of the whole
    name, and so does a plain name that already ends that way; so two columns never share a name.

    Args:
        column: a column's name, any text.

    Returns:
        The name, at most 64 characters; the same for the same column, always.
    """
    plain = _PLAIN.fullmatch(column) and not _LOOKS_DERIVED.fullmatch(column)
    if plain and not keyword.iskeyword(column) and column != "self":  # an argument of what traces a signature
        return column
    readable = re.sub(r"[^A-Za-z0-9]+", "_", column).strip("_")[:40]
    start = readable if readable[:1].isalpha() else f"c_{readable}".rstrip("_")
    return f"{start}_x{hashlib.sha256(column.encode()).hexdigest()[:12]}"


def transformed_key(column: str) -> str:
    """Names what Transform makes of a column, or of a crossed feature: `fare` becomes `fare_xf`."""
    return f"{safe_name(column)}_xf"


def missing_key(column: str) -> str:
    """Names the second output of a numeric feature with `indicator`: 1.0 where the value was missing.

    A column that is called `fare_missing` becomes `fare_missing_xf`, so this name ends otherwise.
    """
    return f"{safe_name(column)}_missing"


def weights_key(column: str) -> str:
    """Names the second output of a bag with weights, which are in the order of its values."""
    return f"{safe_name(column)}_weights"


def label_weight_key(column: str) -> str:
    """Names the output of the label's weight; as with `missing_key`, no other output's name ends so."""
    return f"{safe_name(column)}_label_weight"


def place_key(column: str) -> str:
    """Names a number's place among those of the training data, from 0 to 1."""
    return f"{safe_name(column)}_place"


def vocabulary_name(column: str) -> str:
    """Names the vocabulary file of a column; no two differ by letter case only, which some file systems ignore."""
    name = safe_name(column)
    if name == name.lower():
        return f"{name}_vocabulary"
    return f"{name.lower()}_x{hashlib.sha256(column.encode()).hexdigest()[:12]}_vocabulary"
