"""The one printer of tables: it knows the width it has, and that a pipe has none.

On a terminal a table fits. Only text that may be folded is folded, between words; an id, a path or a number never is,
since what is copied from the screen must be whole. Where the columns do not fit side by side, each row becomes a few
lines: what it is about, and below it a line for each of its other cells. In a pipe each row is one line, aligned,
without colours, however long it is.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional, Union

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from millrace.base.visible import visible

Cell = Union[str, Text]
_GAP = 2
# A folded column that is narrower than this is a tower of words.
_NARROWEST = 20


@dataclass(frozen=True)
class TableColumn:
    """One column.

    Args:
        head: its title; may be empty.
        right: whether it is aligned to the right, as numbers are.
        folds: whether its text may go on in a next line where the terminal is too narrow.
        breaks: whether a long word of it may, too: of what nobody copies, such as a reason.
    """

    head: str
    right: bool = False
    folds: bool = False
    breaks: bool = False


def table(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]], width: int) -> RenderableType:
    """The table for a terminal, for whoever shows it again and again.

    Args:
        columns: from left to right; one that no row says anything in is left out.
        rows: a cell for each column; text is taken as it is, without markup.
        width: of the terminal, in characters.

    Returns:
        What rich prints: a table without lines, or where that is too wide the rows one below the other.
    """
    cells = [_visible(row) for row in rows]
    kept = [place for place in range(len(columns)) if not cells or any(str(row[place]) for row in cells)]
    columns, cells = [columns[place] for place in kept], [[row[place] for place in kept] for row in cells]
    widths = _widths(columns, cells, width)
    if widths is None:
        return Group(*(part for row in cells for part in _row_by_itself(columns, row, width)))
    return _side_by_side(columns, cells, widths)


def fits(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]], width: int) -> bool:
    """Whether the columns of a table fit side by side, for who can leave something out.

    Args:
        columns: from left to right.
        rows: a cell for each column.
        width: of the terminal, in characters.
    """
    return _widths(columns, [_visible(row) for row in rows], width) is not None


def _side_by_side(columns: Sequence[TableColumn], cells: Sequence[Sequence[Cell]], widths: Sequence[int]) -> Table:
    result = Table(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), show_header=any(column.head for column in columns)
    )
    for column, its_width in zip(columns, widths, strict=True):
        result.add_column(
            column.head,
            justify="right" if column.right else "left",
            width=its_width,
            no_wrap=not column.folds,
            overflow="fold",
        )
    for row in cells:
        result.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return result


def _row_by_itself(columns: Sequence[TableColumn], row: Sequence[Cell], width: int) -> list[Text]:
    """A row as lines: its first cell, then each other one behind its title."""
    first, *others = row
    parts = _folded(Text(first) if isinstance(first, str) else first, width) if str(first) else []
    longest = max((cell_len(column.head) for column in columns[1:]), default=0)
    for column, cell in zip(columns[1:], others, strict=True):
        if not str(cell):
            continue
        text = Text(cell) if isinstance(cell, str) else cell
        before = Text(" " * _GAP) + Text(f"{column.head:<{longest}}" + " " * _GAP if longest else "", style="dim")
        for line in _folded(text, width - cell_len(str(before))):
            parts.append(before + line)
            before = Text(" " * len(before))
    for part in parts:
        # Folded above; rich would break a word that is wider than the terminal, such as a path.
        part.no_wrap, part.overflow = True, "ignore"
    return parts


def folded(text: Text, width: int, hanging: int = 0) -> Text:
    """A text whose lines are broken between words, for what has no printing of its own, such as a tree.

    Args:
        text: may have several lines.
        width: in characters; only a word that is wider, such as a path, goes beyond it.
        hanging: how many spaces stand before what goes on in a next line.
    """
    result = Text("\n").join(_folded(text, width, hanging))
    result.no_wrap, result.overflow = True, "ignore"
    return result


def _folded(text: Text, width: int, hanging: int = 0) -> list[Text]:
    """A text in lines, broken between words; what is folded begins where its line does.

    A word that is wider is a line by itself, which the terminal breaks.
    """
    result: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        indent = len(line.plain) - len(line.plain.lstrip(" "))
        breaks: list[int] = []
        at = 0
        for word in re.finditer(r"\s*\S+\s*", line.plain):
            if at > indent + (hanging if breaks else 0) and at + cell_len(word[0].rstrip()) > width:
                breaks.append(word.start())
                at = indent + hanging
            at += cell_len(word[0])
        first, *others = line.divide(breaks)
        result += [first, *(Text(" " * (indent + hanging)) + other for other in others)]
    for line in result:
        line.rstrip()
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
    _print_whole(table(columns, cells, console.width), columns, cells, console)


def say(text: Cell, console: Console, indent: int = 0, whole: bool = False) -> None:
    """Prints a sentence: folded between words on a terminal, whole in a pipe; a path or an id is never broken.

    Args:
        text: may have several lines.
        console: where to.
        indent: how many spaces stand before it, and before what is folded.
        whole: whether it holds a command, which is copied, so that nothing of it is folded.
    """
    shown = text if isinstance(text, Text) else Text(visible(text))
    if not console.is_terminal:
        for line in shown.split("\n", allow_blank=True):
            console.print(Text(" " * indent) + line if line else line, soft_wrap=True)
        return
    for line in shown.split("\n", allow_blank=True) if whole else _folded(shown, console.width - indent):
        console.print(Text(" " * indent) + line, crop=False, no_wrap=True, overflow="ignore")


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


def separated(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows for another program: a line of titles and a line for each row, with a tab between fields.

    Args:
        heads: the titles.
        rows: a field for each title; a tab or a line's end within one is a space.
    """
    return ["\t".join(visible(" ".join(field.split())) for field in row) for row in [heads, *rows]]


def page(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]], width: int) -> list[str]:
    """The table as plain text for a page, in a file or in an error, that is read on any screen.

    Args:
        columns: from left to right.
        rows: a cell for each column.
        width: in characters.

    Returns:
        The lines of the page: of a table that fits, else of its rows one below the other. A line is wider than asked
            for where a single word is.
    """
    cells = [_visible(row) for row in rows]
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        _print_whole(table(columns, cells, width), columns, cells, console)
    return [line.rstrip() for line in captured.get().splitlines()]


def _print_whole(
    shown: RenderableType, columns: Sequence[TableColumn], cells: Sequence[Sequence[Cell]], console: Console
) -> None:
    """Prints what may be wider than the console: nothing is cut off, the terminal itself breaks the lines."""
    before, console.width = console.width, max(console.width, sum(_least(columns, cells)) + _GAP * len(columns))
    console.print(shown, crop=False)
    console.width = before


def _widths(columns: Sequence[TableColumn], cells: Sequence[Sequence[Cell]], width: int) -> Optional[list[int]]:
    """How wide each column is so that all of them fit; None where they cannot, without breaking what must be whole."""
    wanted = [max(map(cell_len, _texts(columns, cells, place))) for place in range(len(columns))]
    result = _least(columns, cells)
    spare = width - sum(result) - _GAP * (len(columns) - 1)
    if spare < 0:
        return None
    for _ in range(spare):
        # To the column that is folded into the most lines.
        tallest = max(range(len(columns)), key=lambda place: wanted[place] / max(result[place], 1))
        if result[tallest] >= wanted[tallest]:
            break
        result[tallest] += 1
    return result


def _least(columns: Sequence[TableColumn], cells: Sequence[Sequence[Cell]]) -> list[int]:
    """The width of each column in which nothing is broken that must not be."""
    result = []
    for place, column in enumerate(columns):
        texts = _texts(columns, cells, place)
        natural = max(map(cell_len, texts))
        longest_word = max((cell_len(word) for text in texts for word in text.split()), default=0)
        narrowest = _NARROWEST if column.breaks else max(_NARROWEST, longest_word)
        result.append(min(natural, narrowest) if column.folds else natural)
    return result


def _texts(columns: Sequence[TableColumn], cells: Sequence[Sequence[Cell]], place: int) -> list[str]:
    return [columns[place].head, *(line for row in cells for line in _parts(row[place]))]


def _visible(row: Sequence[Cell]) -> list[Cell]:
    return [cell if isinstance(cell, Text) else visible(cell) for cell in row]


def _parts(cell: Cell) -> list[str]:
    return str(cell).splitlines() or [""]
