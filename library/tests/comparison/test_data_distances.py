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


def test_the_split_in_which_a_column_moved_the_farthest_is_told_with_its_missing_shares(tmp_path):
    before = pd.DataFrame({"paid": ["cash", "card"] * 200, "far": ["a"] * 400})
    after = pd.DataFrame({"paid": ["card"] * 50 + ["cash", "card"] * 175, "far": ["a"] * 100 + [None] * 300})
    after.loc[:9, "far"] = "b"
    told = distances(statistics(tmp_path / "a", before), statistics(tmp_path / "b", after))
    [paid, far] = sorted(told, key=lambda one: one.column, reverse=True)
    # In eval, the first fifty rows, no one pays cash; in train a few more than half pay by card.
    assert (paid.split, paid.distance) == ("eval", pytest.approx(0.5))
    assert (far.split, far.distance, far.missing_after) == ("eval", pytest.approx(0.2), 0.0)
    assert [one.column for one in told] == ["paid", "far"]


def test_a_column_that_only_one_has_keeps_its_missing_share(tmp_path):
    before, after = pd.DataFrame({"x": [1.0] * 100}), pd.DataFrame({"x": [1.0] * 100, "y": [None] * 25 + ["a"] * 75})
    [new] = [one for one in distances(*(statistics(tmp_path / str(n), t) for n, t in enumerate((before, after))))
             if one.only_in]  # fmt: skip
    assert (new.column, new.only_in, new.distance, new.missing_before) == ("y", "after", 1.0, 0.0)
    assert new.missing_after in (0.25, 0.5)
