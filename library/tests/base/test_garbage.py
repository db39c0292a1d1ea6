"""Garbage is still collected, only seldom, and not at the end."""

import subprocess
import sys

SCRIPT = """
import atexit, gc

class Node:
    def __del__(self):
        global gone
        gone += 1

def ring():
    one, other = Node(), Node()
    one.next, other.next = other, one

gone = 0
atexit.register(lambda: print(gone, gc.get_freeze_count() > 1000))  # runs last
from millrace.base.garbage import look_seldom
look_seldom()
for _ in range(200_000):
    ring()
print(gone)
"""


def test_garbage_goes_while_a_process_runs_and_is_not_looked_for_at_its_end() -> None:
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout.split()
    while_it_ran, at_its_end, frozen = int(found[0]), int(found[1]), found[2]
    assert 100_000 < while_it_ran < 400_000
    assert (at_its_end, frozen) == (while_it_ran, "True")
