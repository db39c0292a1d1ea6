"""Like columns that travel as one, beside the same columns on their own; and a wide table, to predictions."""

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from millrace.components.transform import reading
from millrace.features import stacks
from millrace.features.description import FeatureTable
from millrace.training.encoders import id_rows
from models.trainer import run_fn

COUNT = stacks.STACKED_FROM
KINDS: dict[str, dict[str, Any]] = {
    "amount": {"kind": "numeric", "indicator": True},
    "size": {"kind": "numeric", "scale": "minmax", "missing": 0.0},
    "part": {"kind": "bucketized", "buckets": 4},
    "code": {"kind": "categorical", "top_k": 3, "min_count": 2},
    "key": {"kind": "hashed", "buckets": 7},
}
NAMES = {kind: [f"{kind} {number}" for number in range(COUNT)] for kind in KINDS}
LABEL = {"column": "label", "task": "binary", "classes": ["no", "yes"]}
TABLE = FeatureTable.model_validate(
    {"label": LABEL, "features": {name: KINDS[kind] for kind, names in NAMES.items() for name in names}}
)
# The same kind comes as numbers and as text, required and not: a stack takes them together.
_TYPES = ("INT", "FLOAT", "BYTES")


def _type(kind: str, number: int) -> str:
    return _TYPES[number % (3 if kind in ("code", "key") else 2)]


SCHEMA = 'feature { name: "label" type: BYTES }\n' + "".join(
    f'feature {{ name: "{name}" type: {_type(kind, number)}'
    + (" presence { min_fraction: 1 } shape { dim { size: 1 } } }\n" if number % 5 == 4 else " }\n")
    for kind, names in NAMES.items()
    for number, name in enumerate(names)
)


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Skewed whole numbers; some are missing where they may be, and the first columns tell the label."""
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        row: dict[str, Any] = {}
        for kind, names in NAMES.items():
            for number, name in enumerate(names):
                value = int(chance.geometric(0.3)) + number
                if number % 5 != 4 and chance.random() < 0.2:
                    continue
                typed = {"INT": int, "FLOAT": float, "BYTES": lambda value: f" v{value} "}[_type(kind, number)]
                row[name] = typed(value)
        told = row.get("amount 0", 3) + row.get("amount 1", 3) + row.get("code 0", 3)
        made.append({**row, "label": "yes" if told > 9 else "no"})
    return made


@pytest.fixture(scope="module")
def together(transform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return transform(tmp_path_factory.mktemp("together"), SCHEMA, TABLE, {"train": rows(200, 1), "eval": rows(100, 2)})


@pytest.fixture(scope="module")
def alone(transform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same rows where no stack is large enough; two columns of each kind, as each costs a second."""
    features = {name: KINDS[kind] for kind, names in NAMES.items() for name in names[:2]}
    table = FeatureTable.model_validate({"label": LABEL, "features": features})
    return transform(tmp_path_factory.mktemp("alone"), SCHEMA, table, {"train": rows(200, 1), "eval": rows(100, 2)})


def columns_of(done: Any, split: str) -> tuple[dict[str, np.ndarray], tft.TFTransformOutput]:
    output = tft.TFTransformOutput(f"{done.folder}/graph")
    files = sorted(tf.io.gfile.glob(f"{done.folder}/Split-{split}/*"))
    records = [record.numpy() for record in tf.data.TFRecordDataset(files, "GZIP")]
    parsed = tf.io.parse_example(records, output.transformed_feature_spec())
    return {key: values.numpy() for key, values in parsed.items()}, output


def test_like_columns_are_a_stack_from_a_number_on_and_parts_of_a_cross_never() -> None:
    features: dict[str, Any] = {f"c{number}": {"kind": "categorical"} for number in range(stacks.STACKED_FROM + 1)}
    features["c other"] = {"kind": "categorical", "top_k": 5}
    features["both"] = {"kind": "crossed", "of": ["c0", "c other"]}
    made = stacks.stacks(FeatureTable.model_validate({"label": LABEL, "features": features}))
    assert [stack.names for stack in made if stack.shared] == [
        tuple(f"c{n}" for n in range(1, stacks.STACKED_FROM + 1))
    ]
    assert [stack.key for stack in made if not stack.shared][-1] == "both_xf"
    assert sorted(name for stack in made for name in stack.names) == sorted(features)
    del features["c24"]
    assert not any(
        stack.shared for stack in stacks.stacks(FeatureTable.model_validate({"label": LABEL, "features": features}))
    )


@pytest.mark.slow  # two transforms
@pytest.mark.parametrize("split", ["train", "eval"])
def test_a_column_is_encoded_in_a_stack_as_it_is_alone(together: Any, alone: Any, split: str) -> None:
    one, _ = columns_of(alone, split)
    many, output = columns_of(together, split)
    of_name = {stack.names[0].split()[0]: stack for stack in stacks.stacks(TABLE)}
    assert set(many) == {*stacks.transformed_keys(TABLE), "label_xf"} - {of_name["size"].missing_key}
    for stack in stacks.stacks(alone.table):
        kind, number = stack.name.split()[0], int(stack.name.split()[1])
        shared = of_name[kind]
        given = many[shared.key][:, number]
        if kind == "code":  # ids of one table for all of them: the same values share them, and no others
            rows_of = id_rows(shared, output).rows
            assert 0 <= given.min() <= given.max() < rows_of
            assert len({*zip(one[stack.key], given, strict=True)}) == len({*one[stack.key]}) == len({*given})
            assert set(given[one[stack.key] == 0]) == {number}, "a missing value has a row of its own"
        else:
            np.testing.assert_allclose(given, one[stack.key], rtol=1e-5, atol=1e-6)
        for key, of_stack in ((stack.place_key, shared.place_key), (stack.missing_key, shared.missing_key)):
            if key in one:
                np.testing.assert_allclose(many[of_stack][:, number], one[key], rtol=1e-5, atol=1e-6)


def test_a_column_that_several_batches_lack_is_scaled_by_the_values_that_it_has(transform, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 10)
    names = [f"n{number}" for number in range(COUNT)]
    table = FeatureTable.model_validate({"label": LABEL, "features": {name: {"kind": "numeric"} for name in names}})
    schema = 'feature { name: "label" type: BYTES }\n' + "".join(
        f'feature {{ name: "{name}" type: FLOAT }}\n' for name in names
    )
    given = [
        {name: float(1000 + row) for name in names if row >= 40 or name != "n3"} | {"label": "yes"} for row in range(60)
    ]
    done = transform(tmp_path, schema, table, {"train": given})
    [stack] = [stack for stack in stacks.stacks(table) if "n3" in stack.names]
    seen = columns_of(done, "train")[0][stack.key][:, stack.names.index("n3")]
    late = np.arange(1040.0, 1060.0)
    np.testing.assert_allclose(np.sort(seen[seen != 0]), (late - late.mean()) / late.std(), rtol=1e-5)


@pytest.mark.slow  # trains and exports
def test_a_wide_table_is_learned_and_asked_by_its_columns(together: Any, tmp_path: Any) -> None:
    args = together.fn_args(tmp_path, model={"hidden_units": [16], "members": 4}, training={"steps": 200})
    run_fn(args)
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    best = max(evaluation["val_auc"] for evaluation in record["evaluations"])
    assert best > 0.65, "of all columns three tell, and 200 rows are few"
    served = tf.saved_model.load(args.serving_model_dir)
    examples = served.signatures["serving_default"](examples=tf.constant(together.raw["eval"][:20]))
    ask = served.signatures["predict_json"]
    given: dict[str, tf.Tensor] = {}
    about = json.loads((tmp_path / "Format-Serving" / "assets.extra" / "millrace.json").read_text())
    some = rows(100, 2)[:20]
    for name, key in about["inputs"].items():
        kind = ask.structured_input_signature[1][key].dtype
        missing = "" if kind == tf.string else float("nan")
        given[key] = tf.constant([row.get(name, missing) for row in some], kind)
    np.testing.assert_allclose(ask(**given)["probabilities"], examples["probabilities"], rtol=1e-4)
