"""The datasets that a query of BigQuery reads, by the tables that its text names.

A name may be quoted whole, part by part, or not at all, and its project may be left out:
https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Optional

# Comments and literals are no names; within backticks nothing begins either.
_NO_CODE = re.compile(
    r"(`[^`]*`)|--[^\n]*|#[^\n]*|/\*.*?\*/"
    r"|'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"",
    re.DOTALL,
)
_PART = r"(?:`[^`]+`|[A-Za-z_]\w*(?:-\w+)*)"
_TOKEN = re.compile(rf"{_PART}(?:\s*\.\s*(?:{_PART}|[\w*]+))*|[(),]")
# A project of a domain is called example.com:PROJECT.
_WHOLE = re.compile(r"((?:[a-z0-9.-]+:)?[\w-]+)\.(\w+)\.[^.]+(?:\..*)?")
_OWN = re.compile(r"(\w+)\.[^.]+")
_CATALOGUE = ".INFORMATION_SCHEMA"  # views of a dataset, or of a region
_ENDS_FROM = {
    "SELECT",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "WINDOW",
    "QUALIFY",
    "UNION",
    "INTERSECT",
    "EXCEPT",
}
_NO_ALIAS = _ENDS_FROM | {
    "ON", "USING", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "TABLESAMPLE", "FOR", "PIVOT", "UNPIVOT",
}  # fmt: skip


class Dataset(NamedTuple):
    """A dataset.

    Args:
        project: in which it is; empty where the name leaves it to the project that runs the query.
        name: its own.
    """

    project: str
    name: str


class _Level:
    """What is known within one pair of parentheses."""

    def __init__(self, expects: bool = False) -> None:
        self.expects = expects  # whether a table comes next
        self.in_from = expects
        self.asks = False  # whether it is a query, so that FROM is not EXTRACT's
        self.fresh = True


def datasets(query: str) -> list[Dataset]:
    """The datasets of the tables that a query names, each once.

    Args:
        query: in GoogleSQL.
    """
    return list(dict.fromkeys(one for name in _names(query) if (one := _dataset(name))))


def _names(query: str) -> Iterator[str]:
    """The dotted names that stand where a table does, and those that are quoted whole, wherever they stand."""
    levels, before = [_Level()], ""
    aliases: set[str] = set()
    named = False  # whether a table's name was just read, so that its alias may come
    for token in _TOKEN.findall(_NO_CODE.sub(lambda found: found[1] or " ", query)):
        level, word = levels[-1], token.upper()
        if token == "(":
            levels.append(_Level(expects=level.expects))
            level.expects = named = False
        elif token == ")":
            levels = levels[:-1] or [_Level()]
            named = True
        elif token == ",":
            level.expects, named = level.in_from, False
        elif word in ("FROM", "JOIN"):
            reads = word == "JOIN" or level.asks or level.fresh
            level.expects = level.in_from = reads and before != "DISTINCT"
            named = False
        elif word in _ENDS_FROM or word == "WITH":
            level.expects = level.in_from = named = False
            level.asks = True
        elif level.expects:
            level.expects, named = False, True
            name = re.sub(r"[`\s]", "", token)
            if name.partition(".")[0] not in aliases:
                yield name
            aliases.add(name.rpartition(".")[2])
        elif named and word != "AS":
            named = False
            if word not in _NO_ALIAS:
                aliases.add(token.strip("`"))
        elif token.count("`") == 2 and token.startswith("`") and token.count(".") > 1:
            yield token.strip("`")
        level.fresh, before = False, word


def _dataset(name: str) -> Optional[Dataset]:
    """The dataset in a table's name; None where it names none, as that of a common table expression does."""
    of_catalogue, is_of_one, _ = f".{name}".partition(_CATALOGUE)
    if is_of_one:
        name = f"{of_catalogue[1:]}.view"
    if whole := _WHOLE.fullmatch(name):
        return Dataset(whole[1], whole[2])
    own = _OWN.fullmatch(name)
    return Dataset("", own[1]) if own else None
