"""Every exit code and every verdict has its words."""

import pytest

from millrace.base.outcomes import blessing, ending


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "done"),
        (1, "failed"),
        (2, "refused: bad input"),
        (3, "a gate said no"),
        (130, "interrupted"),
        (77, "failed"),
    ],
)
def test_endings(code, words):
    assert ending(code) == words


@pytest.mark.parametrize(("verdict", "words"), [(True, "blessed"), (False, "not blessed"), (None, "")])
def test_blessings(verdict, words):
    assert blessing(verdict) == words
