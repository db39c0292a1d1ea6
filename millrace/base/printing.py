"""The one printer of tables: it knows the width it has, and that a pipe has none.

On a terminal only text that may be folded is folded; an id, a path or a number never is, since what is copied from the
screen must be whole. In a pipe each row is one line, aligned, without colours, however long it is.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from millrace.base.visible import visible

Cell = Union[str, Text]
_GAP = 2
# A folded column that is narrower than this is a tower of words.
_NARROWEST = 24


@dataclass(frozen=True)
class TableColumn:
    """One column.

    Args:
        head: its title; may be empty.
        right: whether it is aligned to the right, as numbers are.
        folds: whether its text may go on in a next line where the terminal is too narrow.
    """

    head: str
    right: bool = False
    folds: bool = False


def table(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]]) -> Table:
    """The table for a terminal, for whoever shows it again and again.

    Args:
        columns: from left to right.
        rows: a cell for each column; text is taken as it is, without markup.

    Returns:
        A rich table without lines.
    """
    result = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for column in columns:
        result.add_column(
            column.head,
            justify="right" if column.right else "left",
            no_wrap=not column.folds,
            overflow="fold",
            min_width=_NARROWEST if column.folds else None,
        )
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(visible(cell)) for cell in row))
    return result


def show(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]], console: Optional[Console] = None) -> None:
    """Prints a table.

    Args:
        columns: from left to right.
        rows: a cell for each column; text is taken as it is, without markup. A cell may have several lines, which are
            one with `; ` between in a pipe.
        console: where to; standard output by default.
    """
    console = console or Console(highlight=False)
    cells = [_visible(row) for row in rows]
    if not console.is_terminal:
        for line in lines(columns, cells):
            console.print(Text(line), soft_wrap=True)
        return
    # Where even the columns that never fold are too wide, the terminal itself breaks the lines: nothing is cut off.
    shown, console.width = console.width, max(console.width, _least(columns, cells))
    console.print(table(columns, cells), crop=False)
    console.width = shown


def lines(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]]) -> list[str]:
    """The table as plain text that is as wide as it has to be.

    Args:
        columns: from left to right; where none has a title there is no line of titles.
        rows: a cell for each column; the lines of a cell become one, with `; ` between.

    Returns:
        A line of titles, and a line for each row.
    """
    heads = [[column.head for column in columns]] if any(column.head for column in columns) else []
    plain = heads + [["; ".join(_parts(cell)) for cell in _visible(row)] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*plain, strict=True)]
    aligned = []
    for row in plain:
        padded = []
        for column, cell, width in zip(columns, row, widths, strict=True):
            space = " " * (width - cell_len(cell))
            padded.append(space + cell if column.right else cell + space)
        aligned.append((" " * _GAP).join(padded).rstrip())
    return aligned


def page(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]], width: int) -> list[str]:
    """The table as plain text for a page, in a file or in an error, that is read on any screen.

    Args:
        columns: from left to right.
        rows: a cell for each column.
        width: in characters; what folds is folded to it.

    Returns:
        The lines of the page, wider than asked for where something that never folds is.
    """
    cells = [_visible(row) for row in rows]
    console = Console(
        file=io.StringIO(), width=max(width, _least(columns, cells)), color_system=None, legacy_windows=False
    )
    with console.capture() as captured:
        console.print(table(columns, cells))
    return [line.rstrip() for line in captured.get().splitlines()]


def _least(columns: Sequence[TableColumn], rows: Sequence[Sequence[Cell]]) -> int:
    """The width in which nothing is folded that must not be."""
    width = 0
    for place, column in enumerate(columns):
        widest = max(cell_len(line) for row in [[column.head] * len(columns), *rows] for line in _parts(row[place]))
        width += (min(widest, _NARROWEST) if column.folds else widest) + _GAP
    return width


def _visible(row: Sequence[Cell]) -> list[Cell]:
    return [cell if isinstance(cell, Text) else visible(cell) for cell in row]


def _parts(cell: Cell) -> list[str]:
    return str(cell).splitlines() or [""]
