"""What all tests share: generated cases are new ones on a person's machine and the same ones in CI."""

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")
