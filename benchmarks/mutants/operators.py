"""The single changes that can be made to a module: each turns one decision of the code around.

Texts are left alone, since what a message says is compared where it matters; so are annotations and decorators.
The operators are those that mutation testers share (Offutt's sufficient set: relations, logic, arithmetic, constants),
and three of our own: a refusal that is not raised, a call whose effect is lost, and a result that is not returned.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_RELATIONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutation:
    """One change of a module's text.

    Attributes:
        line: the line where it is, from 1.
        before: what stands there.
        after: what is put in its place.
        start: the offset of `before` in the module's text, in characters.
        refusal: whether it is a `raise` that is left out.
    """

    line: int
    before: str
    after: str
    start: int
    refusal: bool = False

    @property
    def lines(self) -> tuple[int, int]:
        """The first and the last line of what stands there."""
        return self.line, self.line + self.before.count("\n")

    def applied(self, source: str) -> str:
        """The module's text with this change."""
        return source[: self.start] + self.after + source[self.start + len(self.before) :]


def mutations(source: str) -> list[Mutation]:
    """Every single change that the operators make of a module.

    Args:
        source: the module's text.

    Returns:
        The changes in the order of their places; each gives a text that Python can parse and that differs.
    """
    starts = _line_starts(source)
    made = []
    for node in _mutable(ast.parse(source)):
        if not isinstance(node, (ast.stmt, ast.expr)):
            continue
        places = ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        start, end = (starts[line - 1][0] + len(starts[line - 1][1][:column].decode()) for line, column in places)
        before, refusal = source[start:end], isinstance(node, ast.Raise)
        made += [Mutation(node.lineno, before, changed, start, refusal) for changed in _changed(node)]
    return sorted(made, key=lambda mutation: (mutation.start, mutation.after))


def _line_starts(source: str) -> list[tuple[int, bytes]]:
    """The offset of each line in characters and its bytes: Python's tree counts columns in bytes of UTF-8."""
    starts, offset = [], 0
    for line in source.splitlines(keepends=True):
        starts.append((offset, line.encode()))
        offset += len(line)
    return starts


def _mutable(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of functions and methods, without what is only text or type."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for statement in child.body:
                yield statement
                yield from _inside(statement)
        elif isinstance(child, ast.ClassDef):
            yield from _mutable(child)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            # Before Python 3.12 what stands in an f-string has no place of its own in the text.
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield child
                yield from _inside(child)


def _changed(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for relation in _RELATIONS.get(type(node.ops[0]), ()):
            yield _text(ast.Compare(node.left, [relation()], node.comparators))
    elif isinstance(node, ast.BoolOp):
        yield _text(ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _text(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _of_text(node):
        yield _text(ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield repr(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield repr(node.value + 1)
    elif isinstance(node, ast.IfExp):
        yield _text(node.body)
        yield _text(node.orelse)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TWINS:
        yield _text(ast.Call(ast.Name(_TWINS[node.func.id], ast.Load()), node.args, node.keywords))
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "pass"
    elif isinstance(node, ast.Continue):
        yield "break"
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return None"


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"


def _of_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, (str, bytes)))
        for side in (node.left, node.right)
    )
