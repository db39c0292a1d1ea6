"""Several values in a row, from Transform to every signature of the export: bags, weights, sequences, encoders."""

import sys
import types
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import ConfigError
from millrace.features.description import FeatureTable
from millrace.training.many_inputs import MultiHot, own_encoder
from models.trainer import run_fn

LABEL = {"column": "bought", "task": "binary"}
FEATURES = {
    "genres": {"kind": "bag", "max_values": 3},
    "basket": {"kind": "bag", "weights": "amounts", "encode": "embedding", "dimension": 3, "max_values": 4},
    "tags": {"kind": "bag", "separator": "|"},
    "pages": {"kind": "sequence", "max_length": 3, "encoder": "gru", "dimension": 4},
    "readings": {"kind": "sequence", "values": "numbers", "max_length": 4, "keep": "first", "encoder": "convolution"},
    "title": {"kind": "text", "max_tokens": 4, "encoder": "own_encoders.longest", "dimension": 5},
}
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} }}\n'
    for name, kind in {
        "bought": "INT", "genres": "BYTES", "basket": "INT", "amounts": "FLOAT", "tags": "BYTES", "pages": "BYTES",
        "readings": "FLOAT", "title": "BYTES",
    }.items()
)  # fmt: skip
NAN = float("nan")
ODD: list[dict[str, Any]] = [
    {"genres": ["b", "a", "a", " ", "c", "d"], "basket": [7, 8, 9], "amounts": [1.0, 2.0], "tags": " x |y||x",
     "pages": ["p", "q", "p", "r"], "readings": [1.0, NAN, 3.0, 4.0, 99.0], "title": "one two three four five"},
    {},
]  # fmt: skip


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows whose label follows from the genres and from the last page."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        genres = [str(one) for one in random.choice(["a", "b", "c"], int(random.integers(0, 4)))]
        pages = [str(one) for one in random.choice(["p", "q", "r"], int(random.integers(1, 6)))]
        basket = [int(one) for one in random.integers(7, 10, int(random.integers(1, 4)))]
        made.append(
            {
                "bought": int("a" in genres) ^ int(pages[-1] == "q"),
                "genres": genres,
                "basket": basket,
                "amounts": [1.5] * len(basket),
                "tags": "|".join(random.choice(["x", "y"], 2)),
                "pages": pages,
                "readings": [float(one) for one in random.normal(3, 2, int(random.integers(0, 5)))],
                "title": " ".join(random.choice(["one", "two"], 3)),
            }
        )
    return made


def longest(values: Any, present: Any, feature: Any) -> Any:
    return keras.layers.Dense(2)(keras.ops.max(values, axis=1))


@pytest.fixture(scope="module")
def data(transform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    module = types.ModuleType("own_encoders")
    module.longest = longest  # type: ignore[attr-defined]
    sys.modules["own_encoders"] = module
    described = FeatureTable.model_validate({"label": LABEL, "features": FEATURES})
    splits = {"train": rows(300, 1), "eval": [*ODD, *rows(60, 2)]}
    yield transform(tmp_path_factory.mktemp("many") / "data", SCHEMA, described, splits)
    del sys.modules["own_encoders"]


@pytest.fixture(scope="module")
def model(data: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    args = data.fn_args(tmp_path_factory.mktemp("trained"), training={"steps": 200, "validate_every": 100})
    run_fn(args)
    return tf.saved_model.load(str(Path(args.serving_model_dir)))


@pytest.mark.slow
def test_values_reach_the_model_in_their_places(data: Any, model: Any) -> None:
    signature = model.signatures["transform_features"]
    found = {key: tensor.numpy() for key, tensor in signature(examples=tf.constant(data.raw["eval"][:2])).items()}
    # ids are by frequency: of the first row's four genres three are in the vocabulary, and the rest is one more id
    assert found["genres_xf"].shape == (2, 3) and list(found["genres_xf"][0]) == sorted(found["genres_xf"][0])
    assert len(set(found["genres_xf"][0])) == 3 and not found["genres_xf"][1].any()
    np.testing.assert_array_equal(found["basket_xf"][0] > 0, [True, True, False, False])  # 9 has no amount
    np.testing.assert_array_equal(found["basket_weights"][0], [1.0, 2.0, 0.0, 0.0])
    assert sorted(found["tags_xf"][0][:2]) == [1, 2] and not found["tags_xf"][0][2:].any()
    pages = found["pages_xf"][0]
    assert len(set(pages)) == 3 and pages.all(), "the last three: q, p, r"
    numbers = found["readings_xf"][0]
    np.testing.assert_array_equal(numbers[:, 1], [1, 0, 1, 1])
    assert numbers[1, 0] == 0 and numbers[3, 0] - numbers[2, 0] == pytest.approx((numbers[2, 0] - numbers[0, 0]) / 2)
    assert not found["readings_xf"][1].any()


@pytest.mark.slow
def test_it_learns_from_lists_and_every_signature_agrees(data: Any, model: Any) -> None:
    records = tf.constant(data.raw["eval"][2:])
    answers = model.signatures["serving_default"](examples=records)["probabilities"].numpy()
    truth = [row["bought"] for row in rows(60, 2)]
    assert np.mean((answers > 0.5) == truth) > 0.9
    asked = [*ODD, *rows(60, 2)]
    for row, expected in zip(asked[:4], model.signatures["serving_default"](
        examples=tf.constant(data.raw["eval"][:4]))["probabilities"].numpy(), strict=True):  # fmt: skip
        request = {
            name: tf.constant([row.get(name) or [missing]], tf.string if missing == "" else tf.float64)
            for name, missing in {"genres": "", "basket": NAN, "amounts": NAN, "pages": "", "readings": NAN}.items()
        }
        request |= {name: tf.constant([row.get(name, "")]) for name in ("tags", "title")}
        found = model.signatures["predict_json"](**request)["probabilities"].numpy()
        assert found[0] == pytest.approx(expected, abs=1e-6)


def test_multi_hot_counts_each_id_by_its_weight():
    ids, weights = tf.constant([[1, 3, 3], [0, 0, 0]], tf.int64), tf.constant([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(MultiHot(5)([ids, weights]), [[1, 0, 2.5, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("result", [None, keras.Input((3, 2))])
def test_an_encoder_that_gives_no_vector_is_refused(monkeypatch, result):
    module = types.ModuleType("own_wrong_encoders")
    module.wrong = lambda values: result
    monkeypatch.setitem(sys.modules, "own_wrong_encoders", module)
    with pytest.raises(ConfigError, match=r"features\.a\.encoder: .*\.wrong returned .* one vector a row"):
        own_encoder("a", "own_wrong_encoders.wrong", keras.Input((3,)))
