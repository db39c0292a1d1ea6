"""A condition on the values of a row, as text: which rows of a table are wanted.

    fare > 0 and payment_type in ("Cash", "Credit Card") and not (`trip miles` is None or 0 < tips >= 100)

Names are columns; one that is no plain name stands in backquotes. Texts stand in quotes, and are told from numbers.
A comparison with a missing value is neither true nor false (SQL's logic of three values, Codd 1979): such a row is not
wanted, unless another part of the condition wants it. Neither Beam nor Arrow is imported here.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn, Union

Constant = Union[int, float, str]
Operator = Literal["==", "!=", "<", "<=", ">", ">="]
_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_MIRRORED: dict[Operator, Operator] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# A text in quotes is passed over, so that a backquote in it is none.
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`([^`]+)`""")


@dataclass(frozen=True)
class Comparison:
    """A column's value beside a constant."""

    column: str
    operator: Operator
    value: Constant


@dataclass(frozen=True)
class Membership:
    """Whether a column's value is one of several."""

    column: str
    values: tuple[Constant, ...]


@dataclass(frozen=True)
class Missing:
    """Whether a row has no value in a column; always true or false."""

    column: str


@dataclass(frozen=True)
class Negation:
    """The contrary; what is neither true nor false remains so."""

    part: "Condition"


@dataclass(frozen=True)
class Combination:
    """Several conditions, all of them or any of them."""

    parts: tuple["Condition", ...]
    any_of: bool = False


Condition = Union[Comparison, Membership, Missing, Negation, Combination]


def parse(text: str) -> Condition:
    """Reads a condition.

    Args:
        text: as the module says.

    Returns:
        The condition.

    Raises:
        ValueError: it is none; with what was expected.
    """
    names: dict[str, str] = {}

    def name_of(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        return names.setdefault(match[2], f"_column_{len(names)}_")

    try:
        tree = ast.parse(_QUOTED.sub(name_of, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what = getattr(error, "msg", "") or str(error)
        raise ValueError(f"is no condition ({what}); for instance: fare > 0 and company != 'none'") from error
    return _Reader({alias: column for column, alias in names.items()}).read(tree)


def columns(condition: Condition) -> Iterator[tuple[str, tuple[Constant, ...]]]:
    """Each column that a condition names, with the constants it is compared with; once for each time."""
    if isinstance(condition, Combination):
        for part in condition.parts:
            yield from columns(part)
    elif isinstance(condition, Negation):
        yield from columns(condition.part)
    elif isinstance(condition, Comparison):
        yield condition.column, (condition.value,)
    elif isinstance(condition, Membership):
        yield condition.column, condition.values
    else:
        yield condition.column, ()


class _Reader:
    """Python's syntax tree as a condition; what is no part of the small language is refused by name."""

    def __init__(self, quoted: dict[str, str]) -> None:
        self._quoted = quoted

    def read(self, node: ast.expr) -> Condition:
        if isinstance(node, ast.BoolOp):
            parts = tuple(self.read(value) for value in node.values)
            return Combination(parts, any_of=isinstance(node.op, ast.Or))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return Negation(self.read(node.operand))
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = [
                self._compared(*sides[place : place + 2], operator=operator) for place, operator in enumerate(node.ops)
            ]
            return pairs[0] if len(pairs) == 1 else Combination(tuple(pairs))
        return self._refuse(node)

    def _compared(self, left: ast.expr, right: ast.expr, *, operator: ast.cmpop) -> Condition:
        if isinstance(operator, (ast.Is, ast.IsNot)):
            if not (isinstance(right, ast.Constant) and right.value is None):
                self._refuse(right, "only None follows `is`")
            missing = Missing(self._column(left))
            return missing if isinstance(operator, ast.Is) else Negation(missing)
        if isinstance(operator, (ast.In, ast.NotIn)):
            if not isinstance(right, (ast.Tuple, ast.List, ast.Set)) or not right.elts:
                self._refuse(right, 'a list such as ("a", "b") follows `in`')
            member = Membership(self._column(left), tuple(self._constant(one) for one in right.elts))
            return member if isinstance(operator, ast.In) else Negation(member)
        sign = _OPERATORS[type(operator)]
        if isinstance(left, ast.Name) or not isinstance(right, ast.Name):
            return Comparison(self._column(left), sign, self._constant(right))
        return Comparison(self._column(right), _MIRRORED[sign], self._constant(left))

    def _column(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            self._refuse(node, "a column is compared with a value; a column's name has no quotes, or backquotes")
        return self._quoted.get(node.id, node.id)

    def _constant(self, node: ast.expr) -> Constant:
        sign = -1 if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else 1
        value = node.operand if sign < 0 and isinstance(node, ast.UnaryOp) else node
        if not isinstance(value, ast.Constant) or isinstance(value.value, bool):
            self._refuse(node, "a column is compared with a number or a text in quotes")
        if isinstance(value.value, (int, float)):
            return sign * value.value
        if isinstance(value.value, str) and sign > 0:
            return value.value
        return self._refuse(node, "a column is compared with a number or a text in quotes")

    def _refuse(self, node: ast.expr, why: str = "conditions are comparisons, joined by and, or and not") -> NoReturn:
        shown = ast.unparse(node)
        for alias, column in self._quoted.items():
            shown = shown.replace(alias, f"`{column}`")
        raise ValueError(f"cannot use {shown}: {why}")
