"""A column of weights: in the training's batches, in the loss, and in TFMA's metrics beside plain arithmetic."""

from pathlib import Path
from typing import Any

import income_table
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from millrace.base.errors import InputRefused
from millrace.components.evaluator import in_process, scoring, tfma_results
from millrace.components.evaluator.component import prepared
from millrace.components.evaluator.eval_config import eval_config
from millrace.components.evaluator.reading import Inputs
from millrace.components.evaluator.section import Evaluation
from millrace.features.description import FeatureTable
from millrace.training import fitting
from models.trainer import run_fn

LABEL, LABEL_SCHEMA = income_table.LABELS["binary"]
SCHEMA = income_table.SCHEMA + LABEL_SCHEMA + '\nfeature { name: "importance" type: FLOAT }'
TABLE = FeatureTable.model_validate({"label": {**LABEL, "weight": "importance"}, "features": income_table.FEATURES})


def rows(count: int, seed: int, *odd: Any) -> list[dict[str, Any]]:
    """Rows that weigh 0 to 4, but for the first, which weigh what is said."""
    made = income_table.rows("binary", count, seed)
    weights = [*odd, *(float(number % 5) for number in range(count - len(odd)))]
    return [{**row, "importance": weight} for row, weight in zip(made, weights, strict=True)]


@pytest.fixture(scope="module")
def weighted(transform: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    splits = {"train": rows(600, 1), "eval": rows(300, 2)}
    return transform(tmp_path_factory.mktemp("weighted"), SCHEMA, TABLE, splits)


def test_the_weights_are_those_of_the_batches_and_no_feature(weighted: Any, tmp_path: Path) -> None:
    job = fitting.prepare(weighted.fn_args(tmp_path))
    [(features, _, weights)] = list(job.evaluation.for_evaluation(300))
    assert sorted(weights.numpy()) == sorted(number % 5 / 2.0 for number in range(300))
    assert "importance_label_weight" not in features
    model = fitting.build(job)
    assert "importance_label_weight" not in {tensor.name for tensor in model.inputs}


def test_a_row_counts_in_the_loss_by_its_weight(weighted: Any, tmp_path: Path) -> None:
    job = fitting.prepare(weighted.fn_args(tmp_path))
    model = fitting.build(job)
    [(features, labels, weights)] = list(job.evaluation.for_evaluation(300))
    scores, truth = np.ravel(model(features, training=False)), np.ravel(labels)
    each = -np.where(truth == 1, np.log(scores), np.log1p(-scores))
    shown = model.evaluate(fitting.evaluation_data(job), verbose=0, return_dict=True)["loss"]
    assert shown == pytest.approx(float(np.mean(weights * each)), rel=1e-5)
    assert shown != pytest.approx(float(np.mean(each)), rel=1e-3)


@pytest.mark.parametrize("unit", [1e-9, 1e36])
def test_the_unit_of_the_weights_does_not_matter(transform: Any, tmp_path: Path, unit: float) -> None:
    splits = {name: rows(60, 1, *(unit * (number % 5) for number in range(60))) for name in ("train", "eval")}
    job = fitting.prepare(transform(tmp_path / "data", SCHEMA, TABLE, splits).fn_args(tmp_path))
    for batches in (job.evaluation.for_evaluation(60), job.train.for_training(60, 0, endless=False)):
        [(_, _, weights)] = list(batches)
        assert sorted(weights.numpy()) == pytest.approx(sorted(number % 5 / 2.0 for number in range(60)), rel=1e-6)


def test_weights_that_are_none_are_refused_with_their_number(transform: Any, tmp_path: Path) -> None:
    splits = {"train": rows(60, 1, -1.0, None, -0.5), "eval": rows(30, 2)}
    data = transform(tmp_path / "data", SCHEMA, TABLE, splits)
    with pytest.raises(InputRefused, match="1 row without a weight and 2 rows with a weight below zero"):
        fitting.prepare(data.fn_args(tmp_path))


def test_weights_that_are_all_zero_are_refused(transform: Any, tmp_path: Path) -> None:
    """Nothing would be learned, and no loss would say so."""
    splits = {"train": rows(60, 1, *[0.0] * 60), "eval": rows(30, 2)}
    data = transform(tmp_path / "data", SCHEMA, TABLE, splits)
    with pytest.raises(InputRefused, match="every weight is 0") as refused:
        fitting.prepare(data.fn_args(tmp_path))
    assert refused.value.where == "label.weight importance"


@pytest.mark.slow
def test_metrics_are_weighted_and_rows_are_counted_as_rows(weighted: Any, tmp_path: Path) -> None:
    args = weighted.fn_args(tmp_path)
    run_fn(args)
    metrics = ["AUC", "BinaryAccuracy", "ExampleCount"]
    evaluation = Evaluation.model_validate({"metrics": metrics, "thresholds": [{"metric": "AUC", "at_least": 0.5}]})
    config = prepared(eval_config(TABLE.label, evaluation, has_baseline=False))
    measured = measure(weighted, args.serving_model_dir, config, tmp_path)

    raw = [tf.train.Example.FromString(record).features.feature for record in weighted.raw["eval"]]
    labels = np.array([">50K" in one["income band"].bytes_list.value[0].decode() for one in raw])
    weights = np.array([one["importance"].float_list.value[0] for one in raw])
    serve = tf.saved_model.load(args.serving_model_dir).signatures["serving_default"]
    scores = serve(examples=tf.constant(weighted.raw["eval"]))["probabilities"].numpy()
    # TFMA's AUC is that of 10,000 thresholds.
    assert measured["auc"] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=1e-3)
    assert measured["binary_accuracy"] == pytest.approx(np.average((scores > 0.5) == labels, weights=weights), abs=1e-6)
    assert measured["example_count"] == 300


def measure(data: Any, model: str, config: Any, folder: Path) -> dict[str, float]:
    """The overall metrics of an exported model, by the Evaluator's way in this process."""
    import tensorflow_model_analysis as tfma
    from tfx.types import standard_artifacts

    examples, artifact = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.uri, artifact.uri = str(folder / "examples"), str(Path(model).parent)
    examples.split_names = '["eval"]'
    place = folder / "examples" / "Split-eval"
    place.mkdir(parents=True)
    (place / "data.gz").write_bytes((data.folder / "raw-eval.gz").read_bytes())
    inputs = Inputs([examples], ["eval"], artifact, None, None, config)
    (folder / "evaluation").mkdir()
    in_process.evaluate(inputs, str(folder / "evaluation"), [])
    scoring.release_models()
    slices = tfma_results.read_slices(tfma.load_metrics(str(folder / "evaluation")), "")
    return tfma_results.overall(slices, "").metrics
