"""Values that differ in how they are written alone, such as `Rome` and `ROME`."""

from collections.abc import Iterable

_SHOWN = 3


def twins_of(texts: Iterable[str]) -> str:
    """Names values that differ in capitals and spaces alone.

    Args:
        texts: different values.

    Returns:
        Some of them, in words; empty where there is none.
    """
    alike: dict[str, list[str]] = {}
    for text in sorted(texts):
        alike.setdefault(" ".join(text.casefold().split()), []).append(text)
    twins = [" and ".join(written) for written in alike.values() if len(written) > 1]
    if not twins:
        return ""
    return f"differ only in capitals or spaces: {'; '.join(twins[:_SHOWN])}" + ("; ..." if len(twins) > _SHOWN else "")
