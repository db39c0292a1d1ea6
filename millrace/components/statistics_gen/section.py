"""The configuration's section `statistics:`: of which parts of the rows there are statistics, beside those of all."""

from typing import Annotated

from pydantic import Field, field_validator

from millrace.base.section import Section

MOST_SLICES = 200
"""So many values of a column, or combinations of several, are sliced on at most; nobody looks at more."""

SliceColumns = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class Statistics(Section):
    """Of which parts of the rows there are statistics, beside those of all rows."""

    slices: tuple[SliceColumns, ...] = Field(
        default=(),
        description="columns on whose values TFDV's statistics are sliced, each on its own or some together: "
        "[[payment_type], [day, hour]]",
    )

    @field_validator("slices")
    @classmethod
    def _each_once(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for columns in value:
            if len(set(columns)) < len(columns):
                raise ValueError(f"a slice of {' and '.join(columns)} names a column twice")
        together = [frozenset(columns) for columns in value]
        twice = next((columns for columns in value if together.count(frozenset(columns)) > 1), None)
        if twice is not None:
            raise ValueError(f"{' and '.join(twice)} is sliced on twice")
        return value

    def columns(self) -> tuple[str, ...]:
        """The columns that are sliced on, each once."""
        return tuple(dict.fromkeys(name for columns in self.slices for name in columns))
