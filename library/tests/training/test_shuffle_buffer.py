"""The shuffle buffer is bounded by bytes: rows of thousands of columns are fewer in it."""

import pytest
import tensorflow as tf

from millrace.features.description import FeatureTable
from millrace.training import input_data

TABLE = FeatureTable.model_validate(
    {"label": {"column": "y", "task": "regression"}, "features": {"x": {"kind": "numeric"}}}
)


class Transformed:
    """What Transform says of the types of so many columns in one tensor."""

    def __init__(self, columns: int) -> None:
        self._columns = columns

    def transformed_feature_spec(self) -> dict:
        return {
            "numeric_1_columns": tf.io.FixedLenFeature([self._columns], tf.float32),
            "y_xf": tf.io.FixedLenFeature([], tf.float32),
        }


@pytest.mark.parametrize(("columns", "rows"), [(10, 65_536), (1_000, 65_536), (5_000, 26_839)])
def test_wide_rows_are_fewer(tmp_path, columns, rows):
    (tmp_path / "data.gz").touch()
    examples = input_data.Examples([str(tmp_path / "*")], Transformed(columns), TABLE)
    assert examples._shuffled_rows == rows
    assert (columns + 1) * 4 * (rows - 1) <= input_data.SHUFFLED_BYTES
