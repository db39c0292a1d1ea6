"""What tests that run TFX's own executors share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def tfx_packs_itself_for_no_workers() -> Iterator[None]:
    """TFX copies and packs itself for each Beam executor with flags: seconds, and 49 MB left behind, for no worker."""
    from tfx.utils import dependency_utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dependency_utils, "make_beam_dependency_flags", lambda flags: flags)
        yield
