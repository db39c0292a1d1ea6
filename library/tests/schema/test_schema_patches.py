"""Patches as `git apply` takes them."""

import subprocess
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings

from millrace.schema.patches import patch

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\u2028\x0c\n"]), max_size=30)


@settings(deadline=None, max_examples=25)
@given(LINES, LINES, LINES, LINES, st.booleans())
def test_a_patch_applied_to_the_first_text_gives_the_second(head, old, new, tail, ends):
    before, after = ("first\n" + "".join([*head, *middle, *tail]) + ("" if ends else "end") for middle in (old, new))
    made = patch(before, after, "schema.pbtxt")
    assert (made == "") == (before == after)
    if made:
        assert applied(before, made) == after


def applied(before, made):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "schema.pbtxt"
        file.write_text(before)
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        subprocess.run(["git", "apply", "-"], cwd=folder, input=made, text=True, check=True)
        return file.read_text()
