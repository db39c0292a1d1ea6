"""A training that starts from the champion's weights: where they fit, by token where they do, and what is said else."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import tensorflow as tf

from millrace.base.errors import InputRefused
from millrace.features.description import FeatureTable
from millrace.training import fitting, training_record, warm_start
from models.serving import export

pytestmark = pytest.mark.slow

SCHEMA = """
feature { name: "city" type: BYTES presence { min_fraction: 1.0 min_count: 1 } shape { dim { size: 1 } } }
feature { name: "shop" type: BYTES presence { min_fraction: 1.0 min_count: 1 } shape { dim { size: 1 } } }
feature { name: "age" type: FLOAT presence { min_fraction: 1.0 min_count: 1 } shape { dim { size: 1 } } }
feature { name: "paid" type: INT presence { min_fraction: 1.0 min_count: 1 } shape { dim { size: 1 } } }
"""
FEATURES = {
    "city": {"kind": "categorical", "top_k": 20},
    "shop": {"kind": "categorical", "top_k": 20, "encode": "embedding", "dimension": 2},
    "age": {"kind": "numeric"},
}
RICH = {"Bern": 0.9, "Chur": 0.1, "Olten": 0.6, "Thun": 0.4}


def rows(cities: str, count: int, seed: int) -> list[dict[str, Any]]:
    drawn = random.Random(seed)
    made = []
    for _ in range(count):
        city = drawn.choice(cities.split())
        made.append(
            {"city": city, "shop": f"{city} {drawn.randrange(2)}", "age": drawn.uniform(20, 60)}
            | {"paid": int(drawn.random() < RICH[city])}
        )
    return made


def described(**features: Any) -> FeatureTable:
    label = {"column": "paid", "task": "binary"}
    return FeatureTable.model_validate({"label": label, "features": {**FEATURES, **features}})


@pytest.fixture(scope="module")
def days(transform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two days with other frequencies, and a city that is new on the second."""
    made = []
    for day, cities in enumerate(("Bern Bern Bern Chur Chur Olten", "Olten Olten Olten Thun Thun Bern"), start=1):
        splits = {"train": rows(cities, 400, day), "eval": rows(cities, 100, day + 10)}
        made.append(transform(tmp_path_factory.mktemp(f"day{day}"), SCHEMA, described(), splits))
    return made


@pytest.fixture(scope="module")
def champion(days: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first day's model, trained and exported."""
    out = tmp_path_factory.mktemp("champion")
    args = days[0].fn_args(out)
    job = fitting.prepare(args)
    model = fitting.build(job)
    fitting.fit(job, model, None)
    export(model, job, args.serving_model_dir)
    return str(args.serving_model_dir)


def of(days: Any, out: Path, base: Optional[str], policy: str, **more: Any) -> tuple[fitting.Job, Any]:
    args = days[1].fn_args(out, base_model=base, **more)
    args.custom_config["warm_start"] = policy
    job = fitting.prepare(args)
    return job, fitting.build(job)


def begin(job: fitting.Job, model: Any) -> str:
    return warm_start.start(model, job.config.table, job.tft_output, job.base_model, job.config.warm_start)


def predicted(model: Any, job: fitting.Job, city: str, age: float = 0.3) -> float:
    """What the model says of a city's first shop, its ids looked up in the job's own vocabularies."""
    values = {"city_xf": city, "shop_xf": f"{city} 0"}
    batch: dict[str, Any] = {}
    for tensor in model.inputs:
        if tensor.name in values:
            words = [one.decode() for one in job.tft_output.vocabulary_by_name(f"{tensor.name[:-3]}_vocabulary")]
            batch[tensor.name] = tf.constant([1 + words.index(values[tensor.name])], tf.int64)
        else:
            batch[tensor.name] = tf.constant([age], tf.float32)
    return float(model(batch)[0, 0])


def test_a_token_keeps_its_weights_under_another_id_and_a_new_one_begins_as_in_any_training(days, champion, tmp_path):
    first = fitting.prepare(days[0].fn_args(tmp_path))
    before = fitting.build(first)
    assert begin(*_as_asked(first, champion, before)).startswith("began with the weights")
    job, model = of(days, tmp_path, champion, "require")
    assert first.tft_output.vocabulary_by_name("city_vocabulary")[0] == b"Bern"
    assert job.tft_output.vocabulary_by_name("city_vocabulary")[0] == b"Olten"
    said = begin(job, model)
    for city in ("Bern", "Olten"):
        assert predicted(model, job, city) == pytest.approx(predicted(before, first, city), abs=1e-6)
    assert predicted(model, job, "Bern") - predicted(model, job, "Olten") > 0.1
    # Of 5, 5 and 8 rows, Thun is new in each table of cities, and its two shops in theirs.
    assert said.startswith(f"began with the weights of {champion}; 14 of 18 rows ")


def _as_asked(job: fitting.Job, base: str, model: Any) -> tuple[fitting.Job, Any]:
    return replace(job, base_model=base, config=replace(job.config, warm_start="require")), model


def test_a_training_says_what_it_began_with_and_begins_better(days, champion, tmp_path):
    losses = {}
    for name, base in (("warm", champion), ("cold", None)):
        out = tmp_path / name
        job, model = of(days, out, base, "prefer")
        fitting.fit(job, model, str(out))
        record = training_record.read(str(out))
        losses[name] = record.evaluations[0]["val_loss"]
        assert record.began.startswith("began with")
    assert "no model has been blessed yet" in record.began
    assert losses["warm"] < losses["cold"] + 0.05
    job, model = of(days, tmp_path, champion, "none")
    assert begin(job, model) == ""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"model": {"hidden_units": [8]}}, r"its layers differ: it has .*\[.*16\].* and this model has .*8"),
        ({"model": {"members": 2}}, "its layers differ"),
    ],
)
def test_another_architecture_is_refused_before_training_or_said(days, champion, tmp_path, more, words):
    job, model = of(days, tmp_path, champion, "require", **more)
    with pytest.raises(InputRefused, match=words) as refused:
        begin(job, model)
    assert "warm_start: prefer" in refused.value.remedy
    job, model = of(days, tmp_path, champion, "prefer", **more)
    before = [np.array(one) for one in model.variables]
    assert begin(job, model).startswith("began with new weights, since the champion's do not fit: its layers differ")
    assert all(np.array_equal(one, two) for one, two in zip(before, model.variables, strict=True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said["features"]["features"].pop("age"), "its features differ: this model has age"),
        (lambda said: said["features"]["features"]["city"].update(top_k=5), "city is described otherwise"),
        (lambda said: said["features"]["label"].update(column="owed"), "another label"),
        (lambda said: said["features"].update(features=dict(reversed(said["features"]["features"].items()))), "order"),
        (lambda said: said["features"].update(colour="red"), "in words that this one does not know"),
        (lambda said: said["inputs"].pop(), "its inputs differ"),
        (None, "it does not say what its weights are"),
    ],
)
def test_what_does_not_mean_the_same_is_named(days, champion, tmp_path, change, words):
    copied = tmp_path / "champion"
    shutil.copytree(champion, copied)
    file = copied / warm_start.WEIGHTS_FILE
    said = json.loads(file.read_text())
    if change:
        change(said)
        file.write_text(json.dumps(said))
    else:
        file.unlink()
    job, model = of(days, tmp_path, str(copied), "require")
    with pytest.raises(InputRefused, match=words):
        begin(job, model)
