"""Whether statistics can be sliced on the configured columns: told before anything runs, as far as the schema says."""

from collections.abc import Sequence
from typing import Optional

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean
from millrace.components.statistics_gen.section import MOST_SLICES
from millrace.config.config import Config


def statistics_can_be_sliced(
    config: Config, columns: Optional[Sequence[str]], schema: Optional[schema_pb2.Schema]
) -> None:
    """Checks the columns of `statistics.slices` against the data's and against the schema's types and domains.

    A column of which the schema tells no domain may have too many values all the same; StatisticsGen counts them.

    Args:
        config: the configuration.
        columns: of the data; None where they cannot be told cheaply.
        schema: the curated one; None where there is none.

    Raises:
        ConfigError: a column is nowhere, holds numbers with a fraction or images, or has too many values.
    """
    described = {feature.name: feature for feature in schema.feature} if schema else {}
    known = [name for name in dict.fromkeys([*(columns or ()), *described]) if name not in config.data.leave_out]
    for name in config.statistics.columns() if known else ():
        where = config.place("statistics.slices")
        if name not in known:
            raise ConfigError(
                f"{name} is not a column of the data{did_you_mean(name, known)}",
                where=where,
                remedy=f"slice on one of: {', '.join(known)}",
            )
        if schema is None or name not in described:
            continue
        feature = described[name]
        if feature.type == schema_pb2.FLOAT or feature.WhichOneof("domain_info") == "image_domain":
            what = "an image" if feature.type == schema_pb2.BYTES else "a number with a fraction"
            raise ConfigError(
                f"{name} is {what} by the schema, of which each would be a slice of its own",
                where=where,
                remedy="slice on a column of few values, such as a column that groups them",
            )
        values = _values(feature, schema)
        if values is not None and values > MOST_SLICES:
            raise ConfigError(
                f"{name} may have {values:,} values by the schema, and {MOST_SLICES} slices are the most",
                where=where,
                remedy="slice on a column of fewer values, such as one that groups them; or, if it has fewer, say so "
                "in its domain",
            )


def _values(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> Optional[int]:
    """How many values the schema allows a column; None where it does not say."""
    kind = feature.WhichOneof("domain_info")
    if kind == "string_domain":
        return len(feature.string_domain.value)
    if kind == "domain":
        named = {domain.name: domain for domain in schema.string_domain}
        return len(named[feature.domain].value) if feature.domain in named else None
    if kind == "int_domain" and feature.int_domain.HasField("min") and feature.int_domain.HasField("max"):
        return int(feature.int_domain.max - feature.int_domain.min + 1)
    return None
