"""The rows: the Chicago-taxi file that comes with TFX, grown to any size with a fixed seed."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20
_AT_ONCE = 250_000
# How far a copied trip may be from its original. Fare and tips keep their ratio, which is what the label is made of.
_SPREAD = 0.05
_SCALED_TOGETHER = ("fare", "tips")
_SCALED = ("trip_miles", "trip_seconds")


def taxi_file() -> Path:
    """The file of 15,002 trips in TFX's package, with the label as a column; found without importing TFX."""
    spec = find_spec("tfx")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "examples/chicago_taxi_pipeline/data/big_tipper_label/data.csv"


def make(rows: int, folder: Path) -> Path:
    """Writes a table of that many rows, once.

    The first are the file's own, shuffled; each further one is a row drawn from the file whose amounts are a few
    percent off, so that numbers differ as they do in more data, and words do not.

    Args:
        rows: how many.
        folder: where `rows-N/data.csv` goes.

    Returns:
        The folder that holds nothing but the table.
    """
    target = folder / f"rows-{rows}"
    if not target.exists():
        beside = folder / f".rows-{rows}"
        beside.mkdir(parents=True, exist_ok=True)
        _write(rows, beside / "data.csv")
        os.replace(beside, target)
    return target


def _write(rows: int, path: Path) -> None:
    table = pd.read_csv(taxi_file(), dtype=str, keep_default_na=False)
    random = np.random.default_rng(SEED)
    first = table.iloc[random.permutation(len(table))[:rows]]
    first.to_csv(path, index=False)
    left = rows - len(first)
    while left > 0:
        drawn = table.iloc[random.integers(0, len(table), min(left, _AT_ONCE))]
        _moved(drawn, random).to_csv(path, index=False, header=False, mode="a")
        left -= len(drawn)


def _moved(table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    moved = table.copy()
    together = random.uniform(1 - _SPREAD, 1 + _SPREAD, len(table))
    for column in (*_SCALED_TOGETHER, *_SCALED):
        factor = together if column in _SCALED_TOGETHER else random.uniform(1 - _SPREAD, 1 + _SPREAD, len(table))
        numbers = pd.to_numeric(table[column], errors="coerce").to_numpy() * factor
        whole = column == "trip_seconds"
        text = np.char.mod("%d" if whole else "%.2f", np.nan_to_num(np.round(numbers) if whole else numbers))
        moved[column] = np.where(np.isnan(numbers), "", text)
    return moved
