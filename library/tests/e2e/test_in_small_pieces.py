"""Work in pieces gives the same however small they are: on paths that only large data reach otherwise."""

import json
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

PIECES = """
from millrace.components.evaluator import bulk_metrics, in_process as judging
from millrace.components.example_gen import csv_source, examples, stages
from millrace.components.statistics_gen import exact_top_k, executor as statistics
from millrace.components.transform import reading

csv_source._PROBE_BYTES, csv_source._COUNT_BYTES = 7, 1000
examples.ENCODED_BYTES_AT_ONCE, examples._SMALL = 5000, 2
stages.PARSED = stages._Parsed(1)
exact_top_k._MERGE_AT, statistics._DECODED_AT_ONCE = 3, 100
reading.ROWS_AT_ONCE, reading.BYTES_AT_ONCE, reading._DECODED_AT_ONCE = 64, 3000, 50
judging.BATCH_SIZE, bulk_metrics._ROWS_AT_ONCE, bulk_metrics._KERAS_ROWS = 77, 100, 90

from millrace.cli.main import main
main()
"""
FEATURES = {
    "fare": {"kind": "numeric", "scale": "log"},
    "trip_miles": {"kind": "numeric", "scale": "zscore"},
    "company": {"kind": "categorical", "top_k": 20},
    "trip_start_hour": {"kind": "categorical", "top_k": 24},
}

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture(scope="module")
def roots(tmp_path_factory, project):
    """The same pipeline with pieces of the usual sizes and with small ones, each in a root of its own."""
    metrics = ["AUC", "AUCPrecisionRecall", "BinaryAccuracy", "BinaryCrossEntropy", "Calibration", "ExampleCount"]
    project.configure(
        features=FEATURES,
        evaluation={"metrics": metrics, "slices": [["company"]], "thresholds": [{"metric": "AUC", "at_least": 0.5}]},
    )
    made = []
    for name, command in (("usual", ("-m", "millrace.cli.main")), ("small", ("-c", PIECES))):
        root = tmp_path_factory.mktemp(name)
        finished = project.finish(project.start_python(*command, "run", "--set", f"root={root}", "--to", "Evaluator"))
        assert finished.code == 0, finished.output
        made.append(root)
    return made


def the_one(root: Path, pattern: str) -> Path:
    [path] = root.glob(f"artifacts/{pattern}")
    return path


def records(folder: Path) -> Counter:
    files = sorted(str(file) for file in folder.glob("*.gz"))
    return Counter(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


@pytest.mark.parametrize("split", ["train", "eval"])
def test_examples(roots, split):
    usual, small = (records(the_one(root, f"ExampleGen/examples/*/Split-{split}")) for root in roots)
    assert sum(usual.values()) > 900
    assert usual == small


def statistics(root: Path) -> dict:
    file = the_one(root, "StatisticsGen/statistics/*/Split-train/FeatureStats.pb")
    [dataset] = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes()).datasets
    return {feature.path.step[0]: feature for feature in dataset.features}


def test_statistics(roots):
    usual, small = map(statistics, roots)
    assert usual.keys() == small.keys()
    for name, feature in usual.items():
        kind = feature.WhichOneof("stats")
        one, other = getattr(feature, kind), getattr(small[name], kind)
        assert one.common_stats.num_non_missing == other.common_stats.num_non_missing
        if kind == "num_stats":
            assert (one.min, one.max, one.num_zeros) == (other.min, other.max, other.num_zeros)
            assert one.mean == pytest.approx(other.mean) and one.std_dev == pytest.approx(other.std_dev)
        else:
            assert one.unique == other.unique
            assert one.rank_histogram == other.rank_histogram


def transformed(root: Path) -> tuple[dict[str, str], list[bytes]]:
    """The vocabularies, and the transformed examples of eval with numbers rounded."""
    graph = the_one(root, "Transform/transform_graph/*/transform_fn")
    rows = []
    for record, times in records(the_one(root, "Transform/transformed_examples/*/Split-eval")).items():
        example = tf.train.Example.FromString(record)
        for feature in example.features.feature.values():
            feature.float_list.value[:] = [round(value, 3) for value in feature.float_list.value]
        rows += [example.SerializeToString(deterministic=True)] * times
    return {file.name: file.read_text() for file in (graph / "assets").iterdir()}, sorted(rows)


def test_transform(roots):
    (usual_words, usual_rows), (small_words, small_rows) = map(transformed, roots)
    assert usual_words and usual_words == small_words
    assert usual_rows == small_rows


def metrics(root: Path) -> dict[str, dict[str, float]]:
    """The metrics by slice."""
    report = json.loads(the_one(root, "Evaluator/evaluation/*/gate_report.json").read_text())
    parts = {"": report["metrics"], **{part["slice"]: part["metrics"] for part in report["slices"]}}
    # What is no number stands there as text.
    return {name: {metric: float(value) for metric, value in part.items()} for name, part in parts.items()}


def test_evaluation(roots):
    usual, small = map(metrics, roots)
    assert len(usual) > 10 and usual.keys() == small.keys()
    for name, values in usual.items():
        # Sums of float32 in another order.
        assert small[name] == pytest.approx(values, rel=1e-5, nan_ok=True), name
