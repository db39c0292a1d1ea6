"""The configuration's section `data.columns.NAME:`; without Arrow, which every command would wait for."""

import re
from typing import Literal

from pydantic import Field, model_validator

from millrace.base.section import Section

Decimals = Literal["point", "comma"]


class ColumnReading(Section):
    """How the cells of one column are read, before anything else sees them."""

    missing: tuple[str, ...] = Field(
        default=(), description="texts that stand for a missing value in this column alone"
    )
    number: Literal["", "point", "comma"] = Field(
        default="",
        description="cells are numbers as people write them, with thousands separators, signs and the unit around "
        "them; point and comma say what stands before the decimals",
    )
    unit: str = Field(default="", description="what may stand before or behind such a number, such as %, $ or kg")
    others: Literal["refuse", "missing"] = Field(
        default="refuse", description="what a cell is that is no such number: bad input, or a missing value"
    )

    @model_validator(mode="after")
    def _unit_of_numbers(self) -> "ColumnReading":
        if not self.number and (self.unit or self.others == "missing"):
            raise ValueError("unit and others belong to numbers: say number: point or number: comma")
        if re.search(r"[0-9]", self.unit):
            raise ValueError("a unit has no digits")
        return self
