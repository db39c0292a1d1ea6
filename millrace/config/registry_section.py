"""The configuration's section `registry:`: which versions may be served, and who says so."""

from typing import Literal, Optional

from pydantic import Field, field_validator

from millrace.base.section import Section


class RegistrySection(Section):
    """Versions of the model, and the aliases by which they are served."""

    approval: Literal["automatic", "candidate", "manual"] = Field(
        default="automatic",
        description="what becomes of a pushed model, which both judges blessed. automatic: it is approved and becomes "
        "champion; candidate: it is approved and becomes candidate, which a rollout makes champion; manual: a person "
        "approves it and moves the alias",
    )
    file: Optional[str] = Field(default=None, description="the registry's SQLite file; left out: ROOT/registry.db")
    card: Optional[str] = Field(
        default=None, description="a YAML file with what only people know of the model, for millrace models card"
    )

    @field_validator("file")
    @classmethod
    def _is_of_this_machine(cls, value: Optional[str]) -> Optional[str]:
        if value and "://" in value:
            raise ValueError("must be a file of this machine: SQLite keeps none in a bucket")
        return value
