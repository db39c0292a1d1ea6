"""Cuts a text-format proto into tokens that together are the whole text, comments and white space included.

The tokens are those of Python's `google.protobuf.text_format`, which is what TFX reads schemas with, and which follows
https://protobuf.dev/reference/protobuf/textformat-spec/ except that it takes any Unicode white space.
"""

import re
from dataclasses import dataclass
from typing import Literal

from millrace.base.errors import Signal

Kind = Literal["space", "comment", "word", "number", "string", "mark"]

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<comment>\#[^\n]*)
      | (?P<word>[A-Za-z_][0-9A-Za-z_]*)
      | (?P<number>(?:[0-9]|\.[0-9])[0-9A-Za-z_.]*(?:(?<=[eE])[+-][0-9A-Za-z_.]*)?)
      | (?P<string>"(?:[^"\\\n]|\\[^\n])*" | '(?:[^'\\\n]|\\[^\n])*')
      | (?P<mark>[{}<>\[\]:,;./-])""",
    re.VERBOSE,
)


class TextProtoError(Signal, ValueError):
    """A text that is not a text-format proto.

    Args:
        what: one sentence, what is wrong.
        text: the whole text.
        position: the offset of the first character that is wrong.
    """

    def __init__(self, what: str, text: str, position: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = text.count("\n", 0, position) + 1
        start = text.rfind("\n", 0, position) + 1
        self.column = position - start + 1
        self.shown = _shown(text[start:].split("\n", 1)[0].rstrip("\r"), self.column, self.line)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.what}\n{self.shown}"


def _shown(line: str, column: int, number: int, width: int = 100) -> str:
    """The line with a caret below the column; a long line is shown around the column."""
    first = max(0, column - 1 - width // 2) if len(line) > width else 0
    part = line[first : first + width]
    pad = "".join(character if character == "\t" else " " for character in part[: column - 1 - first])
    gutter = f"{number:>5} | "
    return f"{gutter}{part}\n{' ' * (len(gutter) - 2)}| {pad}^"


@dataclass(frozen=True)
class Token:
    """One token and its place: the text from `start` to `end`."""

    kind: Kind
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """Cuts a text into tokens whose spans follow each other without a gap.

    Args:
        text: a proto in text format.

    Returns:
        The tokens in order of the text.

    Raises:
        TextProtoError: at a character that begins no token, for instance a string without its closing quote.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise TextProtoError(_reason(text[position]), text, position)
        tokens.append(Token(match.lastgroup, position, match.end()))  # type: ignore[arg-type]
        position = match.end()
    return tokens


def _reason(character: str) -> str:
    if character in "\"'":
        return f"a string that begins with {character} has no closing {character} on its line"
    if character == "\ufeff":
        return "a byte-order mark, which the text format does not allow"
    return f"{character!r} cannot stand here"
