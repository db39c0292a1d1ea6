"""What every section of the configuration has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

KEY = r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"
EncryptionKey = Annotated[str, Field(pattern=KEY)]


class Section(BaseModel):
    """Base of every section: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
