"""The preprocessing on rows, and the model that stands on it."""

import numpy as np
import pytest

from millrace.features.description import FeatureTable

pytestmark = pytest.mark.slow  # TensorFlow is imported, and a graph traced
TABLE = FeatureTable.model_validate(
    {
        "label": {"column": "tipped", "task": "binary", "classes": ["no", "yes"]},
        "features": {"fare": {"kind": "numeric", "scale": "minmax"}, "company": {"kind": "categorical"}},
    }
)
ROWS = [
    {"fare": [5.0], "company": [b"Blue"], "tipped": [b"no"]},
    {"fare": [15.0], "company": [b" Blue "], "tipped": [b"yes"]},
    {"fare": [25.0], "company": [b"Dixie"], "tipped": [b"yes"]},
    {"fare": [], "company": [], "tipped": []},
]


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    """What `preprocessing_fn` makes of ROWS, by key, and the transform's output."""
    import tensorflow as tf
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    from models.preprocessing import preprocessing_fn

    folder = tmp_path_factory.mktemp("transform")
    kinds = {"fare": tf.float32, "company": tf.string, "tipped": tf.string}
    raw = DatasetMetadata.from_feature_spec({name: tf.io.VarLenFeature(kind) for name, kind in kinds.items()})
    config = {"features": TABLE.model_dump(mode="json")}
    with tft_beam.Context(temp_dir=str(folder / "temp")):
        (rows, _), graph = (ROWS, raw) | tft_beam.AnalyzeAndTransformDataset(lambda raw: preprocessing_fn(raw, config))
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    return {key: [row[key] for row in rows] for key in rows[0]}, tft.TFTransformOutput(str(folder / "graph"))


def test_rows_become_numbers_and_what_is_missing_has_its_place(transformed):
    values, _ = transformed
    np.testing.assert_allclose(values["fare_xf"], [0.0, 0.5, 1.0, 0.5], err_msg="a missing fare is the mean")
    blue, also_blue, dixie, missing = values["company_xf"]
    assert blue == also_blue != dixie
    assert missing == 0
    assert values["tipped_xf"] == [0, 1, 1, -1], "a missing label is unknown, and is not learned from"


@pytest.mark.parametrize("shape", [{"hidden_units": [4], "members": 1}, {"hidden_units": [], "members": 4}])
def test_the_model_reads_every_feature_and_gives_probabilities(transformed, shape):
    from millrace.training.labels import LabelStatistics
    from models.model import build_model

    values, tft_output = transformed
    training = {"mixed_precision": False, "learning_rate": 0.1}
    model = build_model(
        TABLE, tft_output, {"dropout": 0.1, "l2": 0.0, "wide": True, **shape}, training, LabelStatistics(3), {}
    )
    inputs = {key: np.array(values[key]) for key in ("fare_xf", "fare_place", "company_xf")}
    assert {tensor.name for tensor in model.inputs} == set(inputs)
    before = np.array(model(inputs))
    assert before.shape == (4, 1)
    assert ((before > 0) & (before < 1)).all()
    for _ in range(30):
        model.train_on_batch(inputs, np.array([0, 1, 1, 0]))
    after = np.array(model(inputs))
    assert after[0] < before[0], "the first row's label is no"
    assert after[2] > before[2], "the third row's label is yes"
