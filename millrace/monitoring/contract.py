"""What the schema says of requests: the columns that a version reads, in the environment SERVING."""

from collections.abc import Collection
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base import files
from millrace.base.errors import BadInput, SchemaError
from millrace.config.config import Config

SERVING = "SERVING"


def curated_schema(config: Config) -> schema_pb2.Schema:
    """The contract as it stands in the file now: what is decided there holds from the next window on.

    Args:
        config: the pipeline's configuration.

    Raises:
        SchemaError: the file is no schema.
        BadInput: there is no curated schema.
    """
    if not config.schema_.file:
        raise BadInput(
            "what is served is held to a curated schema, and the configuration names none",
            where="schema.file",
            remedy="millrace init writes one; millrace schema accept puts what the data suggests into it",
        )
    place = Path(config.schema_.file)
    try:
        return text_format.Parse(files.read_text(place), schema_pb2.Schema())
    except text_format.ParseError as error:
        raise SchemaError(f"is no schema: {error}", str(place), "millrace schema check shows the line") from error


def of_requests(
    schema: schema_pb2.Schema, read: Collection[str], label: Collection[str]
) -> tuple[schema_pb2.Schema, str]:
    """The part of a schema that holds for requests, and the environment that says so.

    Args:
        schema: the curated one.
        read: the columns that the version reads; none where it does not say them, and then all but the labels.
        label: the columns that it predicts.

    Returns:
        The schema with the features that requests bring, and SERVING where the schema knows that environment; empty
        where it does not.
    """
    named = SERVING in schema.default_environment or any(SERVING in one.in_environment for one in schema.feature)
    result = schema_pb2.Schema()
    result.CopyFrom(schema)
    # Rules on the number of rows are for tables.
    result.ClearField("dataset_constraints")
    del result.feature[:]
    for feature in schema.feature:
        outside = SERVING in feature.not_in_environment or (
            named and SERVING not in schema.default_environment and SERVING not in feature.in_environment
        )
        if not outside and (feature.name in read if read else feature.name not in label):
            result.feature.add().CopyFrom(feature)
    return result, SERVING if named else ""
