"""Google's own client of Vertex AI, as a notebook or a component has it, that asks a stand-in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def google_client(url: str) -> Iterator[Any]:
    """The module `aiplatform`, set to the stand-in's address; afterwards as it was before anybody set it."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    aiplatform.init(
        project="a-project",
        location="us-central1",
        credentials=AnonymousCredentials(),
        api_endpoint=url,
        api_transport="rest",
    )
    yield aiplatform
    aiplatform.initializer.global_config.__init__()
