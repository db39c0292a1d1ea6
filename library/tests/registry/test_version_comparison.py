"""What two versions differ in, where little is known of how they came about."""

from pathlib import Path

from registered_versions import pushed, registry_of

from millrace.config.loading import load
from millrace.config.paths import layout
from millrace.metadata.run_summaries import Runs
from millrace.registry.version_comparison import compare_versions


def test_versions_of_runs_that_nobody_knows_are_compared_by_what_is_there(tmp_path):
    config = load("conf/taxi.yaml", [f"root={tmp_path}"])
    with registry_of(Path(layout(config).root)) as registry:
        registry.take_in([(number, "", facts) for number, _, facts in (pushed(tmp_path, 11), pushed(tmp_path, 12))])
        comparison = compare_versions(Runs(config), registry.version("11"), registry.version("12"))
    assert comparison.runs is None and comparison.why_no_runs == "the run of 11 and of 12 is not known here"
    assert comparison.before.number == 11 and not comparison.same_files
