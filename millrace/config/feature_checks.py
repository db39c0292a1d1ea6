"""Whether features can be made of the data's columns: known before anything runs, without TensorFlow."""

import math
from collections.abc import Iterable
from typing import Optional

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import ConfigError
from millrace.base.names import did_you_mean
from millrace.config.config import Config
from millrace.features.description import MANY, Crossed, FeatureTable, Image, Vector
from millrace.features.expression import Misfit, ValueKind, columns_of


def features_fit(config: Config, columns: Optional[Iterable[str]], schema: Optional[schema_pb2.Schema]) -> None:
    """Checks the features of a configuration against the data's columns and the schema's types.

    Args:
        config: the configuration.
        columns: of the data; None where they cannot be told cheaply.
        schema: the curated one; None where there is none.

    Raises:
        ConfigError: a derived feature has a column's name or reads a column that is nowhere, or a feature one of a type
            or a number of values that does not fit.
    """
    table = config.feature_table()
    described = [feature.name for feature in schema.feature] if schema else []
    # The names in the data tell best what was meant; what the data lost is DataGate's to say.
    known = list(dict.fromkeys([*(columns or ()), *described]))
    derived = table.derived()
    for name, expression in derived.items() if known else ():
        key = f"features.{name}.expression"
        if name in known:
            raise ConfigError(
                f"{name} is a column of the data, and here a derived feature is called so",
                where=config.place(key),
                remedy=f"give the derived feature a name of its own, such as {name}_derived",
            )
        for source in columns_of(expression):
            if source not in known and source not in derived:
                raise ConfigError(
                    f"{key} reads {source}, which is not in the data{did_you_mean(source, known)}",
                    where=config.place(key),
                    remedy=f"read one of: {', '.join(known)}",
                )
    if schema:
        _one_value_fits(config, table, schema)
    try:
        table.check_kinds(column_kinds(schema) if schema else {})
    except Misfit as error:
        raise ConfigError(
            str(error),
            where=config.place(".".join(error.key)),
            remedy="change the feature, or the column's type in the schema",
        ) from error


def _one_value_fits(config: Config, table: FeatureTable, schema: schema_pb2.Schema) -> None:
    """Of a list, a feature that reads one value a row would take the first and say nothing."""
    lists = {feature.name for feature in schema.feature if _holds_lists(feature)}
    sources = table.sources()
    for name, feature in table.features.items():
        if isinstance(feature, (*MANY, Crossed, Image, Vector)):
            continue
        for column in lists.intersection(sources.get(name, (name,))):
            raise ConfigError(
                f"{name} reads one value a row, and by the schema {column} has several",
                where=config.place(f"features.{name}.expression" if name in sources else f"features.{name}"),
                remedy=f"read {column} as a bag, a sequence or a vector; or, if it has one value a row, say "
                "value_count { max: 1 } of it in the schema",
            )


def _holds_lists(feature: schema_pb2.Feature) -> bool:
    """TFDV gives what has one value in each row `max: 1`, and a list none or a greater one."""
    if feature.WhichOneof("shape_type") == "shape":
        return math.prod(dim.size for dim in feature.shape.dim) > 1
    return feature.WhichOneof("shape_type") == "value_count" and feature.value_count.max != 1


def column_kinds(schema: schema_pb2.Schema) -> dict[str, ValueKind]:
    """The kinds of the columns that a schema gives a type, for expressions over them."""
    kinds: dict[int, ValueKind] = {
        schema_pb2.INT: "number",
        schema_pb2.FLOAT: "number",
        schema_pb2.BYTES: "text",
    }
    return {feature.name: kinds[feature.type] for feature in schema.feature if feature.type in kinds}
