"""The configuration's key `data.splits`: by what the rows of one table are divided into train, eval and test."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Optional, Union

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema

from millrace.base.section import Section
from millrace.features.date_formats import check_format

# Strict, since pydantic takes true for the number 1, and the short form is read by no other check.
Shares = dict[str, Annotated[int, Field(ge=1, strict=True)]]
SplitValue = Union[int, float, str]
_SHARES = "parts a split, for instance {train: 4, eval: 1, test: 1}"
_MOST_BUCKETS = 2**31 - 1


class RowSplits(Section):
    """Each row by its own hash: the same row is always in the same split. The short form is its `shares` alone."""

    by: Literal["row"] = "row"
    shares: Shares = Field(description="hash buckets a split")

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, in order."""
        return tuple(self.shares)


class GroupSplits(Section):
    """All rows of one value in one split, by the value's hash: a customer, a patient, a session is never in two."""

    by: Literal["group"] = "group"
    column: str = Field(min_length=1, description="a column of text or whole numbers, with a value in every row")
    shares: Shares = Field(description=_SHARES)

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, in order."""
        return tuple(self.shares)


class StratifiedSplits(Section):
    """The same shares of each value of a column, such as a rare class: exact in each stratum of up to 65,536 rows.

    Which rows of a stratum go where is decided by their hashes, as with `row`.
    """

    by: Literal["stratum"] = "stratum"
    column: str = Field(min_length=1, description="the label, or another column of at most 1,000 values")
    shares: Shares = Field(description=_SHARES)

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, in order."""
        return tuple(self.shares)


class ColumnSplits(Section):
    """By what a column says, where somebody has divided the rows already."""

    by: Literal["column"] = "column"
    column: str = Field(min_length=1, description="the column that says it")
    values: dict[str, Annotated[tuple[SplitValue, ...], Field(min_length=1)]] = Field(
        description="the values of each split, for instance {train: [a, b], eval: [c]}; a row with another is refused"
    )

    @model_validator(mode="after")
    def _each_value_once(self) -> "ColumnSplits":
        owners: dict[str, str] = {}
        for name, values in self.values.items():
            for value in values:
                if owners.setdefault(str(value), name) != name:
                    raise ValueError(f"{value!r} cannot be in both {owners[str(value)]} and {name}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, in order."""
        return tuple(self.values)


class TimeSplits(Section):
    """By time, so that a model is judged on what came after what it learned from. Exactly one of days and shares.

    Rows of the same time are in the same split.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("days", "shares")

    by: Literal["time"] = "time"
    column: str = Field(min_length=1, description="a column with a date or a time in every row")
    format: str = Field(description="strptime directives such as %Y-%m-%d, or unix or unix_ms for a number since 1970")
    days: Optional[dict[str, Annotated[float, Field(gt=0)]]] = Field(
        default=None,
        description="the last days of the data, the newest split last: {eval: 7, test: 7} takes the newest 7 days for "
        "test and the 7 before for eval; what is older is train",
    )
    shares: Optional[Shares] = Field(
        default=None, description="parts of the rows from the oldest to the newest, for instance {train: 8, eval: 2}"
    )

    @field_validator("format")
    @classmethod
    def _known_directives(cls, value: str) -> str:
        check_format(value)
        return value

    @model_validator(mode="after")
    def _days_or_shares(self) -> "TimeSplits":
        if (self.days is None) == (self.shares is None):
            raise ValueError("set exactly one of days and shares")
        if self.days and "train" in self.days:
            raise ValueError("train is what is older than the days of the other splits, and has none of its own")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The splits, from the oldest to the newest."""
        return tuple(self.shares) if self.shares else ("train", *(self.days or ()))


SurveyedSplits = Annotated[Union[ColumnSplits, TimeSplits, StratifiedSplits], Field(discriminator="by")]
"""What TFX's own SplitConfig cannot say, so that only the reader by columns divides so."""


_Sections = Union[RowSplits, GroupSplits, StratifiedSplits, ColumnSplits, TimeSplits]


def _long_form(splits: Any) -> Any:
    is_short = isinstance(splits, Mapping) and "by" not in splits
    return {"by": "row", "shares": splits} if is_short else splits


def _possible_for_tfx(splits: _Sections) -> _Sections:
    """TFX makes a folder of a split's name, and counts buckets in 32 bits; both it says only in a run."""
    for name in splits.names:
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise ValueError(f"{name!r} cannot name a split: letters, digits, _ and - can, and no _ or - at first")
    buckets = 0 if isinstance(splits, ColumnSplits) else sum((splits.shares or {}).values())
    if buckets > _MOST_BUCKETS:
        raise ValueError(f"the shares add up to {buckets:,}, and {_MOST_BUCKETS:,} is the most that TFX keeps")
    return splits


class _ShortForm:
    """Tells editors of the short form, beside the sections."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        sections = handler(schema)
        short = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}
        return {**sections, "oneOf": [*sections["oneOf"], short]}


Splits = Annotated[
    _Sections,
    Field(discriminator="by"),
    AfterValidator(_possible_for_tfx),
    BeforeValidator(_long_form),
    _ShortForm(),
]
