"""Where an edit lands in a text: on lines of its own in the local indentation, or in the middle of a line.

An edit is a list of splices. Deletions may overlap each other; an insertion is always at a place that survives.
"""

import re
from dataclasses import dataclass
from typing import Union

from millrace.textproto.tree import Field, Item, List, Message, Scalar

_REST_OF_LINE = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?:\n|\Z)")
_SPACES = re.compile(r"[^\S\n]*")
_CLOSERS = "}>]"

Placed = Union[Field, Item]


@dataclass(frozen=True)
class Block:
    """Text to insert, a field or a list's element: as lines, a tab for each level of indentation, and as one line."""

    lines: tuple[str, ...]
    one_line: str


class TextLayout:
    """The lines of a text, and the splices that edit it.

    Args:
        text: the text before the edits.
        root: its tree.
    """

    def __init__(self, text: str, root: Message) -> None:
        self.text = text
        self._newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
        self._unit = self._indent_unit(root) or "  "
        self._splices: list[tuple[int, int, str]] = []

    def edited(self) -> str:
        """The text after every splice."""
        parts: list[str] = []
        done = 0
        for start, end, inserted in sorted(self._splices, key=lambda splice: splice[:2]):
            parts.append(self.text[done:start])
            parts.append(inserted)
            done = max(done, end)
        return "".join(parts) + self.text[done:]

    def replace(self, start: int, end: int, text: str) -> None:
        """Puts `text` in place of what is between `start` and `end`.

        Args:
            start: where it begins, in characters of the text as it was read.
            end: where it ends; `start` to insert.
            text: what stands there then.
        """
        self._splices.append((start, end, text))

    def remove(self, placed: Placed) -> None:
        """Removes a field or a list's element: its lines when it has them to itself, else the words on the line."""
        start, end = placed.start, placed.end
        rest = self._spaces_after(end)
        ends_line = rest == len(self.text) or self.text[rest] in "\n#]"
        if self._has_own_lines(placed):
            self.replace(self._line_start(start), self._line_end(end), "")
        elif ends_line and not self._begins_line(start):
            self.replace(self._spaces_before(start), end, "")
        else:
            self.replace(start, rest, "")

    def remove_items(self, holder: List, removed: list[Item]) -> None:
        """Removes some of a list's elements, and the comma that would then close the list.

        Args:
            holder: the list.
            removed: those of its elements that go.
        """
        gone = {id(item) for item in removed}
        for item in removed:
            self.remove(item)
        kept = [item for item in holder.items if id(item) not in gone]
        if kept and kept[-1].comma is not None:
            self.replace(kept[-1].comma, kept[-1].comma + 1, "")

    def add_fields_after(self, anchor: Field, blocks: list[Block]) -> None:
        """Inserts fields after one that stays, separated as that one is.

        Args:
            anchor: a field that stays.
            blocks: the new fields' texts, in order.
        """
        ends = [anchor.separator] * len(blocks)
        if not self._has_own_lines(anchor):
            inserted = "".join(f" {block.one_line}{end}" for block, end in zip(blocks, ends, strict=True))
            self.replace(anchor.end, anchor.end, inserted + self._gap_before(anchor.end))
            return
        gap = self._newline if self._stands_apart(anchor) else ""
        made = [gap + self._like(anchor, block) + end for block, end in zip(blocks, ends, strict=True)]
        self._insert_lines(self._line_end(anchor.end), made)

    def add_fields_before(self, anchor: Field, blocks: list[Block]) -> None:
        """Inserts fields before one that stays, above the comments that stand above it.

        Args:
            anchor: the field that stays.
            blocks: the new fields, in their order.
        """
        if not self._has_own_lines(anchor):
            inserted = "".join(f"{block.one_line}{anchor.separator} " for block in blocks)
            self.replace(anchor.start, anchor.start, inserted)
            return
        gap = self._newline if self._stands_apart(anchor) else ""
        made = [self._like(anchor, block) + anchor.separator + gap for block in blocks]
        self._insert_lines(self._comments_above(anchor.start), made)

    def add_first_fields(self, node: Message, blocks: list[Block]) -> None:
        """Inserts fields into a message in which no field stays.

        Args:
            node: the message; the whole text is one too.
            blocks: the new fields, in their order.
        """
        start = node.inner_start
        if node.start == start:  # the whole text: below its comments
            self._insert_lines(len(self.text), [self.indented(block.lines) for block in blocks])
        elif _REST_OF_LINE.match(self.text, start) and self._line_end(start) <= node.inner_end:
            made = [self.indented(block.lines, node.start, deeper=True) for block in blocks]
            self._insert_lines(self._line_end(start), made)
        else:
            inserted = "".join(f" {block.one_line}" for block in blocks)
            gap = "" if self.text[start].isspace() else " "
            self.replace(start, start, inserted + gap)

    def add_items_after(self, anchor: Item, blocks: list[Block]) -> None:
        """Inserts elements into a list after one that stays.

        Args:
            anchor: an element that stays.
            blocks: the new elements' texts, in order.
        """
        if not self._has_own_lines(anchor):
            inserted = "".join(f", {block.one_line}" for block in blocks)
            self.replace(anchor.value.end, anchor.value.end, inserted)
            return
        made = [self.indented(block.lines, anchor.start) + "," for block in blocks]
        if anchor.comma is None:
            self.replace(anchor.value.end, anchor.value.end, ",")
            made[-1] = made[-1].removesuffix(",")
        self._insert_lines(self._line_end(anchor.end), made)

    def add_items_before(self, anchor: Item, blocks: list[Block]) -> None:
        """Inserts elements into a list before one that stays.

        Args:
            anchor: the element that stays.
            blocks: the new elements, in their order.
        """
        if not self._has_own_lines(anchor):
            self.replace(anchor.start, anchor.start, "".join(f"{block.one_line}, " for block in blocks))
            return
        made = [self.indented(block.lines, anchor.start) + "," for block in blocks]
        self._insert_lines(self._comments_above(anchor.start), made)

    def spans_lines(self, value: Union[Scalar, Message]) -> bool:
        """Whether a value is written on more than one line."""
        return "\n" in self.text[value.start : value.end]

    def indented(self, lines: tuple[str, ...], at: int = -1, deeper: bool = False) -> str:
        """A block's lines with the indentation of the line at offset `at`, or one level deeper.

        Args:
            lines: the block's, each level of indentation one tab.
            at: an offset in the line to indent as; negative for no indentation.
            deeper: whether one level deeper than that line.
        """
        indent = self._indent(at) if at >= 0 else ""
        if deeper:
            indent += self._unit
        levels = [len(line) - len(line.lstrip("\t")) for line in lines]
        return self._newline.join(
            indent + self._unit * level + line[level:] for level, line in zip(levels, lines, strict=True)
        )

    def _like(self, anchor: Field, block: Block) -> str:
        """A block for the lines beside `anchor`: on one line where that is a message on one line."""
        one_line = isinstance(anchor.value, Message) and not self.spans_lines(anchor.value)
        return self.indented((block.one_line,) if one_line else block.lines, anchor.start)

    def _insert_lines(self, position: int, made: list[str]) -> None:
        joined = self._newline.join(made)
        if position > 0 and self.text[position - 1] != "\n":  # the last line has no line end: leave it so
            self.replace(position, position, self._newline + joined)
        else:
            self.replace(position, position, joined + self._newline)

    def _line_start(self, position: int) -> int:
        return self.text.rfind("\n", 0, position) + 1

    def _line_end(self, position: int) -> int:
        return self.text.find("\n", position) + 1 or len(self.text)

    def _indent(self, position: int) -> str:
        return _SPACES.match(self.text, self._line_start(position)).group()  # type: ignore[union-attr]

    def _spaces_before(self, position: int) -> int:
        return len(self.text[:position].rstrip(" \t\f\v\r"))

    def _spaces_after(self, position: int) -> int:
        return _SPACES.match(self.text, position).end()  # type: ignore[union-attr]

    def _gap_before(self, position: int) -> str:
        following = self.text[position : position + 1]
        return "" if not following or following.isspace() or following in _CLOSERS else " "

    def _has_own_lines(self, placed: Placed) -> bool:
        return self._begins_line(placed.start) and _REST_OF_LINE.match(self.text, placed.end) is not None

    def _begins_line(self, position: int) -> bool:
        return not self.text[self._line_start(position) : position].strip()

    def _comments_above(self, position: int) -> int:
        start = self._line_start(position)
        while start > 0:
            above = self._line_start(start - 1)
            if not self.text[above:start].lstrip().startswith("#"):
                break
            start = above
        return start

    def _stands_apart(self, anchor: Field) -> bool:
        """Whether a field of several lines has a blank line above it (and above its comments)."""
        if isinstance(anchor.value, List) or not self.spans_lines(anchor.value):
            return False
        top = self._comments_above(anchor.start)
        return top > 0 and not self.text[self._line_start(top - 1) : top].strip()

    def _indent_unit(self, node: Message) -> str:
        for child in node.fields:
            for value, _ in child.elements():
                if not isinstance(value, Message):
                    continue
                outer = self._indent(child.start)
                for inner in value.fields:
                    if self._has_own_lines(inner) and self._indent(inner.start).startswith(outer):
                        unit = self._indent(inner.start)[len(outer) :]
                        if unit:
                            return unit
                unit = self._indent_unit(value)
                if unit:
                    return unit
        return ""
