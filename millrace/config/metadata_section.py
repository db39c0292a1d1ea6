"""The configuration's section `metadata:`: where ML Metadata is kept."""

from typing import Literal, Optional

from pydantic import Field

from millrace.base.section import OptionalVariableName, Section


class Sqlite(Section):
    """ML Metadata in a file; left out: ROOT/metadata.db."""

    backend: Literal["sqlite"] = "sqlite"
    file: Optional[str] = Field(default=None, description="left out: ROOT/metadata.db")


class DatabaseServer(Section):
    """ML Metadata on a server. The password is read from an environment variable, never from this file."""

    backend: Literal["mysql", "postgresql"]
    host: str = Field(default="127.0.0.1", description="the server's name or address")
    port: int = Field(ge=1, le=65_535, description="the server's port")
    database: str = Field(description="the database's name; it is there already")
    user: str = Field(description="who connects")
    password_env: OptionalVariableName = Field(
        default="", description="the name of the environment variable that holds the password"
    )
