"""Columns as BigQuery takes them: their names, which are of few letters, and their types."""

import re
from collections.abc import Iterable, Mapping

import pyarrow as pa
from google.cloud import bigquery

_OTHER = re.compile(r"[^A-Za-z0-9_]")
_LONGEST = 290
# https://cloud.google.com/bigquery/docs/schemas#column_names
_KEPT_BY_BIGQUERY = re.compile(r"_(table|file|partition|row_timestamp|colidentifier)", re.IGNORECASE)


def column_names(columns: Iterable[str]) -> dict[str, str]:
    """Names that BigQuery takes, which tells no small letters from capitals.

    Args:
        columns: how they are called here.

    Returns:
        How each is called there: the same where that can be, each another.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        plain = _OTHER.sub("_", column)[:_LONGEST]
        if not plain[:1].isalpha() and (plain[:1] != "_" or _KEPT_BY_BIGQUERY.match(plain)):
            plain = f"c{plain}"
        name, number = plain, 2
        while name.lower() in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name.lower())
        names[column] = name
    return names


def fields(schema: pa.Schema, names: Mapping[str, str]) -> list[bigquery.SchemaField]:
    """A table's columns; one that is called otherwise here has that name as its description.

    Args:
        schema: of a result, as `millrace.prediction` writes it, with the names of BigQuery.
        names: those, by what they are here.
    """
    here = {name: column for column, name in names.items()}
    made = []
    for field in schema:
        is_list = pa.types.is_list(field.type)
        mode = "REPEATED" if is_list else "NULLABLE"
        kind = _kind(field.type.value_type if is_list else field.type)
        said = here.get(field.name, field.name)
        made.append(bigquery.SchemaField(field.name, kind, mode, description=said if said != field.name else None))
    return made


def _kind(of: pa.DataType) -> str:
    if pa.types.is_integer(of):
        return "INTEGER"
    return "FLOAT" if pa.types.is_floating(of) else "STRING"
