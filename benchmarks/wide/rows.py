"""Tables of many count columns, of which one in twenty tells something of the label; the same on every machine."""

from pathlib import Path

import numpy as np

LABEL = "label"
_ROWS_AT_ONCE = 2_000


def make(rows: int, columns: int, folder: Path) -> Path:
    """Writes a table, unless it is there.

    Args:
        rows: of the table.
        columns: counts, beside the label.
        folder: where it goes.

    Returns:
        The CSV file, alone in a folder of its own.
    """
    file = folder / f"{rows}x{columns}" / "data.csv"
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(1)
    rate = chance.lognormal(-1.0, 1.0, columns)
    weight = np.where(chance.random(columns) < 0.05, chance.normal(0.0, 0.6, columns), 0.0)
    partial = file.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as out:
        out.write(",".join([*(f"n{column:04d}" for column in range(columns)), LABEL]) + "\n")
        for start in range(0, rows, _ROWS_AT_ONCE):
            counts = chance.poisson(rate, (min(_ROWS_AT_ONCE, rows - start), columns))
            label = (counts - rate) @ weight + chance.logistic(size=len(counts)) > 0
            np.savetxt(out, np.column_stack([counts, label]), fmt="%d", delimiter=",")
    partial.rename(file)
    return file
