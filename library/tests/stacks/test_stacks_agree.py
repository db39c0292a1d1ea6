"""What one stack makes of the taxi data, the other makes too; and each one's model works in the other's server.

`make stacks-agree` records both and runs this. Elsewhere nothing is recorded, and there is nothing to compare.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import record
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

RESULTS = record.CHECKOUT / ".cache" / "stacks"
SPLITS = ("train", "eval")
# One stack's training differs from the other's by Keras's random numbers; AUC varies by some 0.003 from seed to seed.
NOISE = 0.01
pytestmark = pytest.mark.slow
Features = dict[str, tuple[Any, ...]]


@pytest.fixture(scope="module")
def both() -> tuple[Path, Path]:
    """The folders of the two stacks' results, made of the code as it is now."""
    if not os.environ.get("MILLRACE_STACKS_RECORDED"):
        pytest.skip("`make stacks-agree` records what both stacks make, and runs this then")
    found = sorted(RESULTS.glob("tfx-*/about.json"))
    assert len(found) == 2, f"results of both stacks are needed in {RESULTS}: make stacks-agree"
    told = [json.loads(file.read_text()) for file in found]
    assert len({one["code"] for one in told}) == 1, "the results are of different code: make stacks-agree"
    assert len({one["tfx"] for one in told}) == 2
    return found[0].parent, found[1].parent


def artifact(root: Path, output: str) -> Path:
    return record.newest(root / "artifacts" / output)


def proto(file: Path, message: Any) -> Any:
    message.ParseFromString(file.read_bytes())
    return message


def statistics(root: Path, split: str) -> Any:
    file = artifact(root, "StatisticsGen/statistics") / f"Split-{split}" / "FeatureStats.pb"
    return proto(file, statistics_pb2.DatasetFeatureStatisticsList())


def rows(root: Path, output: str, split: str) -> Iterator[Features]:
    """Each tf.Example as a dict; floats to six digits, since the two TensorFlows round their last bit differently."""
    for record_ in record.records(artifact(root, output), split):
        feature = tf.train.Example.FromString(record_).features.feature
        yield {name: values(feature[name]) for name in sorted(feature)}


def values(feature: tf.train.Feature) -> tuple[Any, ...]:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return ()
    found = getattr(feature, kind).value
    return tuple(float(f"{value:.5e}") for value in found) if kind == "float_list" else tuple(found)


@pytest.mark.parametrize("split", SPLITS)
def test_the_examples_are_the_same_in_the_same_order(both, split: str) -> None:
    one, other = (list(rows(root, "ExampleGen/examples", split)) for root in both)
    assert len(one) > 2000
    assert one == other


@pytest.mark.parametrize("split", SPLITS)
def test_the_statistics_are_the_same(both, split: str) -> None:
    one, other = (statistics(root, split) for root in both)
    assert len(one.datasets[0].features) == 19
    lines = [text_format.MessageToString(each).splitlines() for each in (one, other)]
    assert len(lines[0]) == len(lines[1]) > 1000
    for mine, theirs in zip(*lines, strict=True):
        if mine != theirs:
            close(mine, theirs)


def close(mine: str, theirs: str) -> None:
    """NumPy 2 leaves what TFDV interpolates between quantiles in float32, where NumPy 1 made it float64."""
    (key, value), (other_key, other_value) = mine.split(":"), theirs.split(":")
    assert key == other_key
    bound = {"abs": 0.1, "rel": 0} if key.strip() == "sample_count" else {"rel": 2e-7, "abs": 0}
    assert float(value) == pytest.approx(float(other_value), **bound), (mine, theirs)


def test_the_inferred_schema_is_the_same(both) -> None:
    one, other = (artifact(root, "SchemaGen/schema") / "schema.pbtxt" for root in both)
    parsed = [text_format.Parse(file.read_text(), schema_pb2.Schema()) for file in (one, other)]
    assert len(parsed[0].feature) == 19
    assert parsed[0] == parsed[1]


@pytest.mark.parametrize("split", SPLITS)
def test_the_anomalies_are_the_same(both, split: str) -> None:
    files = [artifact(root, "ExampleValidator/anomalies") / f"Split-{split}" / "SchemaDiff.pb" for root in both]
    one, other = (proto(file, anomalies_pb2.Anomalies()) for file in files)
    assert one.HasField("baseline")
    assert one == other


@pytest.mark.parametrize("split", SPLITS)
def test_the_transformed_examples_are_the_same(both, split: str) -> None:
    # Beam is free to write rows in another order.
    one, other = (Counter(str(row) for row in rows(root, "Transform/transformed_examples", split)) for root in both)
    assert one.total() > 2000
    assert one == other


def report(root: Path) -> dict[str, Any]:
    return json.loads((artifact(root, "Evaluator/evaluation") / "gate_report.json").read_text())


def test_the_metrics_are_the_same_within_noise(both) -> None:
    one, other = (report(root)["metrics"] for root in both)
    assert one["auc"] > 0.9
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=0.05 if name == "calibration" else 0, abs=NOISE), name


def judged(told: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    return {(row["metric"], row["slice"], row["threshold"]): row["verdict"] for row in told["rows"]}


def test_the_verdicts_are_the_same(both) -> None:
    one, other = (report(root) for root in both)
    assert one["blessed"] and other["blessed"]
    judged = [
        {(row["metric"], row["slice"], row["threshold"]): row["verdict"] for row in each["rows"]}
        for each in (one, other)
    ]
    assert len(judged[0]) > 10
    assert judged[0] == judged[1]


def test_a_run_says_nothing_of_other_packages_deprecations(both) -> None:
    """What is left out by name is listed in millrace/base/noise.py."""
    for root in both:
        [log] = root.glob("logs/*/run.log")
        said = [
            line for line in log.read_text().splitlines() if re.search(r"deprecat|\w+Warning: ", line, re.IGNORECASE)
        ]
        assert said == [], root.name


def test_each_server_answers_the_same_with_the_others_model(both) -> None:
    """The other stack's answers were recorded; this stack's server is asked now."""
    [other] = [root for root in both if root.name != record.stack()]
    for root in both:
        asked = record.answers(root)
        recorded = json.loads((other / f"answers-{root.name}.json").read_text())
        assert len(asked) == 4 and asked.keys() == recorded.keys()
        for signature, outputs in asked.items():
            assert outputs.keys() == recorded[signature].keys()
            for alias, answers in outputs.items():
                same(answers, recorded[signature][alias], f"{root.name}'s model: {signature}, {alias}")


def same(answers: list[Any], recorded: list[Any], where: str) -> None:
    assert len(answers) >= 50, where
    if isinstance(np.array(recorded).flat[0], str):
        assert [bytes(value).decode() for value in np.array(answers, object).flat] == list(np.array(recorded).flat), (
            where
        )
    else:
        np.testing.assert_allclose(answers, recorded, rtol=0, atol=1e-5, err_msg=where)
