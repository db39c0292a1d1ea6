"""The learners: Millrace's Transform and `run_fn` as a run calls them, and scikit-learn's defaults on the same rows."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.contenders import REPOSITORY
from benchmarks.quality.tables import Table, write
from millrace.config.config import Config
from millrace.config.loading import load
from millrace.features.description import Numeric
from millrace.features.label import Label
from millrace.init import plan

_SPLITS = ("train", "eval", "test")


@dataclass(frozen=True)
class Prepared:
    """A table that went through a run as far as Transform.

    Attributes:
        config: as `millrace init` wrote it.
        folders: of the artifacts, by stage.
        examples: the serialised raw examples of each split.
    """

    config: Config
    folders: Mapping[str, Path]
    examples: Mapping[str, Sequence[bytes]]


@dataclass(frozen=True)
class Result:
    """What one training led to.

    Attributes:
        predicted: for the test split: numbers [n], probabilities of the second class [n], or of each [n, classes].
        cpu_seconds: of processor, all threads together, from the rows to a model that answers.
    """

    predicted: np.ndarray
    cpu_seconds: float


def prepare(table: Table, folder: Path) -> Prepared:
    """`millrace init` of a table, and `millrace run --to Transform`.

    Args:
        table: the table.
        folder: where all of it goes.
    """
    import tensorflow as tf

    data = write(table, folder / "data")
    project = folder / table.name
    conf = project / "conf" / f"{table.name}.yaml"
    plan.write(plan.make_plan([str(data)], table.label, table.name, project))
    command = [sys.executable, "-m", "millrace.cli.main", "run", "-c", str(conf), "--to", "Transform"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    root = project / "runs" / table.name / "artifacts"
    folders = {
        "examples": _latest(root / "ExampleGen" / "examples"),
        "graph": _latest(root / "Transform" / "transform_graph"),
        "transformed": _latest(root / "Transform" / "transformed_examples"),
    }
    examples = {
        split: [record.numpy() for record in tf.data.TFRecordDataset(_files(folders["examples"], split), "GZIP")]
        for split in _SPLITS
    }
    return Prepared(load(conf), folders, examples)


def _latest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda each: int(each.name))


def _files(folder: Path, split: str) -> list[str]:
    return sorted(str(file) for file in (folder / f"Split-{split}").glob("*.gz"))


def millrace(prepared: Prepared, seed: int, folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> Result:
    """Trains and exports with the project's `run_fn`, and asks the exported model.

    Args:
        prepared: the table.
        seed: of the training.
        folder: for the model.
        changes: of the sections `model` and `training`.
    """
    import tensorflow as tf

    from models.trainer import run_fn

    config = prepared.config
    sections = {name: getattr(config, name).model_dump(mode="json") for name in ("model", "training")}
    for name, values in changes.items():
        sections[name].update(values)
    sections["training"]["seed"] = seed
    arguments = SimpleNamespace(
        train_files=_files(prepared.folders["transformed"], "train"),
        eval_files=_files(prepared.folders["transformed"], "eval"),
        transform_graph_path=str(prepared.folders["graph"]),
        serving_model_dir=str(folder / "model"),
        model_run_dir=str(folder / "logs"),
        train_steps=0,
        eval_steps=0,
        hyperparameters=None,
        custom_config={
            "features": config.feature_table().model_dump(mode="json"),
            "model_fn": config.code.model_fn,
            **sections,
        },
    )
    began = time.process_time()
    run_fn(arguments)
    cpu_seconds = time.process_time() - began
    serve = tf.saved_model.load(str(folder / "model")).signatures["serving_default"]
    test = prepared.examples["test"]
    key = label_of(prepared).prediction_name
    parts = [serve(examples=tf.constant(test[at : at + 4096]))[key].numpy() for at in range(0, len(test), 4096)]
    return Result(np.concatenate(parts), cpu_seconds)


def label_of(prepared: Prepared) -> Label:
    """The label of a table, which is of one column here."""
    label = prepared.config.label
    assert isinstance(label, Label)
    return label


def raw(prepared: Prepared, splits: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """The features of some splits as scikit-learn takes them, and the truth: class ids or numbers.

    Numbers are float64, NaN where missing; every other kind is text, None where missing.
    """
    import tensorflow as tf

    learned, table = label_of(prepared), prepared.config.feature_table()
    records = [record for split in splits for record in prepared.examples[split]]
    columns: dict[str, list[Any]] = {name: [] for name in (*table.columns(), learned.column)}
    for record in records:
        values = tf.train.Example.FromString(record).features.feature
        for name, cells in columns.items():
            kind = values[name].WhichOneof("kind") if name in values else None
            held = getattr(values[name], kind).value if kind else ()
            cells.append(held[0] if held else None)
    label = columns.pop(learned.column)
    classes = [str(name) for name in learned.classes]
    truth = [classes.index(_text(value)) for value in label] if classes else label
    frame = pd.DataFrame(
        {
            name: np.array([np.nan if value is None else value for value in cells], np.float64)
            if isinstance(table.features[name], Numeric)
            else np.array([None if value is None else _text(value) for value in cells], object)
            for name, cells in columns.items()
        }
    )
    return frame, np.array(truth)


def _text(value: Any) -> str:
    return (
        value.decode().strip() if isinstance(value, bytes) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def linear(task: str, features: pd.DataFrame, truth: np.ndarray, test: pd.DataFrame) -> Result:
    """Logistic or ridge regression as scikit-learn has them, over standardised numbers and one-hot categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = list(features.select_dtypes("number"))
    others = [name for name in features if name not in numbers]
    encode = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ("others", OneHotEncoder(handle_unknown="ignore"), others),
        ]
    )
    learner = Ridge() if task == "regression" else LogisticRegression(max_iter=1000)
    return _fitted(make_pipeline(encode, learner), task, features, truth, test)


def boosting(task: str, features: pd.DataFrame, truth: np.ndarray, test: pd.DataFrame, seed: int) -> Result:
    """HistGradientBoosting as scikit-learn has it; what is no number goes in as a category."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    features, test = features.copy(), test.copy()
    for name in features:
        if features[name].dtype == object:
            known = features[name].value_counts().index[:250]  # it takes no more
            features[name], test[name] = (pd.Categorical(frame[name], known) for frame in (features, test))
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return _fitted(kind(random_state=seed, categorical_features="from_dtype"), task, features, truth, test)


def _fitted(learner: Any, task: str, features: pd.DataFrame, truth: np.ndarray, test: pd.DataFrame) -> Result:
    from threadpoolctl import threadpool_limits

    # With several threads the time that they wait for each other on a busy machine counts as processor time too.
    with threadpool_limits(1):
        began = time.process_time()
        learner.fit(features, truth)
        cpu_seconds = time.process_time() - began
    if task == "regression":
        return Result(learner.predict(test), cpu_seconds)
    # A class that the rows to learn from lack has a probability of its own column all the same.
    probabilities = np.zeros((len(test), int(max(learner.classes_)) + 1))
    probabilities[:, learner.classes_] = learner.predict_proba(test)
    return Result(probabilities[:, 1] if task == "binary" else probabilities, cpu_seconds)
