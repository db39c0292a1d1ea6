"""The span before: the greatest smaller one that DataGate let pass and whose statistics are there."""

import pytest
from ml_metadata.proto import metadata_store_pb2
from recorded_runs import RecordedRuns
from tfx.types import standard_artifacts

from millrace.components.span_before.strategy import EARLIER, STATISTICS, SpanBeforeStrategy


@pytest.fixture
def recorded(tmp_path):
    return RecordedRuns(tmp_path)


def statistics(recorded, span, passed=True, gone=False, **noted):
    """Those of a run, and what DataGate said of them."""
    run = f"run-{span}-{passed}"
    recorded.begin(run)
    made = recorded.stage(run, "StatisticsGen", {}, {"statistics": "ExampleStatistics"})["statistics"]
    outputs = {"report": "DataGateReport"} if passed else {}
    state = metadata_store_pb2.Execution.COMPLETE if passed else metadata_store_pb2.Execution.FAILED
    recorded.stage(run, "DataGate", {"statistics": [made]}, outputs, state=state)
    artifact = standard_artifacts.ExampleStatistics()
    artifact.id, artifact.uri, artifact.span = made.id, made.uri + ("/gone" if gone else ""), span
    for name, value in noted.items():
        artifact.set_int_custom_property(name, value)
    return artifact


def found(recorded, span, all_):
    now = standard_artifacts.ExampleStatistics()
    now.span = span
    result = SpanBeforeStrategy().resolve_artifacts(recorded.store, {STATISTICS: [now], EARLIER: all_})
    assert result[STATISTICS] == [now]
    return [one.span for one in result[EARLIER]]


def test_it_is_the_greatest_smaller_span(recorded):
    all_ = [statistics(recorded, span) for span in (5, 3, 4, 7)]
    assert found(recorded, 6, all_) == [5]
    assert found(recorded, 5, all_) == [4], "data is not compared with itself, nor with what came after"
    assert found(recorded, 3, all_) == []


def test_a_span_that_was_stopped_is_none_to_compare_with(recorded):
    all_ = [statistics(recorded, 3), statistics(recorded, 4, passed=False)]
    assert found(recorded, 5, all_) == [3]
    all_.append(statistics(recorded, 4))
    assert found(recorded, 5, all_) == [4], "it passed when it was run again"


def test_what_was_deleted_or_rehearsed_is_passed_over(recorded):
    all_ = [statistics(recorded, 2), statistics(recorded, 3, gone=True), statistics(recorded, 4, rehearsed=1)]
    assert found(recorded, 5, all_) == [2]
