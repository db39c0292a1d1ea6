"""The count of processors, with control groups of both versions laid out in a folder."""

import os

import pytest

from millrace.base.cores import cores, processors

BOUND = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count(tmp_path, membership, **files):
    (tmp_path / "own").write_text(membership)
    for place, text in files.items():
        file = tmp_path / "groups" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return cores(tmp_path / "groups", tmp_path / "own")


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "20000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, min(2, BOUND)),
        ("0::/\n", {"cpu.max": "max 100000\n"}, BOUND),
        ("0::/batch/job\n", {"batch/cpu.max": "100000 100000\n", "batch/job/cpu.max": "max 100000\n"}, 1),
        (
            "4:memory:/\n3:cpu,cpuacct:/job\n",
            {"cpu/job/cpu.cfs_quota_us": "50000", "cpu/job/cpu.cfs_period_us": "50000"},
            1,
        ),
        ("3:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, BOUND),
        ("0::/\n", {}, BOUND),
    ],
)
def test_the_smallest_share_counts(tmp_path, membership, files, expected):
    assert count(tmp_path, membership, **files) == expected


def test_where_there_are_no_control_groups_the_processors_are_counted(tmp_path):
    assert cores(tmp_path, tmp_path / "nothing") == BOUND


def test_never_more_than_the_process_is_bound_to():
    assert 1 <= cores() <= BOUND


@pytest.mark.parametrize(("limit", "expected"), [("50000 100000", 0.5), ("20000 100000", 0.2), ("max 100000", BOUND)])
def test_half_a_processor_is_half_a_one_where_it_is_not_threads_that_are_counted(tmp_path, limit, expected):
    count(tmp_path, "0::/\n", **{"cpu.max": f"{limit}\n"})
    assert processors(tmp_path / "groups", tmp_path / "own") == expected
