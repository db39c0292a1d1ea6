"""A schema and the text that says it, read with the place of a mistake."""

from dataclasses import dataclass
from pathlib import Path
from typing import Union

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base import files
from millrace.base.errors import SchemaError
from millrace.textproto.lexer import TextProtoError
from millrace.textproto.rewrite import read as read_textproto


@dataclass(frozen=True)
class SchemaText:
    """A schema, and the text that says it.

    Args:
        name: what to call it in a message: a path, or a git revision and path.
        text: the text, byte for byte (UTF-8).
    """

    name: str
    text: str
    proto: schema_pb2.Schema


def parse(text: str, name: str) -> SchemaText:
    """Parses a schema's text.

    Args:
        text: a Schema proto in text format.
        name: what to call it in a message.

    Raises:
        SchemaError: the text is not a schema; with line and column, and the line shown with a caret.
    """
    try:
        return SchemaText(name, text, read_textproto(text, schema_pb2.Schema))
    except TextProtoError as error:
        raise SchemaError(
            f"{error.what}\n{error.shown}",
            where=f"{name}:{error.line}:{error.column}",
            remedy="fix that line, and check again with: millrace schema check",
        ) from error


def read(path: Union[str, Path]) -> SchemaText:
    """Reads and parses a schema file.

    Raises:
        SchemaError: the file cannot be read or is not a schema.
    """
    return parse(read_text(Path(path)), str(path))


def read_text(path: Path) -> str:
    """The file's text with its line ends as they are.

    Raises:
        SchemaError: the file cannot be read or is not UTF-8.
    """
    remedy = "point schema.file at a file, or leave it out to run on the inferred schema"
    try:
        content = files.read_bytes(path, SchemaError, remedy)
    except FileNotFoundError as error:
        remedy = "millrace schema infer -o FILE writes a first one from the latest run's statistics"
        raise SchemaError("there is no such file", where=str(path), remedy=remedy) from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        where = f"{path}:{line}:{column}"
        raise SchemaError("not UTF-8 text", where=where, remedy="save the file as UTF-8") from error
