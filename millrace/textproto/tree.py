"""The concrete syntax tree of a text-format proto: every field, list and value with its exact place in the text.

The tree says where things are, not what they mean: values are decoded by `google.protobuf.text_format`, and the nth
element of a repeated field in the text is the nth of the parsed proto.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Optional, Union

from millrace.textproto.lexer import TextProtoError, Token, tokens

_CLOSING = {"{": "}", "<": ">"}
MAX_DEPTH = 100  # C++ and upb parsers refuse deeper messages as well


@dataclass(frozen=True)
class Scalar:
    """A number, a name, or one or more adjacent strings."""

    start: int
    end: int


@dataclass
class Message:
    """A message with its brackets; the whole text is one too, without brackets.

    `inner_start` and `inner_end` enclose what is between the brackets.
    """

    start: int
    inner_start: int
    inner_end: int = -1
    end: int = -1
    fields: list["Field"] = field(default_factory=list)


@dataclass
class Item:
    """One element of a list `[a, b]`; `comma` is the offset of the comma after it."""

    value: Union[Scalar, Message]
    comma: Optional[int] = None

    @property
    def start(self) -> int:
        """Where the element begins."""
        return self.value.start

    @property
    def end(self) -> int:
        """Where the element ends, its comma included."""
        return self.value.end if self.comma is None else self.comma + 1


@dataclass
class List:
    """The short form of a repeated field."""

    start: int
    end: int
    items: list[Item]


@dataclass
class Field:
    """A field: `name` (an extension's or an Any's in its brackets), value, and the separator after it, if any."""

    name: str
    start: int
    value: Union[Scalar, Message, List]
    separator: str = ""
    separator_end: int = -1

    @property
    def end(self) -> int:
        """Where the field ends, its separator included."""
        return self.separator_end if self.separator else self.value.end

    def elements(self) -> "Iterator[tuple[Union[Scalar, Message], Optional[Item]]]":
        """The field's values in order, each with its place in the list when it stands in one."""
        if isinstance(self.value, List):
            for item in self.value.items:
                yield item.value, item
        else:
            yield self.value, None


@lru_cache(maxsize=4)
def parse(text: str) -> Message:
    """Parses a text into its tree, which nobody changes: a page asks for the same one several times.

    Args:
        text: a proto of any message type in text format.

    Returns:
        The root, a message without brackets that spans the text.

    Raises:
        TextProtoError: where the text breaks the grammar.
    """
    return _Parser(text).root()


class _Parser:
    """Recursive descent over the tokens that are neither white space nor comments."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [token for token in tokens(text) if token.kind not in ("space", "comment")]
        self._next = 0
        self._depth = 0

    def root(self) -> Message:
        message = Message(start=0, inner_start=0, inner_end=len(self._text), end=len(self._text))
        while self._peek() is not None:
            message.fields.append(self._field())
        return message

    def _peek(self) -> Optional[Token]:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _sees(self, mark: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "mark" and self._text[token.start] == mark

    def _take(self, expected: str) -> Token:
        token = self._peek()
        if token is None:
            raise TextProtoError(f"the text ends where {expected} is expected", self._text, len(self._text.rstrip()))
        self._next += 1
        return token

    def _refuse(self, token: Token, expected: str) -> TextProtoError:
        seen = self._text[token.start : min(token.end, token.start + 40)]
        return TextProtoError(f"{expected} is expected here, not {seen}", self._text, token.start)

    def _field(self) -> Field:
        token = self._take("a field")
        if token.kind == "word":
            name = self._text[token.start : token.end]
        elif self._text[token.start] == "[":
            name = self._bracketed(token)
        else:
            raise self._refuse(token, "a field's name")
        if self._sees(":"):
            self._take(":")
        elif not (self._sees("{") or self._sees("<")):
            raise self._refuse(self._take(f"a value of {name}"), f"':' or '{{' after {name}")
        field = Field(name, token.start, self._list() if self._sees("[") else self._single())
        if self._sees(",") or self._sees(";"):
            separator = self._take("a separator")
            field.separator, field.separator_end = self._text[separator.start], separator.end
        return field

    def _bracketed(self, opening: Token) -> str:
        parts: list[str] = []
        while True:
            token = self._take("]")
            shown = self._text[token.start : token.end]
            if shown == "]" and parts:
                return f"[{''.join(parts)}]"
            if token.kind not in ("word", "number") and shown not in "./-":
                raise self._refuse(token, "the name of an extension or of a type")
            parts.append(shown)

    def _single(self) -> Union[Scalar, Message]:
        return self._message() if self._sees("{") or self._sees("<") else self._scalar()

    def _message(self) -> Message:
        opening = self._take("{")
        closing = _CLOSING[self._text[opening.start]]
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TextProtoError(f"messages are nested more than {MAX_DEPTH} deep", self._text, opening.start)
        message = Message(opening.start, opening.end)
        while not self._sees(closing):
            if self._peek() is None:
                raise TextProtoError(f"this bracket is never closed by '{closing}'", self._text, opening.start)
            message.fields.append(self._field())
        token = self._take(closing)
        message.inner_end, message.end = token.start, token.end
        self._depth -= 1
        return message

    def _list(self) -> List:
        opening = self._take("[")
        items: list[Item] = []
        while not self._sees("]"):
            if items:
                comma = self._take("',' or ']'")
                if self._text[comma.start] != ",":
                    raise self._refuse(comma, "',' or ']'")
                items[-1].comma = comma.start
            items.append(Item(self._single()))
        return List(opening.start, self._take("]").end, items)

    def _scalar(self) -> Scalar:
        token = self._take("a value")
        start, end = token.start, token.end
        if token.kind == "string":
            following = self._peek()
            while following is not None and following.kind == "string":
                end = self._take("a string").end
                following = self._peek()
            return Scalar(start, end)
        if self._text[token.start] == "-":
            token = self._take("a number")
        if token.kind not in ("word", "number"):
            raise self._refuse(token, "a value")
        return Scalar(start, token.end)
