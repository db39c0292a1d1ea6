"""What an edited schema would have said of past runs: the same checks as theirs, drift from the run before included."""

from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from millrace.config.loading import absolute
from millrace.schema import native
from millrace.schema.evidence import Evidence, read_binary
from millrace.schema.impact import Blocker, Impact, impact
from millrace.statistics.columns import of_all_rows

STATISTICS = Path(absolute("package:tfx/components/testdata/statistics_gen", Path()))
DRIFTED = Blocker("payment_type", "COMPARATOR_L_INFTY_HIGH")


def write(folder: Path, name: str, proto) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(proto.SerializeToString())


@pytest.fixture(scope="module")
def days():
    """Statistics of two days: taxi's eval rows, then its train rows."""
    files = [STATISTICS / f"Split-{split}/FeatureStats.pb" for split in ("eval", "train")]
    return [read_binary(file, statistics_pb2.DatasetFeatureStatisticsList) for file in files]


@pytest.fixture
def schema(days):
    """Fits both days, and allows any drift."""
    return limited(native.update(native.infer(of_all_rows(days[1])), of_all_rows(days[0]), 100), 1.0)


def limited(schema, threshold):
    [feature] = [feature for feature in schema.feature if feature.name == "payment_type"]
    feature.drift_comparator.infinity_norm.threshold = threshold
    return schema


def runs(folder: Path, days, schema, measured: bool) -> list[Evidence]:
    """Both days as runs that were validated: the second perhaps against the first."""
    previous, made = None, []
    for number, day in enumerate(days):
        write(folder / f"{number}/statistics/Split-train", "FeatureStats.pb", day)
        found = native.validate(of_all_rows(day), schema, "", previous)
        write(folder / f"{number}/anomalies/Split-train", "SchemaDiff.pb", found)
        made.append(Evidence(f"run {number}", "done", folder / f"{number}/statistics", folder / f"{number}/anomalies"))
        previous = of_all_rows(day) if measured else None
    return made


def judge(_statistics, anomalies, _schema):
    """Every anomaly blocks."""
    names = anomalies_pb2.AnomalyInfo.Type.Name
    return [
        Blocker(feature, names(reason.type))
        for found in anomalies.values()
        for feature, info in sorted(found.anomaly_info.items())
        for reason in info.reason
    ]


@pytest.mark.parametrize("measured", [True, False])
def test_a_tighter_drift_limit_blocks_the_run_whose_drift_was_measured(days, schema, tmp_path, measured):
    past = runs(tmp_path, days, schema, measured)
    assert impact(schema, past, judge) == [Impact("run 0", (), ()), Impact("run 1", (), ())]
    results = impact(limited(schema, 1e-6), past, judge)
    assert [result.verdict for result in results] == ["passes", "now blocked" if measured else "passes"]
    assert results[1].causes == ((DRIFTED,) if measured else ())


def test_a_wider_drift_limit_lets_a_run_pass(days, schema, tmp_path):
    past = runs(tmp_path, days, limited(schema, 1e-6), True)
    [_, second] = impact(limited(schema, 1.0), past, judge)
    assert (second.verdict, second.causes) == ("now passes", (DRIFTED,))


def test_a_run_whose_statistics_are_gone_is_passed_over_and_nothing_is_measured_from_it(days, schema, tmp_path):
    past = runs(tmp_path, days, schema, True)
    (past[0].statistics_folder / "Split-train/FeatureStats.pb").unlink()
    results = impact(limited(schema, 1e-6), past, judge)
    assert [(result.run_id, result.verdict) for result in results] == [("run 1", "passes")]


@pytest.mark.parametrize(
    ("before", "after", "verdict", "causes"),
    [
        ("", "", "passes", ""),
        ("", "a", "now blocked", "a"),
        ("a", "", "now passes", "a"),
        ("a", "ab", "still blocked", "b"),
        ("ab", "b", "still blocked", "b"),
        ("a", "b", "still blocked", "b"),
    ],
)
def test_the_verdict_and_what_makes_the_difference(before, after, verdict, causes):
    one, other = (tuple(Blocker(name, "X") for name in names) for names in (before, after))
    result = Impact("run", one, other)
    assert (result.verdict, "".join(block.feature for block in result.causes)) == (verdict, causes)


def test_a_blocker_of_no_feature_is_of_the_data():
    assert str(Blocker("", "LOW_NUM_EXAMPLES")) == "the data (LOW_NUM_EXAMPLES)"
    assert str(Blocker("fare", "X")) == "fare (X)"
