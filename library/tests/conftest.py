"""What all tests share: generated cases are new ones on a person's machine and the same ones in CI."""

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes to make is a matter of the machine.
_LOADED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("some", max_examples=40, **_LOADED)
settings.register_profile("repeatable", max_examples=40, derandomize=True, **_LOADED)
# `make fuzz` tries as many as it is told to, other ones each time; a failure prints how to see it again.
settings.register_profile("fuzz", max_examples=int(os.environ.get("FUZZ", "0")) or 100, print_blob=True)
if os.environ.get("FUZZ"):
    settings.load_profile("fuzz")
else:
    settings.load_profile("repeatable" if os.environ.get("CI") else "some")


@pytest.fixture(autouse=True)
def no_width_of_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as `COLUMNS` says, which a shell exports and `millrace run` sets; no test takes another's."""
    monkeypatch.delenv("COLUMNS", raising=False)
