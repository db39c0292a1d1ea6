"""Every exit code and every verdict has its words."""

import pytest

from millrace.base.outcomes import blessing, ending


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "done"),
        (1, "failed"),
        (2, "bad input"),
        (3, "blocked"),
        (130, "interrupted"),
        (77, "failed"),
    ],
)
def test_endings(code, words):
    assert ending(code) == words


@pytest.mark.parametrize(("verdict", "words"), [(True, "blessed"), (False, "not blessed"), (None, "")])
def test_blessings(verdict, words):
    assert blessing(verdict) == words
