"""Numbers as a person reads them: to some digits where they are measured, to the last where they are a limit."""

import struct

# Above it a float no longer tells one whole number from the next.
_WHOLE = 1e15


def is_number(value: object) -> bool:
    """Whether Python reads a value's text as a number; "nan" and "inf" are some."""
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def rounded(value: float, digits: int = 6) -> str:
    """Writes a measured number.

    Args:
        value: any number, NaN and infinity too.
        digits: how many significant digits are enough.

    Returns:
        A whole number without a point; a number with that many digits before its point without those behind it; any
        other to `digits` significant digits.
    """
    if float(value).is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    return f"{value:.0f}" if 10**digits <= abs(value) < _WHOLE else f"{value:.{digits}g}"


def seconds(value: float) -> str:
    """Writes a time that was measured, in seconds: to a tenth, and to the second from a hundred on."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def share(part: float, whole: float) -> str:
    """Writes how much of something another thing is, in percent to a hundredth; 0 % of nothing."""
    return f"{part / whole if whole else 0.0:.2%}"


def counted(count: int, noun: str) -> str:
    """Writes how many there are of something: `1 error`, `2 errors`, `0 errors`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count: float) -> str:
    """Writes how large files are: `812 bytes`, `5.3 MiB`."""
    if count < 1024:
        return counted(int(count), "byte")
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        if count < 1024 or unit == "GiB":
            break
    return f"{count:,.1f} {unit}"


def exact(value: float) -> str:
    """Writes a number that is a limit in its shortest form that reads back as the same number.

    Args:
        value: any number; one that came from a 32-bit float, as in protos, is written in the shortest form of that.

    Returns:
        A whole number without a point, any other with as many digits as it takes.
    """
    if float(value).is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    for digits in range(6, 10):
        short = f"{value:.{digits}g}"
        if abs(value) < 3e38 and _single(value) == _single(float(short)) and _is_single(value):
            return short
    return repr(value)


def _single(value: float) -> bytes:
    return struct.pack("f", value)


def _is_single(value: float) -> bool:
    return bool(struct.unpack("f", _single(value))[0] == value)
