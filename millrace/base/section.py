"""What every section of the configuration has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

KEY = r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"
EncryptionKey = Annotated[str, Field(pattern=KEY)]
OptionalEncryptionKey = Annotated[str, Field(pattern=rf"^$|{KEY}")]

# What a shell can set. A message must not show what stands in its place, since that may be the secret itself.
VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
VariableName = Annotated[str, Field(pattern=rf"^{VARIABLE_NAME}$")]
OptionalVariableName = Annotated[str, Field(pattern=rf"^({VARIABLE_NAME})?$")]


class Section(BaseModel):
    """Base of every section: immutable, strict about unknown keys, and without numbers that are none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
