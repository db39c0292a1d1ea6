"""The configuration's section `data:`: where the examples come from and how they are split."""

from datetime import date
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import BeforeValidator, Field, field_validator, model_validator

from millrace.base.section import Section
from millrace.components.example_gen.splits_section import GroupSplits, RowSplits, Splits
from millrace.features import expression
from millrace.tables.column_section import ColumnReading
from millrace.tables.headers import Delimiter
from millrace.tables.patterns import EPOCH, FilePattern, check_patterns
from millrace.tables.windows import MissingSpans, SpanRange


class Split(Section):
    """One split of the data, by files of its own."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the split's name, such as train or eval")
    pattern: str = Field(min_length=1, description="a file pattern below data.path, {SPAN} and {VERSION} allowed")


def _number_or_day(value: Any) -> Any:
    """A number in a text, as `--set` and a service's parameters may give it, is a number and no day of 1970."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Span = Annotated[Union[Annotated[int, Field(ge=0, strict=True)], date], BeforeValidator(_number_or_day)]
"""A span by its number or, where the pattern has a date, by its day: 2024-01-31."""


class Window(Section):
    """The last spans together, for training that rolls along: TFX's RollingRange."""

    last: int = Field(ge=1, description="how many spans (days, where the pattern has a date), the newest included")
    since: Optional[Span] = Field(default=None, description="a span, or a day, before which none is read")
    missing: MissingSpans = Field(
        default="refuse", description="what becomes of a window in which a span is missing: refuse it, or warn"
    )


class BigQuery(Section):
    """What a query of BigQuery needs besides its text."""

    project: str = Field(min_length=1, description="the Google Cloud project that the query runs in, and is billed to")
    temp_location: str = Field(
        pattern=r"^gs://[a-z0-9]", description="a gs:// folder for the rows on their way from BigQuery"
    )


Format = Literal["csv", "parquet", "jsonl", "image_folders", "tfrecord", "sequence_example", "avro", "bigquery"]
BY_COLUMNS = ("csv", "parquet", "jsonl", "sequence_example", "image_folders")
"""The formats that Millrace reads itself, and Avro with `rules: table`; the others are TFX's."""


class Data(Section):
    """Where the examples come from and how they are split."""

    path: str = Field(description="a folder, or package:NAME/FOLDER for data inside an installed package")
    format: Format = Field(
        default="csv", description="what the files are; jsonl has a JSON object a line, image_folders a folder a class"
    )
    pattern: str = Field(default="*", description="the files below path; {SPAN} and {VERSION} stand for numbers")
    rules: Literal["tfx", "table"] = Field(
        default="tfx",
        description="tfx reads CSV, Parquet and Avro as TFX's own ExampleGens do; table reads a header as a record, "
        "stray bytes as Latin-1, and in Parquet and Avro zeros, dates and decimals as values",
    )
    header_line: int = Field(
        default=1, ge=0, description="the line of a CSV file that names its columns; 0 where none does: column_1 and on"
    )
    delimiter: Delimiter = Field(default=",", description="the one ASCII character between CSV cells")
    missing: tuple[str, ...] = Field(default=(), description="texts that stand for a missing value (NA values)")
    columns: dict[str, ColumnReading] = Field(
        default={}, description="how the cells of single columns are read, by their names"
    )
    images: tuple[str, ...] = Field(
        default=(), description="columns of images: paths beside the data's files, which become the bytes, or bytes"
    )
    strip_spaces: bool = Field(default=False, description="take the spaces around values away")
    query: str = Field(default="", description="for bigquery: the query that gives the rows")
    bigquery: Optional[BigQuery] = Field(
        default=None, description="for bigquery: where the query runs; left out, a service's project and root"
    )
    splits: Splits = Field(
        default=RowSplits(shares={"train": 2, "eval": 1}),
        description="how one set of files is cut into splits: hash buckets a split, as in {train: 2, eval: 1}, which "
        "holds when it is left out; or by: group, time, column or stratum",
    )
    files: tuple[Split, ...] = Field(default=(), description="splits that come as files of their own")
    where: str = Field(
        default="",
        description='which rows are wanted, for instance: fare > 0 and company not in ("none", "test"); all of them '
        "when left out",
    )
    leave_out: tuple[str, ...] = Field(
        default=(), description="columns that reach no example, no statistics and no message, such as a name"
    )
    key: str = Field(
        default="", description="a column, such as a customer's number; a value in several splits is warned of"
    )
    span: Optional[Span] = Field(
        default=None,
        description="the span to use, by its number, or by its day where the pattern has a date (2024-01-31); the "
        "newest when left out",
    )
    window: Optional[Window] = Field(
        default=None, description="the last spans together, such as {last: 7}; one span when left out"
    )
    version: Optional[int] = Field(default=None, ge=0, description="the version to use; the newest when left out")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_format(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("format") == "bigquery":
            return {"path": "", **values}
        if isinstance(values, dict) and values.get("format") == "image_folders" and not values.get("files"):
            return {"pattern": "*/*", **values}
        return values

    @model_validator(mode="after")
    def _has_train_and_eval(self) -> "Data":
        missing = {"train", "eval"} - set(self.split_names)
        if missing:
            raise ValueError(f"a train and an eval split are needed; {' and '.join(sorted(missing))} is not there")
        if (self.format == "bigquery") != bool(self.query):
            raise ValueError("format bigquery goes with a query, and the other formats without one")
        if self.bigquery and self.format != "bigquery":
            raise ValueError("bigquery says where a query runs, and goes with format bigquery")
        return self

    @field_validator("where")
    @classmethod
    def _is_a_condition(cls, value: str) -> str:
        if value:
            condition = expression.parse(value)
            if expression.kind_of(condition, {}) == "text":
                raise ValueError("is a text, and should be true or false; for instance: fare > 0")
            known = sorted(name for name, one in expression.SIGNATURES.items() if one.in_conditions)
            strange = sorted(expression.operations_of(condition).difference(known))
            if strange:
                raise ValueError(f"cannot use {strange[0]} before Transform; known here: {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _can_be_done_with_this_format(self) -> "Data":
        if self.files and not isinstance(self.splits, RowSplits):
            raise ValueError("files are splits already: leave out data.files or data.splits")
        if self.is_read_by_columns:
            return self
        asked = [key for key in ("where", "leave_out", "key", "images") if getattr(self, key)]
        if not isinstance(self.splits, (RowSplits, GroupSplits)):
            asked.append(f"splits by {self.splits.by}")
        if asked:
            instead = {"bigquery": "say it in the query", "avro": "set data.rules: table"}.get(
                self.format, "convert the files to Parquet"
            )
            raise ValueError(
                f"{', '.join(asked)} needs {' or '.join(BY_COLUMNS)}: TFX's own reader of {self.format} divides rows "
                f"by a hash alone, and takes all of them; {instead}"
            )
        return self

    @model_validator(mode="after")
    def _reads_what_it_says(self) -> "Data":
        if self.header_line != 1 and (self.format, self.rules) != ("csv", "table"):
            raise ValueError("header_line belongs to format csv with rules: table; TFX reads the first line")
        if self.columns and not self.is_read_by_columns:
            raise ValueError(f"columns are read one by one of {', '.join(BY_COLUMNS)}, not of {self.format}")
        return self

    @model_validator(mode="after")
    def _patterns_are_those_of_tfx(self) -> "Data":
        if self.format == "bigquery":
            return self
        by_day = FilePattern.parse(self.patterns[0]).by_day
        days = [self.span, self.window.since if self.window else None]
        for day in (one for one in days if isinstance(one, date) and not by_day):
            raise ValueError(f"{day} names a day, and {self.patterns[0]} has no {{YYYY}}, {{MM}} and {{DD}}")
        check_patterns(self.patterns, self.span_number, self.version)
        return self

    @model_validator(mode="after")
    def _window_can_be_read(self) -> "Data":
        if self.window is None:
            return self
        if not self.is_read_by_columns:
            raise ValueError(
                f"window needs {' or '.join(BY_COLUMNS)}: TFX's own reader of {self.format} takes one span"
            )
        if not FilePattern.parse(self.patterns[0]).has_span:
            raise ValueError(f"window is of spans, and {self.patterns[0]} has no {{SPAN}} and no date")
        if self.span_number is not None and (_number(self.window.since) or 0) > self.span_number:
            raise ValueError("window.since is after span, so that nothing is left to read")
        return self

    @property
    def has_spans(self) -> bool:
        """Whether the files are of spans."""
        return self.format != "bigquery" and FilePattern.parse(self.patterns[0]).has_span

    @property
    def span_number(self) -> Optional[int]:
        """The span that is asked for as TFX counts it: a day from 1970-01-01; None for the newest."""
        return _number(self.span)

    @property
    def span_range(self) -> Optional[SpanRange]:
        """The spans of the window that is asked for; None where one span is read."""
        if self.window is None:
            return None
        return SpanRange(self.window.last, _number(self.window.since) or 0, self.span_number)

    @property
    def is_read_by_columns(self) -> bool:
        """Whether Millrace reads the files itself, and not TFX."""
        return self.format in BY_COLUMNS or (self.format, self.rules) == ("avro", "table")

    @property
    def split_names(self) -> list[str]:
        """The splits, as they are cut or come."""
        return [split.name for split in self.files] or list(self.splits.names)

    def named_columns(self) -> dict[str, str]:
        """The columns that are named here, each with the key that names it; what is left out is among them."""
        chosen_by = expression.columns_of(expression.parse(self.where)) if self.where else ()
        named = dict.fromkeys(chosen_by, "data.where")
        named |= dict.fromkeys(self.leave_out, "data.leave_out")
        named |= dict.fromkeys(self.images, "data.images")
        named |= {self.key: "data.key"} if self.key else {}
        return named if isinstance(self.splits, RowSplits) else {**named, self.splits.column: "data.splits.column"}

    @property
    def patterns(self) -> list[str]:
        """The file pattern of each split that has files of its own, else the one of all files."""
        return [split.pattern for split in self.files] or [self.pattern]


def _number(span: Optional[Span]) -> Optional[int]:
    return (span - EPOCH).days if isinstance(span, date) else span
