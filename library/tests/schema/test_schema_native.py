"""TFDV's compiled validation, loaded without TensorFlow, answers as TFDV's own functions do."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from millrace.schema import native

ROWS = 400


def good():
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "kind": random.choice(["a", "b", "c"], ROWS),
            "count": random.integers(0, 9, ROWS),
            "price": random.normal(5, 2, ROWS).astype(np.float32),
        }
    )


def broken():
    yield "new values", good().assign(kind=lambda table: table["kind"] + np.where(table.index % 7 == 0, "!", ""))
    yield "text", good().assign(kind=[f"text {place}" for place in range(ROWS)])
    yield "missing column", good().drop(columns="price")
    yield "new column", good().assign(more=1.5)
    yield "another type", good().assign(count=lambda table: table["count"].astype(str) + "x")
    yield "half missing", good().assign(kind=lambda table: table["kind"].where(table.index % 2 == 0))
    yield "not a number", good().assign(price=lambda table: table["price"].where(table.index % 5 != 0))


def test_the_extension_is_loaded_without_tensorflow():
    code = (
        "import sys\nfrom millrace.schema import native\n"
        "from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2\n"
        "native.validate(statistics_pb2.DatasetFeatureStatistics(), schema_pb2.Schema())\n"
        "sys.exit('tensorflow' in sys.modules or 'tensorflow_data_validation' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_every_answer_is_that_of_tfdv():
    import tensorflow_data_validation as tfdv

    fitting = tfdv.generate_statistics_from_dataframe(good())
    schema = tfdv.infer_schema(fitting)
    assert native.infer(fitting.datasets[0]) == schema
    for feature in schema.feature:
        if feature.name == "kind":
            feature.drift_comparator.infinity_norm.threshold = 0.01
    alarms = 0
    for name, table in broken():
        statistics = tfdv.generate_statistics_from_dataframe(table)
        found = native.validate(statistics.datasets[0], schema, "", fitting.datasets[0])
        assert found == tfdv.validate_statistics(statistics, schema, previous_statistics=fitting), name
        assert native.update(schema, statistics.datasets[0], 100) == tfdv.update_schema(schema, statistics), name
        assert native.infer(statistics.datasets[0]) == tfdv.infer_schema(statistics), name
        alarms += len(found.anomaly_info)
    assert alarms >= 6


@pytest.mark.slow
def test_the_fallback_is_the_packages_own_import(monkeypatch):
    monkeypatch.setattr(native, "_from_file", lambda: None)
    native._extension.cache_clear()
    try:
        assert hasattr(native._extension(), "ValidateFeatureStatistics")
    finally:
        native._extension.cache_clear()
