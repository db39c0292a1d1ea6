"""The share of rows in which a column must be filled, from the share that was seen."""

import math

# Standard errors: one split in some ten thousand lies below by chance alone.
_ERRORS = 4.0


def lowest_share(filled: int, rows: int, least_rows: float, spare: bool = True) -> float:
    """A floor for `presence.min_fraction` that catches a column which dries up, and lets chance pass.

    Four standard errors of a share, sqrt(p (1 - p) / n), in the smallest split that is held to it, lie between it and
    what was seen. With `spare` the share is squared before: of what is filled, as large a part again may be missing
    (0.9 becomes 0.81, 0.5 becomes 0.25), since the next table need not be filled as well as the first. The share that
    was seen is moved towards one half by two rows of each kind (Agresti and Coull, 1998), so that a few rows which are
    all filled promise nothing.

    Args:
        filled: rows with a value.
        rows: rows that were looked at.
        least_rows: rows of the smallest split that will be held to the floor.
        spare: whether there is room for more than chance.

    Returns:
        A share from 0 to 1, rounded down to two decimals; 0 where too little was seen for a floor.
    """
    if not rows:
        return 0.0
    share = (filled + 2.0) / (rows + 4.0)
    error = math.sqrt(share * (1.0 - share) / max(least_rows, 1.0))
    base = share**2 if spare else share
    return max(math.floor((base - _ERRORS * error) * 100.0) / 100.0, 0.0)
