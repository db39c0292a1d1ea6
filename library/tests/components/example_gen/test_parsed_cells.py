"""Cells that the first pass parsed and the second takes: within a number of bytes, in one process, of one run."""

import pyarrow as pa
import pytest

from millrace.components.example_gen import stages
from millrace.components.example_gen.options import Options


def cells(bytes_of_them):
    return [[pa.array([0] * (bytes_of_them // 8), pa.int64())]]


def test_cells_are_held_up_to_a_limit_and_taken_once():
    held = stages._Parsed(96)
    held.begin("run")
    held.hold(("run", 0), cells(56))
    held.hold(("run", 1), cells(48))  # no room any more
    assert held.room("run") == 40
    held.hold(("run", 2), cells(40))
    assert held.room("run") == 0
    assert held.take(("run", 0)) == cells(56) and held.take(("run", 0)) is None
    assert held.take(("run", 1)) is None
    assert held.room("run") == 56


def test_only_a_run_that_began_here_holds_any():
    held = stages._Parsed(96)
    held.begin("run")
    held.hold(("other", 0), cells(16))
    assert held.take(("other", 0)) is None and held.room("other") == 0
    held.hold(("run", 0), cells(16))
    held.begin("second")
    held.hold(("second", 0), cells(16))
    held.forget("run")
    assert held.take(("run", 0)) is None and not held.is_here("run")
    assert held.room("second") == 80
    assert held.take(("second", 0)) == cells(16)


@pytest.mark.parametrize(
    "limit", [pytest.param(0, marks=pytest.mark.thorough), 60, pytest.param(1 << 20, marks=pytest.mark.thorough)]
)
def test_the_examples_are_the_same_whatever_was_held(stages_of, tmp_path, monkeypatch, limit):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("x,y\n" + "".join(f"{n},{'ab' * (n % 7)}\n" for n in range(60)))
    plain = stages_of(tmp_path / "in", tmp_path / "plain", range_bytes=100, block_bytes=30)
    monkeypatch.setattr(stages, "PARSED", stages._Parsed(limit))
    stages.PARSED.begin(str(tmp_path / "held"))
    assert stages_of(tmp_path / "in", tmp_path / "held", range_bytes=100, block_bytes=30) == plain
    assert stages.PARSED.room(str(tmp_path / "held")) == limit, "all that was held was taken"


def test_a_unit_of_work_has_all_threads_where_the_executor_itself_does_it(monkeypatch):
    monkeypatch.setattr(stages, "PARSED", stages._Parsed(100))
    stages.PARSED.begin("here")
    for cores, threads in ((2, 2), (64, 8)):
        monkeypatch.setattr(stages, "cores", lambda cores=cores: cores)
        assert stages.thread_count(Options(), "here") == threads
        assert stages.thread_count(Options(), "elsewhere") == 1
        assert stages.thread_count(Options(threads=3), "elsewhere") == 3


def test_items_come_in_order_and_never_far_ahead():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = stages.in_order(lambda number: number * number, items(), threads=2)
    assert next(results) == 0 and len(taken) == 3
    assert list(results) == [number * number for number in range(1, 20)]
    assert list(stages.in_order(str, range(3), threads=1, ahead=5)) == ["0", "1", "2"]
