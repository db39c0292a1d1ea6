"""The configuration's section `metadata:`: where ML Metadata is kept."""

from typing import Literal, Optional

from pydantic import Field

from millrace.base.section import Section


class Sqlite(Section):
    """ML Metadata in a file; left out: ROOT/metadata.db."""

    backend: Literal["sqlite"] = "sqlite"
    file: Optional[str] = None


class DatabaseServer(Section):
    """ML Metadata on a server. The password is read from an environment variable, never from this file."""

    backend: Literal["mysql", "postgresql"]
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65_535)
    database: str
    user: str
    password_env: str = Field(default="", description="the environment variable that holds the password")
