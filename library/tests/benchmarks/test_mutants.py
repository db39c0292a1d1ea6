"""The changes that the sampler makes: which, that each is a module that Python can parse, and that a trial tells."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import millrace
from benchmarks.mutants.operators import mutations

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


def test_letters_beyond_ascii_do_not_move_the_place():
    source = 'class A:\n    def f(self, a):\n        g("größer", a > 1)\n        return "ü", a\n'
    after = {mutation.applied(source) for mutation in mutations(source)}
    assert source.replace("a > 1", "(a >= 1)") in after
    assert source.replace('return "ü", a', "return None") in after


def test_what_stands_outside_of_functions_is_left_alone():
    assert mutations("A = 1 + 2\nclass B:\n    c: int = 3\n\n@d(4)\ndef e(f: 'g' = 5): ...\n") == []


@pytest.mark.parametrize("module", ["tables/patterns.py", "components/data_gate/rules.py", "training/labels.py"])
def test_every_change_of_a_real_module_can_be_parsed_and_differs(module):
    source = (LIBRARY / module).read_text(encoding="utf-8")
    made = mutations(source)
    assert len(made) > 10
    whole = ast.dump(ast.parse(source))
    assert [change for change in made if ast.dump(ast.parse(change.applied(source))) == whole] == []


@pytest.mark.slow
def test_a_room_is_sampled_and_its_rate_is_printed():
    command = [sys.executable, "-m", "benchmarks.mutants", "--room", "statistics", "--sample", "2", "--seed", "7"]
    ended = subprocess.run(command, cwd=LIBRARY.parent, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^statistics +\d of 2 ", ended.stdout, re.MULTILINE), ended.stdout
