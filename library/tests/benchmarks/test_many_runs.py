"""A run recorded again and again is as many runs, each like the one that ran."""

from past_runs import PastRuns

from benchmarks.many_runs import repeat
from millrace.config.loading import load
from millrace.metadata.run_summaries import Runs


def test_a_run_that_is_recorded_again_is_known_as_the_run_that_it_was(tmp_path):
    root = tmp_path / "root"
    PastRuns(root).add()
    repeat(root, 3)
    config = load("conf/taxi.yaml", [f"root={root}"])
    runs = Runs(config)
    ids = list(runs.ids())
    assert len(ids) == len(set(ids)) == 4
    again, first = (runs.record(run_id) for run_id in (ids[0], ids[-1]))
    assert list(again.stages) == list(first.stages) and again.state == first.state == "done"
    made = [{stage: one.outputs for stage, one in record.stages.items()} for record in (again, first)]
    assert made[0] == made[1]
    assert not {one.execution_id for one in again.stages.values()} & {one.execution_id for one in first.stages.values()}
