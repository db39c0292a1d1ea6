"""What a cell says once it is cleaned: rules that TFX's reader does not have.

Neither Beam nor TFX is imported here: `millrace init` looks at tables by the same rules.
"""

import pyarrow as pa
import pyarrow.compute as pc

from millrace.tables.headers import decoded


def cleaned(cells: pa.Array, strip_spaces: bool, missing: tuple[str, ...], decode: bool) -> pa.Array:
    """Cleans cells.

    Args:
        cells: binary array; an empty value is an empty cell.
        strip_spaces: take the ASCII white space around each cell away.
        missing: cells that mean that there is no value, as they read once they are stripped.
        decode: read a cell that is not UTF-8 as Latin-1.

    Returns:
        A binary array of the same length; a missing value is empty.
    """
    if not (strip_spaces or missing or decode):
        return cells
    text = _as_utf8(cells) if decode else _unchecked(cells)
    if strip_spaces:
        text = pc.ascii_trim_whitespace(text)
    if missing:
        stands_in = pc.is_in(text, value_set=pa.array(missing, pa.string()))
        if pc.any(stands_in).as_py():
            text = pc.if_else(stands_in, "", text)
    return text.view(pa.binary())


def is_utf8(cells: pa.Array) -> bool:
    """Whether every cell is UTF-8."""
    try:
        cells.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _unchecked(cells: pa.Array) -> pa.Array:
    return cells.view(pa.string())


def _as_utf8(cells: pa.Array) -> pa.Array:
    if is_utf8(cells):
        return _unchecked(cells)
    encoded = cells.dictionary_encode()
    words = pa.array([None if word is None else decoded(word) for word in encoded.dictionary.to_pylist()], pa.string())
    return words.take(encoded.indices)
