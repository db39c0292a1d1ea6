"""The datasets that a query of BigQuery reads, by the tables, models and routines that its text names.

A name may be quoted whole, part by part, or not at all, and its project may be left out:
https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

# Comments and literals are no names; within backticks nothing begins either. What is not closed goes on to its end, so
# that nothing is looked at twice.
_NO_CODE = re.compile(
    r"(`[^`]*`)|--[^\n]*|#[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|'''.*?(?:'''|\Z)|\"\"\".*?(?:\"\"\"|\Z)|'(?:\\.|[^'\\\n])*'?|\"(?:\\.|[^\"\\\n])*\"?",
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

    def __init__(self, expects: bool = False, is_apart: bool = True) -> None:
        self.expects = expects  # whether a table comes next
        self.in_from = expects
        self.asks = False  # whether it is a query, so that FROM is not EXTRACT's
        self.fresh = True
        self.is_apart = is_apart  # a table of its own, which knows no alias of what is around it
        self.aliases: set[str] = set()


def datasets(query: str) -> list[Dataset]:
    """The datasets of what a query names, each once.

    Args:
        query: in GoogleSQL.
    """
    # A subquery may read an array of a row whose table is named behind it: its alias is known after a first walk alone.
    depths: dict[str, set[int]] = {}
    for _ in _names(query, {}, depths):
        pass
    return list(dict.fromkeys(one for name in _names(query, depths, {}) if (one := _dataset(name))))


def asks_elsewhere(query: str) -> bool:
    """Whether a query has another database or a model elsewhere answer, by a connection, whose name is a text.

    Args:
        query: in GoogleSQL.
    """
    found = re.search(
        r"\bEXTERNAL_QUERY`?\s*\(|\bconnection_id\s*=>|\bWITH\s+CONNECTION\b", _code(query), re.IGNORECASE
    )
    return found is not None


def makes_queries(query: str) -> bool:
    """Whether a query runs texts that it makes, so that what they read cannot be told.

    Args:
        query: in GoogleSQL.
    """
    return re.search(r"\bEXECUTE\s+IMMEDIATE\b", _code(query), re.IGNORECASE) is not None


def _code(query: str) -> str:
    return _NO_CODE.sub(lambda found: found[1] or " ", query)


def _names(query: str, outer: Mapping[str, set[int]], depths: dict[str, set[int]]) -> Iterator[str]:
    """The dotted names where a table, a model or a routine stands, and those that are quoted whole, wherever it is.

    Args:
        query: in GoogleSQL.
        outer: how many parentheses deep, from 1, each alias of the query is given; within more, it is a table's row.
        depths: where those that this walk finds are written down.
    """
    levels, before = [_Level()], ""
    named = False  # whether a table's name was just read, so that its alias may come
    for token, after in itertools.pairwise((*_TOKEN.findall(_code(query)), "")):
        level, word = levels[-1], token.upper()
        if token == "(":
            levels.append(_Level(level.expects, is_apart=level.expects or before == "AS"))
            level.expects = named = False
        elif token == ")":
            levels.pop()
            levels = levels or [_Level()]
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
            # The name of a graph is a table's, in parentheses as an argument.
            level.expects, named = word == "GRAPH_TABLE", level.expects
            if word.partition(".")[0].strip("`") not in _NAMESPACES:
                yield _bare(token)
        elif level.expects:
            level.expects, named = False, True
            name = _bare(token)
            if not _is_of_a_row(name.partition(".")[0], levels, outer):
                yield name
            level.aliases.add(name.rpartition(".")[2])
        elif named and word != "AS":
            named = False
            if word not in _NO_ALIAS:
                alias = token.strip("`")
                level.aliases.add(alias)
                depths.setdefault(alias, set()).add(len(levels))
        elif token.count("`") == 2 and token.startswith("`") and token.count(".") > 1:
            yield token.strip("`")
        level.fresh, before = False, word


def _is_of_a_row(first: str, levels: list[_Level], outer: Mapping[str, set[int]]) -> bool:
    """Whether a name begins with what a table is called around it, so that it is an array of a row."""
    apart = max(depth for depth, level in enumerate(levels, 1) if level.is_apart)
    return any(first in level.aliases for level in levels[apart - 1 :]) or any(
        apart <= depth < len(levels) for depth in outer.get(first, ())
    )


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
