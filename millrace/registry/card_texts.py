"""What only people know of a model, for its card: one YAML file, named by `registry.card`."""

from pathlib import Path
from typing import Optional

from pydantic import Field, ValidationError

from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean
from millrace.base.section import Section
from millrace.config import yaml_text


class Owner(Section):
    """Who answers for the model."""

    name: str
    contact: str = ""


class Risk(Section):
    """Something that may harm somebody, and what is done about it."""

    name: str
    mitigation: str = ""


class CardTexts(Section):
    """The texts of a card; each that is left out is named on the card as missing."""

    overview: str = Field(default="", description="what the model is for, in a sentence or two")
    owners: tuple[Owner, ...] = Field(default=(), description="who answers for it")
    license: str = Field(default="", description="SPDX's identifier, or proprietary")
    users: tuple[str, ...] = Field(default=(), description="who is meant to use it")
    use_cases: tuple[str, ...] = Field(default=(), description="what it is meant for, and what not")
    limitations: tuple[str, ...] = Field(default=(), description="where it is known to do badly")
    tradeoffs: tuple[str, ...] = Field(default=(), description="what was given up for what")
    ethical_considerations: tuple[Risk, ...] = Field(default=(), description="whom it may harm, and what is done")
    sensitive_data: tuple[str, ...] = Field(default=(), description="columns about people that need care")
    references: tuple[str, ...] = Field(default=(), description="links to read on")

    def missing(self) -> tuple[str, ...]:
        """The texts that nobody has written."""
        return tuple(name for name in type(self).model_fields if not getattr(self, name))


def read(file: Optional[str]) -> CardTexts:
    """Reads the texts.

    Args:
        file: the YAML file; None for no texts at all.

    Raises:
        ConfigError: it is not there, is no YAML, or has a key or a value that no card has.
    """
    if file is None:
        return CardTexts()
    keys = ", ".join(CardTexts.model_fields)
    try:
        values = yaml_text.read_file(Path(file)).values
        return CardTexts.model_validate({} if values is None else values)
    except FileNotFoundError as error:
        remedy = f"write it, or leave registry.card out; it may have: {keys}"
        raise ConfigError("there is no such file", where=file, remedy=remedy) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        meant = did_you_mean(key, CardTexts.model_fields) if first["type"] == "extra_forbidden" else ""
        what = f"{key}: no card has this key{meant}" if meant or first["type"] == "extra_forbidden" else (
            f"{key or 'the file'}: {first['msg']}"
        )  # fmt: skip
        raise ConfigError(what, where=file, remedy=f"it may have: {keys}") from error
