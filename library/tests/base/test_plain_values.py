"""What counts as a plain value: exactly what JSON gives back unchanged."""

import datetime
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.base.plain_values import require_plain

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(PLAIN)
def test_what_is_plain_comes_back_from_json_as_it_was(value: object) -> None:
    require_plain(value)
    assert json.loads(json.dumps(value, sort_keys=True)) == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"from": {"day": datetime.date(2024, 1, 1)}}, r"from\.day is a date; plain values are"),
        ({"of": [1, {"a"}]}, r"of\.1 is a set"),
        ({"a": {2: "x"}}, "the key 2 of a is a int; put it in quotes"),
        ({"limit": float("nan")}, "limit is nan, which JSON does not have"),
        ({"limit": float("inf")}, "limit is inf"),
        ({"raw": b"x"}, "raw is a bytes"),
    ],
)
def test_what_json_would_change_is_refused_by_its_place(value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        require_plain(value)
