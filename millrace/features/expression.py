"""Expressions over columns: a small part of Python's grammar, read and checked without TensorFlow.

    trip_miles / (trip_seconds / 3600)
    where(payment_type in ("Cash", "No Charge"), 0, tips)
    seconds(dropoff, "%Y-%m-%d %H:%M") - seconds(pickup, "%Y-%m-%d %H:%M")

A name is a column; `column("hours per week")` is one whose name is no word of Python's. There are numbers, texts in
quotes, `+ - * / // % **`, comparisons (also `0 < x < 9`, `in`, `not in`), `and or not`, the functions of `FUNCTIONS`,
and those of a project by dotted path, as in `models.distances.detour(trip_miles, fare)`. A value is a number, a text,
or a flag (true or false), which counts as 1 or 0 where a number is wanted; a number counts as a flag, true unless 0.
"""

import ast
import functools
import json
import keyword
import math
import re
import struct
import unicodedata
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Optional, Union

from millrace.base.names import did_you_mean
from millrace.features.date_formats import UNIX, check_format

DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
"""The dotted path of a function of a project."""

ValueKind = Literal["number", "text", "flag"]


@dataclass(frozen=True)
class ColumnValue:
    """The value of a column in each row."""

    name: str


@dataclass(frozen=True)
class Constant:
    """A number or a text, the same in every row."""

    value: Union[float, str]


@dataclass(frozen=True)
class Operation:
    """What is applied to values: an operator as Python writes it, a name of `FUNCTIONS`, or a dotted path."""

    name: str
    arguments: tuple["Expression", ...]


Expression = Union[ColumnValue, Constant, Operation]


@dataclass(frozen=True)
class Signature:
    """What a function takes and gives.

    Attributes:
        takes: the kind of each argument; `any` is all kinds, `same` the kind that the others called `same` have, and
            `format` a date's format as a constant text.
        gives: the kind of its value; `same` as above.
        open_ended: whether the last argument may be repeated.
        in_conditions: whether `data.where` may use it, which is asked before there is a TensorFlow graph.
    """

    takes: tuple[str, ...]
    gives: str
    open_ended: bool = False
    in_conditions: bool = False


class Misfit(ValueError):
    """Something that a configuration says does not fit the rest.

    Attributes:
        key: where it is said, as a path of keys.
        what: what does not fit.
    """

    def __init__(self, key: tuple[str, ...], what: str) -> None:
        super().__init__(f"{'.'.join(key)}: {what}")
        self.key, self.what = key, what


_NUMBER = Signature(("number",), "number")
_NUMBER_TOO = Signature(("number",), "number", in_conditions=True)
_DATE_PART = Signature(("date", "format"), "number")
FUNCTIONS: Mapping[str, Signature] = {
    "abs": _NUMBER_TOO,
    "ceil": _NUMBER,
    "exp": _NUMBER,
    "floor": _NUMBER,
    "log": _NUMBER,
    "round": _NUMBER,
    "sqrt": _NUMBER,
    "max": Signature(("number", "number"), "number", open_ended=True, in_conditions=True),
    "min": Signature(("number", "number"), "number", open_ended=True, in_conditions=True),
    "len": Signature(("text",), "number", in_conditions=True),
    "lower": Signature(("text",), "text", in_conditions=True),
    "where": Signature(("flag", "same", "same"), "same"),
    "coalesce": Signature(("same", "same"), "same", open_ended=True),
    "is_missing": Signature(("any",), "flag", in_conditions=True),
    "seconds": _DATE_PART,
    "days": _DATE_PART,
    "month": _DATE_PART,
    "day": _DATE_PART,
    "weekday": _DATE_PART,
    "hour": _DATE_PART,
}
"""`days` is the number of whole days since 1970, `seconds` that of seconds; `weekday` is 0 on Monday; `log` is the
natural one; `coalesce` is the first of its arguments that has a value."""

_OF_PROJECT = Signature(("any",), "any", open_ended=True)
_TWO_NUMBERS = Signature(("number", "number"), "number")
_TWO_NUMBERS_TOO = Signature(("number", "number"), "number", in_conditions=True)
_EQUALS = Signature(("same", "same"), "flag", in_conditions=True)
_COMPARES = Signature(("number", "number"), "flag", in_conditions=True)
_JOINS = Signature(("flag", "flag"), "flag", open_ended=True, in_conditions=True)
_OPERATORS: Mapping[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "negative",
}  # fmt: skip
SIGNATURES: Mapping[str, Signature] = {
    **FUNCTIONS,
    **dict.fromkeys(("+", "-", "*", "/"), _TWO_NUMBERS_TOO),
    **dict.fromkeys(("//", "%", "**"), _TWO_NUMBERS),
    **dict.fromkeys(("==", "!="), _EQUALS),
    **dict.fromkeys(("<", "<=", ">", ">="), _COMPARES),
    **dict.fromkeys(("and", "or"), _JOINS),
    "not": Signature(("flag",), "flag", in_conditions=True),
    "negative": _NUMBER_TOO,
}
"""The functions and the operators, by the names of their operations."""

# What other languages write, and Python's grammar has no word for or another meaning.
_WRITTEN_ELSEWHERE: tuple[tuple[str, str], ...] = (
    (r"&&?", "write and"),
    (r"\|\|?", "write or"),
    (r"!(?!=)", "write not"),
    (r"<>", "write !="),
    (r"\^", "write ** for a power"),
    (r"(?<![=!<>])=(?!=)", "write == for equal"),
    (r"(?i)\bis (not )?(null|none|nan)\b", "write is_missing(column)"),
    (r"\?|\bif\b|\bcase\b", "write where(condition, one, other)"),
)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_COLUMN = "column"
_GREATEST_OF_32_BITS = 3.4e38
_LONGEST = 2000
_SHOWN = 60


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Reads an expression.

    Args:
        text: as it stands in the configuration.

    Returns:
        Its tree. It reads one column at least.

    Raises:
        ValueError: it is not of the grammar above, a function is not known or is given too much or too little, an
            operation is on what it does not take, or it reads no column.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"an expression has {_LONGEST} characters at most; split it into derived features")
    brief = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    try:
        expression = _of_node(ast.parse(text.strip(), mode="eval").body)
        kind_of(expression, {})
    except SyntaxError as error:
        # Python counts from 1; of what ends too early it says 0, or a place behind the last character.
        place = f"character {error.offset}" if 0 < (error.offset or 0) <= len(text.strip()) else "its end"
        raise ValueError(f"{brief!r} is no expression: {error.msg}, at {place}{_in_pythons_words(text)}") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError("the expression is nested too deeply; split it into derived features") from error
    if not columns_of(expression):
        raise ValueError(f"{brief!r} reads no column")
    return expression


def _in_pythons_words(text: str) -> str:
    """What to write in place of what other languages write; empty where nothing of it is there."""
    bare = _QUOTED.sub("", text)
    return next((f"; {advice}" for pattern, advice in _WRITTEN_ELSEWHERE if re.search(pattern, bare)), "")


def columns_of(expression: Expression) -> tuple[str, ...]:
    """The columns that an expression reads, each once, in the order in which they are named."""
    return tuple(dict.fromkeys(_columns(expression)))


def operations_of(expression: Expression) -> frozenset[str]:
    """The names of the operations in an expression."""
    if not isinstance(expression, Operation):
        return frozenset()
    return frozenset({expression.name}).union(*map(operations_of, expression.arguments))


def has_value(column: str) -> Expression:
    """The condition that a row has a value in a column."""
    return Operation("not", (Operation("is_missing", (ColumnValue(column),)),))


def as_compared(expression: Expression, single: Container[str]) -> Expression:
    """Rounds what a column of 32 bits is compared with, so that 0.1 in the data is the 0.1 of the expression.

    Args:
        expression: the expression.
        single: the columns that hold numbers of 32 bits.

    Returns:
        The expression with the nearest number of 32 bits where a constant is compared with such a column itself.
    """
    if not isinstance(expression, Operation):
        return expression
    arguments = tuple(as_compared(argument, single) for argument in expression.arguments)
    rounds = expression.name in _COMPARISONS and any(
        isinstance(argument, ColumnValue) and argument.name in single for argument in arguments
    )
    if rounds:
        arguments = tuple(_of_32_bits(one) if isinstance(one, Constant) else one for one in arguments)
    return Operation(expression.name, arguments)


def _of_32_bits(constant: Constant) -> Constant:
    if isinstance(constant.value, str) or abs(constant.value) > _GREATEST_OF_32_BITS:
        return constant
    return Constant(struct.unpack("f", struct.pack("f", constant.value))[0])


def functions_of(expression: Expression) -> dict[str, tuple[str, ...]]:
    """The functions of a project that an expression calls: by dotted path, their arguments as they are written."""
    if not isinstance(expression, Operation):
        return {}
    below = [functions_of(argument) for argument in expression.arguments]
    own = {expression.name: tuple(map(shown, expression.arguments))} if is_of_project(expression.name) else {}
    return {path: arguments for found in [*below, own] for path, arguments in found.items()}


def is_of_project(name: str) -> bool:
    """Whether an operation is a function of a project: it is named by its dotted path."""
    return "." in name


def kind_of(expression: Expression, kinds: Mapping[str, ValueKind]) -> Optional[ValueKind]:
    """Checks the kinds of values in an expression.

    Args:
        expression: the expression.
        kinds: of the columns; one whose kind is not known is left out.

    Returns:
        The kind of the expression's value, as far as it is known.

    Raises:
        ValueError: an operator or a function is applied to what it does not take.
    """
    if isinstance(expression, ColumnValue):
        return kinds.get(expression.name)
    if isinstance(expression, Constant):
        return "text" if isinstance(expression.value, str) else "number"
    signature = SIGNATURES.get(expression.name, _OF_PROJECT)
    given = [kind_of(argument, kinds) for argument in expression.arguments]
    wants = [signature.takes[min(place, len(signature.takes) - 1)] for place in range(len(given))]
    for argument, kind, wanted in zip(expression.arguments, given, wants, strict=True):
        _require_kind(expression.name, argument, kind, wanted)
    written_format = expression.arguments[-1] if "format" in signature.takes else None
    if isinstance(written_format, Constant) and written_format.value in UNIX and given[0] == "text":
        written = shown(expression.arguments[0])
        raise ValueError(f"{expression.name} wants a number for {written_format.value}, and {written} is a text")
    alike = [kind for kind, wanted in zip(given, wants, strict=True) if kind and wanted == "same"]
    if "text" in alike and len(set(alike)) > 1:
        raise ValueError(f"{shown(expression)} is of a text and a number: one of them has to become the other")
    if signature is _OF_PROJECT:
        return None
    if signature.gives != "same":
        return signature.gives  # type: ignore[return-value]
    return ("number" if len(set(alike)) > 1 else alike[0]) if alike else None


def reference(column: str) -> str:
    """Writes a column as an expression names it."""
    # Python takes a letter's compatible form for the letter in a name, which would be another column.
    plain = column.isidentifier() and not keyword.iskeyword(column) and unicodedata.is_normalized("NFKC", column)
    return column if plain else f"{_COLUMN}({json.dumps(column, ensure_ascii=False)})"


def shown(expression: Expression) -> str:
    """Writes an expression, so that `parse` reads the same again."""
    if isinstance(expression, ColumnValue):
        return reference(expression.name)
    if isinstance(expression, Constant):
        if isinstance(expression.value, str):
            return json.dumps(expression.value, ensure_ascii=False)
        return repr(expression.value).removesuffix(".0")
    if expression.name in FUNCTIONS or is_of_project(expression.name):
        return f"{expression.name}({', '.join(map(shown, expression.arguments))})"
    parts = [f"({shown(one)})" if _wants_parentheses(one) else shown(one) for one in expression.arguments]
    if len(parts) == 1:
        return f"-{parts[0]}" if expression.name == "negative" else f"not {parts[0]}"
    return f" {expression.name} ".join(parts)


def _wants_parentheses(argument: Expression) -> bool:
    if isinstance(argument, Operation):
        return argument.name in _OPERATORS.values()
    return isinstance(argument, Constant) and not isinstance(argument.value, str) and argument.value < 0


def _require_kind(name: str, argument: Expression, kind: Optional[ValueKind], wanted: str) -> None:
    if wanted == "format":
        if not isinstance(argument, Constant) or not isinstance(argument.value, str):
            raise ValueError(f'{name} wants a date\'s format in quotes, such as {name}(began, "%Y-%m-%d")')
        check_format(argument.value)
    elif wanted == "date" and kind == "flag":
        raise ValueError(f"{name} wants a date, and {shown(argument)} is a flag")
    elif kind == "text" and wanted in ("number", "flag"):
        raise ValueError(f"{name} wants a {wanted}, and {shown(argument)} is a text")
    elif kind in ("number", "flag") and wanted == "text":
        raise ValueError(f"{name} wants a text, and {shown(argument)} is a {kind}")


def _columns(expression: Expression) -> Iterator[str]:
    if isinstance(expression, ColumnValue):
        yield expression.name
    elif isinstance(expression, Operation):
        for argument in expression.arguments:
            yield from _columns(argument)


def _of_node(node: ast.expr) -> Expression:
    if isinstance(node, ast.Name):
        return ColumnValue(node.id)
    if isinstance(node, ast.Constant):
        return _constant(node)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return Operation(_OPERATORS[type(node.op)], (_of_node(node.left), _of_node(node.right)))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        inner = _of_node(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(inner, Constant) and isinstance(inner.value, float):
            return Constant(-inner.value)
        return Operation(_OPERATORS[type(node.op)], (inner,))
    if isinstance(node, ast.BoolOp):
        return Operation(_OPERATORS[type(node.op)], tuple(_of_node(value) for value in node.values))
    if isinstance(node, ast.Compare):
        return _comparison(node)
    if isinstance(node, ast.Call):
        return _call(node)
    written = ast.unparse(node)
    raise ValueError(
        f"{written} cannot stand in an expression (character {node.col_offset + 1}){_in_pythons_words(written)}"
    )


def _constant(node: ast.Constant) -> Constant:
    if isinstance(node.value, bool):
        return Constant(float(node.value))
    if isinstance(node.value, str):
        return Constant(node.value)
    if isinstance(node.value, (int, float)) and math.isfinite(node.value) and abs(node.value) < 1e300:
        return Constant(float(node.value))
    raise ValueError(f"{ast.unparse(node)} is neither a number nor a text (character {node.col_offset + 1})")


def _comparison(node: ast.Compare) -> Expression:
    """A chain is what Python makes of it: `0 < x < 9` is `0 < x and x < 9`."""
    pairs: list[Expression] = []
    left = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, (ast.In, ast.NotIn)):
            pairs.append(_membership(operator, left, right))
        elif type(operator) in _OPERATORS:
            pairs.append(Operation(_OPERATORS[type(operator)], (_of_node(left), _of_node(right))))
        else:
            raise ValueError(f"{ast.unparse(node)}: compare with == < <= > >= != or in; is_missing(x) asks for a value")
        left = right
    return pairs[0] if len(pairs) == 1 else Operation("and", tuple(pairs))


def _membership(operator: ast.cmpop, left: ast.expr, right: ast.expr) -> Expression:
    if not isinstance(right, (ast.Tuple, ast.List, ast.Set)) or not right.elts:
        raise ValueError(f"in wants a list of values, such as {ast.unparse(left)} in (1, 2), not {ast.unparse(right)}")
    equal = tuple(Operation("==", (_of_node(left), _of_node(value))) for value in right.elts)
    any_of = equal[0] if len(equal) == 1 else Operation("or", equal)
    return Operation("not", (any_of,)) if isinstance(operator, ast.NotIn) else any_of


def _call(node: ast.Call) -> Expression:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise ValueError(f"{name} takes its arguments by place")
    if name == _COLUMN:
        if len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            return ColumnValue(node.args[0].value)
        raise ValueError('column wants one name in quotes, such as column("hours per week")')
    if name not in FUNCTIONS and not DOTTED.fullmatch(name):
        meant = did_you_mean(name, FUNCTIONS) or f"; known: {', '.join(sorted([*FUNCTIONS, _COLUMN]))}"
        raise ValueError(f"{name} is no function of an expression{meant}")
    signature = FUNCTIONS.get(name, _OF_PROJECT)
    owner, _, method = name.rpartition(".")
    if method in FUNCTIONS and not node.args:
        raise ValueError(f"{name}() is no function of an expression; write {method}({owner})")
    if len(node.args) < len(signature.takes) or (len(node.args) > len(signature.takes) and not signature.open_ended):
        count = f"{len(signature.takes)}{' or more' if signature.open_ended else ''}"
        raise ValueError(f"{name} takes {count} argument{'s'[: count != '1']}, and is given {len(node.args)}")
    return Operation(name, tuple(_of_node(argument) for argument in node.args))
