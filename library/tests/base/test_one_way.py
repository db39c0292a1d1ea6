"""What the ground floor does is done nowhere else by hand."""

import re
from pathlib import Path

import pytest

import millrace

LIBRARY = Path(millrace.__file__).parent
# What each module of the ground floor is for, as it is written by who does not know it.
BY_HAND = {
    "files.py": r"\.part\"|os\.replace\(|\.rename\(|mkstemp\(",
    "names.py": r"get_close_matches",
    "cores.py": r"sched_getaffinity|cpu_count",
    "clock.py": r"date\.today\(|now\(timezone\.utc\)\.date\(",
    "printing.py": r"import Table$|rich\.table",
    "outcomes.py": r"\"not blessed\" if|else \"not blessed\"",
    # What data says may reach a screen through `printing` and `cli.output` alone, which spell out what steers it.
    "visible.py": r"rich\.markup|from rich import markup|click\.s?echo\((?!json)",
}
# Folders are put in place, or out of the way, as one, and example_gen's shards once all are written; a shard of logged
# requests is read while it grows, and Envoy's log is Envoy's to write; a display is no table.
ALLOWED = {
    "files.py": {
        "components/example_gen/shards.py",
        "components/infra_validator/blessing.py",
        "components/transform/writing.py",
        "metadata/cleaning.py",
        "model_server/request_shards.py",
        "new/write.py",
        "registry/archive.py",
        "rehearsal/environment.py",
        "serving/access_log.py",
        "training/signatures.py",
    },
    "printing.py": {"cli/running/board.py"},
    # What spells it out; the content of a schema file into a pipe; a script for the shell.
    # A report is a page, in which what data says is escaped.
    "visible.py": {"cli/output.py", "cli/data/schema.py", "cli/completion.py", "cli/runs/report.py"},
}


@pytest.mark.parametrize("module", BY_HAND)
def test_it_is_done_by_the_ground_floor_alone(module):
    pattern = re.compile(BY_HAND[module], re.MULTILINE)
    by_hand = {
        file.relative_to(LIBRARY).as_posix()
        for file in LIBRARY.rglob("*.py")
        if pattern.search(file.read_text(encoding="utf-8"))
    }
    assert by_hand - ALLOWED.get(module, set()) <= {f"base/{module}"}


@pytest.mark.parametrize("module", ["names.py", "cores.py", "clock.py", "printing.py"])
def test_the_pattern_finds_what_it_looks_for(module):
    assert re.search(BY_HAND[module], (LIBRARY / "base" / module).read_text(encoding="utf-8"), re.MULTILINE)
