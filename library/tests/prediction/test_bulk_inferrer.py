"""A table is scored by TFX's BulkInferrer as it is here, whatever order the answers come in."""

import pyarrow.parquet as pq
import pytest
from exported_models import export_digits
from prediction_tables import rows, write_table

from millrace.components.beam_engine import ON_THIS_MACHINE
from millrace.model_server.about import read_about
from millrace.prediction.bulk_inferrer import by_bulk_inferrer
from millrace.prediction.predict import predict


@pytest.fixture(scope="module", params=["multiclass", "regression"])
def model(request, tmp_path_factory):
    """A model's folder, and what it says of itself."""
    folder = export_digits(tmp_path_factory.mktemp("engines"), request.param)
    return folder, read_about(str(folder))


def score(model, data, table, out, engine=None):
    predict(str(table), out, *model, data, ("id",), lambda progress: None, engine)
    return pq.read_table(out).to_pydict()


def alike(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert values == (pytest.approx(other[name]) if isinstance(values[0], float) else other[name])


def test_by_tfx_bulk_inferrer(model, data, tmp_path):
    table = write_table(tmp_path / "t.parquet", rows(70))
    told = []
    root = tmp_path / "root"
    engine = by_bulk_inferrer(*model, str(root), [ON_THIS_MACHINE], lambda doing, count: told.append(doing))
    by_beam = score(model, data, table, tmp_path / "beam.parquet", engine)
    alike(by_beam, score(model, data, table, tmp_path / "o.parquet"))
    assert told[-1] == "waiting for Beam:"
    assert list((root / "predictions").iterdir()) == [], "what was on its way is gone"
