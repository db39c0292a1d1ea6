"""The changes that the sampler makes: which, that each is a module that Python can parse, and that a trial tells."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import millrace
from benchmarks.mutants.__main__ import _drawn
from benchmarks.mutants.operators import mutations
from benchmarks.mutants.reach import Reach

LIBRARY = Path(millrace.__file__).parent


def changed(body: str) -> set[str]:
    """What becomes of a function's one line, spaces aside."""
    source = f"def f(a, b, c):\n    {body}\n"
    return {mutation.applied(source).splitlines()[1].strip() for mutation in mutations(source)}


@pytest.mark.parametrize(
    "body, wanted",
    [
        ("g(a < b)", {"pass", "g((a <= b))", "g((a >= b))"}),
        ("g(a is None)", {"pass", "g((a is not None))"}),
        ("c = a and not b", {"c = (a or not b)", "c = a and (b)"}),
        ("c = a - 1", {"c = (a + 1)", "c = a - 2"}),
        ("c = a if b else None", {"c = (a)", "c = (None)"}),
        ("c = max(a, b)", {"c = (min(a, b))"}),
        ("raise ValueError(a)", {"pass"}),
        ("return a", {"return None"}),
        ("c: int = True", {"c: int = False"}),
        ('c = "text" + a', set()),
        ('c = f"{a + 1}"', set()),
        ("return None", set()),
    ],
)
def test_each_decision_is_turned_around(body, wanted):
    assert changed(body) == wanted


def test_refusals_alone_can_be_drawn(tmp_path):
    (tmp_path / "millrace/room").mkdir(parents=True)
    source = "def f(a):\n    if a > 1:\n        raise ValueError(a)\n    raise KeyError\n"
    (tmp_path / "millrace/room/module.py").write_text(source)
    drawn = _drawn("room", 99, 7, True, tmp_path)
    assert sorted(mutant.mutation.applied(source).splitlines()[2:] for mutant in drawn) == [
        ["        pass", "    raise KeyError"],
        ["        raise ValueError(a)", "    pass"],
    ]
    assert len(_drawn("room", 99, 7, False, tmp_path)) > 2


def test_letters_beyond_ascii_do_not_move_the_place():
    source = 'class A:\n    def f(self, a):\n        g("größer", a > 1)\n        return "ü", a\n'
    after = {mutation.applied(source) for mutation in mutations(source)}
    assert source.replace("a > 1", "(a >= 1)") in after
    assert source.replace('return "ü", a', "return None") in after


def test_what_stands_outside_of_functions_is_left_alone():
    assert mutations("A = 1 + 2\nclass B:\n    c: int = 3\n\n@d(4)\ndef e(f: 'g' = 5): ...\n") == []


@pytest.mark.parametrize("module", ["tables/patterns.py", "components/data_gate/rules.py", "training/columns.py"])
def test_every_change_of_a_real_module_can_be_parsed_and_differs(module):
    source = (LIBRARY / module).read_text(encoding="utf-8")
    made = mutations(source)
    assert len(made) > 10
    whole = ast.dump(ast.parse(source))
    assert [change for change in made if ast.dump(ast.parse(change.applied(source))) == whole] == []


@pytest.mark.thorough
@pytest.mark.slow
def test_a_room_is_sampled_and_its_rate_is_printed():
    command = [sys.executable, "-m", "benchmarks.mutants", "--room", "statistics", "--sample", "2", "--seed", "7"]
    ended = subprocess.run(command, cwd=LIBRARY.parent, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^statistics +\d of 2 ", ended.stdout, re.MULTILINE), ended.stdout


LIBRARY_OF_ONE = """
def half(number):
    if number % 2:
        raise ValueError("odd")
    return number // 2
"""
TESTS_OF_IT = """
import time
import pytest
from library.one import half

@pytest.fixture(scope="module")
def four():
    return half(8)

def test_nothing():
    pass

def test_starts_a_process():
    import subprocess
    subprocess.run(["true"])

def test_uses_what_is_shared(four):
    assert four == 4

def test_uses_it_again(four):
    assert four == 4

def test_odd():
    time.sleep(0.05)
    with pytest.raises(ValueError):
        half(3)

def test_last():
    assert half(2) == 1
"""
WATCHED = """
import sys
from pathlib import Path
import pytest
from benchmarks.mutants.reach import Order, Reach, Watch
plugin = Watch(Path("library").resolve(), Path("reach.json"))
assert pytest.main(["-q", "-p", "no:cacheprovider", "test_one.py"], [plugin]) == 0
reach = Reach.read(Path("reach.json"))
print("raise:", reach.tests("library/one.py", 4, 4))
print("beside:", sorted(reach.beside("library/one.py") - set(reach.tests("library/one.py", 1, 9))))
print("return:", sorted(reach.tests("library/one.py", 5, 5)))
sys.stdout.flush()
then = reach.beside("library/one.py")
pytest.main(["-v", "-p", "no:cacheprovider", "test_one.py"], [Order(["test_one.py::test_last"], then, reach.seconds)])
"""


def test_a_change_is_tried_first_with_the_tests_that_run_its_line(tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "one.py").write_text(LIBRARY_OF_ONE)
    (tmp_path / "test_one.py").write_text(TESTS_OF_IT)
    environment = {**os.environ, "PYTHONPATH": f"{LIBRARY.parent}{os.pathsep}{tmp_path}"}
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "raise: ['test_one.py::test_odd']" in ended.stdout, ended.stdout + ended.stderr
    assert "beside: ['test_one.py::test_starts_a_process']" in ended.stdout
    # What a module's fixture runs is run by each test that asks for it, and not by the first alone.
    every = ["last", "uses_it_again", "uses_what_is_shared"]
    assert f"return: {[f'test_one.py::test_{name}' for name in every]}" in ended.stdout
    ran = re.findall(r"^test_one.py::test_(\w+) PASSED", ended.stdout, re.MULTILINE)
    assert ran == ["last", "starts_a_process", "uses_what_is_shared", "uses_it_again", "odd"]


def test_of_several_tests_the_shortest_comes_first():
    reach = Reach({"a": ["m.py:3", "m.py:4"], "b": ["m.py:4"], "c": ["n.py:4"]}, {"a": 2.0, "b": 0.1, "c": 0.0})
    assert reach.tests("m.py", 4, 6) == ["b", "a"]
    assert reach.tests("m.py", 1, 3) == ["a"]
    assert reach.tests("m.py", 5, 9) == []
