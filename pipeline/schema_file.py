"""Reads the curated schema's text for the graph, and says where it is broken."""

from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config import Config
from pipeline.errors import SchemaError


def schema_text(config: Config) -> str:
    """The text of the configured schema file.

    Raises:
        SchemaError: there is no such file, or it is not a schema in text format; with the line and the column.
    """
    file = Path(config.schema_.file or "")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(
            f"the curated schema cannot be read: {getattr(error, 'strerror', error)}",
            where=str(file),
            remedy="mend schema.file in the configuration, or leave it out to run on the inferred schema",
        ) from error
    parse_schema(text, str(file))
    return text


def parse_schema(text: str, where: str) -> schema_pb2.Schema:
    """Parses a schema in text format.

    Args:
        text: the file's content.
        where: the file's name, for the message.

    Raises:
        SchemaError: the text is not a schema; with the line, the column and the line itself.
    """
    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        line, column = error.GetLine() or 0, error.GetColumn() or 0
        lines = text.splitlines()
        shown = f"\n    {lines[line - 1]}\n    {' ' * max(column - 1, 0)}^" if 0 < line <= len(lines) else ""
        reason = str(error).split(" : ", 1)[-1]
        raise SchemaError(
            f"not a schema: {reason}{shown}",
            where=f"{where}:{line}:{column}" if line else where,
            remedy="mend that line; millrace schema check shows every problem of the file",
        ) from error
