"""The datasets that a query of BigQuery reads, by the tables, models and routines that its text names.

A name may be quoted whole, part by part, or not at all, and its project may be left out:
https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
"""

import itertools
import re
from collections.abc import Iterator, Mapping
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
# What stands before the dot of functions that are BigQuery's own.
_NAMESPACES = {"AEAD", "AI", "HLL_COUNT", "KEYS", "KLL_QUANTILES", "ML", "NET", "OBJ", "SAFE"}
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
    """The datasets of what a query names, each once.

    Args:
        query: in GoogleSQL.
    """
    # A subquery may read an array of a row whose table is named behind it: its alias is known after a first walk alone.
    depths: dict[str, int] = {}
    for _ in _names(query, {}, depths):
        pass
    return list(dict.fromkeys(one for name in _names(query, depths, {}) if (one := _dataset(name))))


def asks_elsewhere(query: str) -> bool:
    """Whether a query has another database answer, by a connection, whose name is a text as any other.

    Args:
        query: in GoogleSQL.
    """
    return re.search(r"\bEXTERNAL_QUERY\s*\(", _code(query), re.IGNORECASE) is not None


def _code(query: str) -> str:
    return _NO_CODE.sub(lambda found: found[1] or " ", query)


def _names(query: str, outer: Mapping[str, int], depths: dict[str, int]) -> Iterator[str]:
    """The dotted names where a table, a model or a routine stands, and those that are quoted whole, wherever it is.

    Args:
        query: in GoogleSQL.
        outer: how many parentheses deep, from 1, each alias of the query is given; within more, it is a table's row.
        depths: where those that this walk finds are written down.
    """
    levels, before = [_Level()], ""
    aliases: set[str] = set()
    named = False  # whether a table's name was just read, so that its alias may come
    for token, after in itertools.pairwise((*_TOKEN.findall(_code(query)), "")):
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
        elif after == "(" or (before in ("MODEL", "TABLE") and "." in token):
            # A routine, whose tables may be among its arguments; or a model or a table that is such an argument.
            level.expects, named = False, level.expects
            if word.partition(".")[0].strip("`") not in _NAMESPACES:
                yield _bare(token)
        elif level.expects:
            level.expects, named = False, True
            name = _bare(token)
            first = name.partition(".")[0]
            if first not in aliases and outer.get(first, len(levels)) >= len(levels):
                yield name
            aliases.add(name.rpartition(".")[2])
        elif named and word != "AS":
            named = False
            if word not in _NO_ALIAS:
                alias = token.strip("`")
                aliases.add(alias)
                depths[alias] = min(depths.get(alias, len(levels)), len(levels))
        elif token.count("`") == 2 and token.startswith("`") and token.count(".") > 1:
            yield token.strip("`")
        level.fresh, before = False, word


def _bare(token: str) -> str:
    return re.sub(r"[`\s]", "", token)


def _dataset(name: str) -> Optional[Dataset]:
    """The dataset in a table's name; None where it names none, as that of a common table expression does."""
    of_catalogue, is_of_one, _ = f".{name}".partition(_CATALOGUE)
    if is_of_one:
        name = f"{of_catalogue[1:]}.view"
    if whole := _WHOLE.fullmatch(name):
        return Dataset(whole[1], whole[2])
    own = _OWN.fullmatch(name)
    return Dataset("", own[1]) if own else None
