"""The distance of each column between two runs' statistics is TFDV's own, of statistics that TFDV made."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from millrace.comparison.data_distances import distances


def statistics(folder: Path, rows: pd.DataFrame) -> str:
    for split, part in (("train", rows), ("eval", rows.iloc[:50])):
        made = tfdv.generate_statistics_from_dataframe(part)
        (folder / f"Split-{split}").mkdir(parents=True)
        (folder / f"Split-{split}" / "FeatureStats.pb").write_bytes(made.SerializeToString())
    return str(folder)


def test_texts_by_shares_and_numbers_by_divergence(tmp_path):
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=400)
    before = pd.DataFrame({"paid": ["cash", "card"] * 200, "fare": numbers, "same": numbers, "gone": numbers})
    after = pd.DataFrame({"paid": ["cash"] * 300 + ["card"] * 100, "fare": numbers + 9.0, "same": numbers, "new": 1.0})
    after.loc[:99, "same"] = None
    told = {one.column: one for one in distances(statistics(tmp_path / "a", before), statistics(tmp_path / "b", after))}
    # In eval, the first fifty rows, all pay cash.
    assert (told["paid"].measure, told["paid"].distance) == ("L-infinity", pytest.approx(0.5))
    assert told["fare"].measure == "Jensen-Shannon" and 0.9 < told["fare"].distance <= 1.0
    assert (told["gone"].only_in, told["new"].only_in) == ("before", "after")
    assert told["same"].missing_after > told["same"].missing_before == 0.0
    assert not any(math.isnan(one.distance) for one in told.values() if not one.only_in and one.column != "same")
    order = [one.distance for one in told.values()]
    assert order == sorted(order, reverse=True)


def test_statistics_that_are_gone_give_no_distance(tmp_path):
    assert distances(str(tmp_path / "a"), str(tmp_path / "b")) == ()
