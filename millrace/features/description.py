"""The feature description: one value per feature, described once, read by every stage that needs it.

The table comes from the `label:` and `features:` sections of a configuration file. It travels to Transform and
Trainer as plain JSON (`FeatureTable.model_dump`), because executors run in other processes and in containers.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from millrace.base.names import did_you_mean
from millrace.base.section import Section
from millrace.features.date_formats import check_format
from millrace.features.expression import DOTTED, Expression, Misfit, ValueKind, columns_of, functions_of, kind_of, parse
from millrace.features.label import AnyLabel


class DerivedFeature(Section):
    """What a feature is made of, where that is no column of the data with the feature's own name."""

    expression: Optional[str] = Field(
        default=None,
        description="what it is made of, such as trip_miles / (trip_seconds / 3600); left out: the column of its name",
    )

    @field_validator("expression")
    @classmethod
    def _readable(cls, value: Optional[str]) -> Optional[str]:
        if value is not None:
            parse(value)
        return value

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A feature that is a column of the data says nothing of this, in no stage's parameters."""
        return {key: value for key, value in plain(self).items() if key != "expression" or value is not None}


class Numeric(DerivedFeature):
    """A number, scaled.

    `scale` is `zscore` (mean 0, variance 1), `minmax` (0 to 1), `log` (zscore of log1p of the value clipped at 0)
    or `none`. A missing value becomes `missing` (`mean`, or a number in the column's own unit); with `indicator` a
    second input says whether it was missing.
    """

    kind: Literal["numeric"] = "numeric"
    scale: Literal["zscore", "minmax", "log", "none"] = Field(
        default="zscore", description="zscore, minmax, log (zscore of log1p of the value clipped at 0) or none"
    )
    missing: Union[Literal["mean"], float] = Field(
        default="mean", description="what a missing value becomes: mean, or a number in the column's own unit"
    )
    indicator: bool = Field(default=False, description="a second input says whether the value was missing")


class Bucketized(DerivedFeature):
    """A number cut into ranges, then one-hot: `buckets` quantiles of the data, or fixed `boundaries`.

    A missing value has a bucket of its own.
    """

    kind: Literal["bucketized"] = "bucketized"
    buckets: int = Field(default=10, ge=2, le=10_000, description="how many quantiles of the data")
    boundaries: tuple[float, ...] = Field(default=(), description="fixed limits, ascending, in place of quantiles")

    @field_validator("boundaries")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError("boundaries must ascend, without repeats")
        return value


class _Encoded(Section):
    """A discrete value that reaches the model one-hot, or as a learned embedding of `dimension` floats."""

    encode: Literal["one_hot", "embedding"] = Field(default="one_hot", description="one-hot, or a learned embedding")
    dimension: int = Field(default=8, ge=1, le=4096, description="floats of an embedding")


class Categorical(_Encoded, DerivedFeature):
    """A string or integer with a learned vocabulary: the `top_k` most frequent values seen at least `min_count` times.

    Other values share `oov_buckets` hash buckets; a missing value has an id of its own.
    """

    kind: Literal["categorical"] = "categorical"
    top_k: int = Field(default=1000, ge=1, description="the most frequent values that get an id of their own")
    min_count: int = Field(default=1, ge=1, description="a value that is rarer gets no id of its own")
    oov_buckets: int = Field(default=1, ge=1, description="ids that the other values share")


class Hashed(_Encoded, DerivedFeature):
    """A string or integer hashed into `buckets` ids: for columns with too many values for a vocabulary.

    A missing value has an id of its own.
    """

    kind: Literal["hashed"] = "hashed"
    buckets: int = Field(default=100, ge=2, description="ids that the values are hashed into")


class Crossed(_Encoded):
    """Two or more features of the table joined and hashed into `buckets` ids.

    `of` names features of kind bucketized, categorical or hashed; a bucketized feature is crossed by its bucket.
    """

    kind: Literal["crossed"] = "crossed"
    of: tuple[str, ...] = Field(
        min_length=2, description="two or more features of kind bucketized, categorical or hashed"
    )
    buckets: int = Field(default=1000, ge=2, description="ids that the combinations are hashed into")


class Vector(Section):
    """`length` numbers passed to the model as they are; a missing vector is zeros."""

    kind: Literal["vector"] = "vector"
    length: int = Field(ge=1, description="numbers in each row")


class _InOrder(Section):
    """Embedded values in an order, which an encoder makes one vector of."""

    encoder: str = Field(
        default="mean",
        description="what makes one vector of them: mean, convolution, gru, or a function of yours by dotted path",
    )
    dimension: int = Field(default=16, ge=1, le=4096, description="floats of each value's embedding, and of the vector")

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str) -> str:
        return require_encoder(value, SEQUENCE_ENCODERS)


SEQUENCE_ENCODERS = ("mean", "convolution", "gru")


def require_encoder(value: str, known: Sequence[str]) -> str:
    """Checks that an encoder is one of the library's, or may be a project's function by its dotted path.

    Raises:
        ValueError: it is neither.
    """
    if value not in known and not DOTTED.fullmatch(value):
        meant = did_you_mean(value, known) or f"; known: {', '.join(known)}, or a function of yours by dotted path"
        raise ValueError(f"{value} is no encoder{meant}")
    return value


class Text(_InOrder, DerivedFeature):
    """Free text: lower-cased, split into words, each word a vocabulary id, embedded, and made one vector of.

    Words beyond `max_tokens` are dropped; words outside the `top_k` share `oov_buckets`; missing text has no words.
    """

    kind: Literal["text"] = "text"
    top_k: int = Field(default=10_000, ge=1, description="the most frequent words that get an id of their own")
    oov_buckets: int = Field(default=10, ge=1, description="ids that the other words share")
    max_tokens: int = Field(default=64, ge=1, description="words of a text; those beyond are dropped")


class _OfMany(Section):
    """Several values in a row: a list, or a text that a separator cuts."""

    separator: Optional[str] = Field(
        default=None, min_length=1, description="what stands between the values in a text, such as |; left out: a list"
    )
    top_k: int = Field(default=1000, ge=1, description="the most frequent values that get an id of their own")
    min_count: int = Field(default=1, ge=1, description="a value that is rarer gets no id of its own")
    oov_buckets: int = Field(default=1, ge=1, description="ids that the other values share")


class Bag(_OfMany):
    """Several categories in a row, in no order: tags, the products of a basket.

    Each counts once, however often it is there; with `weights`, as much as the number beside it in that column says.
    A row without values is all zeros.
    """

    kind: Literal["bag"] = "bag"
    weights: Optional[str] = Field(default=None, description="the column of lists with a number for each value")
    max_values: int = Field(
        default=32, ge=1, description="values of a row; of more the most frequent are kept, with weights the first"
    )
    encode: Literal["multi_hot", "embedding"] = Field(
        default="multi_hot", description="an input for each value, or the mean of learned embeddings"
    )
    dimension: int = Field(default=8, ge=1, le=4096, description="floats of an embedding")


class SequenceFeature(_OfMany, _InOrder):
    """Several values in a row, in an order: pages that were visited, measurements over time.

    Categories are embedded; numbers are scaled to mean 0 and variance 1. A row without values is all zeros.
    """

    kind: Literal["sequence"] = "sequence"
    values: Literal["categories", "numbers"] = Field(default="categories", description="what the values are")
    max_length: int = Field(default=64, ge=1, description="values of a row; those beyond are dropped")
    keep: Literal["last", "first"] = Field(default="last", description="which values are kept where there are more")

    @model_validator(mode="after")
    def _numbers_are_lists(self) -> "SequenceFeature":
        if self.separator and self.values == "numbers":
            raise ValueError("a separator cuts a text into categories; numbers come as lists")
        return self


DatePart = Literal["trend", "month", "day", "weekday", "hour"]


class Datetime(DerivedFeature):
    """A date, a time or both, as the parts that tell something.

    `format` is written in the directives of `millrace.features.date_formats`, or is `unix` or `unix_ms` for a
    number of seconds or milliseconds since 1970. `trend` is the number of days since 1970, scaled to mean 0 and
    variance 1; the other parts return, and are two numbers each on a circle (`cyclic`) or an input for each value
    (`one_hot`). A value that is missing, or in another format, has zeros everywhere and an input that says so.
    """

    kind: Literal["datetime"] = "datetime"
    format: str = Field(description="strptime directives such as %Y-%m-%d, or unix or unix_ms for a number since 1970")
    parts: tuple[DatePart, ...] = Field(
        default=("trend", "month", "weekday"),
        min_length=1,
        description="what is made of it; trend is the number of days since 1970",
    )
    encode: Literal["cyclic", "one_hot"] = Field(
        default="cyclic", description="the parts that return, as a place on a circle or an input for each value"
    )

    @field_validator("format")
    @classmethod
    def _known_directives(cls, value: str) -> str:
        check_format(value)
        return value

    @field_validator("parts")
    @classmethod
    def _each_once(cls, value: tuple[DatePart, ...]) -> tuple[DatePart, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each part once")
        return value


class Augmentation(Section):
    """What changes an image a little each time it is trained on, and never otherwise."""

    flip: bool = Field(default=False, description="left becomes right in half of the images")
    shift: float = Field(default=0.0, ge=0.0, le=0.5, description="up to this share of the image's size, each way")
    rotate: float = Field(default=0.0, ge=0.0, le=180.0, description="up to so many degrees, each way")
    zoom: float = Field(default=0.0, ge=0.0, le=0.5, description="up to this share nearer, or farther away")
    contrast: float = Field(default=0.0, ge=0.0, lt=1.0, description="up to this share more or less")


IMAGE_ENCODERS = ("convolution",)


class Image(Section):
    """A picture (JPEG, PNG, GIF's first, BMP), as bytes: resized, and made one vector of by an encoder.

    A missing image is black. Where the data has the paths of files, `data.images` puts their bytes in their place.
    """

    kind: Literal["image"] = "image"
    height: int = Field(ge=4, le=2048, description="to which it is resized, in pixels")
    width: int = Field(ge=4, le=2048, description="to which it is resized, in pixels")
    channels: Literal[1, 3] = Field(default=3, description="1 is grey, 3 red, green and blue")
    augment: Augmentation = Augmentation()
    encoder: str = Field(
        default="convolution",
        description="what makes one vector of it: convolution, a small network, or a function of yours by dotted path",
    )
    dimension: int = Field(default=64, ge=1, le=4096, description="floats of the vector")

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str) -> str:
        return require_encoder(value, IMAGE_ENCODERS)

    def pixel_bytes(self) -> int:
        """How long its pixels are, a byte a channel."""
        return self.height * self.width * self.channels


Feature = Annotated[
    Union[Numeric, Bucketized, Categorical, Hashed, Crossed, Vector, Text, Datetime, Bag, SequenceFeature, Image],
    Field(discriminator="kind"),
]

MANY = (Bag, SequenceFeature)
"""The kinds that read all values of a row; the others read one, and a vector its own number of them."""

CROSSABLE = (Bucketized, Categorical, Hashed)


class FeatureTable(Section):
    """The label and every feature, by column name (for a `crossed` feature: by a name of its own)."""

    label: AnyLabel
    features: dict[str, Feature] = Field(min_length=1)

    @model_validator(mode="after")
    def _coherent(self) -> "FeatureTable":
        labels = [output.column for output in self.label.by_output().values()]
        for column in labels:
            if column in self.features:
                raise ValueError(f"{column} is the label; it cannot be a feature too")
        for name, feature in self.features.items():
            for part in feature.of if isinstance(feature, Crossed) else ():
                if not isinstance(self.features.get(part), CROSSABLE):
                    raise ValueError(
                        f"{name} crosses {part}, "
                        "which must be a bucketized, categorical or hashed feature of this table"
                    )
        self.check_kinds({})
        for name, sources in self.sources().items():
            for column in sources:
                if column in labels:
                    raise ValueError(
                        f"{name} is made of the label {column}, which is not known when the model is asked"
                    )
        for name, feature in self.features.items():
            if isinstance(feature, Bag) and feature.weights in labels:
                raise Misfit(
                    ("features", name, "weights"),
                    f"{feature.weights} is the label, which is not known when the model is asked",
                )
        return self

    def derived(self) -> Mapping[str, Expression]:
        """The expressions of the derived features by name, each after those that it is made of.

        Raises:
            ValueError: one is made of itself.
        """
        made = {
            name: parse(feature.expression)
            for name, feature in self.features.items()
            if isinstance(feature, DerivedFeature) and feature.expression is not None
        }
        graph = {name: [one for one in columns_of(expression) if one in made] for name, expression in made.items()}
        try:
            return {name: made[name] for name in TopologicalSorter(graph).static_order()}
        except CycleError as error:
            circle = " of ".join(reversed(error.args[1]))
            raise ValueError(
                f"a derived feature is made of itself: {circle}; give it a name that is no column's"
            ) from error

    def check_kinds(self, columns: Mapping[str, ValueKind]) -> None:
        """Checks that every feature reads values of a kind that fits, and so does every expression.

        Args:
            columns: the kind of the raw columns' values, as far as it is known.

        Raises:
            Misfit: one does not.
        """
        kinds = dict(columns)
        for name, expression in self.derived().items():
            kinds.pop(name, None)
            try:
                kind = kind_of(expression, kinds)
            except ValueError as error:
                raise Misfit(("features", name, "expression"), str(error)) from error
            if kind:
                kinds[name] = kind
        for name, feature in self.features.items():
            weights = feature.weights if isinstance(feature, Bag) else None
            wants_numbers = isinstance(feature, (Numeric, Bucketized, Vector)) or (
                isinstance(feature, SequenceFeature) and feature.values == "numbers"
            )
            if wants_numbers and kinds.get(name) == "text":
                raise Misfit(("features", name), f"{feature.kind} wants numbers, and {name} is a text")
            if isinstance(feature, Image) and kinds.get(name, "text") != "text":
                raise Misfit(("features", name), f"image wants the bytes of a file, and {name} is a number")
            if weights and kinds.get(weights) == "text":
                raise Misfit(("features", name, "weights"), f"a bag's weights are numbers, and {weights} is a text")

    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """The raw columns behind each derived feature, by its name."""
        behind: dict[str, tuple[str, ...]] = {}
        for name, expression in self.derived().items():
            read = [column for source in columns_of(expression) for column in behind.get(source, (source,))]
            behind[name] = tuple(dict.fromkeys(read))
        return behind

    def columns(self) -> tuple[str, ...]:
        """Names of the raw columns that the features read, in the table's order, without the label."""
        behind = self.sources()
        read = [name for name, feature in self.features.items() if not isinstance(feature, Crossed)]
        read += [one.weights for one in self.features.values() if isinstance(one, Bag) and one.weights]
        return tuple(dict.fromkeys(column for name in read for column in behind.get(name, (name,))))

    def lists(self) -> frozenset[str]:
        """Names of the raw columns of which a row's whole list is read, of any length."""
        many = {name: one for name, one in self.features.items() if isinstance(one, MANY) and not one.separator}
        weights = {one.weights for one in self.features.values() if isinstance(one, Bag) and one.weights}
        return frozenset({*many, *weights})

    def pixel_bytes(self) -> int:
        """How many bytes the images of a row have once they are pixels; 0 without images."""
        return sum(one.pixel_bytes() for one in self.features.values() if isinstance(one, Image))

    def encoders(self) -> dict[str, str]:
        """The project's functions that are encoders: by dotted path, the key that names each."""
        return {
            feature.encoder: f"features.{name}.encoder"
            for name, feature in self.features.items()
            if isinstance(feature, (_InOrder, Image)) and "." in feature.encoder
        }

    def functions(self) -> dict[str, str]:
        """The project's functions that expressions call: by dotted path, the key that names each."""
        return {
            path: f"features.{name}.expression"
            for name, expression in self.derived().items()
            for path in functions_of(expression)
        }
