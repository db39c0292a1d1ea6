"""The curated schema that a configuration names, for the graph and for the checks before it."""

from millrace.base.errors import SchemaError
from millrace.config.config import Config
from millrace.schema.errors import SchemaFileError
from millrace.schema.files import SchemaText, read


def curated_schema(config: Config) -> SchemaText:
    """Reads and parses the configured schema file.

    Raises:
        SchemaError: there is no such file, or it is not a schema in text format; with the line and the column.
    """
    try:
        return read(config.schema_.file or "")
    except SchemaFileError as error:
        remedy = error.remedy or "mend schema.file in the configuration, or leave it out to run on the inferred schema"
        raise SchemaError(error.what, where=error.where, remedy=remedy) from error
